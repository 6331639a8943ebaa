"""Expression is never below zero."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint, check_genes

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["NonNegative"]


@dataclass(frozen=True, kw_only=True)
class NonNegative(Constraint):
    r"""No value of a cell is below zero.

    .. math:: P = E_i\big[\textstyle\max_j (-x_{ij})_+\big]

    The models of this package keep it by construction; linear methods of other origin need not.

    Attributes
    ----------
    genes
        Genes that are looked at; all when empty.
    weight, name
        See :class:`Constraint`.

    Examples
    --------
    >>> NonNegative().title
    'no value below zero'
    """

    kind: ClassVar[str] = "non-negative"

    genes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", check_genes(self.genes, kind=self.kind, at_least=0))

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or "no value below zero" + (f" of {', '.join(self.genes)}" if self.genes else "")

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The genes; empty for all."""
        return self.genes

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells with a value below zero, whatever kind the values are of."""
        part = cells.values[:, cells.columns(self.genes)]
        below = np.asarray((part < 0).sum(axis=1)).ravel()
        return int(np.sum(below > 0)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how far the lowest value of a cell lies below zero."""
        return (-log_expr).relu().amax(dim=1).mean()
