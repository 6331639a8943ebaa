import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.plotting import quantiles


def test_shifted_cells_lie_above_the_line_by_the_shift():
    cells = np.random.default_rng(0).normal(size=300)
    (ax,) = quantiles({"counts": (cells, cells + 2, cells)}).axes
    floor, synthetic, line = ax.lines
    np.testing.assert_allclose(synthetic.get_ydata(), np.asarray(synthetic.get_xdata()) + 2)
    np.testing.assert_allclose(floor.get_ydata(), floor.get_xdata())
    np.testing.assert_array_equal(line.get_xdata(), line.get_ydata())


def test_number_of_cells_does_not_matter():
    cells = np.random.default_rng(0).normal(size=400)
    (ax,) = quantiles({"counts": (cells, np.tile(cells, 3), None)}).axes
    np.testing.assert_allclose(ax.lines[0].get_ydata(), ax.lines[0].get_xdata(), atol=0.1)


def test_a_side_without_values_is_refused():
    with pytest.raises(InputError, match="found none for \\['counts'\\]"):
        quantiles({"counts": (np.arange(3.0), np.array([]), None)})
    with pytest.raises(InputError, match="any quantity"):
        quantiles({})
