"""A figure with its words, or the reason why it is missing."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.figure import Figure

from scgarage.errors import InputError
from scgarage.report.embed import data_uri

__all__ = ["Drawing", "Picture", "Section", "section"]

Drawing = tuple[Figure, str, str]
"""Figure, description for those who cannot see it, and caption."""


@dataclass(frozen=True)
class Picture:
    """A figure as it stands in the report; ``width`` is in pixels of a page, 96 to an inch."""

    source: str
    width: int
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with a picture, or with the reason why there is none."""

    title: str
    picture: Picture | None
    reason: str = ""


def section(title: str, draw: Callable[[], Drawing]) -> Section:
    """Draw a figure; what the data do not allow becomes the reason why it is missing."""
    try:
        figure, alt, caption = draw()
    except InputError as error:
        return Section(title, None, reason=str(error))
    return Section(title, Picture(data_uri(figure), round(96 * figure.get_figwidth()), alt, caption))
