"""How deep a cell is among the cells of its stratum."""

from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scgarage.models.garage.strata import Strata

__all__ = ["Depth"]

POOLED_CELLS = 20.0
"""Cells that the spread over all strata is worth beside a stratum's own."""

SMALLEST_KEPT = 0.25
"""Smallest share of the variance of the log library sizes that cells are drawn with."""

FARTHEST = 3.0
"""Standard deviations that a cell lies away at most, as far as its genes are concerned."""


@dataclass(frozen=True)
class Depth:
    r"""Standardised log library sizes: what a cell expresses often goes with how much of it was caught.

    Counts that are drawn around their expectation do not add up to the library size that they were drawn for. So cells
    are drawn for a size a little nearer to the centre of their stratum, by as much as the noise of the sum asks for:

    .. math:: \log L' = \mu_s + k_s (\log L - \mu_s) - b_s, \qquad k_s^2 = 1 - v_s / \sigma_s^2

    with the bias :math:`b` and the variance :math:`v` of the log sums about the log library sizes.

    Attributes
    ----------
    centre, spread
        Mean and standard deviation of the log library size of each stratum, (n_strata,).
    kept, bias
        :math:`k` and :math:`b` of each stratum, (n_strata,).
    """

    centre: NDArray[np.float64]
    spread: NDArray[np.float64]
    kept: NDArray[np.float64]
    bias: NDArray[np.float64]

    @classmethod
    def fit(cls, totals: NDArray[np.float64], codes: NDArray[np.int64], strata: Strata) -> Self:
        """Estimate from the library sizes and strata of the training cells, both (n_cells,)."""
        logs = np.log(totals)
        centre = strata.expected_means(logs[:, None], codes)[:, 0]
        squares = (logs - centre[codes]) ** 2
        sizes = np.bincount(codes, minlength=len(centre))
        variance = _pooled(squares, codes, sizes)
        return cls(centre, np.sqrt(np.maximum(variance, 1e-6)), np.ones_like(centre), np.zeros_like(centre))

    def calibrated(self, totals: NDArray[np.float64], made: NDArray[np.float64], codes: NDArray[np.int64]) -> Self:
        """Return the same with the sums ``made`` of cells drawn for the library sizes ``totals`` taken into account."""
        away = np.log(np.maximum(made, 1.0)) - np.log(totals)
        sizes = np.bincount(codes, minlength=len(self.centre))
        bias = np.bincount(codes, weights=away, minlength=len(sizes)) / (sizes + 1.0)
        noise = _pooled((away - bias[codes]) ** 2, codes, sizes)
        kept = np.sqrt(np.maximum(1 - noise / self.spread**2, SMALLEST_KEPT))
        return replace(self, kept=kept, bias=bias)

    def aimed_at(self, totals: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the library sizes for which to draw, so that the sums are distributed like ``totals``."""
        centre = self.centre[codes]
        sizes: NDArray[np.float64] = np.exp(centre + self.kept[codes] * (np.log(totals) - centre) - self.bias[codes])
        return sizes

    def standardise(self, totals: NDArray[np.float64], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return how deep cells are among those of their strata, (n_cells, 1)."""
        scores = (np.log(totals) - self.centre[codes]) / self.spread[codes]
        return np.clip(scores, -FARTHEST, FARTHEST).astype(np.float32)[:, None]


def _pooled(values: NDArray[np.float64], codes: NDArray[np.int64], sizes: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return means by stratum, drawn to the mean over all cells."""
    own = np.bincount(codes, weights=values, minlength=len(sizes))
    result: NDArray[np.float64] = (own + POOLED_CELLS * values.mean()) / (sizes + POOLED_CELLS)
    return result
