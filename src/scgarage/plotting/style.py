"""How every figure looks and how it is shown or saved."""

from collections.abc import Callable, Iterable
from functools import wraps
from io import BytesIO
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.schema import UNSURE

INK = "#333333"
"""Text and axis lines."""

FAINT = "#BDBDBD"
"""What stands behind the data."""

SOURCE_COLOURS: dict[str, str] = {
    "real": "#0072B2",
    "synthetic": "#D55E00",
    "train": "#56B4E9",
    "floor": "#8C8C8C",
    "null": "#CC79A7",
}
"""Real held-out cells, synthetic cells, real training cells, and the two ends of the scale of a score."""

TYPE_COLOURS: tuple[str, ...] = (
    # The first six are Okabe and Ito's; the rest were picked one by one as the colour farthest (CIELAB) from
    # all before it in normal, deuteranope and protanope vision.
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#CC79A7",
    "#E69F00",
    "#56B4E9",
    "#692D0F",
    "#6969FF",
    "#5A2D4B",
    "#D2B469",
    "#5A00A5",
    "#E1004B",
    "#2D693C",
    "#781E78",
    "#FFA5B4",
    "#0F3CE1",
    "#A53C0F",
    "#D200B4",
    "#00B7C4",
    "#FF5A78",
)
"""Cell types by their number of cells; figures number them too, as nobody tells twenty colours apart."""

UNSURE_COLOUR = "#8C8C8C"
"""Synthetic cells whose type is unsure."""


def type_colours(types: Iterable[str]) -> dict[str, str]:
    """Give each cell type a colour.

    Parameters
    ----------
    types
        Names of the types, most important first. Beyond twenty types the colours start again.

    Returns
    -------
    Colour (hexadecimal) of each type; ``"unsure"`` is always grey and uses up no colour.

    References
    ----------
    Okabe and Ito, Color Universal Design, 2008, https://jfly.uni-koeln.de/color/.

    Examples
    --------
    >>> type_colours(["B", "unsure", "NK"])
    {'B': '#0072B2', 'unsure': '#8C8C8C', 'NK': '#D55E00'}
    """
    names = list(dict.fromkeys(str(name) for name in types))
    sure = [name for name in names if name != UNSURE]
    colours = {name: TYPE_COLOURS[i % len(TYPE_COLOURS)] for i, name in enumerate(sure)}
    return {name: colours.get(name, UNSURE_COLOUR) for name in names}


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


def short(name: str, length: int = 28) -> str:
    """Return a name as matplotlib is to write it, cut where it is long."""
    return plain(name if len(name) <= length else f"{name[: length - 1]}…")


Drawn = TypeVar("Drawn", Axes, Figure)

DOTS_PER_INCH = 200
"""Of formats made of pixels."""


def finish(drawn: Drawn, *, show: bool = False, save: str | Path | None = None) -> Drawn:
    """Save and show what was drawn, when asked to, and return it."""
    figure = drawn if isinstance(drawn, Figure) else drawn.figure.figure
    if save is not None:
        _save(figure, Path(save))
    if show:
        _show(figure)
    return drawn


def _save(figure: Figure, path: Path) -> None:
    known = figure.canvas.get_supported_filetypes()
    if path.suffix.lstrip(".").lower() not in known:
        msg = f"save={str(path)!r} ends in {path.suffix!r}; expected one of: {', '.join(sorted(known))}"
        raise InputError(msg)
    settings: dict[Any, Any] = {"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path"}
    with atomic_output(path, overwrite=True) as temporary, rc_context(settings):
        figure.savefig(temporary, dpi=DOTS_PER_INCH, bbox_inches="tight")


def _show(figure: Figure) -> None:
    from matplotlib import pyplot as plt

    # pyplot shows only figures that it made: ours takes the place of one of its own.
    manager = plt.figure().canvas.manager
    if manager is None:
        return
    manager.canvas.figure = figure
    figure.set_canvas(manager.canvas)
    plt.show()
    plt.close(manager.num)


SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "scgarage"}
"""Outlines for text, and a fixed salt for the same bytes every time."""


def figure_bytes(figure: Figure) -> bytes:
    """Return the figure as SVG, the same bytes for the same figure."""
    buffer = BytesIO()
    with rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
