"""A network of positions, a time and a type, for diffusion and flow models."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from scgarage.nn import mlp

__all__ = ["TimedNetwork", "time_features"]

N_FREQUENCIES = 32


class TimedNetwork(nn.Module):
    """Vector field on a latent space.

    Parameters
    ----------
    n_components
        Dimensions of the space.
    n_types
        Number of types.
    hidden
        Widths of the hidden layers; the first is also that of the embeddings of time and type.
    """

    def __init__(self, n_components: int, n_types: int, hidden: Sequence[int]) -> None:
        super().__init__()
        self.time = nn.Linear(2 * N_FREQUENCIES, hidden[0])
        self.types = nn.Embedding(n_types + 1, hidden[0])
        self.layers = mlp(n_components + 2 * hidden[0], hidden, n_components, activation=nn.SiLU)
        self.n_components, self.n_types = n_components, n_types

    def forward(self, positions: Tensor, times: Tensor, types: Tensor) -> Tensor:
        """Return vectors, ``(n_cells, n_components)``.

        Parameters
        ----------
        positions
            ``(n_cells, n_components)``.
        times
            In [0, 1], ``(n_cells,)``.
        types
            Type numbers, ``(n_cells,)``; -1 for any type.
        """
        known = self.types(torch.where(types < 0, self.n_types, types))
        timed = torch.nn.functional.silu(self.time(time_features(times)))
        vectors: Tensor = self.layers(torch.cat([positions, timed, known], dim=1))
        return vectors

    def guided(self, positions: Tensor, times: Tensor, types: Tensor, guidance: float) -> Tensor:
        r"""Return :math:`(1 + w)\, f(x, t, y) - w\, f(x, t, \text{any})` for the guidance :math:`w`."""
        told: Tensor = self(positions, times, types)
        if guidance == 0:
            return told
        untold: Tensor = self(positions, times, torch.full_like(types, -1))
        return told + guidance * (told - untold)


def time_features(times: Tensor) -> Tensor:
    """Return sines and cosines of times in [0, 1], ``(n_cells, 64)``, of periods from 0.006 to 60."""
    rates = 1000 * torch.exp(-math.log(1e4) * torch.arange(N_FREQUENCIES, device=times.device) / N_FREQUENCIES)
    angles = times[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], dim=1)
