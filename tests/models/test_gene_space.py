import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

import scgarage as sg
from scgarage.models.gene_space import HurdleBackground, LabelClassifier, LibrarySizes, PoissonBackground


@pytest.fixture
def cells():
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1], [300, 100])
    counts = rng.poisson(np.array([[3.0, 0.5, 0.0], [1.0, 4.0, 0.0]])[labels])
    return sparse.csr_matrix(counts.astype(np.float32)), labels


def test_poisson_gives_the_mean_of_the_type_at_the_depth_asked_for(cells):
    counts, labels = cells
    totals = np.full(400, 10.0)
    background = PoissonBackground.fit(counts, totals, labels, 2)
    np.testing.assert_allclose(background.fractions[1] * 10, counts[300:].mean(axis=0).A1, rtol=1e-5)
    np.testing.assert_allclose(background.fractions[-1] * 10, counts.mean(axis=0).A1, rtol=1e-5)
    drawn = background.draw(np.full(20_000, 1), np.full(20_000, 20.0), np.random.default_rng(1))
    np.testing.assert_allclose(drawn.mean(axis=0).A1, 2 * counts[300:].mean(axis=0).A1, rtol=0.03)
    np.testing.assert_allclose(np.var(drawn.toarray(), axis=0)[:2], drawn.mean(axis=0).A1[:2], rtol=0.05)


def test_genes_without_expression_stay_zero(cells):
    counts, labels = cells
    poisson = PoissonBackground.fit(counts, np.full(400, 10.0), labels, 2)
    hurdle = HurdleBackground.fit(counts.log1p(), None, labels, 2)
    numbers = np.array([0, 1, -1] * 50)
    for background in (poisson, hurdle):
        assert background.draw(numbers, np.full(150, 10.0), np.random.default_rng(0))[:, 2].nnz == 0


def test_hurdle_keeps_zero_fraction_and_moments(cells):
    counts, labels = cells
    values = counts.log1p()
    background = HurdleBackground.fit(values, None, labels, 2)
    drawn = background.draw(np.zeros(20_000, dtype=int), None, np.random.default_rng(1)).toarray()
    real = values[:300].toarray()
    np.testing.assert_allclose((drawn > 0).mean(axis=0), (real > 0).mean(axis=0), atol=0.02)
    np.testing.assert_allclose(drawn[:, 0][drawn[:, 0] > 0].mean(), real[:, 0][real[:, 0] > 0].mean(), rtol=0.02)
    assert drawn[drawn > 0].min() >= values.data.min() - 1e-6


def test_poisson_without_library_sizes_is_a_mistake(cells):
    counts, labels = cells
    with pytest.raises(TypeError, match="library sizes"):
        PoissonBackground.fit(counts, np.full(400, 10.0), labels, 2).draw(labels, None, np.random.default_rng(0))


@pytest.mark.parametrize("n_types", [2, 4])
def test_probabilities_equal_scikit_learns(n_types):
    cells = sg.datasets.simulate(n_cells=300, n_genes=60, n_types=n_types, rare_fraction=0.1)
    log_expr = sg.pp.log1p_cp10k(cells.X)
    labels = cells.obs["cell_type"].cat.codes.to_numpy(dtype=np.int64)
    classifier = LabelClassifier.fit(log_expr, labels, n_components=10)
    scores = classifier.components.transform(log_expr)
    spread = scores.std(axis=0) + 1e-6
    expected = LogisticRegression(C=0.1, max_iter=2000).fit(scores / spread, labels).predict_proba(scores / spread)
    found = classifier.probabilities(log_expr)
    np.testing.assert_allclose(found, expected, atol=1e-4)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_allclose(found, classifier.probabilities(log_expr.toarray()), atol=1e-5)


def test_new_real_cells_get_the_right_types_and_rare_ones_too():
    cells = sg.datasets.simulate(n_cells=900, n_genes=100, n_types=4, rare_fraction=0.03)
    log_expr = sparse.csr_matrix(sg.pp.log1p_cp10k(cells.X))
    codes = cells.obs["cell_type"].cat.codes.to_numpy(dtype=np.int64)
    train = np.arange(900) % 2 == 0
    classifier = LabelClassifier.fit(log_expr[train], codes[train])
    predicted = classifier.probabilities(log_expr[~train]).argmax(axis=1)
    rare = list(cells.obs["cell_type"].cat.categories).index("rare")
    assert (predicted == codes[~train]).mean() > 0.9
    assert (predicted[codes[~train] == rare] == rare).mean() > 0.7


def drawn(sizes, label, n=20_000):
    return np.log(sizes.draw(np.full(n, label), np.random.default_rng(1)))


def test_moments_of_large_types_come_back():
    rng = np.random.default_rng(0)
    totals = np.exp(np.concatenate([rng.normal(6, 0.2, 3000), rng.normal(8, 0.5, 3000)]))
    sizes = LibrarySizes.fit(totals, np.repeat([0, 1], 3000), 2)
    assert drawn(sizes, 0).mean() == pytest.approx(6, abs=0.02)
    assert drawn(sizes, 1).std() == pytest.approx(0.5, abs=0.03)
    assert drawn(sizes, -1).mean() == pytest.approx(7, abs=0.1)


def test_draws_stay_in_the_range_of_the_type():
    totals = np.array([100.0, 200.0, 150.0, 5000.0, 9000.0])
    sizes = LibrarySizes.fit(totals, np.array([0, 0, 0, 1, 1]), 2)
    assert drawn(sizes, 0).max() <= np.log(200) + 1e-9
    assert drawn(sizes, 1).min() >= np.log(5000) - 1e-9


def test_spread_of_a_small_type_is_drawn_to_the_pooled_spread():
    rng = np.random.default_rng(0)
    totals = np.exp(np.concatenate([rng.normal(6, 0.5, 1000), [7.0, 7.0]]))
    sizes = LibrarySizes.fit(totals, np.array([0] * 1000 + [1] * 2), 2)
    assert 0.3 < sizes.spread[1] < 0.5  # its own spread is zero
