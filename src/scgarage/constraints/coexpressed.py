"""Genes that a cell expresses together or not at all."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint, check_genes, not_negative
from scgarage.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CoExpressed"]


@dataclass(frozen=True, kw_only=True)
class CoExpressed(Constraint):
    r"""A cell that expresses one gene of a set expresses a share of them.

    .. math:: P = E\big[(q \max_j s_j - \tfrac1k \textstyle\sum_j s_j)_+\big], \qquad
        s_j = \frac{y_j}{1 + y_j}, \quad y_j = (x_j - a)_+

    with :math:`x` in log1p CP10k. A cell breaks it when it expresses some of the :math:`k` genes, but less than the
    share :math:`q`. Drop-out makes real cells break it too, so read the rate beside its floor.

    Attributes
    ----------
    genes
        At least two genes.
    at_least
        Share :math:`q` of the genes, in (0, 1].
    above
        A gene counts as expressed above this value :math:`a`, log1p CP10k.
    weight, name
        See :class:`Constraint`.

    Examples
    --------
    >>> CoExpressed(genes=("HBA1", "HBA2", "HBB")).title
    'at least 50 % of HBA1, HBA2, HBB or none'
    """

    kind: ClassVar[str] = "coexpressed"

    genes: tuple[str, ...]
    at_least: float = 0.5
    above: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", check_genes(self.genes, kind=self.kind, at_least=2))
        not_negative(self.above, kind=self.kind, field="above")
        not_negative(self.at_least, kind=self.kind, field="at_least")
        if not 0 < self.at_least <= 1:
            msg = f"{self.kind}: at_least is a share of the genes and must lie in (0, 1]; found {self.at_least}"
            raise InputError(msg)

    @property
    def title(self) -> str:
        """What tables call it."""
        return self.name or f"at least {100 * self.at_least:g} % of {', '.join(self.genes)} or none"

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The genes."""
        return self.genes

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells that express some, but too few."""
        expressed = (cells.log_expr(self.genes) > self.above).sum(axis=1)
        too_few = (expressed > 0) & (expressed < self.at_least * len(self.genes))
        return int(np.sum(too_few)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how far the mean of the set lies below the wanted share of its strongest gene."""
        y = (log_expr - self.above).relu()
        soft = y / (1 + y)
        return (self.at_least * soft.amax(dim=1) - soft.mean(dim=1)).relu().mean()
