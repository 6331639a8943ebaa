"""What the judge needs to know about a metric besides its function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Space: TypeAlias = Literal["pca", "genes", "labels", "memorisation"]
"""Where cells are compared; tables are ordered by it."""

Given: TypeAlias = Literal[
    "pca", "genes", "labels", "memorisation", "depth", "typed pca", "typed genes", "label fidelity"
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

    Parameters
    ----------
    value
        Value of a metric.
    better
        Which way it improves.

    Returns
    -------
    float
        The value, its negative, or its distance to the target.

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
