import numpy as np
from scipy import sparse

from scgarage.models.garage.factor_model import factor_genes


def varied():
    """Gene 0 varies within types, gene 1 between them only, the others a little."""
    rng = np.random.default_rng(0)
    values = rng.normal(2, 0.1, (200, 6))
    strata = np.repeat([0, 1], 100)
    values[:, 0] += rng.normal(0, 2, 200)
    values[:, 1] += 10 * strata
    values[:, 4] += rng.normal(0, 1, 200)
    return sparse.csr_matrix(values), strata


def test_variance_within_types_decides():
    values, strata = varied()
    np.testing.assert_array_equal(factor_genes(values, strata, 2), [0, 4])
    means = np.stack([values.toarray()[strata == code].var(axis=0) for code in (0, 1)]).mean(axis=0)
    np.testing.assert_array_equal(factor_genes(values, strata, 4), np.sort(np.argsort(-means)[:4]))


def test_none_or_more_than_there_are_takes_all():
    values, strata = varied()
    for number in (None, 6, 100):
        np.testing.assert_array_equal(factor_genes(values, strata, number), np.arange(6))
