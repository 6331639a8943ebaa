"""Typography and frame shared by all figures, made without matplotlib's global state."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.plotting.palette import INK

__all__ = ["FIGURE_WIDTH", "STYLE", "new_figure", "own_axes", "plain", "styled"]

P = ParamSpec("P")
R = TypeVar("R")

FIGURE_WIDTH = 9.4
"""Width of a full-width figure in inches, so that 9 pt text is 9 pt on a page or a report of that width."""

STYLE: dict[Any, Any] = {
    "axes.axisbelow": True,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": 9,
    "axes.linewidth": 0.7,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "figure.facecolor": "white",
    "font.size": 9,
    "grid.color": "#E4E4E4",
    "grid.linewidth": 0.6,
    "legend.fontsize": 9,
    "legend.frameon": False,
    "text.color": INK,
    "xtick.color": INK,
    "xtick.labelsize": 8.5,
    "ytick.color": INK,
    "ytick.labelsize": 8.5,
}
"""Settings of matplotlib that hold while a figure is drawn."""


def styled(draw: Callable[P, R]) -> Callable[P, R]:
    """Draw with :data:`STYLE`, whatever the user's own settings are, and leave those as they were."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        with rc_context(STYLE):
            return draw(*args, **kwargs)

    return wrapper


def new_figure(height: float, *, width: float = FIGURE_WIDTH) -> Figure:
    """Return an empty figure (inches) that pyplot does not know, so nobody has to close it."""
    return Figure(figsize=(width, height), layout="constrained")


def own_axes(ax: Axes | None, height: float, *, width: float = FIGURE_WIDTH) -> Axes:
    """Return ``ax``, or the only axes of a new figure."""
    return new_figure(height, width=width).subplots() if ax is None else ax


def plain(text: str) -> str:
    """Keep matplotlib from reading mathematics between two dollar signs in a name."""
    return text.replace("$", r"\$")
