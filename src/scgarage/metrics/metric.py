"""What a metric is: direction, space, null; and the checks of what it is given."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import sparse

from scgarage.errors import InputError

Points: TypeAlias = NDArray[np.float64]
"""Cells as rows of an array, (n_cells, n_dims)."""


def check_points(minimum: int = 1, **arrays: ArrayLike) -> tuple[Points, ...]:
    """Return the arrays as float64 after checking that they can be compared."""
    checked = [_check_one(name, array, minimum) for name, array in arrays.items()]
    first_name, n_dims = next(iter(arrays)), checked[0].shape[1]
    for name, points in zip(arrays, checked, strict=True):
        if points.shape[1] != n_dims:
            msg = f"{name} has {points.shape[1]} columns and {first_name} {n_dims}; they must be the same ones"
            raise InputError(msg)
    return tuple(checked)


def _check_one(name: str, array: ArrayLike, minimum: int) -> Points:
    points = np.asarray(array, dtype=np.float64)
    if points.ndim != 2 or points.shape[1] == 0:
        msg = f"{name} has shape {points.shape}; expected (n_cells, n_dims)"
        raise InputError(msg)
    if points.shape[0] < minimum:
        msg = f"{name} has {points.shape[0]} cells; this metric needs at least {minimum}"
        raise InputError(msg)
    if not np.isfinite(points).all():
        msg = f"{name} holds NaN or infinite values; remove or replace them first"
        raise InputError(msg)
    return points


def check_labels(name: str, labels: ArrayLike) -> NDArray[np.str_]:
    """Return labels as an array of strings after checking that there is one for every cell."""
    array: NDArray[Any] = np.asarray(labels, dtype=object)
    if array.ndim != 1 or array.size == 0:
        msg = f"{name} has shape {array.shape}; expected one label for each of at least one cell"
        raise InputError(msg)
    if pd.isna(array).any():
        msg = f"{name} has missing labels; give every cell a label first"
        raise InputError(msg)
    return array.astype(np.str_)


def check_mask(mask: ArrayLike | None, n_cells: int) -> NDArray[np.bool_]:
    """Return the mask of the real cells that a value is about; all of them when it is None."""
    if mask is None:
        return np.ones(n_cells, dtype=np.bool_)
    chosen = np.asarray(mask)
    if chosen.shape != (n_cells,) or chosen.dtype != np.bool_:
        msg = f"mask has shape {chosen.shape} and dtype {chosen.dtype}; expected ({n_cells},) and bool"
        raise InputError(msg)
    if not chosen.any():
        msg = "mask picks no real cell; there is nothing to measure"
        raise InputError(msg)
    return chosen


Space: TypeAlias = Literal["pca", "genes", "labels", "memorisation"]
"""Where cells are compared; tables are ordered by it."""

Given: TypeAlias = Literal[
    "pca",
    "genes",
    "labels",
    "memorisation",
    "depth",
    "typed pca",
    "typed genes",
    "axes and typed genes",
    "label fidelity",
]
"""What a metric's function is given, see :data:`ARGUMENTS`."""

Better: TypeAlias = Literal["lower", "higher", "target 0.5", "target 1"]
"""Which way a metric improves."""

Null: TypeAlias = Literal["poisson", "copy", "one type", "shuffled"]
"""The bad generator that marks the other end of a metric's scale."""

Profile: TypeAlias = Literal["quick", "full", "extra"]
"""Smallest set of metrics that one belongs to; ``"extra"`` ones are computed only when asked for by name."""

_TYPED_POINTS = (("holdout", "points"), ("holdout", "labels"), ("sample", "points"), ("sample", "labels"))
_TYPED_GENES = (("holdout", "log_expr"), ("holdout", "labels"), ("sample", "log_expr"), ("sample", "labels"))

ARGUMENTS: dict[Given, tuple[tuple[str, str], ...]] = {
    "pca": (("holdout", "points"), ("sample", "points")),
    "genes": (("holdout", "log_expr"), ("sample", "log_expr")),
    "labels": (("holdout", "labels"), ("sample", "labels")),
    "depth": (("holdout", "totals"), ("sample", "totals")),
    "typed pca": _TYPED_POINTS,
    "typed genes": _TYPED_GENES,
    "axes and typed genes": (("comparison", "type_axes"), *_TYPED_GENES),
    "label fidelity": (("teacher", "points"), ("teacher", "labels"), ("sample", "points"), ("sample", "labels")),
    "memorisation": (("sample", "points"), ("comparison", "train_points"), ("comparison", "holdout_points")),
}
"""Positional arguments of a metric as pairs of cells and form.

``holdout`` are held-out real cells, ``sample`` those compared with them, ``teacher`` the reference cells that
are compared with nothing, and ``comparison`` everything of one repeat.
"""

TARGETS: dict[str, float] = {"target 0.5": 0.5, "target 1": 1.0}
"""Best value of the metrics that have one."""


def loss(value: float, better: str) -> float:
    """Return how bad a value is: the lower the better, whichever way the metric improves.

    Examples
    --------
    >>> loss(0.2, "lower"), loss(0.2, "higher"), loss(0.75, "target 1")
    (0.2, -0.2, 0.25)
    """
    if better in TARGETS:
        return abs(value - TARGETS[better])
    return -value if better == "higher" else value


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric and how the judge uses it.

    Parameters
    ----------
    function
        Arrays in, one float out, or with ``groups="types"`` one float for each type. Its positional arguments
        are those of :data:`ARGUMENTS`.
    title
        Name for tables and figures.
    space
        Where cells are compared: ``"pca"`` (principal components), ``"genes"`` (log1p CP10k), ``"labels"`` or
        ``"memorisation"``.
    given
        What the function is given; ``space`` by default.
    better
        ``"lower"``, ``"higher"``, ``"target 0.5"`` or ``"target 1"``.
    range
        Smallest and largest possible value.
    null
        ``"poisson"``: independent genes given the type. ``"copy"``: training cells, drawn again.
        ``"one type"``: every cell has the commonest label; independent genes would have perfect labels.
        ``"shuffled"``: training cells with their labels permuted; independent genes keep the means of types.
    groups
        ``"rare"`` adds a row for the rare types together and one for each of them; the function then takes
        ``mask=``, the real cells in question. ``"types"`` adds the same rows, and each is a mean over the
        values of types that the function returns. ``"all"`` adds none.
    matched
        Whether the function is given samples with the same number of cells of each type on every side.
    weighted
        Whether a type counts in the mean over types as it has cells in the matched sample; all count the same
        otherwise.
    profile
        Smallest set of metrics that it belongs to.
    reference
        Where the metric comes from.
    cost
        How the running time grows.
    stochastic
        Whether the function takes ``random_state=``.
    min_cells
        Fewest real cells in a group for which the value is worth showing.
    """

    function: Callable[..., float] | Callable[..., dict[str, float]]
    title: str
    space: Space
    given: Given | None = None
    better: Better
    range: tuple[float, float]
    null: Null
    groups: Literal["all", "rare", "types"] = "all"
    matched: bool = False
    weighted: bool = False
    profile: Profile = "quick"
    reference: str
    cost: str
    stochastic: bool = False
    min_cells: int = 1

    @property
    def arguments(self) -> tuple[tuple[str, str], ...]:
        """Positional arguments of the function, as pairs of cells and form."""
        return ARGUMENTS[self.given or self.space]

    @property
    def needs_types(self) -> bool:
        """Whether the metric says nothing when all cells are of one type."""
        return self.groups == "types" or any(form == "labels" for _, form in self.arguments)


TypedCells = tuple[Points, NDArray[np.str_]]
"""Values of cells, (n_cells, n_dims), and their types, (n_cells,)."""


def check_typed(
    real: ArrayLike, real_labels: ArrayLike, synthetic: ArrayLike, synthetic_labels: ArrayLike
) -> tuple[TypedCells, TypedCells]:
    """Return values as float64 and labels as strings after checking that they belong together."""
    points = check_points(real=real, synthetic=synthetic)
    labels = [check_labels("real_labels", real_labels), check_labels("synthetic_labels", synthetic_labels)]
    for name, cells, types in zip(("real", "synthetic"), points, labels, strict=True):
        if len(cells) != len(types):
            msg = f"{name} has {len(cells)} cells and {name}_labels {len(types)}; expected one label for each cell"
            raise InputError(msg)
    return (points[0], labels[0]), (points[1], labels[1])


def nothing(labels: NDArray[np.str_]) -> dict[str, float]:
    """Return NaN for each type that occurs, the value of a type that the other side does not have."""
    return {str(name): float("nan") for name in np.unique(labels)}


def pairs(real: TypedCells, synthetic: TypedCells) -> Iterator[tuple[str, Points, Points]]:
    """Yield each type that both sides have with its real and its synthetic cells."""
    for name in np.intersect1d(real[1], synthetic[1]):
        yield str(name), real[0][real[1] == name], synthetic[0][synthetic[1] == name]


def type_weights(labels: NDArray[np.str_], types: NDArray[np.str_]) -> sparse.csr_matrix:
    """Return the matrix that sums cells to types."""
    columns = np.flatnonzero(np.isin(labels, types))
    rows = np.searchsorted(types, labels[columns])
    return sparse.csr_matrix((np.ones(len(columns)), (rows, columns)), shape=(len(types), len(labels)))
