import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from anndata import AnnData

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io.cells import expression_matrix, match_genes, validate_expression, value_kind


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
        (
            set_value(0, 3, slice(None)),
            r"1 of 60 cells have no expression at all \(first: 'cell_03'\); drop them: sc",
        ),
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
    adata.X = adata.X / adata.X.max()
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
