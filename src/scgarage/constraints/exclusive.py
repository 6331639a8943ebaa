"""Markers that no cell expresses together."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint, check_genes, not_negative

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Exclusive"]


@dataclass(frozen=True, kw_only=True)
class Exclusive(Constraint):
    r"""A cell expresses at most one of some genes.

    .. math:: P = E\big[\textstyle\sum_j y_j - \max_j y_j\big], \qquad y_j = (x_j - a)_+

    with :math:`x` in log1p CP10k: everything but the strongest gene of a cell costs. A cell breaks it when two
    :math:`y_j` are above zero.

    Attributes
    ----------
    genes
        At least two genes.
    above
        A gene counts as expressed above this value :math:`a`, log1p CP10k.
    weight, name
        See :class:`Constraint`.

    Examples
    --------
    >>> Exclusive(genes=("CD3E", "CD19")).title
    'at most one of CD3E, CD19'
    """

    kind: ClassVar[str] = "exclusive"

    genes: tuple[str, ...]
    above: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", check_genes(self.genes, kind=self.kind, at_least=2))
        not_negative(self.above, kind=self.kind, field="above")

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or f"at most one of {', '.join(self.genes)}"

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The genes."""
        return self.genes

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells that express two or more."""
        expressed = (cells.log_expr(self.genes) > self.above).sum(axis=1)
        return int(np.sum(expressed > 1)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return the expression of all but the strongest gene."""
        y = (log_expr - self.above).relu()
        return (y.sum(dim=1) - y.amax(dim=1)).mean()
