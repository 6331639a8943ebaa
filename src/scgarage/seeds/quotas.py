"""What seeds and selectors are, and how many seeds each cell type gets, rare types first."""

from dataclasses import dataclass, field
from typing import Protocol, Self, runtime_checkable

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError
from scgarage.io.cells import validate_labels


@dataclass(frozen=True, eq=False)
class Seeds:
    """Cells picked to guide a generator.

    Attributes
    ----------
    indices
        Row numbers of the seeds, int64, shape ``(n_seeds,)``, distinct, highest score first.
    scores
        Score of every cell, picked or not, float64, shape ``(n_cells,)``, finite.
    diagnostics
        Numbers that say how the selection came about, by name; ``NaN`` where one is not defined.
    history
        Training history of the network behind the scores; empty for selectors without one.

    Raises
    ------
    InputError
        When an index occurs twice or is out of range, or a score is not finite.
    """

    indices: NDArray[np.int64]
    scores: NDArray[np.float64]
    diagnostics: dict[str, float] = field(default_factory=dict)
    history: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"step": []}))

    def __post_init__(self) -> None:
        if not np.isfinite(self.scores).all():
            msg = f"seed scores must be finite; {int((~np.isfinite(self.scores)).sum())} are not"
            raise InputError(msg)
        in_range = ((self.indices >= 0) & (self.indices < len(self.scores))).all()
        if not in_range or len(np.unique(self.indices)) < len(self.indices):
            msg = f"seed indices must be distinct row numbers below {len(self.scores)}"
            raise InputError(msg)

    def __len__(self) -> int:
        return len(self.indices)

    def __repr__(self) -> str:
        return f"Seeds({len(self.indices)} of {len(self.scores)} cells)"


@runtime_checkable
class SeedSelector(Protocol):
    """Picks seed cells; everything but the data and the number of seeds is a field of the selector."""

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells.

        Parameters
        ----------
        adata
            Training cells: log1p CP10k of the highly variable genes in ``X``, shape ``(n_cells, n_genes)``,
            principal components in ``obsm``, cell types in ``obs`` where the selector needs them. Not
            changed.
        n
            Number of seeds.
        """
        ...


def check_n_seeds(adata: ad.AnnData, n: int) -> None:
    """Refuse a number of seeds that the data cannot give."""
    if not 1 <= n <= adata.n_obs:
        msg = f"the number of seeds must lie between 1 and {adata.n_obs}, the number of cells; found {n}"
        raise InputError(msg)


def top_cells(scores: NDArray[np.float64], n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the row numbers of the highest scores, highest first; ties are broken at random.

    Examples
    --------
    >>> import numpy as np
    >>> top_cells(np.array([0.1, 0.9, 0.5]), 2, np.random.default_rng(0)).tolist()
    [1, 2]
    """
    order = np.lexsort((rng.random(len(scores)), -scores))
    return order[:n_cells].astype(np.int64)


def rare_types(
    labels: ArrayLike, *, rare_fraction: float = 0.05, rare_threshold: int | None = None
) -> NDArray[np.str_]:
    """Name the rare cell types.

    A type is rare when its share of the cells is below ``rare_fraction``, or when it has at most
    ``rare_threshold`` cells. With ``rare_fraction=0`` only the threshold counts, as in the published code,
    whose one threshold of 200 cells makes every type of a small data set rare.

    Parameters
    ----------
    labels
        Type of each cell, shape ``(n_cells,)``.
    rare_fraction
        Share below which a type is rare, in [0, 1].
    rare_threshold
        Number of cells up to which a type is rare, or ``None``.

    Returns
    -------
    Names of the rare types, sorted, shape ``(n_rare,)``.

    Raises
    ------
    InputError
        When ``rare_fraction`` is outside [0, 1] or ``rare_threshold`` below zero.

    Examples
    --------
    >>> labels = ["T"] * 97 + ["pDC"] * 3
    >>> rare_types(labels).tolist()
    ['pDC']
    >>> rare_types(labels, rare_threshold=100).tolist()
    ['T', 'pDC']
    """
    if not 0 <= rare_fraction <= 1:
        msg = f"rare_fraction is a share of the cells and must lie in [0, 1]; found {rare_fraction}"
        raise InputError(msg)
    if rare_threshold is not None and rare_threshold < 0:
        msg = f"rare_threshold is a number of cells and must be at least 0; found {rare_threshold}"
        raise InputError(msg)
    types, counts = np.unique(np.asarray(labels, dtype=str), return_counts=True)
    rare = counts < rare_fraction * counts.sum()
    if rare_threshold is not None:
        rare |= counts <= rare_threshold
    found: NDArray[np.str_] = types[rare]
    return found


def type_quotas(
    type_counts: ArrayLike,
    n: int,
    *,
    power: float = 1.0,
    rare_boost: float = 2.0,
    rare: ArrayLike | None = None,
    minimum: int = 1,
) -> NDArray[np.int64]:
    r"""Divide ``n`` places among cell types.

    .. math::
        q_t = \min(n_t, \max(m, c\, w_t)), \qquad w_t = n_t^{\alpha} (1 + \beta r_t), \qquad
        \textstyle\sum_t q_t = n

    with :math:`n_t` cells of type :math:`t`, the power :math:`\alpha`, the boost :math:`\beta` of rare
    types (:math:`r_t = 1`), the minimum :math:`m`, and the constant :math:`c` that makes the sum right:
    places that a type cannot fill go to the others in proportion. Fractions are rounded by largest
    remainder, ties in favour of the smaller type.

    When the minimum is not affordable for all types it is lowered to ``n // n_types``. When there are fewer
    places than types, each goes to another type: rare types first, the rarest before the others, then the
    types of greatest weight. Types without cells are not counted and get nothing.

    Parameters
    ----------
    type_counts
        Cells of each type, whole numbers >= 0, shape ``(n_types,)``.
    n
        Places to divide, between 1 and the number of cells.
    power
        1 follows the frequencies, 0 treats all types alike.
    rare_boost
        Extra weight of rare types, >= 0; 2 triples it.
    rare
        Mask of the rare types, shape ``(n_types,)``; none by default.
    minimum
        Places that each type gets at least, up to its number of cells.

    Returns
    -------
    Places of each type, int64, shape ``(n_types,)``, adding up to ``n``, never more than the type has cells.

    Raises
    ------
    InputError
        When an argument is out of its range or the shapes differ.

    References
    ----------
    The boost of 2 is the priority weight of GARAGE: Ganguly et al., bioRxiv 2025,
    doi:10.1101/2025.09.28.679012.

    Examples
    --------
    >>> type_quotas([80, 16, 4], 20).tolist()
    [16, 3, 1]
    >>> type_quotas([80, 16, 4], 20, rare=[False, False, True]).tolist()
    [15, 3, 2]
    >>> type_quotas([80, 16, 4], 20, power=0).tolist()
    [8, 8, 4]
    """
    counts = np.asarray(type_counts, dtype=np.int64)
    mask = np.zeros(len(counts), dtype=bool) if rare is None else np.asarray(rare, dtype=bool)
    _check_quota_arguments(counts, mask, n, power=power, rare_boost=rare_boost, minimum=minimum)
    weights = np.where(counts > 0, np.maximum(counts, 1).astype(np.float64) ** power, 0.0) * (1 + rare_boost * mask)
    n_types = int((counts > 0).sum())
    if minimum > 0 and n < n_types:
        # Rare types by rising count come first; their place among the others does not matter.
        order = np.lexsort((np.where(mask, counts, -weights), ~mask, counts == 0))
        quotas = np.zeros(len(counts), dtype=np.int64)
        quotas[order[:n]] = 1
        return quotas
    lowest = np.minimum(counts, min(minimum, n // n_types))
    return _round(_water_fill(weights, lowest, counts, n), counts, n)


def _check_quota_arguments(
    counts: NDArray[np.int64], rare: NDArray[np.bool_], n: int, *, power: float, rare_boost: float, minimum: int
) -> None:
    if counts.ndim != 1 or counts.shape != rare.shape or (counts < 0).any():
        msg = (
            "type_counts must be numbers >= 0, and rare a mask of the same length; "
            f"found {counts.tolist()} and {rare.tolist()}"
        )
        raise InputError(msg)
    if not 1 <= n <= counts.sum():
        msg = f"the number of places must lie between 1 and {counts.sum()}, the number of cells; found {n}"
        raise InputError(msg)
    for name, value in {"power": power, "rare_boost": rare_boost, "minimum": minimum}.items():
        if not (np.isfinite(value) and value >= 0):
            msg = f"{name} must be a number of at least 0; found {value}"
            raise InputError(msg)


def _water_fill(
    weights: NDArray[np.float64], lowest: NDArray[np.int64], highest: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """Return ``clip(c * weights, lowest, highest)`` for the ``c`` with which it adds up to ``n``."""
    filled = weights > 0
    # The sum is piecewise linear and rising in c, with a bend wherever a type reaches one of its bounds.
    bends = np.unique(np.concatenate([lowest[filled] / weights[filled], highest[filled] / weights[filled]]))
    sums = np.clip(np.outer(bends, weights), lowest, highest).sum(axis=1)
    c = np.interp(n, sums, bends)
    return np.asarray(np.clip(c * weights, lowest, highest), dtype=np.float64)


def _round(exact: NDArray[np.float64], counts: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Round by largest remainder; the bounds are whole numbers, so rounding never breaks them."""
    # Whole shares must not lose a place to floating-point noise.
    exact = np.where(np.isclose(exact, np.rint(exact), rtol=0, atol=1e-9), np.rint(exact), exact)
    quotas = np.floor(exact).astype(np.int64)
    order = np.lexsort((counts, -np.round(exact - quotas, 9)))
    quotas[order[: n - int(quotas.sum())]] += 1
    return quotas


def top_per_type(
    types: NDArray[np.int64], scores: NDArray[np.float64], quotas: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the cells with the highest scores of each type, highest score first.

    Parameters
    ----------
    types
        Type number of each cell, shape ``(n_cells,)``.
    scores
        Score of each cell, shape ``(n_cells,)``.
    quotas
        Cells to take of each type, shape ``(n_types,)``, at most as many as the type has.
    rng
        Orders equal scores.

    Returns
    -------
    Row numbers, int64, shape ``(quotas.sum(),)``.

    Examples
    --------
    >>> import numpy as np
    >>> types, scores = np.array([0, 0, 1, 1]), np.array([0.4, 0.3, 0.1, 0.2])
    >>> top_per_type(types, scores, np.array([1, 1]), np.random.default_rng(0)).tolist()
    [0, 3]
    """
    order = top_cells(scores, len(scores), rng)
    by_type = order[np.argsort(types[order], kind="stable")]
    rank = np.arange(len(order)) - np.searchsorted(types[by_type], types[by_type])
    taken = by_type[rank < quotas[types[by_type]]]
    place = np.empty(len(order), dtype=np.int64)
    place[order] = np.arange(len(order))
    return taken[np.argsort(place[taken])]


@dataclass(frozen=True, eq=False)
class CellTypes:
    """Types of cells.

    Attributes
    ----------
    names
        Names of the types, sorted, shape ``(n_types,)``.
    codes
        Type number of each cell, int64, shape ``(n_cells,)``.
    rare
        Mask of the rare types, shape ``(n_types,)``.
    """

    names: NDArray[np.str_]
    codes: NDArray[np.int64]
    rare: NDArray[np.bool_]

    @classmethod
    def read(
        cls,
        adata: ad.AnnData,
        labels_key: str | None,
        *,
        purpose: str,
        min_types: int = 1,
        rare_fraction: float = 0.05,
        rare_threshold: int | None = None,
    ) -> Self:
        """Read the types off a column of ``obs``.

        Parameters
        ----------
        adata
            Annotated cells.
        labels_key
            Column of ``obs``.
        purpose
            What needs the types, for the error message.
        min_types
            Smallest number of types.
        rare_fraction, rare_threshold
            When a type is rare, see :func:`scgarage.seeds.rare_types`.

        Raises
        ------
        InputError
            When ``labels_key`` is ``None``, the column is missing or has missing values, or there are too
            few types.
        """
        if labels_key is None:
            columns = ", ".join(map(repr, adata.obs.columns)) or "none"
            msg = (
                f"{purpose} need cell types: pass labels_key=, available: {columns}; "
                "of the selectors, only 'stratified' needs them"
            )
            raise InputError(msg)
        labels = validate_labels(adata, labels_key, min_types=min_types, min_cells_per_type=1)
        return cls.of(labels, rare_fraction=rare_fraction, rare_threshold=rare_threshold)

    @classmethod
    def of(cls, labels: NDArray[np.str_], *, rare_fraction: float = 0.05, rare_threshold: int | None = None) -> Self:
        """Return the types of labels, shape ``(n_cells,)``; see :meth:`read`."""
        names, codes = np.unique(labels, return_inverse=True)
        rare = np.isin(names, rare_types(labels, rare_fraction=rare_fraction, rare_threshold=rare_threshold))
        return cls(names, codes.astype(np.int64), rare)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Cells of each type, shape ``(n_types,)``."""
        return np.bincount(self.codes, minlength=len(self.names))

    @property
    def rare_cells(self) -> NDArray[np.bool_]:
        """Mask of the cells of rare types, shape ``(n_cells,)``."""
        return self.rare[self.codes]

    def describe(self, indices: NDArray[np.int64]) -> dict[str, float]:
        """Return how many of the given cells are rare, and how many would be by chance."""
        return {
            "rare_share": float(self.rare_cells[indices].mean()),
            "rare_share_by_chance": float(self.rare_cells.mean()),
        }
