"""How many seeds each cell type gets, and which of its cells they are."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import InputError
from scgarage.seeds.base import top_cells

__all__ = ["rare_types", "top_per_type", "type_quotas"]


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
    counts: NDArray[np.int64],
    rare: NDArray[np.bool_],
    n: int,
    *,
    power: float,
    rare_boost: float,
    minimum: int,
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
