import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.plotting import shares_expressing, top_markers, type_means


@pytest.fixture
def cells() -> tuple[sparse.csr_matrix, np.ndarray]:
    rng = np.random.default_rng(0)
    labels = np.repeat(["B", "T", "NK"], [10, 15, 20])
    values = rng.poisson(1.0, size=(45, 12)).astype(float)
    values[labels == "B", 3] += 5
    values[labels == "NK", 7] += 5
    return sparse.csr_matrix(values), labels


def test_means_and_shares_are_those_of_the_cells_of_a_type(cells):
    values, labels = cells
    for row, name in enumerate(("NK", "B")):
        own = values.toarray()[labels == name]
        np.testing.assert_allclose(type_means(values, labels, ["NK", "B"])[row], own.mean(axis=0))
        np.testing.assert_allclose(shares_expressing(values, labels, ["NK", "B"])[row], (own > 0).mean(axis=0))


def test_markers_are_the_genes_of_largest_welch_t(cells):
    values, labels = cells
    (first, *_) = top_markers(values, labels, ["B", "T", "NK"], n_per_type=2)
    dense = values.toarray()
    t = stats.ttest_ind(dense[labels == "B"], dense[labels != "B"], equal_var=False).statistic
    assert first.tolist() == np.argsort(-t)[:2].tolist()
    assert first[0] == 3


def test_no_gene_is_the_marker_of_two_types(cells):
    values, labels = cells
    chosen = np.concatenate(top_markers(values, labels, ["B", "T", "NK"], n_per_type=3))
    assert len(set(chosen.tolist())) == len(chosen)


def test_order_of_cells_does_not_matter(cells):
    values, labels = cells
    order = np.random.default_rng(1).permutation(len(labels))
    before = top_markers(values, labels, ["B", "NK", "T"])
    after = top_markers(values[order], labels[order], ["B", "NK", "T"])
    assert [genes.tolist() for genes in before] == [genes.tolist() for genes in after]


def test_types_that_nobody_has_and_single_types_are_refused(cells):
    values, labels = cells
    with pytest.raises(InputError, match="no cell has the type 'pDC'"):
        type_means(values, labels, ["B", "pDC"])
    with pytest.raises(InputError, match="found 1 type"):
        top_markers(values, labels, ["B"])
