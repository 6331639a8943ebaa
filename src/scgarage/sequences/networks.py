"""Generator and critic of sequences."""

from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.functional import leaky_relu, one_hot

from scgarage.nn import CategoricalHead, ProjectionCritic, TemperatureSchedule

LEAK = 0.2
N_LOCAL = 16
"""Dimensions of the noise at each position."""

POOL = 4
"""Neighbouring positions that the critic's last layer sees as one."""

SHARE = 0.3
"""Weight of a residual branch, as Gulrajani et al. have it for text."""


class ResidualBlock(nn.Module):
    """Two convolutions beside the identity, ``(n, n_channels, n_positions)`` to the same."""

    def __init__(self, n_channels: int, kernel_size: int) -> None:
        super().__init__()
        self.first, self.second = (
            nn.Conv1d(n_channels, n_channels, kernel_size, padding=kernel_size // 2) for _ in range(2)
        )

    def forward(self, x: Tensor) -> Tensor:
        """Return the input plus what the branch adds."""
        inner = self.first(leaky_relu(x, LEAK))
        return x + SHARE * cast("Tensor", self.second(leaky_relu(inner, LEAK)))


class SequenceGenerator(nn.Module):
    r"""Letters from noise and a class.

    .. math:: \ell = \mathrm{conv}(A [z, y] + B * u), \qquad u_j \sim N(0, I)

    The noise :math:`z` is one vector for a sequence, :math:`u` has one for each position: what convolutions make of
    it can appear anywhere, so that a motif is learned once and not at every position.
    """

    n_updates: Tensor

    def __init__(
        self,
        shape: tuple[int, int, int],
        *,
        n_latent: int,
        n_channels: int,
        n_blocks: int,
        kernel_size: int,
        straight_through: bool,
    ) -> None:
        super().__init__()
        n_positions, n_letters, n_classes = shape
        self.n_latent, self.n_classes, self.n_positions = n_latent, n_classes, n_positions
        self.whole = nn.Sequential(
            nn.Linear(n_latent + n_classes, n_channels * n_positions), nn.Unflatten(1, (n_channels, n_positions))
        )
        self.local = nn.Conv1d(N_LOCAL + n_classes, n_channels, kernel_size, padding=kernel_size // 2)
        self.layers = nn.Sequential(
            *(ResidualBlock(n_channels, kernel_size) for _ in range(n_blocks)),
            nn.LeakyReLU(LEAK),
            nn.Conv1d(n_channels, n_letters, kernel_size, padding=kernel_size // 2),
        )
        self.head = CategoricalHead(n_positions, n_letters, straight_through=straight_through)
        # A whole number, so that a moving average copies it and a resumed run knows it.
        self.register_buffer("n_updates", torch.zeros((), dtype=torch.int64))

    def forward(self, classes: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Return (relaxed) one-hot letters, ``(n, n_positions, n_letters)``, for class numbers ``(n,)``."""
        n, device = len(classes), classes.device
        place = device if generator is None else torch.device("cpu")
        noise = torch.randn((n, self.n_latent), generator=generator, device=place).to(device)
        local = torch.randn((n, N_LOCAL, self.n_positions), generator=generator, device=place).to(device)
        told = one_hot(classes, self.n_classes).to(noise.dtype) if self.n_classes else noise[:, :0]
        everywhere = told[:, :, None].expand(-1, -1, self.n_positions)
        both = self.whole(torch.cat([noise, told], dim=1)) + self.local(torch.cat([local, everywhere], dim=1))
        return cast("Tensor", self.head(self.layers(both).transpose(1, 2), generator=generator))

    def anneal(self, schedule: TemperatureSchedule) -> None:
        """Count an update and lower the temperature."""
        self.n_updates += 1
        self.head.anneal(schedule(int(self.n_updates)))


class SequenceFeatures(nn.Module):
    """Features of sequences for the critic, ``(n, n_positions, n_letters)`` to ``(n, n_features)``."""

    def __init__(
        self, n_positions: int, n_letters: int, n_features: int, *, n_channels: int, n_blocks: int, kernel_size: int
    ) -> None:
        super().__init__()
        self.scan = nn.Conv1d(n_letters, n_channels, kernel_size, padding=kernel_size // 2)
        self.blocks = nn.Sequential(*(ResidualBlock(n_channels, kernel_size) for _ in range(n_blocks)))
        self.shrink = nn.AvgPool1d(POOL, ceil_mode=True)
        n_places = -(-n_positions // POOL)
        self.last = nn.Linear(n_channels * (n_places + 2), n_features)

    def forward(self, sequences: Tensor) -> Tensor:
        """Return the features."""
        found = leaky_relu(self.blocks(self.scan(sequences.transpose(1, 2))), LEAK)
        pooled = torch.cat([found.mean(dim=2), found.amax(dim=2), self.shrink(found).flatten(1)], dim=1)
        return leaky_relu(self.last(pooled), LEAK)


def make_critic(
    shape: tuple[int, int, int], *, n_features: int, n_channels: int, n_blocks: int, kernel_size: int
) -> ProjectionCritic:
    """Return a critic that compares the features of a sequence with its class; arguments as above."""
    n_positions, n_letters, n_classes = shape
    widths = {"n_channels": n_channels, "n_blocks": n_blocks, "kernel_size": kernel_size}
    features = SequenceFeatures(n_positions, n_letters, n_features, **widths)
    return ProjectionCritic(features, n_features, n_categories=(n_classes,) if n_classes else ())
