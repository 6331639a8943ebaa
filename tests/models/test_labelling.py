import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

import scgarage as sg
from scgarage.models.gene_space import LabelClassifier


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
