"""A figure as the bytes of a file."""

from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

__all__ = ["figure_bytes"]

SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "scgarage"}
"""Outlines for text, and a fixed salt for the same bytes every time."""


def figure_bytes(figure: Figure) -> bytes:
    """Return the figure as SVG, the same bytes for the same figure."""
    buffer = BytesIO()
    with rc_context(SETTINGS):
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()
