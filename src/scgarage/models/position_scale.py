"""Positions of cells, scaled for a network, and back."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["PositionScale"]


@dataclass(frozen=True)
class PositionScale:
    """Positions with mean 0 and variance 1 in each dimension, and back.

    Attributes
    ----------
    mean, spread
        Of the training cells, (n_dims,).
    lowest, highest
        Range of the training cells, (n_dims,).
    """

    mean: NDArray[np.float32]
    spread: NDArray[np.float32]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]

    @classmethod
    def fit(cls, positions: NDArray[np.float32]) -> Self:
        """Measure positions, (n_cells, n_dims)."""
        spread = np.maximum(positions.std(axis=0), np.float32(1e-3))
        return cls(positions.mean(axis=0), spread, positions.min(axis=0), positions.max(axis=0))

    def scaled(self, positions: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return scaled positions, (n_cells, n_dims)."""
        return np.asarray((positions - self.mean) / self.spread, dtype=np.float32)

    def back(self, scaled: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return positions no farther out than the training cells, (n_cells, n_dims)."""
        result: NDArray[np.float32] = np.clip(scaled * self.spread + self.mean, self.lowest, self.highest)
        return result
