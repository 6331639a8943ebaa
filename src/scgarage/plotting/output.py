"""Show and save a figure, as scanpy's ``show=`` and ``save=`` do."""

from pathlib import Path
from typing import TypeVar

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from scgarage.errors import InputError

__all__ = ["finish"]

Drawn = TypeVar("Drawn", Axes, Figure)

DOTS_PER_INCH = 200
"""Of formats made of pixels."""


def finish(drawn: Drawn, *, show: bool = False, save: str | Path | None = None) -> Drawn:
    """Save and show what was drawn, when asked to, and return it.

    Parameters
    ----------
    drawn
        Axes or figure.
    show
        Whether to show the figure now; needs pyplot, which is not touched otherwise.
    save
        File to write; its ending chooses the format, of which svg and pdf are vector formats. Text stays text in a pdf
        (TrueType) and becomes outlines in an svg.

    Returns
    -------
    ``drawn``.

    Raises
    ------
    InputError
        If matplotlib has no format of that ending.
    """
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
    with rc_context({"pdf.fonttype": 42, "ps.fonttype": 42, "svg.fonttype": "path"}):
        figure.savefig(path, dpi=DOTS_PER_INCH, bbox_inches="tight")


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
