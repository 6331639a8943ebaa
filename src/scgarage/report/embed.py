"""Figures as text that a single HTML file can hold."""

import base64
from io import BytesIO
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

__all__ = ["data_uri"]

DPI = 192
"""Twice the 96 dots to an inch of a web page, for sharp screens; scatters inside SVG have it too."""

SVG_SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "scgarage"}
"""Outlines for text, as a reader's fonts have other widths; a fixed salt for the same bytes every time."""


def data_uri(figure: Figure) -> str:
    """Return the figure as a ``data:`` URI: SVG, or PNG at twice a screen's resolution if that is smaller."""
    with rc_context(SVG_SETTINGS):
        svg = _save(figure, "svg", {"Date": None, "Creator": None})
    png = _save(figure, "png", {"Software": None})
    kind, content = ("image/svg+xml", svg) if len(svg) <= len(png) else ("image/png", png)
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _save(figure: Figure, kind: str, metadata: dict[str, None]) -> bytes:
    buffer = BytesIO()
    figure.savefig(buffer, format=kind, dpi=DPI, metadata=metadata)
    return buffer.getvalue()
