"""Colours that mean the same in every figure and that colour-blind readers can tell apart."""

from collections.abc import Iterable

from scgarage.schema import UNSURE

__all__ = ["FAINT", "INK", "SOURCE_COLOURS", "TYPE_COLOURS", "UNSURE_COLOUR", "type_colours"]

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
