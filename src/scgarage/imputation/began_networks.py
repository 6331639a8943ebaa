"""What the adversarial imputer is made of: networks, artificial drop-outs, subsets of genes."""

import math
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Self, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor, nn
from torch.nn.functional import pad, softplus

from scgarage.errors import InputError
from scgarage.losses.objectives import reconstruction_error
from scgarage.nn import mlp

NetworkKind: TypeAlias = Literal["mlp", "conv"]


class VectorNet(nn.Module):
    """Fully connected map from a profile and its conditions to a profile."""

    def __init__(self, n_genes: int, n_conditions: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.layers = mlp(n_genes + n_conditions, hidden, n_genes)

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return ``(n_cells, n_genes)`` from ``(n_cells, n_genes)`` and ``(n_cells, n_conditions)``."""
        out: Tensor = self.layers(torch.cat([profile, conditions], dim=1))
        return out


class ImageNet(nn.Module):
    """Convolutional map: the genes, in their order, are the pixels of a square image, as in scIGANs."""

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
    """

    def __init__(self, network: nn.Module, level: Tensor) -> None:
        super().__init__()
        self.network = network
        self.bias = nn.Parameter(torch.log(torch.expm1(level.clamp(1e-3, 20.0))))

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return log1p CP10k, > 0, ``(n_cells, n_genes)``."""
        return softplus(self.network(profile, conditions) + self.bias)


class Autoencoder(nn.Module):
    """The critic: how badly it reproduces a profile is its score."""

    # state of the balance, see :class:scgarage.losses.objectives.BEGAN; a buffer, so that checkpoints hold it
    k: Tensor

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("k", torch.zeros(()))

    def forward(self, profile: Tensor, conditions: Tensor) -> Tensor:
        """Return the reconstruction error of each cell, ``(n_cells, 1)``."""
        return reconstruction_error(profile, self.network(profile, conditions))


STEEPNESS = (0.1, 20.0)
"""Range of an estimated steepness: a gene set without low or without high genes says little about it."""


@dataclass(frozen=True)
class Drop:
    r"""Set entries to zero at random, low ones more often.

    .. math::

        p_{ij} = \sigma\big({-s}\,(g_{ij} - m)\big), \qquad m = \mathrm{percentile}_q(\text{positive training values})

    where :math:`g` is expression, log1p CP10k. The source document writes :math:`\sigma(+s(\cdot))`, which would drop
    the highest values most; and it takes the percentile of the generated values themselves, so that a generator could
    escape by scaling all its values. Here the midpoint m is fixed by the training cells.

    References
    ----------
    Dibaeinia and Sinha, SERGIO, Cell Systems 2020, doi:10.1016/j.cels.2020.08.003 (the same logistic, for keeping).

    Examples
    --------
    >>> Drop(midpoint=1.0, steepness=2.0).probability(torch.tensor([0.0, 1.0, 9.0])).round(decimals=2)
    tensor([0.8800, 0.5000, 0.0000])
    """

    midpoint: float  # expression m at which half of the entries are dropped, log1p CP10k
    steepness: float  # s > 0

    def __post_init__(self) -> None:
        if not self.steepness > 0:
            msg = f"steepness must be positive, so that low values are dropped more often; found {self.steepness}"
            raise InputError(msg)

    @classmethod
    def at_percentile(cls, log_expr: sparse.csr_matrix, percentile: float, steepness: float) -> Self:
        """Return the drop-out of given parameters (q, s)."""
        if not 0 <= percentile <= 100:
            msg = f"percentile must lie in [0, 100]; found {percentile}"
            raise InputError(msg)
        positive = log_expr.data[log_expr.data > 0]
        return cls(float(np.percentile(positive, percentile)) if len(positive) else 0.0, steepness)

    @classmethod
    def estimate(cls, log_expr: sparse.csr_matrix) -> Self:
        r"""Estimate the drop-out from the share of zeros of each gene against its mean.

        .. math:: d_j = \sigma\big({-s}\,(\log(1 + \bar e_j) - m)\big)

        by binomial logistic regression over genes, where :math:`\bar e_j` is the mean CP10k of gene j over all cells.
        """
        from sklearn.linear_model import LogisticRegression

        zeros, level = _zeros_and_level(log_expr)
        features = np.concatenate([level, level])[:, None]
        dropped = np.repeat([1, 0], len(level))
        weights = np.concatenate([zeros, 1 - zeros])
        if min(zeros.sum(), (1 - zeros).sum()) > 0:
            model = LogisticRegression(C=1e4).fit(features, dropped, sample_weight=weights)
            slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
            if slope < 0:
                return cls(-intercept / slope, float(np.clip(-slope, *STEEPNESS)))
        message = "the share of zeros does not fall with the mean of a gene; drop-outs get the steepness 1"
        warnings.warn(message, UserWarning, stacklevel=2)
        return cls(float(np.median(level)), 1.0)

    def percentile_in(self, log_expr: sparse.csr_matrix) -> float:
        """Return the percentile q of the positive values at which the midpoint lies, in [0, 100]."""
        positive = log_expr.data[log_expr.data > 0]
        return float(100 * np.mean(positive < self.midpoint)) if len(positive) else 0.0

    def probability(self, expression: Tensor) -> Tensor:
        """Return the probability that each entry is dropped, same shape."""
        return torch.sigmoid(-self.steepness * (expression - self.midpoint))

    def expected(self, expression: Tensor) -> Tensor:
        """Return the expected value of each entry after dropping, :math:`(1 - p) g`."""
        return (1 - self.probability(expression)) * expression

    def __call__(self, expression: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Drop entries at random; gradients pass straight through the draw.

        Forwards an entry is kept or zero; backwards it is as if it had been multiplied by :math:`1 - p`.
        """
        kept = 1 - self.probability(expression)
        uniform = torch.rand(expression.shape, generator=generator, device=expression.device)
        drawn = (uniform < kept.detach()).to(expression.dtype)
        # The value is `drawn` and the gradient that of `kept`; (drawn - kept) + kept would be off by rounding.
        return expression * (drawn + (kept - kept.detach()))


def _zeros_and_level(log_expr: sparse.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of zeros of each expressed gene and log1p of its mean CP10k."""
    n_cells, n_genes = log_expr.shape
    n_stored = np.bincount(log_expr.indices, minlength=n_genes)
    sums = np.bincount(log_expr.indices, weights=np.expm1(log_expr.data.astype(np.float64)), minlength=n_genes)
    expressed = n_stored > 0
    return 1 - n_stored[expressed] / n_cells, np.log1p(sums[expressed] / n_cells)


def partition_genes(n_genes: int, subset_size: int | None, rng: np.random.Generator) -> list[NDArray[np.int64]]:
    """Divide genes at random into subsets of nearly the same size.

    Examples
    --------
    >>> [len(subset) for subset in partition_genes(10, 4, np.random.default_rng(0))]
    [4, 3, 3]
    """
    if subset_size is None or subset_size >= n_genes:
        return [np.arange(n_genes)]
    if subset_size < 2:
        msg = f"subset_size must be at least 2, or None for all genes together; found {subset_size}"
        raise InputError(msg)
    parts = np.array_split(rng.permutation(n_genes), -(-n_genes // subset_size))
    return [np.sort(part).astype(np.int64) for part in parts]
