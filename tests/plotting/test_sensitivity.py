import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes

from scgarage.errors import InputError
from scgarage.plotting.scores import sensitivity


@pytest.fixture
def matrix() -> pd.DataFrame:
    return pd.DataFrame(
        {"coverage": [0.1, 5.0], "recall [rare]": [np.nan, np.inf], "$x$": [-2.0, 3.0]}, index=["copies", "dropout"]
    )


def places(ax: Axes) -> list[list[float]]:
    (dots,) = ax.collections
    return sorted(np.asarray(dots.get_offsets()).tolist())


def test_fields_dots_and_names_are_those_of_the_matrix(matrix: pd.DataFrame) -> None:
    ax = sensitivity(matrix)
    drawn = ax.images[0].get_array()
    assert drawn.shape == (3, 2)
    assert np.ma.getmaskarray(drawn).tolist() == [[False, False], [True, False], [False, False]]
    assert drawn.compressed().tolist() == [0.1, 5.0, 10.0, 0.0, 3.0]
    assert places(ax) == [[1, 0], [1, 1]]
    assert [(text.get_position(), text.get_text()) for text in ax.texts] == [((0, 1), "–")]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["copies", "dropout"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["coverage", "recall [rare]", r"\$x\$"]
    ax.figure.draw_without_rendering()


def test_order_of_the_rows_only_moves_the_dots(matrix: pd.DataFrame) -> None:
    assert places(sensitivity(matrix.iloc[::-1])) == [[0, 0], [0, 1]]
    assert len(places(sensitivity(matrix, threshold=2.0))) == 3


@pytest.mark.parametrize(
    ("change", "options", "message"),
    [
        (lambda matrix: matrix.iloc[:0], {}, r"matrix has shape \(0, 3\)"),
        (lambda matrix: matrix.assign(note="x"), {}, "expected numbers"),
        (lambda matrix: matrix, {"threshold": 20.0}, "threshold is 20.0 and limit 10.0"),
    ],
)
def test_unusable_matrices_are_refused(matrix, change, options, message) -> None:
    with pytest.raises(InputError, match=message):
        sensitivity(change(matrix), **options)
