import numpy as np
import pytest
from numpy.testing import assert_array_equal
from scipy import sparse

from scgarage.errors import InputError
from scgarage.pp import Components, balanced_components, communities


@pytest.fixture(scope="module")
def planted():
    """285 cells that vary along many genes, and 15 of a rare type that differ in five others."""
    rng = np.random.default_rng(0)
    names = np.repeat(["common", "rare"], [285, 15])
    values = np.zeros((300, 40))
    values[:, :30] = np.repeat(rng.normal(size=(300, 6)), 5, axis=1) + 0.2 * rng.normal(size=(300, 30))
    values[:, 30:] = 0.3 * rng.normal(size=(300, 10))
    values[names == "rare", 35:] += 3.0
    return values - values.min(), names


def separation(components, values, names):
    """Distance of the means along the components, in standard deviations of the cells."""
    points = components.transform(values)
    apart = points[names == "rare"].mean(axis=0) - points[names == "common"].mean(axis=0)
    return np.linalg.norm(apart)


def test_with_labels_these_are_the_class_balanced_components(planted):
    values, names = planted
    found, expected = balanced_components(values, 3, labels=names), Components.fit(values, 3, labels=names)
    assert_array_equal(found.axes, expected.axes)


def test_without_labels_communities_stand_in(planted):
    values, _ = planted
    first = communities(Components.fit(values, 4).transform(values), (2.0,))[0].astype(str)
    assert_array_equal(balanced_components(values, 4).axes, Components.fit(values, 4, labels=first).axes)


def test_a_rare_type_lies_further_out_than_on_ordinary_components(planted):
    values, names = planted
    ordinary = separation(Components.fit(values, 8), values, names)
    assert separation(balanced_components(values, 8), values, names) >= ordinary
    assert separation(balanced_components(values, 2, labels=names), values, names) > 2 * separation(
        Components.fit(values, 2), values, names
    )


def test_sparse_and_dense_agree(planted):
    values, names = planted
    dense, csr = (balanced_components(kind(values), 3, labels=names) for kind in (np.asarray, sparse.csr_matrix))
    np.testing.assert_allclose(dense.axes, csr.axes, atol=1e-5)


def test_labels_of_other_cells_are_refused(planted):
    with pytest.raises(InputError, match="one entry per cell"):
        balanced_components(planted[0], 3, labels=planted[1][:-1])
