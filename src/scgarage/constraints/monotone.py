"""Genes that rise or fall along a covariate."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint, check_genes
from scgarage.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Monotone"]


@dataclass(frozen=True, kw_only=True)
class Monotone(Constraint):
    r"""The mean of each gene goes one way from bin to bin of cells that are sorted by a covariate.

    .. math:: P = E_{b, j}\big[(\mp (\bar x_{b+1, j} - \bar x_{b, j}))_+\big]

    with means :math:`\bar x_{b, j}` of log1p CP10k in bins :math:`b` of as many cells. What is counted is the steps
    from bin to bin, over all genes: single cells are too noisy to be asked for an order.

    Attributes
    ----------
    genes
        Genes that rise or fall.
    covariate
        Numeric column of ``obs``, such as a pseudotime. Generated cells have none while a generator is trained, so
        such a constraint is checked only.
    along
        Genes whose mean is the covariate, in place of ``covariate``; this can be trained with.
    direction
        ``"increasing"`` or ``"decreasing"``.
    n_bins
        Number of bins; fewer where there are less than five cells in each.
    weight, name
        See :class:`Constraint`.

    Examples
    --------
    >>> Monotone(genes=("Ins1",), covariate="pseudotime").title
    'Ins1 increasing along pseudotime'
    """

    kind: ClassVar[str] = "monotone"
    counted: ClassVar[str] = "steps"

    genes: tuple[str, ...]
    covariate: str | None = None
    along: tuple[str, ...] = ()
    direction: Literal["increasing", "decreasing"] = "increasing"
    n_bins: int = 10

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", check_genes(self.genes, kind=self.kind, at_least=1))
        if self.along:
            object.__setattr__(self, "along", check_genes(self.along, kind=self.kind, at_least=1))
        if (self.covariate is None) == (not self.along):
            msg = f"{self.kind}: give either covariate, a column of obs, or along, a list of genes"
            raise InputError(msg)
        if self.direction not in ("increasing", "decreasing"):
            msg = f"{self.kind}: direction must be 'increasing' or 'decreasing'; found {self.direction!r}"
            raise InputError(msg)
        if not isinstance(self.n_bins, int) or self.n_bins < 2:
            msg = f"{self.kind}: n_bins must be a whole number of at least 2; found {self.n_bins!r}"
            raise InputError(msg)

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or f"{', '.join(self.genes)} {self.direction} along {self.covariate or ', '.join(self.along)}"

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The genes that rise or fall, then those of the covariate."""
        return (*self.genes, *self.along)

    @property
    def not_trained(self) -> str | None:
        """Why it cannot be trained with: generated cells have no annotation yet."""
        if self.covariate is None:
            return None
        return f"generated cells have no {self.covariate!r} while the generator is trained; name genes in along="

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count steps from bin to bin that go the wrong way."""
        place = self._covariate(cells)
        known = np.flatnonzero(np.isfinite(place))
        n_bins = _bins(self.n_bins, len(known))
        order = known[np.argsort(place[known], kind="stable")]
        log_expr = cells.log_expr(self.genes)
        means = np.stack([log_expr[rows].mean(axis=0) for rows in np.array_split(order, n_bins)])
        steps = np.diff(means, axis=0)
        wrong = steps < 0 if self.direction == "increasing" else steps > 0
        return int(wrong.sum()), int(wrong.size)

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return the mean size of the steps that go the wrong way."""
        genes, along = log_expr[:, : len(self.genes)], log_expr[:, len(self.genes) :]
        ordered = genes[along.detach().mean(dim=1).argsort()]
        # As many cells in every bin, so that one reshape does; the few left over are dropped at the end.
        n_bins = _bins(self.n_bins, len(ordered))
        size = len(ordered) // n_bins
        means = ordered[: n_bins * size].reshape(n_bins, size, -1).mean(dim=1)
        steps = means.diff(dim=0)
        return (-steps if self.direction == "increasing" else steps).relu().mean()

    def _covariate(self, cells: CheckedCells) -> NDArray[np.float64]:
        if self.covariate is None:
            return np.asarray(cells.log_expr(self.along).mean(axis=1), dtype=np.float64)
        if self.covariate not in cells.obs:
            columns = ", ".join(map(repr, cells.obs.select_dtypes("number").columns)) or "none"
            msg = f"the {cells.what} cells have no column {self.covariate!r} in obs; numeric columns: {columns}"
            raise InputError(msg)
        place: NDArray[np.float64] = np.asarray(pd.to_numeric(cells.obs[self.covariate], errors="coerce"), dtype=float)
        return place


def _bins(wanted: int, n_cells: int) -> int:
    return max(2, min(wanted, n_cells // 5))
