import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting.sensitivity import sensitivity


@pytest.fixture
def matrix() -> pd.DataFrame:
    return pd.DataFrame(
        {"coverage": [0.1, 5.0], "recall [rare]": [np.nan, np.inf], "$x$": [-2.0, 3.0]}, index=["copies", "dropout"]
    )


def test_fields_dots_and_names_are_those_of_the_matrix(matrix: pd.DataFrame) -> None:
    ax = sensitivity(matrix)
    drawn = ax.images[0].get_array()
    assert drawn.shape == (3, 2)
    assert np.ma.getmaskarray(drawn).tolist() == [[False, False], [True, False], [False, False]]
    assert drawn.compressed().tolist() == [0.1, 5.0, 10.0, 0.0, 3.0]
    (dots,) = ax.lines
    assert sorted(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == [(1, 0), (1, 1)]
    assert [label.get_text() for label in ax.get_xticklabels()] == ["copies", "dropout"]
    assert [label.get_text() for label in ax.get_yticklabels()] == ["coverage", "recall [rare]", r"\$x\$"]
    ax.figure.draw_without_rendering()


def test_order_of_the_rows_only_moves_the_dots(matrix: pd.DataFrame) -> None:
    (dots,) = sensitivity(matrix.iloc[::-1]).lines
    assert sorted(zip(dots.get_xdata(), dots.get_ydata(), strict=True)) == [(0, 0), (0, 1)]
    (more,) = sensitivity(matrix, threshold=2.0).lines
    assert len(more.get_xdata()) == 3


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
