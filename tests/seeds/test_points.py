import numpy as np
import pytest

from scgarage.errors import InputError
from scgarage.pp import balanced_components
from scgarage.seeds.selectors import log_expression, points_of


def test_a_slot_is_taken_as_it_is(typed_cells):
    np.testing.assert_array_equal(points_of(typed_cells, "X_pca"), typed_cells.obsm["X_pca"])


def test_without_a_slot_components_are_balanced_by_type(typed_cells):
    labels = typed_cells.obs["cell_type"].to_numpy(dtype=str)
    expected = balanced_components(typed_cells.X, labels=labels).transform(typed_cells.X)
    np.testing.assert_array_equal(points_of(typed_cells, None, labels=labels), expected)
    assert not np.allclose(points_of(typed_cells, None), expected)


def test_scale_of_the_expression_is_that_of_the_points(typed_cells):
    labels = typed_cells.obs["cell_type"].to_numpy(dtype=str)
    points = points_of(typed_cells, None, labels=labels)
    typed_cells.X = 2 * typed_cells.X
    np.testing.assert_allclose(points_of(typed_cells, None, labels=labels), 2 * points, atol=1e-3)


def test_counts_and_missing_slots_are_refused(typed_cells):
    with pytest.raises(InputError, match=r"no 'X_umap'.*available: 'X_pca'"):
        points_of(typed_cells, "X_umap")
    typed_cells.X = np.ceil(typed_cells.X)
    with pytest.raises(InputError, match="holds counts"):
        log_expression(typed_cells)
