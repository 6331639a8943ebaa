import numpy as np
import pytest
from scipy import sparse, stats

from scgarage.errors import InputError
from scgarage.plotting import (
    gene_correlations,
    gene_moments,
    genes_detected,
    library_size,
    mean_variance,
    moments,
    quantiles,
    rank_correlations,
)


def test_correlations_are_those_of_scipy():
    values = np.random.default_rng(0).poisson(2.0, size=(50, 6)).astype(float)
    np.testing.assert_allclose(rank_correlations(values), stats.spearmanr(values).statistic, atol=1e-12)


def test_monotone_changes_leave_the_ranks_alone_and_a_constant_gene_has_none():
    values = np.random.default_rng(0).normal(size=(30, 4))
    np.testing.assert_allclose(rank_correlations(np.exp(values)), rank_correlations(values), atol=1e-12)
    values[:, 2] = 1.0
    assert rank_correlations(values)[2].tolist() == [0, 0, 1, 0]


def test_panels_share_the_order_of_genes_and_name_the_difference():
    first = rank_correlations(np.random.default_rng(0).normal(size=(30, 8)))
    second = rank_correlations(np.random.default_rng(1).normal(size=(30, 8)))
    left, right, _ = gene_correlations({"real": first, "synthetic": second}).axes
    shown = [np.asarray(ax.images[0].get_array()) for ax in (left, right)]
    order = [int(np.flatnonzero(np.isclose(np.sort(first, axis=1), np.sort(row)).all(axis=1))[0]) for row in shown[0]]
    np.testing.assert_allclose(shown[1], second[np.ix_(order, order)])
    error = np.abs(second - first)[np.triu_indices(8, 1)].mean()
    assert right.get_xlabel() == f"mean |Δρ| = {error:.3f}"


def test_other_genes_and_too_few_are_refused():
    with pytest.raises(InputError, match="same genes"):
        gene_correlations({"real": np.eye(4), "synthetic": np.eye(5)})
    with pytest.raises(InputError, match="at least 3"):
        gene_correlations({"real": np.eye(2)})


@pytest.fixture
def matrices() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    return {name: np.log1p(rng.poisson(rng.gamma(1, 1, 40), size=(60, 40))) for name in ("real", "synthetic", "train")}


def test_moments_are_those_of_numpy(matrices):
    values = matrices["real"]
    for container in (values, sparse.csr_matrix(values)):
        table = moments(container)
        np.testing.assert_allclose(table["mean"], values.mean(axis=0))
        np.testing.assert_allclose(table["variance"], values.var(axis=0), atol=1e-12)
        np.testing.assert_allclose(table["zero_fraction"], (values == 0).mean(axis=0))


def test_stored_zeros_count_as_zeros():
    values = sparse.csr_matrix(np.array([[1.0, 2.0], [0.0, 3.0]]))
    values.data[1] = 0.0  # stored, but zero
    assert moments(values)["zero_fraction"].tolist() == [0.5, 0.5]


def test_panels_hold_synthetic_over_floor(matrices):
    figure = gene_moments(**matrices)
    truth, made, floor = (moments(matrices[name]) for name in ("real", "synthetic", "train"))
    for ax, column in zip(figure.axes, truth, strict=True):
        behind, front = ax.collections
        np.testing.assert_allclose(behind.get_offsets(), np.column_stack([truth[column], floor[column]]))
        np.testing.assert_allclose(front.get_offsets(), np.column_stack([truth[column], made[column]]))
        assert ax.get_xlim() == ax.get_ylim()


def test_corner_holds_rank_correlation_and_mean_absolute_difference(matrices):
    ax = gene_moments(**matrices).axes[0]
    truth, made, floor = (moments(matrices[name])["mean"] for name in ("real", "synthetic", "train"))
    for text, values in zip(ax.texts, (made, floor), strict=True):
        correlation = stats.spearmanr(truth, values).statistic
        assert f"ρ = {correlation:.3f}" in text.get_text()
        assert f"{np.abs(truth - values).mean():#.2g}" in text.get_text()


def test_identical_cells_agree_perfectly(matrices):
    ax = gene_moments(matrices["real"], matrices["real"]).axes[1]
    assert [text.get_text() for text in ax.texts] == ["ρ = 1.000   mean |Δ| = 0.0"]
    assert len(ax.collections) == 1


def test_constant_moments_have_no_correlation(matrices):
    ax = gene_moments(matrices["real"], np.ones_like(matrices["real"])).axes[1]
    assert "ρ = undefined" in ax.texts[0].get_text()


def test_other_numbers_of_genes_are_refused(matrices):
    with pytest.raises(InputError, match="30 genes and the real ones 40"):
        gene_moments(matrices["real"], matrices["synthetic"][:, :30])


def test_genes_detected_counts_positive_entries(real):
    dense = real.X.toarray()
    np.testing.assert_array_equal(genes_detected(real.X), (dense > 0).sum(axis=1))
    np.testing.assert_array_equal(genes_detected(dense), genes_detected(real.X))


def test_bars_are_shares_of_all_cells(real, synthetic):
    figure = library_size(real.X, synthetic.X, n_bins=12)
    for ax in figure.axes:
        outlines = [patch for patch in ax.patches if not patch.get_fill()]
        assert len(outlines) == 2
        for outline in outlines:
            # A step outline has every height twice.
            heights = outline.get_xy()[1:-1:2, 1]
            np.testing.assert_allclose(heights.sum(), 1)


def test_dashed_lines_and_legend_are_medians(real, synthetic):
    ax = library_size(real.X, synthetic.X).axes[0]
    medians = [np.median(np.asarray(cells.X.sum(axis=1))) for cells in (real, synthetic)]
    assert [line.get_xdata()[0] for line in ax.lines] == medians
    labels = [text.get_text() for text in ax.get_legend().get_texts()]
    assert labels == [f"real, median {medians[0]:,.0f}", f"synthetic, median {medians[1]:,.0f}"]


def test_cells_that_all_have_the_same_size_are_drawn():
    same = sparse.csr_matrix(np.ones((5, 4), dtype=np.float32))
    assert len(library_size(same, same).axes) == 2


def test_sources_without_counts_are_refused(real):
    with pytest.raises(InputError, match="no cell with counts"):
        library_size(real.X, real.X * 0)


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
