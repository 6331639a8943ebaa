"""Signs that a generator makes too few kinds of cells, measured at validations."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

__all__ = ["MONITORED", "CollapseMonitor", "jacobian_rank", "neighbour_diversity", "type_coverage", "with_monitor"]

MONITORED = ("monitor/type_coverage", "monitor/neighbour_diversity", "monitor/jacobian_rank")
"""Columns of the history."""

MAX_CELLS = 500
"""Cells compared at most: the distances of all pairs are taken."""

SHARE = 0.25
"""Part of a type's share of the real cells that generated cells must reach to cover it."""

STEP = 1e-2
"""Step of the finite differences, in standard deviations of the noise."""


def type_coverage(fake: Tensor, real: Tensor, labels: NDArray[np.int64]) -> float:
    """Return the share of types that generated cells lie nearest to.

    A type is covered when its cells are the nearest real ones of as many generated cells as are a quarter of its share.
    Types of which no real cell has its own kind nearest are left out: they cannot be told apart here.

    Parameters
    ----------
    fake, real
        Generated and real cells in the same components, ``(n_fake, n_dims)`` and ``(n_real, n_dims)``.
    labels
        Type number of each real cell, ``(n_real,)``; cells below 0 have no type.

    Returns
    -------
    Share in [0, 1]; NaN when no type is left.
    """
    known = torch.from_numpy(np.flatnonzero(labels >= 0))
    real, types = real[known], labels[labels >= 0]
    if len(real) < 2:
        return float("nan")
    nearest = torch.cdist(real, real).fill_diagonal_(torch.inf).argmin(dim=1).numpy()
    possible = np.unique(types[types[nearest] == types])
    if not len(possible):
        return float("nan")
    size = int(types.max()) + 1
    found = np.bincount(types[torch.cdist(fake, real).argmin(dim=1).numpy()], minlength=size) / max(len(fake), 1)
    expected = np.bincount(types, minlength=size) / len(types)
    return float(np.mean(found[possible] >= SHARE * expected[possible]))


def neighbour_diversity(fake: Tensor, real: Tensor) -> float:
    r"""Return how far generated cells lie apart, as a multiple of real ones.

    .. math:: \frac{\mathrm{median}_i \min_{j \ne i} \|y_i - y_j\|}{\mathrm{median}_i \min_{j \ne i} \|x_i - x_j\|}

    Parameters
    ----------
    fake, real
        Generated cells :math:`y` and as many real cells :math:`x` (the longer set is cut), ``(n_cells, n_dims)``.

    Returns
    -------
    0 when generated cells are all the same, about 1 when they are as diverse as real ones; NaN for less than two cells.
    """
    n_cells = min(len(fake), len(real))
    if n_cells < 2:
        return float("nan")
    nearest = [
        torch.cdist(x, x).fill_diagonal_(torch.inf).amin(dim=1).median() for x in (fake[:n_cells], real[:n_cells])
    ]
    return float(nearest[0] / nearest[1].clamp(min=1e-12))


def jacobian_rank(function: Callable[[Tensor], Tensor], points: Tensor, directions: Tensor) -> float:
    r"""Return in how many directions a generator's output moves with its noise.

    .. math:: r(z) = \frac{(\sum_i \sigma_i^2)^2}{\sum_i \sigma_i^4}

    with the singular values :math:`\sigma_i` of the Jacobian at :math:`z` along ``directions``, by central
    differences, averaged over points: the participation ratio, :math:`k` for :math:`k` equal singular values.

    Parameters
    ----------
    function
        Maps noise, ``(n, n_latent)``, to cells, ``(n, n_genes)``, row by row and without drawing.
    points
        Where the Jacobian is taken, ``(n_points, n_latent)``.
    directions
        Orthonormal directions, ``(n_directions, n_latent)``.

    Returns
    -------
    Between 0 (nothing moves) and the number of directions.

    References
    ----------
    Odena et al., Is generator conditioning causally related to GAN performance?, ICML 2018, arXiv:1802.08768.
    """
    ranks = []
    for point in points:
        moved = function(point + STEP * directions) - function(point - STEP * directions)
        powers = torch.linalg.svdvals(moved.double() / (2 * STEP)).square()
        total = powers.sum()
        ranks.append(float(total.square() / powers.square().sum()) if total > 1e-10 else 0.0)
    return float(np.mean(ranks))


@dataclass
class CollapseMonitor:
    """Measures generated cells against validation cells, and remembers.

    Attributes
    ----------
    real
        Validation cells in components, ``(n_cells, n_dims)``.
    labels
        Type number of each, ``(n_cells,)``.
    rank
        Returns the generator's Jacobian rank, see :func:`jacobian_rank`.
    rows
        What was measured, one entry for each call.
    """

    real: Tensor
    labels: NDArray[np.int64]
    rank: Callable[[], float]
    rows: list[dict[str, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        # The same cells at every call; a file may be sorted by type, so not the first ones.
        self.chosen = np.random.default_rng(0).permutation(len(self.real))[:MAX_CELLS]

    @torch.no_grad()
    def __call__(self, fake: Tensor) -> None:
        """Measure generated cells, in the same components and as many as there are real ones."""
        rows = torch.from_numpy(self.chosen)
        fake, real = fake[rows], self.real[rows]
        values = (type_coverage(fake, real, self.labels[self.chosen]), neighbour_diversity(fake, real), self.rank())
        self.rows.append(dict(zip(MONITORED, values, strict=True)))


def with_monitor(history: pd.DataFrame, rows: Sequence[Mapping[str, float]]) -> pd.DataFrame:
    """Return a history with what a monitor measured beside the validation scores.

    Parameters
    ----------
    history
        Table with ``validation/score``.
    rows
        One entry for each validation; those before a resumption are gone, and stay empty.
    """
    if not rows or "validation/score" not in history:
        return history
    validated = np.flatnonzero(history["validation/score"].notna())[-len(rows) :]
    table = history.copy()
    for name in MONITORED:
        column = np.full(len(history), np.nan)
        column[validated] = [row[name] for row in rows[-len(validated) :]]
        table[name] = column
    return table
