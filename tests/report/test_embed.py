import base64

import numpy as np
from matplotlib.figure import Figure

from scgarage.report.figures import data_uri


def decode(uri: str) -> tuple[str, bytes]:
    head, content = uri.split(",")
    return head, base64.b64decode(content)


def figure_of(n_points: int) -> Figure:
    figure = Figure(figsize=(4, 3))
    rng = np.random.default_rng(0)
    figure.subplots().scatter(rng.normal(size=n_points), rng.normal(size=n_points))
    return figure


def test_a_simple_figure_is_vector_graphics_without_dates():
    head, content = decode(data_uri(figure_of(3)))
    assert head == "data:image/svg+xml;base64"
    assert b"<svg" in content
    assert b"dc:date" not in content
    assert b"<text" not in content  # outlines, so that it looks the same with any fonts


def test_a_figure_of_many_points_is_pixels_at_twice_the_screen():
    head, content = decode(data_uri(figure_of(20_000)))
    assert head == "data:image/png;base64"
    assert int.from_bytes(content[16:20], "big") == 2 * 96 * 4  # width in the PNG's header


def test_same_figure_same_bytes():
    assert data_uri(figure_of(5)) == data_uri(figure_of(5))
