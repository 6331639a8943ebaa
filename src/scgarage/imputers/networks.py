"""Generator and autoencoder critic of BEGAN, fully connected or convolutional."""

import math
from collections.abc import Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from scgarage.losses.began import reconstruction_error
from scgarage.nn import mlp

__all__ = ["Autoencoder", "ImageNet", "NetworkKind", "ProfileGenerator", "VectorNet", "make_network"]

NetworkKind: TypeAlias = Literal["mlp", "conv"]


class VectorNet(nn.Module):
    """Fully connected map from a profile and its conditions to a profile.

    Parameters
    ----------
    n_genes, n_conditions
        Widths of the inputs.
    hidden
        Widths of the hidden layers; a narrow one in the middle keeps the noise of single entries out.
    """

    def __init__(self, n_genes: int, n_conditions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = mlp(n_genes + n_conditions, hidden, n_genes)

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return ``(n_cells, n_genes)`` from ``(n_cells, n_genes)`` and ``(n_cells, n_conditions)``."""
        out: Tensor = self.layers(torch.cat([profile, conditions], dim=1))
        return out


class ImageNet(nn.Module):
    """Convolutional map: the genes, in their order, are the pixels of a square image, as in scIGANs.

    Two convolutions halve the image, the conditions join in a narrow layer, two transposed convolutions restore it.
    Neighbouring genes have nothing to do with each other, so convolutions have nothing to find; this network is here
    to be compared with.

    Parameters
    ----------
    n_genes, n_conditions
        Widths of the inputs.
    n_channels
        Channels of the first convolution; the second has twice as many.
    width
        Width of the narrow layer.
    """

    def __init__(self, n_genes: int, n_conditions: int, *, n_channels: int = 16, width: int = 64) -> None:
        super().__init__()
        self.n_genes = n_genes
        self.quarter = math.ceil(math.ceil(math.sqrt(n_genes)) / 4)
        self.side = 4 * self.quarter
        n_flat = 2 * n_channels * self.quarter**2
        self.shrink = nn.Sequential(
            nn.Conv2d(1, n_channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(n_channels, 2 * n_channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Flatten(),
        )
        self.narrow = mlp(n_flat + n_conditions, [width], n_flat)
        self.grow = nn.Sequential(
            nn.ReLU(),
            nn.Unflatten(1, (2 * n_channels, self.quarter, self.quarter)),
            nn.ConvTranspose2d(2 * n_channels, n_channels, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(n_channels, 1, 4, stride=2, padding=1),
            nn.Flatten(),
        )

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return ``(n_cells, n_genes)`` from ``(n_cells, n_genes)`` and ``(n_cells, n_conditions)``."""
        image = pad(profile, (0, self.side**2 - self.n_genes)).view(-1, 1, self.side, self.side)
        inner = self.narrow(torch.cat([self.shrink(image), conditions], dim=1))
        out: Tensor = self.grow(inner)
        return out[:, : self.n_genes]


def make_network(kind: NetworkKind, n_genes: int, n_conditions: int, hidden: Sequence[int]) -> nn.Module:
    """Return a network of a kind; ``hidden`` is for the fully connected one."""
    if kind == "conv":
        return ImageNet(n_genes, n_conditions)
    return VectorNet(n_genes, n_conditions, hidden)


class ProfileGenerator(nn.Module):
    r"""Expression before drop-out, from a real profile.

    .. math:: G(x, c) = \mathrm{softplus}(f(x, c) + b)

    Parameters
    ----------
    network
        The map f.
    level
        Expression of each gene that the network starts from, log1p CP10k, shape ``(n_genes,)``, > 0.
    """

    def __init__(self, network: nn.Module, level: Tensor) -> None:
        super().__init__()
        self.network = network
        self.bias = nn.Parameter(torch.log(torch.expm1(level.clamp(1e-3, 20.0))))

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return log1p CP10k, > 0, ``(n_cells, n_genes)``."""
        return softplus(self.network(profile, conditions) + self.bias)


class Autoencoder(nn.Module):
    """The critic: how badly it reproduces a profile is its score.

    Parameters
    ----------
    network
        Map from a profile and its conditions to a profile.

    Attributes
    ----------
    k
        State of the balance, see :class:`scgarage.losses.began.BEGAN`; a buffer, so that checkpoints hold it.
    """

    k: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("k", torch.zeros(()))

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return the reconstruction error of each cell, ``(n_cells, 1)``."""
        return reconstruction_error(profile, self.network(profile, conditions))
