from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import describe_values, detect_value_kind

SHARED = Path(__file__).parents[3] / "shared" / "data"


@pytest.fixture(scope="module")
def counts():
    return simulate(200, 120, 3, 0.05).X.toarray()


def cp10k(counts):
    return counts / counts.sum(axis=1, keepdims=True) * 1e4


def forms(values):
    return [values, sp.csr_matrix(values), sp.csc_matrix(values), sp.csr_array(values)]


def test_counts_of_any_type_and_form(counts):
    for X in [*forms(counts), counts.astype(int), counts.astype(np.uint16), counts > 0, np.zeros((2, 3))]:
        assert detect_value_kind(X) == "counts"


@pytest.mark.parametrize("log", [np.log1p, lambda x: np.log2(x + 1), lambda x: np.log10(x + 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms(counts, log, dtype):
    for X in forms(log(cp10k(counts)).astype(dtype)):
        assert detect_value_kind(X) == "log-normalised"


def test_the_order_of_cells_and_genes_does_not_matter(counts):
    rng = np.random.default_rng(0)
    for X in (counts, np.log1p(cp10k(counts)), cp10k(counts), counts - 1):
        shuffled = X[rng.permutation(len(X))][:, rng.permutation(X.shape[1])]
        assert describe_values(shuffled) == describe_values(X)


def test_negative_values_are_scaled(counts):
    z = (counts - counts.mean(axis=0)) / (counts.std(axis=0) + 1)
    assert detect_value_kind(z) == "scaled"
    assert "negative values" in describe_values(z)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (cp10k, "linear CPM / TPM / RPKM"),
        (lambda x: x / x.sum(axis=1, keepdims=True) * 30, "every cell has the same total"),
        (lambda x: np.minimum(x, 15)[:, 10:] / np.linspace(0.7, 1.9, len(x))[:, None], "multiples"),
        (lambda x: x / x.max(axis=0).clip(1), "between 0 and 1"),
        (lambda x: x + 1e-5 * (x > 0), "rounding noise"),
        (lambda x: x + 0.5 * (x == 3), "fractional counts"),
    ],
)
def test_other_values_are_unknown_and_described(counts, change, expected):
    for X in forms(change(counts)):
        assert detect_value_kind(X) == "unknown"
        assert expected in describe_values(X)


def test_log_values_of_a_gene_selection_stay_log(counts):
    assert detect_value_kind(np.log1p(cp10k(counts))[:, ::3]) == "log-normalised"


def test_all_values_are_looked_at():
    X = sp.random(3000, 2000, density=0.9, format="csr", random_state=0)
    X.data = np.ceil(X.data * 5)
    assert detect_value_kind(X) == "counts"
    X.data[-1] = -1
    assert detect_value_kind(X) == "scaled"


def test_the_maximum_is_in_the_sentence():
    assert "maximum 23,456" in describe_values(np.array([[23456.4, 0.3], [2.2, 1.7]]))


@pytest.mark.parametrize(("value", "name"), [(np.nan, "1 NaN and 0 infinite"), (-np.inf, "0 NaN and 1 infinite")])
def test_not_finite_values_are_refused_with_their_place(counts, value, name):
    bad = counts.copy()
    bad[7, 11] = value
    for X in forms(bad):
        with pytest.raises(InputError, match=f"{name} values, the first in row 7, column 11"):
            detect_value_kind(X)


@pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")
@pytest.mark.parametrize("path", sorted(SHARED.glob("*.h5ad")), ids=lambda path: path.stem)
def test_real_data_are_what_their_files_say(path):
    adata = ad.io.read_h5ad(path)
    says = {"counts": "counts", "lognorm": "log-normalised", "rpkm": "unknown"}[adata.uns["X_kind"]]
    assert detect_value_kind(adata.X) == says
    if says == "counts":
        scale = sp.diags(1e4 / np.asarray(adata.X.sum(axis=1)).ravel())
        assert detect_value_kind((scale @ adata.X).log1p()) == "log-normalised"
        assert detect_value_kind(scale @ adata.X) == "unknown"
