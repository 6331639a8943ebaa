"""What the judge needs to know about a metric besides its function."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeAlias

Space: TypeAlias = Literal["pca", "genes", "labels", "memorisation"]
"""What a metric is given: coordinates, log expression, labels, or coordinates of three sets."""

Better: TypeAlias = Literal["lower", "higher", "target 0.5"]
"""Which way a metric improves."""

Null: TypeAlias = Literal["poisson", "copy", "one type"]
"""The bad generator that marks the other end of a metric's scale."""


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric and how the judge uses it.

    Parameters
    ----------
    function
        Arrays in, one float out. The arguments depend on ``space``: ``(real, synthetic)`` for ``"pca"``
        (principal components), ``"genes"`` (log1p CP10k) and ``"labels"``; ``(synthetic, train, holdout)``
        principal components for ``"memorisation"``.
    title
        Name for tables and figures.
    space
        What the function is given.
    better
        ``"lower"``, ``"higher"`` or ``"target 0.5"``.
    range
        Smallest and largest possible value.
    null
        ``"poisson"``: independent genes given the type. ``"copy"``: training cells, drawn again.
        ``"one type"``: every cell has the commonest label; independent genes would have perfect labels.
    groups
        ``"rare"`` adds a row for the rare types together and one for each of them; the function then takes
        ``mask=``, the real cells in question. ``"all"`` does not.
    reference
        Where the metric comes from.
    cost
        How the running time grows.
    stochastic
        Whether the function takes ``random_state=``.
    min_cells
        Fewest real cells in a group for which the value is worth showing.
    """

    function: Callable[..., float]
    title: str
    space: Space
    better: Better
    range: tuple[float, float]
    null: Null
    groups: Literal["all", "rare"] = "all"
    reference: str
    cost: str
    stochastic: bool = False
    min_cells: int = 1
