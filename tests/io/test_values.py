import math
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import scanpy as sc
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import counts_from_log_normalised, describe_values, detect_value_kind, find_alternative


@pytest.fixture
def adata():
    adata = simulate(30, 30, 2, 0.1)
    adata.X = adata.X.log1p()
    return adata


def test_a_layer_is_found(adata):
    assert find_alternative(adata, ["counts"]) == 'adata.layers["counts"] holds counts: pass layer="counts"'
    assert find_alternative(adata, ["counts"], layer="counts") is None


def test_the_main_matrix_is_found_when_a_layer_is_not_wanted(adata):
    found = find_alternative(adata, ["log-normalised"], layer="counts")
    assert found == "adata.X holds log-normalised values: leave layer out"


def test_raw_is_found(adata):
    adata.raw = adata.copy()
    del adata.layers["counts"]
    adata.X = adata.X.toarray() - 1
    found = find_alternative(adata, ["counts", "log-normalised"])
    assert found == "adata.raw holds log-normalised values: use adata.raw.to_adata()"


def test_damaged_and_foreign_layers_are_passed_over(adata):
    del adata.layers["counts"]
    adata.layers["bad"] = np.full(adata.shape, np.nan)
    assert find_alternative(adata, ["counts"]) is None


SHARED = Path(__file__).parents[3] / "shared" / "data"
NEEDS_SHARED = pytest.mark.skipif(not SHARED.is_dir(), reason="the folder ../shared/data of real data sets is absent")


@pytest.fixture(scope="module")
def counts_recover_values():
    counts = simulate(300, 250, 4, 0.05, depth=2000, random_state=1).X
    one = np.asarray((counts == 1).sum(axis=1)).ravel() > 0
    return sp.csr_matrix(counts[one])


def log_normalise(counts_recover_values, target=1e4, base=math.e, dtype=np.float64):
    scaled = sp.csr_matrix(
        sp.diags(target / np.asarray(counts_recover_values.sum(axis=1)).ravel()) @ counts_recover_values, dtype=dtype
    )
    scaled.data = np.log1p(scaled.data) / dtype(math.log(base))
    return scaled


def same(found, counts_recover_values):
    return (found.counts != counts_recover_values).nnz == 0


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("target", [1.0, 1e3, 1e4, 1e6])
def test_round_trip_is_exact(counts_recover_values, target, dtype):
    found = counts_from_log_normalised(log_normalise(counts_recover_values, target, dtype=dtype))
    assert same(found, counts_recover_values)
    assert found.n_uncertain == 0
    assert found.max_deviation < 0.01


def test_any_factor_per_cell_and_any_gene_selection_are_recovered(counts_recover_values):
    rng = np.random.default_rng(0)
    log_expr = sp.csr_matrix(
        sp.diags(rng.lognormal(0, 1, counts_recover_values.shape[0])) @ counts_recover_values
    ).log1p()
    keep = rng.permutation(counts_recover_values.shape[1])[:150]
    has_one = np.asarray((counts_recover_values[:, keep] == 1).sum(axis=1)).ravel() > 0
    assert same(counts_from_log_normalised(log_expr[has_one][:, keep]), counts_recover_values[has_one][:, keep])


def test_dense_values_and_another_order_give_the_same_counts(counts_recover_values):
    order = np.random.default_rng(0).permutation(counts_recover_values.shape[0])
    found = counts_from_log_normalised(log_normalise(counts_recover_values).toarray()[order])
    assert same(found, counts_recover_values[order])


@pytest.mark.parametrize("base", [2.0, 10.0])
def test_other_bases_are_recovered_when_named_and_suggested_when_not(counts_recover_values, base):
    log_expr = log_normalise(counts_recover_values, base=base)
    assert same(counts_from_log_normalised(log_expr, base=base), counts_recover_values)
    with pytest.raises(InputError, match=f"fit base={base:g}"):
        counts_from_log_normalised(log_expr)


def test_a_cell_whose_smallest_count_is_two_is_refused_and_named(counts_recover_values):
    changed = counts_recover_values.tolil()
    row = changed[5].toarray().ravel()
    row[row == 1] = 2
    changed[5] = row
    assert (row[row > 0] % 2).any()
    names = [f"cell_{number}" for number in range(counts_recover_values.shape[0])]
    with pytest.raises(InputError, match=r"1 of .* cells .* 0\.50, cell 'cell_5'.* exactly one count"):
        counts_from_log_normalised(log_normalise(sp.csr_matrix(changed)), cell_names=names)


@pytest.mark.parametrize("smallest", [2, 3, 4])
def test_cells_without_a_count_of_one_are_refused(counts_recover_values, smallest):
    dense = counts_recover_values.toarray()
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
def test_changed_values_are_refused(counts_recover_values, change):
    log_expr = change(log_normalise(counts_recover_values).toarray(), np.random.default_rng(0))
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


def test_values_rounded_too_coarsely_are_refused(counts_recover_values):
    log_expr = log_normalise(counts_recover_values, target=10)
    log_expr.data = log_expr.data.round(1)
    with pytest.raises(InputError, match="rounded too coarsely"):
        counts_from_log_normalised(log_expr)


def test_large_counts_in_single_precision_are_exact():
    rng = np.random.default_rng(0)
    counts = sp.csr_matrix(np.concatenate([[1, 2, 3], rng.integers(1, 300_000, 200)])[None])
    assert same(counts_from_log_normalised(log_normalise(counts, dtype=np.float32)), counts)


def test_empty_cells_and_genes_stay_empty(counts_recover_values):
    counts_recover_values = counts_recover_values.tolil()
    counts_recover_values[3] = 0
    counts_recover_values[:, 8] = 0
    counts_recover_values = sp.csr_matrix(counts_recover_values)
    factors = np.full(counts_recover_values.shape[0], 3.7)
    assert same(
        counts_from_log_normalised((sp.diags(factors) @ counts_recover_values).tocsr().log1p()), counts_recover_values
    )


def test_the_input_is_not_changed(counts_recover_values):
    log_expr = log_normalise(counts_recover_values)
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


@pytest.fixture(scope="module")
def counts_value_kind():
    return simulate(200, 120, 3, 0.05).X.toarray()


def cp10k(counts_value_kind):
    return counts_value_kind / counts_value_kind.sum(axis=1, keepdims=True) * 1e4


def forms(values):
    return [values, sp.csr_matrix(values), sp.csc_matrix(values), sp.csr_array(values)]


def test_counts_of_any_type_and_form(counts_value_kind):
    for X in [
        *forms(counts_value_kind),
        counts_value_kind.astype(int),
        counts_value_kind.astype(np.uint16),
        counts_value_kind > 0,
        np.zeros((2, 3)),
    ]:
        assert detect_value_kind(X) == "counts"


@pytest.mark.parametrize("log", [np.log1p, lambda x: np.log2(x + 1), lambda x: np.log10(x + 1)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_logarithms(counts_value_kind, log, dtype):
    for X in forms(log(cp10k(counts_value_kind)).astype(dtype)):
        assert detect_value_kind(X) == "log-normalised"


def test_the_order_of_cells_and_genes_does_not_matter(counts_value_kind):
    rng = np.random.default_rng(0)
    for X in (counts_value_kind, np.log1p(cp10k(counts_value_kind)), cp10k(counts_value_kind), counts_value_kind - 1):
        shuffled = X[rng.permutation(len(X))][:, rng.permutation(X.shape[1])]
        assert describe_values(shuffled) == describe_values(X)


def test_negative_values_are_scaled(counts_value_kind):
    z = (counts_value_kind - counts_value_kind.mean(axis=0)) / (counts_value_kind.std(axis=0) + 1)
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
def test_other_values_are_unknown_and_described(counts_value_kind, change, expected):
    for X in forms(change(counts_value_kind)):
        assert detect_value_kind(X) == "unknown"
        assert expected in describe_values(X)


def test_log_values_of_a_gene_selection_stay_log(counts_value_kind):
    assert detect_value_kind(np.log1p(cp10k(counts_value_kind))[:, ::3]) == "log-normalised"


def test_all_values_are_looked_at():
    X = sp.random(3000, 2000, density=0.9, format="csr", random_state=0)
    X.data = np.ceil(X.data * 5)
    assert detect_value_kind(X) == "counts"
    X.data[-1] = -1
    assert detect_value_kind(X) == "scaled"


def test_the_maximum_is_in_the_sentence():
    assert "maximum 23,456" in describe_values(np.array([[23456.4, 0.3], [2.2, 1.7]]))


@pytest.mark.parametrize(("value", "name"), [(np.nan, "1 NaN and 0 infinite"), (-np.inf, "0 NaN and 1 infinite")])
def test_not_finite_values_are_refused_with_their_place(counts_value_kind, value, name):
    bad = counts_value_kind.copy()
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
