import numpy as np
import pytest
from scipy import sparse

from scgarage.errors import InputError
from scgarage.plotting import mean_variance


def test_every_expressed_gene_of_both_sources_is_a_dot(real, synthetic):
    figure = mean_variance(real.X, synthetic.X, counts=True)
    left, right = figure.axes
    for source, dots in zip((real, synthetic), left.collections, strict=True):
        values = source.X.toarray()
        kept = (values.mean(axis=0) > 0) & (values.var(axis=0) > 0)
        expected = np.column_stack([values.mean(axis=0)[kept], values.var(axis=0)[kept]])
        np.testing.assert_allclose(np.asarray(dots.get_offsets()), expected, rtol=1e-5)
    assert len(left.lines) == len(right.lines) == 1  # Poisson, for counts only


def test_poisson_counts_follow_the_line():
    rng = np.random.default_rng(0)
    counts = sparse.csr_matrix(rng.poisson(np.geomspace(0.5, 20, 30), size=(3000, 30)).astype(float))
    left = mean_variance(counts, counts, counts=True).axes[0]
    mean, variance = np.asarray(left.collections[0].get_offsets()).T
    np.testing.assert_allclose(variance, mean, rtol=0.15)


def test_log_values_have_no_line_and_other_names(real):
    left, right = mean_variance(real.X.log1p(), real.X.log1p()).axes
    assert not left.lines
    assert right.get_xlabel() == "mean of log1p CP10k"


def test_other_genes_and_empty_cells_are_refused(real):
    with pytest.raises(InputError, match="60 genes and the synthetic ones 59"):
        mean_variance(real.X, real.X[:, 1:])
    with pytest.raises(InputError, match="no gene"):
        mean_variance(real.X, 0 * real.X)
