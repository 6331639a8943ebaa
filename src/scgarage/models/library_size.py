"""Library sizes of synthetic cells."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["LibrarySizes"]


@dataclass(frozen=True)
class LibrarySizes:
    """Log-normal library sizes per type, kept inside the range seen in training.

    The last row stands for cells without a type. Spreads of small types are drawn to the pooled spread.

    Attributes
    ----------
    mean, spread
        Mean and standard deviation of the log library size, shape ``(n_types + 1,)``.
    lowest, highest
        Range of the log library size, shape ``(n_types + 1,)``.
    """

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]
    lowest: NDArray[np.float64]
    highest: NDArray[np.float64]

    @classmethod
    def fit(
        cls, totals: NDArray[np.float64], labels: NDArray[np.int64], n_types: int, *, shrinkage: float = 10.0
    ) -> Self:
        """Estimate from library sizes (counts) and type numbers of training cells, both ``(n_cells,)``.

        ``shrinkage`` is the number of pseudo-cells that carry the pooled within-type variance.
        """
        logs = np.log(totals)
        groups = [logs[labels == number] for number in range(n_types)]
        pooled = sum(((g - g.mean()) ** 2).sum() for g in groups) / max(len(logs) - n_types, 1)
        variances = [(((g - g.mean()) ** 2).sum() + shrinkage * pooled) / (len(g) - 1 + shrinkage) for g in groups]
        groups.append(logs)
        variances.append(logs.var())
        return cls(
            mean=np.array([g.mean() for g in groups]),
            spread=np.sqrt(variances),
            lowest=np.array([g.min() for g in groups]),
            highest=np.array([g.max() for g in groups]),
        )

    def draw(self, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.float64]:
        """Draw one library size (counts) per cell for type numbers ``(n_cells,)``; -1 means no type."""
        logs = rng.normal(self.mean[labels], self.spread[labels])
        return np.exp(np.clip(logs, self.lowest[labels], self.highest[labels]))
