"""What biology forbids or demands of cells: the kinds of constraints."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar, Literal, Self

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import library_size, log1p_cp10k, read_cells

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class CheckedCells:
    """Values of cells by the names of genes."""

    values: sparse.csr_matrix  # counts or log-normalised values, CSR (n_cells, n_genes)
    genes: pd.Index  # names of the genes
    obs: pd.DataFrame  # annotation of the cells
    is_counts: bool  # whether the values are counts
    what: str  # what the cells are called in messages

    @classmethod
    def of(cls, cells: AnnData, *, layer: str | None, what: str) -> Self:
        """Read the values of cells; without the layer ``X`` is taken."""
        if not cells.n_obs:
            msg = f"there are no {what} cells to check"
            raise InputError(msg)
        read = read_cells(cells, layer=layer, or_x=True)
        return cls(read.csr, read.genes, cells.obs, read.kind == "counts", what)

    @property
    def n_cells(self) -> int:
        """Number of cells."""
        return int(self.values.shape[0])

    @cached_property
    def totals(self) -> NDArray[np.float64]:
        """Library sizes, counts, shape ``(n_cells,)``."""
        return library_size(self.values)

    def columns(self, names: Sequence[str]) -> NDArray[np.intp]:
        """Return the column numbers of genes; of all genes when none is named."""
        if not names:
            return np.arange(len(self.genes))
        numbers = self.genes.get_indexer(pd.Index(names))
        missing = [name for name, number in zip(names, numbers, strict=True) if number < 0]
        if missing:
            msg = (
                f"the {self.what} cells have no gene {', '.join(map(repr, missing))}, which a constraint names; "
                f"their genes are called like {', '.join(map(repr, self.genes[:3]))}"
            )
            raise InputError(msg)
        return np.asarray(numbers)

    def log_expr(self, names: Sequence[str]) -> NDArray[np.float32]:
        """Return log1p CP10k of some genes, ``(n_cells, n_named)``; empty cells are zero."""
        part = self.values[:, self.columns(names)]
        if not self.is_counts:
            return np.asarray(part.toarray(), dtype=np.float32)
        return log1p_cp10k(part, totals=np.maximum(self.totals, 1.0)).toarray()

    def sums(self, names: Sequence[str], *, counts: bool) -> NDArray[np.float64]:
        """Return the sum over some genes, ``(n_cells,)``: of counts, or of CP10k."""
        part = self.values[:, self.columns(names)]
        if counts:
            return library_size(part)
        if not self.is_counts:
            return library_size(part.expm1())
        return library_size(part) / np.maximum(self.totals, 1.0) * 1e4


@dataclass(frozen=True, kw_only=True)
class Constraint(ABC):
    """A statement about cells that can be broken more or less.

    A value: its fields are what a YAML or JSON file says.

    Attributes
    ----------
    weight
        Weight among the constraints that a generator is trained with.
    name
        What tables call it; by default made of its fields.
    genes
        Genes that it is about.
    """

    kind: ClassVar[str]
    counted: ClassVar[str] = "cells"

    weight: float = 1.0
    name: str | None = None
    genes: tuple[str, ...]

    @property
    @abstractmethod
    def title(self) -> str:
        """What tables call it."""

    @property
    def gene_names(self) -> tuple[str, ...]:
        """Genes that it looks at, in the order in which :meth:`penalty` gets them; empty for all genes."""
        return self.genes

    @property
    def not_trained(self) -> str | None:
        """Why a generator cannot be trained with it, or ``None``."""
        return None

    @abstractmethod
    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Return how many of what is counted break it, and how many were looked at."""

    @abstractmethod
    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how much generated cells break it on average, 0 when none does; differentiable.

        Parameters
        ----------
        log_expr
            log1p CP10k of :attr:`gene_names`, shape ``(n_cells, n_genes)``.
        """


def check_genes(genes: object, *, kind: str, at_least: int) -> tuple[str, ...]:
    """Return names of genes as a tuple, or say what is wrong with them."""
    names = tuple(genes) if isinstance(genes, list | tuple) else ()
    if len(names) < at_least or not all(isinstance(name, str) for name in names):
        msg = f"{kind}: genes must be a list of at least {at_least} names; found {genes!r}"
        raise InputError(msg)
    if len(set(names)) < len(names):
        msg = f"{kind}: a gene is named twice in {list(names)}"
        raise InputError(msg)
    return names


def not_negative(value: object, *, kind: str, field: str) -> None:
    """Raise unless a setting is a number of at least 0."""
    if not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0:
        msg = f"{kind}: {field} must be a number of at least 0; found {value!r}"
        raise InputError(msg)


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

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells that express two or more."""
        expressed = (cells.log_expr(self.genes) > self.above).sum(axis=1)
        return int(np.sum(expressed > 1)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return the expression of all but the strongest gene."""
        y = (log_expr - self.above).relu()
        return (y.sum(dim=1) - y.amax(dim=1)).mean()


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

    def violations(self, cells: CheckedCells) -> tuple[int, int]:
        """Count cells with a value below zero, whatever kind the values are of."""
        part = cells.values[:, cells.columns(self.genes)]  # noqa: PD011
        below = np.asarray((part < 0).sum(axis=1)).ravel()
        return int(np.sum(below > 0)), cells.n_cells

    def penalty(self, log_expr: "Tensor") -> "Tensor":
        """Return how far the lowest value of a cell lies below zero."""
        return (-log_expr).relu().amax(dim=1).mean()


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
