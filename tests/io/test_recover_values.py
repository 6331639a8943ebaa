import math
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import counts_from_log_normalised

SHARED = Path(__file__).parents[3] / "shared" / "data"
NEEDS_SHARED = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")


@pytest.fixture(scope="module")
def counts():
    counts = simulate(300, 250, 4, 0.05, depth=2000, random_state=1).X
    one = np.asarray((counts == 1).sum(axis=1)).ravel() > 0
    return sp.csr_matrix(counts[one])


def log_normalise(counts, target=1e4, base=math.e, dtype=np.float64):
    scaled = sp.csr_matrix(sp.diags(target / np.asarray(counts.sum(axis=1)).ravel()) @ counts, dtype=dtype)
    scaled.data = np.log1p(scaled.data) / dtype(math.log(base))
    return scaled


def same(found, counts):
    return (found.counts != counts).nnz == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [1.0, 1e3, 1e4, 1e6])
def test_round_trip_is_exact(counts, target, dtype):
    found = counts_from_log_normalised(log_normalise(counts, target, dtype=dtype))
    assert same(found, counts)
    assert found.n_uncertain == 0
    assert found.max_deviation < 0.01


def test_any_factor_per_cell_and_any_gene_selection_are_recovered(counts):
    rng = np.random.default_rng(0)
    log_expr = sp.csr_matrix(sp.diags(rng.lognormal(0, 1, counts.shape[0])) @ counts).log1p()
    keep = rng.permutation(counts.shape[1])[:150]
    has_one = np.asarray((counts[:, keep] == 1).sum(axis=1)).ravel() > 0
    assert same(counts_from_log_normalised(log_expr[has_one][:, keep]), counts[has_one][:, keep])


def test_dense_values_and_another_order_give_the_same_counts(counts):
    order = np.random.default_rng(0).permutation(counts.shape[0])
    found = counts_from_log_normalised(log_normalise(counts).toarray()[order])
    assert same(found, counts[order])


@pytest.mark.parametrize("base", [2.0, 10.0])
def test_other_bases_are_recovered_when_named_and_suggested_when_not(counts, base):
    log_expr = log_normalise(counts, base=base)
    assert same(counts_from_log_normalised(log_expr, base=base), counts)
    with pytest.raises(InputError, match=f"fit base={base:g}"):
        counts_from_log_normalised(log_expr)


def test_a_cell_whose_smallest_count_is_two_is_refused_and_named(counts):
    changed = counts.tolil()
    row = changed[5].toarray().ravel()
    row[row == 1] = 2
    changed[5] = row
    assert (row[row > 0] % 2).any()
    names = [f"cell_{number}" for number in range(counts.shape[0])]
    with pytest.raises(InputError, match=r"1 of .* cells .* 0\.50, cell 'cell_5'.* exactly one count"):
        counts_from_log_normalised(log_normalise(sp.csr_matrix(changed)), cell_names=names)


@pytest.mark.parametrize("smallest", [2, 3, 4])
def test_cells_without_a_count_of_one_are_refused(counts, smallest):
    dense = counts.toarray()
    dense[(dense > 0) & (dense < smallest)] = smallest
    with pytest.raises(InputError, match="not log-normalised counts"):
        counts_from_log_normalised(log_normalise(sp.csr_matrix(dense)))


def averaged(log_expr, rng):
    return (log_expr + log_expr[rng.permutation(len(log_expr))] + log_expr[rng.permutation(len(log_expr))]) / 3


def batch_corrected(log_expr, rng):
    shift = rng.normal(0, 0.1, (2, log_expr.shape[1]))[rng.integers(2, size=len(log_expr))]
    return np.where(log_expr > 0, np.maximum(log_expr + shift, 0.01), 0)


def smoothed(log_expr, rng):
    return 0.9 * log_expr + 0.1 * log_expr.mean(axis=0)


def random_values(log_expr, rng):
    return np.where(log_expr > 0, rng.gamma(3, 1, log_expr.shape), 0)


def scaled_by_gene(log_expr, rng):
    return log_expr / (log_expr.std(axis=0) + 0.1)


@pytest.mark.parametrize("change", [averaged, batch_corrected, smoothed, random_values, scaled_by_gene])
def test_changed_values_are_refused(counts, change):
    log_expr = change(log_normalise(counts).toarray(), np.random.default_rng(0))
    with pytest.raises(InputError, match="not log-normalised counts"):
        counts_from_log_normalised(log_expr)


def test_rounding_noise_in_large_counts_is_tolerated_and_reported():
    counts = sp.csr_matrix(np.array([[1, 2, 7, 40, 5000], [1, 3, 1, 12, 9]]))
    log_expr = log_normalise(counts)
    log_expr.data = log_expr.data.round(3)
    found = counts_from_log_normalised(log_expr)
    assert found.n_uncertain == 1
    assert abs(found.first_uncertain - 5000) < 5
    assert found.counts[1].toarray().tolist() == counts[1].toarray().tolist()
    assert found.counts[0, :4].toarray().tolist() == counts[0, :4].toarray().tolist()


def test_values_rounded_too_coarsely_are_refused(counts):
    log_expr = log_normalise(counts, target=10)
    log_expr.data = log_expr.data.round(1)
    with pytest.raises(InputError, match="rounded too coarsely"):
        counts_from_log_normalised(log_expr)


def test_large_counts_in_single_precision_are_exact():
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(np.concatenate([[1, 2, 3], rng.integers(1, 300_000, 200)])[None])
    assert same(counts_from_log_normalised(log_normalise(counts, dtype=np.float32)), counts)


def test_empty_cells_and_genes_stay_empty(counts):
    counts = counts.tolil()
    counts[3] = 0
    counts[:, 8] = 0
    counts = sp.csr_matrix(counts)
    factors = np.full(counts.shape[0], 3.7)
    assert same(counts_from_log_normalised((sp.diags(factors) @ counts).tocsr().log1p()), counts)


def test_the_input_is_not_changed(counts):
    log_expr = log_normalise(counts)
    before = log_expr.copy()
    counts_from_log_normalised(log_expr)
    np.testing.assert_array_equal(log_expr.data, before.data)
    np.testing.assert_array_equal(log_expr.indices, before.indices)


@pytest.mark.parametrize(
    ("X", "expected"),
    [
        (np.array([[1.0, -0.1]]), "1 values are negative"),
        (np.array([[1.0, np.nan]]), "NaN"),
        (np.array([[1.0, np.inf]]), "infinite"),
        (np.array([[1.0, 5000.0]]), "too large for logarithms"),
        (np.zeros((0, 3)), "shape"),
    ],
)
def test_values_that_are_no_logarithms_are_refused(X, expected):
    with pytest.raises(InputError, match=expected):
        counts_from_log_normalised(X)


@pytest.mark.parametrize("arguments", [{"base": 1}, {"base": -2}, {"tolerance": 0}, {"tolerance": 0.4}])
def test_arguments_without_sense_are_refused(arguments):
    with pytest.raises(InputError, match=next(iter(arguments))):
        counts_from_log_normalised(np.array([[1.0, 2.0]]), **arguments)


def test_pbmc68k_reduced_has_counts_behind_it():
    raw = sc.datasets.pbmc68k_reduced().raw.X
    found = counts_from_log_normalised(raw)
    values = np.expm1(raw.toarray().astype(np.float64))
    smallest = np.where(values > 0, values, np.inf).min(axis=1, keepdims=True)
    naive = values / smallest
    assert np.abs(naive - np.rint(naive)).max() == pytest.approx(0.112, abs=1e-3)
    np.testing.assert_array_equal(found.counts.toarray(), np.rint(naive))
    assert found.max_deviation < 0.1
    assert found.counts.max() == 259


@NEEDS_SHARED
@pytest.mark.parametrize("name", ["pbmc3k", "worm_neurons", "baron_cross_species", "goolam", "pollen"])
def test_real_counts_make_the_round_trip_in_single_precision(name):
    counts = ad.io.read_h5ad(SHARED / f"{name}.h5ad").X
    assert same(counts_from_log_normalised(log_normalise(counts, dtype=np.float32)), counts)


@NEEDS_SHARED
def test_counts_of_pbmc_three_chemistries_agree_with_its_depths():
    adata = ad.io.read_h5ad(SHARED / "pbmc_three_chemistries.h5ad")
    found = counts_from_log_normalised(adata.X)
    assert found.max_deviation < 0.001
    # CP10k over all genes: one count is 10,000 / depth, and the file gives the depth.
    unit = np.expm1(adata.X.astype(np.float64)).max(axis=1).toarray() / found.counts.max(axis=1).toarray()
    np.testing.assert_allclose(1e4 / unit.ravel(), adata.obs["n_umi"], rtol=1e-5)
