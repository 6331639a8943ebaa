"""Figures as text that a single HTML file can hold."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

__all__ = ["data_uri"]

DPI = 192
"""Twice the 96 dots to an inch of a web page, for sharp screens."""

COLOURS = 256
"""Colours of a PNG: figures have few, and a file with a palette is a third of the size."""

SVG_LIMIT = 60_000
"""Bytes of an SVG up to which nobody looks whether a PNG were smaller."""

SVG_SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "scgarage"}
"""Outlines for text, as a reader's fonts have other widths; a fixed salt for the same bytes every time."""


def data_uri(figure: Figure) -> str:
    """Return the figure as a ``data:`` URI: SVG, or PNG at twice a screen's resolution if that is smaller.

    A figure with rasterised clouds of points is a PNG without a look at the SVG, which would hold the same pixels.
    """
    svg = None if figure.findobj(_is_rasterised) else _svg(figure)
    if svg is not None and len(svg) <= SVG_LIMIT:
        return _uri("image/svg+xml", svg)
    png = _png(figure)
    if svg is not None and len(svg) <= len(png):
        return _uri("image/svg+xml", svg)
    return _uri("image/png", png)


def _is_rasterised(artist: Artist) -> bool:
    return bool(artist.get_rasterized())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _svg(figure: Figure) -> bytes:
    buffer = BytesIO()
    with rc_context(SVG_SETTINGS):
        figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _png(figure: Figure) -> bytes:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    image = Image.fromarray(pixels).convert("RGB")
    buffer = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()
