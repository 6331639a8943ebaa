import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.plotting import markers


@pytest.fixture
def table() -> pd.DataFrame:
    return pd.DataFrame({"B": [1.0, 0.0, 3.0], "T$": [0.2, 0.9, 0.5]}, index=["CD79A", "CD3D", "LYZ"])


def test_size_is_the_share_and_colour_the_mean_on_one_scale(table):
    shares = table / table.to_numpy().max()
    left, right, _ = markers({"real": table, "synthetic": table / 2}, {"real": shares, "synthetic": shares}).axes
    dots = [ax.collections[0] for ax in (left, right)]
    assert dots[0].get_clim() == dots[1].get_clim() == (0, 3)
    np.testing.assert_allclose(dots[1].get_array(), dots[0].get_array() / 2)
    sizes = dots[0].get_sizes()
    np.testing.assert_allclose(sizes / sizes.max(), shares.to_numpy().ravel())
    assert [label.get_text() for label in left.get_xticklabels()] == ["B", r"T\$"]


def test_lines_part_the_genes_of_the_types(table):
    (ax, _) = markers({"real": table}, {"real": table / 3}, groups=[2, 1]).axes
    assert [line.get_ydata()[0] for line in ax.lines] == [1.5]


def test_tables_that_do_not_fit_are_refused(table):
    with pytest.raises(InputError, match="same sources, genes and types"):
        markers({"real": table}, {"real": table.iloc[:2]})
    with pytest.raises(InputError, match="no source"):
        markers({}, {})
