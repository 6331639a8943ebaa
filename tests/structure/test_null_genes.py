import numpy as np
import pytest
from scipy import sparse

from scgarage.evaluation.null import NormalNull, PoissonNull
from scgarage.structure.null_genes import narrow_null

LABELS = np.repeat(["B", "T"], [30, 20])


def test_narrow_poisson_null_is_the_one_fitted_on_those_genes() -> None:
    counts = sparse.csr_matrix(np.random.default_rng(0).poisson(2.0, size=(50, 6)).astype(float))
    totals = np.asarray(counts.sum(axis=1)).ravel() + 3.0
    genes = np.array([4, 1])
    narrow = narrow_null(PoissonNull.fit(counts, totals, LABELS), genes)
    oracle = PoissonNull.fit(counts[:, genes], totals, LABELS)
    assert isinstance(narrow, PoissonNull)
    assert narrow.means == pytest.approx(oracle.means)
    assert narrow.rest == pytest.approx(oracle.rest)


def test_narrow_normal_null_is_the_one_fitted_on_those_genes() -> None:
    values = sparse.csr_matrix(np.random.default_rng(1).random((50, 6)))
    genes = np.array([5, 0, 2])
    narrow, oracle = narrow_null(NormalNull.fit(values, LABELS), genes), NormalNull.fit(values[:, genes], LABELS)
    assert isinstance(narrow, NormalNull)
    assert narrow.means == pytest.approx(oracle.means)
    assert narrow.deviations == pytest.approx(oracle.deviations)
