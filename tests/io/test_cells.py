"""log1p CP10k against scanpy, and back to counts."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scanpy as sc
import scipy.sparse as sp
from anndata import AnnData
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from scgarage.datasets import pbmc68k, simulate
from scgarage.errors import InputError
from scgarage.io.cells import (
    USABLE,
    as_text,
    counts_from_log_expr,
    expression_matrix,
    library_size,
    log1p_cp10k,
    match_genes,
    obs_column,
    read_cells,
    recorded_totals,
    validate_expression,
    validate_labels,
    value_kind,
)


def labelled(labels, **columns):
    obs = pd.DataFrame({"cell_type": labels, **columns}, index=[f"c{number}" for number in range(len(labels))])
    return AnnData(np.ones((len(labels), 2)), obs=obs)


@pytest.mark.parametrize(
    "labels",
    [
        ["a", "b"] * 5,
        pd.Categorical(["a", "b"] * 5, categories=["a", "b", "never"]),
        [1, 2] * 5,
        [1.0, 2.0] * 5,
        [True, False] * 5,
        pd.Categorical([1, 2] * 5),
    ],
)
def test_good_labels_pass(labels):
    validate_labels(labelled(labels), "cell_type")


def test_bundled_data_pass():
    validate_labels(pbmc68k(), "cell_type")
    validate_labels(simulate(), "cell_type")


def test_the_order_of_cells_does_not_matter():
    adata = labelled(["a"] * 5 + ["b"])
    for order in (range(6), [5, 4, 3, 2, 1, 0]):
        with pytest.raises(InputError, match=r"'b' \(1\)"):
            validate_labels(adata[list(order)].copy(), "cell_type")


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["a", None, "b", None], r"no label for 2 of 4 cells \(first: 'c1'\).*\.notna\(\)"),
        (["a"] * 4, r"one label \('a'\); at least 2 are expected"),
        (["a", "a", "b", "c"], r"2 types .* fewer than 2 cells: 'b' \(1\), 'c' \(1\); merge them .* or drop"),
        (["a", "a", "unsure", "unsure"], r"label 'unsure' \(2 cells\), which scgarage reserves"),
        (np.linspace(0, 1, 8), r"8 different numbers from 0 to 1, which looks like a measurement"),
        (np.arange(51), "51 different numbers from 0 to 50"),
        (pd.Categorical(np.linspace(0, 1, 8)), "looks like a measurement"),
        ([f"cell {number}" for number in range(9)], r"9 types .*'cell 0' \(1\), .* and 4 more; merge"),
    ],
)
def test_bad_labels_are_refused(labels, expected):
    with pytest.raises(InputError, match=expected):
        validate_labels(labelled(labels), "cell_type")


def test_a_missing_column_names_those_that_hold_labels():
    adata = labelled(["a", "b"], depth=[1.0, 2.0], batch=pd.Categorical(["x", "y"]))
    with pytest.raises(
        InputError, match=r"adata\.obs has no 'louvain'; pass labels_key= one of: 'cell_type', 'batch'$"
    ):
        validate_labels(adata, "louvain")


def test_a_measurement_names_the_columns_that_hold_labels():
    adata = labelled(["a", "b"] * 4, depth=np.linspace(0, 1, 8))
    with pytest.raises(InputError, match="pass labels_key= one of: 'cell_type'"):
        validate_labels(adata, "depth")


def test_limits_are_arguments():
    adata = labelled(["a", "a", "a", "b"])
    validate_labels(adata, "cell_type", min_cells_per_type=1)
    validate_labels(labelled(["a"]), "cell_type", min_types=1, min_cells_per_type=1)
    with pytest.raises(InputError, match="holds 2 labels; at least 3 are expected"):
        validate_labels(adata, "cell_type", min_types=3)
    with pytest.raises(InputError, match=r"fewer than 4 cells: 'a' \(3\), 'b' \(1\)"):
        validate_labels(adata, "cell_type", min_cells_per_type=4)


def some_counts(n_cells: int = 40, n_genes: int = 30, dtype: type = np.float32) -> np.ndarray:
    rng = np.random.default_rng(0)
    counts = rng.negative_binomial(0.3, 0.02, size=(n_cells, n_genes)).astype(dtype)
    counts[:, 0] += 1
    return counts


CONTAINERS = {"dense": np.asarray, "csr": sparse.csr_matrix, "csc": sparse.csc_matrix, "csr_array": sparse.csr_array}


@pytest.mark.parametrize("container", CONTAINERS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
def test_values_are_those_of_scanpy(container, dtype):
    counts = CONTAINERS[container](some_counts(dtype=dtype))
    table = ad.AnnData(X=sparse.csr_matrix(some_counts(dtype=np.float64)))
    sc.pp.normalize_total(table, target_sum=1e4)
    sc.pp.log1p(table)
    found = log1p_cp10k(counts)
    assert found.dtype == np.float32
    assert sparse.issparse(found) == (container != "dense")
    dense = found.toarray() if sparse.issparse(found) else found
    assert_allclose(dense, table.X.toarray(), rtol=1e-6)


@pytest.mark.parametrize("container", CONTAINERS)
def test_input_is_not_changed(container):
    counts = CONTAINERS[container](some_counts(dtype=np.float64))
    before = counts.copy()
    log1p_cp10k(counts)
    assert_array_equal(
        counts.toarray() if sparse.issparse(counts) else counts, before.toarray() if sparse.issparse(before) else before
    )


def test_entries_given_twice_are_added_first():
    twice = sparse.csr_matrix(([1.0, 2.0, 1.0], [0, 0, 1], [0, 3]), shape=(1, 2))
    assert_allclose(log1p_cp10k(twice).toarray(), log1p_cp10k(np.array([[3.0, 1.0]])), rtol=1e-6)
    assert twice.nnz == 3


def test_depth_of_a_cell_does_not_matter():
    counts = some_counts().astype(np.float64)
    depth = np.random.default_rng(1).integers(1, 9, size=(len(counts), 1))
    assert_allclose(log1p_cp10k(counts * depth), log1p_cp10k(counts), rtol=1e-6)


def test_totals_of_all_genes_serve_a_subset_of_genes():
    counts = some_counts()
    found = log1p_cp10k(counts[:, :7], totals=library_size(counts))
    assert_array_equal(found, log1p_cp10k(counts)[:, :7])


def test_library_size_is_exact_beyond_float32():
    counts = np.full((1, 3), 2**24, dtype=np.float32)
    counts[0, 2] = 1
    assert library_size(counts).tolist() == library_size(sparse.csr_matrix(counts)).tolist() == [2**25 + 1]


def test_empty_cells_and_wrong_totals_are_refused():
    counts = some_counts()
    counts[3] = 0
    with pytest.raises(InputError, match="1 cells have no counts"):
        log1p_cp10k(sparse.csr_matrix(counts))
    with pytest.raises(InputError, match="one library size per cell"):
        log1p_cp10k(some_counts(), totals=np.ones(3))
    with pytest.raises(InputError, match="one library size per cell"):
        counts_from_log_expr(some_counts(), np.ones((40, 1)))


@pytest.mark.parametrize("largest", [10, 1_000, 100_000, 1_000_000])
def test_counts_come_back_exactly(largest):
    rng = np.random.default_rng(largest)
    counts = np.zeros((20_000, 3))
    counts[:, 0] = rng.integers(0.9 * largest, largest, size=20_000, endpoint=True)
    counts[:, 1] = rng.integers(0, largest, size=20_000, endpoint=True)
    counts[::2, 2] = rng.integers(0, 5, size=10_000)
    counts[1::2, 2] = rng.integers(0, 10**7, size=10_000)  # makes the others a small share
    counts[1::2, 2] = np.minimum(counts[1::2, 2], 10**6)
    log_expr = log1p_cp10k(counts)
    assert_array_equal(counts_from_log_expr(log_expr, library_size(counts)), counts)


def test_counts_are_whole_and_not_negative():
    rng = np.random.default_rng(0)
    counts = counts_from_log_expr(rng.normal(size=(5, 6)).astype(np.float32), rng.uniform(1e4, 1e5, size=5))
    assert counts.dtype == np.float32
    assert counts.min() == 0
    assert_array_equal(counts, np.rint(counts))


@pytest.fixture
def adata():
    adata = simulate(60, 60, 3, 0.1, depth=2000)
    del adata.layers["counts"]
    adata.layers["log"] = adata.X.log1p()
    return adata


def with_values(adata, change):
    changed = AnnData(adata.X.toarray(), obs=adata.obs, var=adata.var)
    change(changed.X)
    return changed


def set_value(value, row=4, column=7):
    def change(X):
        X[row, column] = value

    return change


def test_the_matrix_is_handed_out_without_a_copy(adata):
    assert expression_matrix(adata) is adata.X
    assert expression_matrix(adata, "log") is adata.layers["log"]
    dense = AnnData(adata.X.toarray())
    assert np.shares_memory(expression_matrix(dense), dense.X)


def test_other_sparse_forms_become_csr(adata):
    adata.X = sp.csc_matrix(adata.X)
    assert isinstance(expression_matrix(adata), sp.csr_matrix)


def test_a_view_gives_its_own_rows(adata):
    np.testing.assert_array_equal(expression_matrix(adata[5:9]).toarray(), adata.X[5:9].toarray())


def test_a_missing_layer_is_named_with_the_available_ones(adata):
    for function in (expression_matrix, value_kind, validate_expression):
        with pytest.raises(InputError, match=r"adata\.layers has no 'x'; pass layer= one of: 'log'"):
            function(adata, "x")


def test_a_missing_main_matrix_points_at_the_layers(adata):
    empty = AnnData(obs=adata.obs, var=adata.var, layers={"log": adata.X})
    with pytest.raises(InputError, match=r"adata\.X is empty; pass layer= one of: 'log'"):
        expression_matrix(empty)


def test_the_kind_is_that_of_the_values_and_not_of_an_old_record(adata):
    assert value_kind(adata) == "counts"
    assert value_kind(adata, "log") == "log-normalised"
    adata.X = adata.layers["log"]
    assert adata.uns["scgarage"]["value_kind"] == "counts"
    assert value_kind(adata) == "log-normalised"


def test_a_record_decides_what_the_values_leave_open(adata):
    adata.X = adata.X / 1000
    adata.layers["same"] = adata.X
    assert value_kind(adata) == "unknown"
    adata.uns["scgarage"] = {"value_kind": "log-normalised"}
    assert value_kind(adata) == "log-normalised"
    assert value_kind(adata, "same") == "unknown"
    assert validate_expression(adata) == "log-normalised"


def test_good_data_pass_with_their_kind(adata):
    assert validate_expression(adata) == "counts"
    assert validate_expression(adata, "log") == "log-normalised"
    assert validate_expression(adata, accept=("counts",)) == "counts"
    adata.X = adata.X.toarray() - 1
    assert validate_expression(adata, accept=("scaled",)) == "scaled"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (set_value(np.nan), r"adata\.X holds 1 NaN values \(first: cell 'cell_04', gene 'gene_07'\)"),
        (set_value(np.inf), r"adata\.X holds 1 infinite values \(first: cell 'cell_04', gene 'gene_07'\)"),
        (set_value(-3), r"adata\.X holds 1 negative values \(first: cell 'cell_04', gene 'gene_07'\)"),
        (set_value(0, 3, slice(None)), r"1 of 60 cells have no expression at all \(first: 'cell_03'\); drop them: sc"),
        (lambda X: X.__imul__(0.37), r"cannot be used \(.*linear CPM"),
    ],
)
@pytest.mark.parametrize("form", [np.asarray, sp.csr_matrix])
def test_bad_values_are_refused_with_their_place(adata, change, expected, form):
    bad = with_values(adata, change)
    bad.X = form(bad.X)
    with pytest.raises(InputError, match=expected):
        validate_expression(bad)


def test_bad_values_of_a_layer_are_refused_too(adata):
    adata.layers["log"].data[5] = np.nan
    assert validate_expression(adata) == "counts"
    with pytest.raises(InputError, match=r"adata\.layers\['log'\] holds 1 NaN"):
        validate_expression(adata, "log")


def test_silent_genes_are_a_warning_only(adata):
    silent = with_values(adata, set_value(0, slice(None), [2, 5]))
    with pytest.warns(UserWarning, match="2 of 60 genes have no expression in any cell; they stay zero") as caught:
        assert validate_expression(silent) == "counts"
    assert caught[0].filename == __file__


@pytest.mark.parametrize(("axis", "noun"), [("obs_names", "cell"), ("var_names", "gene")])
@pytest.mark.filterwarnings("ignore:.* names are not unique:UserWarning")
def test_repeated_names_are_refused(adata, axis, noun):
    names = getattr(adata, axis).to_list()
    names[3] = names[9]
    setattr(adata, axis, names)
    with pytest.raises(InputError, match=rf"1 {noun} names occur more than once \('{noun}_09'\); call adata\.{axis}_"):
        validate_expression(adata)


@pytest.mark.parametrize("shape", [(0, 5), (5, 0)])
def test_empty_data_are_refused(shape):
    with pytest.raises(InputError, match="at least one of each is expected"):
        validate_expression(AnnData(np.zeros(shape)))


def test_counts_where_logarithms_are_needed_come_with_a_way(adata):
    with pytest.raises(InputError, match=r'expected: log-normalised; adata\.layers\["log"\] holds log-normalised'):
        validate_expression(adata, accept=("log-normalised",))
    del adata.layers["log"]
    with pytest.raises(InputError, match=r"expected: log-normalised; normalise with sc\.pp\.normalize_total"):
        validate_expression(adata, accept=("log-normalised",))


def test_logarithms_where_counts_are_needed_come_with_a_way(adata):
    with pytest.raises(InputError, match=r"expected: counts; adata\.X holds counts: leave layer out"):
        validate_expression(adata, "log", accept=("counts",))
    adata.X = adata.layers.pop("log")
    with pytest.raises(InputError, match=r"expected: counts; recover the counts with sg\.pp\.recover_counts"):
        validate_expression(adata, accept=("counts",))


def test_scaled_values_point_at_raw(adata):
    adata.raw = adata.copy()
    del adata.layers["log"]
    adata.X = adata.X.toarray() - 1
    with pytest.raises(InputError, match=r"negative values .*adata\.raw holds counts: use adata\.raw\.to_adata\(\)"):
        validate_expression(adata)


def test_unknown_values_say_how_to_declare_logarithms(adata):
    adata.X = np.random.default_rng(0).beta(2, 5, adata.shape) * (adata.X.toarray() > 0)
    del adata.layers["log"]
    with pytest.raises(InputError, match=r'between 0 and 1.*say so: adata\.uns\["scgarage"\]'):
        validate_expression(adata)


def test_genes_in_the_same_order_are_left_alone(adata):
    assert match_genes(adata, adata.var_names) is adata
    assert match_genes(adata, list(adata.var_names)) is adata


def test_genes_in_another_order_are_reordered(adata):
    order = np.random.default_rng(0).permutation(adata.n_vars)
    found = match_genes(adata, adata.var_names[order])
    assert found.var_names.tolist() == adata.var_names[order].tolist()
    np.testing.assert_array_equal(found.X.toarray(), adata.X.toarray()[:, order])
    np.testing.assert_array_equal(found.layers["log"].toarray(), adata.layers["log"].toarray()[:, order])
    assert not found.is_view
    back = match_genes(found, adata.var_names)
    assert (back.X != adata.X).nnz == 0


def test_missing_and_extra_genes_are_refused_with_numbers_and_names(adata):
    expected = r"of the test cells do not match: 10 of 60 genes are missing \('gene_00', .*\); both must hold"
    with pytest.raises(InputError, match=expected):
        match_genes(adata[:, 10:].copy(), adata.var_names, what="the test cells")
    with pytest.raises(InputError, match=r"do not match: 10 genes are not expected \('gene_00'"):
        match_genes(adata, adata.var_names[10:])
    with pytest.raises(InputError, match=r"2 of 60 genes are missing .* and 2 genes are not expected"):
        match_genes(adata, ["x", "y", *adata.var_names[2:]])


def test_another_kind_of_names_is_explained(adata):
    adata.var["gene_ids"] = [f"ENSG{number:011d}" for number in range(60)]
    with pytest.raises(InputError, match=r"adata\.var\['gene_ids'\] holds such names"):
        match_genes(adata, adata.var["gene_ids"].to_list())
    wanted = adata.var["gene_ids"].to_list()
    del adata.var["gene_ids"]
    with pytest.raises(InputError, match="Ensembl identifiers and the other gene symbols"):
        match_genes(adata, wanted)


@pytest.mark.filterwarnings("ignore:.* names are not unique:UserWarning")
def test_repeated_gene_names_cannot_be_matched(adata):
    adata.var_names = ["a", "a", *adata.var_names[2:]]
    with pytest.raises(InputError, match="occur more than once"):
        match_genes(adata, pd.Index([f"gene_{number}" for number in range(60)]))


@pytest.fixture
def mixed() -> AnnData:
    cells = simulate(n_cells=40, n_genes=30, n_types=2, n_batches=2)
    cells.layers["raw"] = cells.X.copy()
    cells.X = log1p_cp10k(cells.X).toarray().astype(np.float64)
    return cells


def test_cells_are_values_kind_genes_and_what_follows_from_counts(mixed):
    cells = read_cells(mixed, layer="raw", labels_key="cell_type", batch_key="batch")
    assert (cells.kind, cells.matrix.dtype, cells.genes.equals(mixed.var_names)) == ("counts", np.float32, True)
    assert_array_equal(cells.csr.toarray(), mixed.layers["raw"].toarray())
    assert_array_equal(cells.totals, library_size(mixed.layers["raw"]))
    assert_array_equal(cells.log_expr.toarray(), log1p_cp10k(mixed.layers["raw"]).toarray())
    assert_array_equal(cells.labels, mixed.obs["cell_type"].astype(str))
    assert_array_equal(cells.batches, mixed.obs["batch"].astype(str))


def test_logarithms_stay_as_they_are_and_have_no_totals(mixed):
    cells = read_cells(mixed, accept=USABLE)
    assert (cells.kind, cells.totals, cells.labels, cells.batches) == ("log-normalised", None, None, None)
    assert cells.matrix is mixed.X
    assert cells.log_expr.dtype == np.float32
    assert_array_equal(cells.log_expr.toarray(), mixed.X.astype(np.float32))


def test_a_missing_layer_is_refused_unless_x_may_stand_in(mixed):
    with pytest.raises(InputError, match="no 'gone'"):
        read_cells(mixed, layer="gone")
    assert read_cells(mixed, layer="gone", or_x=True).kind == "log-normalised"
    assert read_cells(mixed, layer="raw", or_x=True).kind == "counts"


def test_values_are_checked_only_when_kinds_are_named(mixed):
    mixed.X[0] = 0
    assert read_cells(mixed).kind == "log-normalised"
    with pytest.raises(InputError, match="no expression at all"):
        read_cells(mixed, accept=USABLE)
    with pytest.raises(InputError, match="expected: counts"):
        read_cells(mixed[1:].copy(), accept=("counts",))
    mixed.X[0] = np.nan
    assert read_cells(mixed, kind="log-normalised").kind == "log-normalised"


def test_columns_are_text_and_complete():
    cells = labelled([1, 2, None], batch=["x", "y", "z"])
    assert obs_column(cells, "batch").tolist() == ["x", "y", "z"]
    assert as_text(cells.obs["cell_type"]).tolist() == ["1.0", "2.0", "unsure"]
    with pytest.raises(InputError, match=r"obs\['cell_type'\] has 1 missing values"):
        obs_column(cells, "cell_type")
    with pytest.raises(InputError, match="has no 'donor'; available: 'cell_type', 'batch'"):
        obs_column(cells, "donor")
    with pytest.raises(InputError, match=r"^no 'donor' among 'cell_type', 'batch'$"):
        obs_column(cells, "donor", absent="no {key!r} among {columns}")


def test_totals_of_quality_control_are_found(mixed):
    assert recorded_totals(mixed) is None
    mixed.obs["total_counts"] = 7
    assert recorded_totals(mixed).tolist() == [7.0] * 40


def test_good_labels_come_back_as_text():
    assert validate_labels(labelled([1, 2] * 5), "cell_type").tolist() == ["1", "2"] * 5
