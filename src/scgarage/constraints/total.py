"""Bounds on the counts of a cell, or on what some genes have of them."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Literal

import numpy as np

from scgarage.constraints.cells import CheckedCells
from scgarage.constraints.constraint import Constraint, check_genes, not_negative
from scgarage.errors import InputError

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Total"]


@dataclass(frozen=True, kw_only=True)
class Total(Constraint):
    r"""The sum over some genes lies within bounds.

    .. math:: P = E\big[(\log(1 + s) - \log(1 + u))_+ + (\log(1 + l) - \log(1 + s))_+\big]

    with the sum :math:`s` of a cell's CP10k values over the genes and the bounds :math:`l` and :math:`u`.

    Attributes
    ----------
    genes
        Genes that are summed, such as the mitochondrial ones; all when empty.
    lower, upper
        Bounds :math:`l` and :math:`u`; at least one.
    unit
        ``"cp10k"``: counts per 10,000 of the cell, so 500 is 5 %. ``"counts"``: counts; a generator gives relative
        expression and library sizes are drawn from those of real cells, so such a constraint is checked only.
    weight, name
        See :class:`Constraint`.

    Examples
    --------
    >>> Total(genes=("MT-CO1", "MT-ND1"), upper=2000).title
    'MT-CO1 + MT-ND1 at most 2000 cp10k'
    """

    kind: ClassVar[str] = "total"

    genes: tuple[str, ...] = ()
    lower: float | None = None
    upper: float | None = None
    unit: Literal["cp10k", "counts"] = "cp10k"

    def __post_init__(self) -> None:
        object.__setattr__(self, "genes", check_genes(self.genes, kind=self.kind, at_least=0))
        for field in ("lower", "upper"):
            if getattr(self, field) is not None:
                not_negative(getattr(self, field), kind=self.kind, field=field)
        if self.lower is None and self.upper is None:
            msg = f"{self.kind}: give lower, upper or both"
            raise InputError(msg)
        if self.lower is not None and self.upper is not None and self.lower > self.upper:
            msg = f"{self.kind}: lower is {self.lower} and upper {self.upper}; no cell can have that"
            raise InputError(msg)
        if self.unit not in ("cp10k", "counts"):
            msg = f"{self.kind}: unit must be 'cp10k' or 'counts'; found {self.unit!r}"
            raise InputError(msg)

    @property
    def title(self) -> str:
        """What tables call it."""
        what = " + ".join(self.genes[:3]) + (" + ..." if len(self.genes) > 3 else "") if self.genes else "all genes"
        bounds = [f"at least {self.lower:g}"] if self.lower is not None else []
        bounds += [f"at most {self.upper:g}"] if self.upper is not None else []
        return self.name or f"{what} {' and '.join(bounds)} {self.unit}"

    @property
    def gene_names(self) -> tuple[str, ...]:
        """The genes that are summed; empty for all."""
        return self.genes

    @property
    def not_trained(self) -> str | None:
        """Why it cannot be trained with: the generator knows no library sizes, and all CP10k always add up alike."""
        if self.unit == "counts":
            return "library sizes are drawn, not generated; use unit='cp10k'"
        return None if self.genes else "counts per 10,000 of all genes always add up to 10,000; name genes"

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells outside the bounds; none is looked at when counts are asked for and there are none."""
        if self.unit == "counts" and not cells.is_counts:
            return 0, 0
        sums = cells.sums(self.genes, counts=self.unit == "counts")
        outside = (sums < (self.lower or 0)) | (sums > (math.inf if self.upper is None else self.upper))
        return int(np.sum(outside)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how far the logarithms of the sums lie outside the bounds."""
        size = log_expr.clamp(max=12).expm1().sum(dim=1).log1p()
        outside = size.new_zeros(())
        if self.upper is not None:
            outside = outside + (size - math.log1p(self.upper)).relu()
        if self.lower is not None:
            outside = outside + (math.log1p(self.lower) - size).relu()
        return outside.mean()
