import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.errors import InputError
from scgarage.imputation import check_imputation, recommend, thin_counts
from scgarage.imputation.base import Filled, Imputer
from scgarage.imputation.smoothing import KnnSmoothing, NoImputation


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=240, n_genes=80, n_types=2, rare_fraction=0.3, random_state=0)
    adata.obs["technology"] = pd.Categorical(np.random.default_rng(0).choice(["a", "b"], 240))
    return adata


class Oracle(Imputer):
    """Knows the types' means of the data it is fitted to; spreads halves apart when told of them."""

    name = "oracle"
    uses_labels = True

    def learn(self, cells):
        types = np.zeros(cells.log_expr.shape[0], dtype=np.str_) if cells.types is None else cells.types
        self.names = np.unique(types)
        self.means = np.stack([cells.log_expr[np.flatnonzero(types == n)].toarray().mean(axis=0) for n in self.names])
        return {}

    def fill(self, cells):
        types = np.zeros(cells.log_expr.shape[0], dtype=np.str_) if cells.types is None else cells.types
        return Filled(self.means[np.searchsorted(self.names, types)])


@pytest.fixture(scope="module")
def result(cells):
    imputers = {
        "knn": KnnSmoothing(keep_observed=False, zero_chance=1.0),
        "oracle": Oracle(keep_observed=False, zero_chance=1.0),
    }
    return check_imputation(cells, imputers, labels_key="cell_type", batch_key="technology", n_top_genes=60)


def test_all_is_measured(result):
    assert list(result.table.index) == ["none", "knn", "oracle"]
    measured = result.table.drop(columns=["false_de_told"])
    assert np.isnan(measured.loc["oracle", "spurious_correlation"])  # all cells of a type are the same
    measured.loc["oracle", "spurious_correlation"] = 0.0
    assert np.isfinite(measured.to_numpy()).all()
    assert result.table["false_de_told"].notna().tolist() == [False, False, True]
    assert result.settings["n_genes"] == 60


def test_no_imputation_scores_what_it_must(result):
    none = result.table.loc["none"]
    assert none["masked_correlation"] == 0
    assert none["masked_mae"] > 0
    assert none["false_de"] < 0.12
    assert none["false_de_apart"] < 0.12


def test_truth_about_types_helps_and_telling_halves_is_caught(result):
    table = result.table
    assert table.loc["oracle", "masked_correlation"] > 0.2
    assert table.loc["oracle", "thinned_correlation"] > table.loc["none", "thinned_correlation"]
    assert table.loc["oracle", "false_de_told"] > 0.9
    assert result.recommendation().advice != "impute"


def test_smoothing_apart_makes_differences(result):
    assert result.table.loc["knn", "false_de_apart"] > 2 * result.table.loc["none", "false_de_apart"]


def test_same_seed_same_numbers(cells, result):
    again = check_imputation(cells, ["none"], labels_key="cell_type", n_top_genes=60, scenarios=["masked", "thinned"])
    columns = list(again.table.columns)
    pd.testing.assert_frame_equal(again.table, result.table.loc[["none"], columns])


def test_deeper_measurement_and_missing_types(cells):
    shallow = cells.copy()
    shallow.X = thin_counts(cells.X, share=0.2)[0]
    table = check_imputation(shallow, ["knn"], deeper=cells, scenarios=["deeper", "whole"]).table
    assert table.loc["none", "deeper_correlation"] > 0.3
    assert "ari" not in table
    others = cells.copy()
    others.obs_names = [f"other_{name}" for name in cells.obs_names]
    table = check_imputation(shallow, ["knn"], deeper=others, scenarios=["deeper"], labels_key="cell_type").table
    assert list(table.columns) == ["deeper_type_correlation", "deeper_type_distance"]
    assert table.loc["none", "deeper_type_distance"] > 0
    with pytest.raises(InputError, match="lacks 1 of 240"):
        check_imputation(shallow, ["knn"], deeper=cells[1:].copy())


def test_result_can_be_read_and_saved(result, tmp_path):
    text = result.text()
    assert str(result.recommendation()) in text
    assert "masked_correlation" in text
    back = pd.read_csv(result.save(tmp_path / "recovery.csv"), index_col="method")
    pd.testing.assert_frame_equal(back, result.table)
    assert "oracle" in repr(result)


def test_wrong_input_is_refused(cells):
    with pytest.raises(InputError, match="scenarios holds"):
        check_imputation(cells, ["knn"], scenarios=["nonsense"])
    with pytest.raises(InputError, match="no imputer 'nonsense'"):
        check_imputation(cells, ["nonsense"])
    logged = cells.copy()
    logged.X = sg.pp.log1p_cp10k(cells.X)
    with pytest.raises(InputError, match="counts"):
        check_imputation(logged, ["knn"])
    with pytest.raises(InputError, match="no setting"):
        NoImputation(n_neighbors=3)


COLUMNS = ["thinned_correlation", "ari", "false_de", "false_de_apart", "false_de_told", "spurious_correlation"]
NONE = [0.60, 0.70, 0.05, 0.05, None, 0.10]


def table(**rows):
    return pd.DataFrame.from_dict({"none": NONE} | rows, orient="index", columns=COLUMNS).astype(float)


def test_a_method_that_helps_and_is_safe_is_recommended():
    advice = recommend(table(good=[0.65, 0.69, 0.05, 0.06, None, 0.11], other=[0.63, 0.8, 0.05, 0.05, None, 0.1]))
    assert (advice.advice, advice.method) == ("impute", "good")
    assert "0.650" in str(advice)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ([0.65, 0.7, 0.07, 0.05, None, 0.1], "random halves of one type"),
        ([0.65, 0.7, 0.05, 0.4, None, 0.1], "imputed apart (0.4, 0.05 without)"),
        ([0.65, 0.7, 0.05, 0.05, 0.9, 0.1], "it was told are types (0.9, 0.05 without)"),
        ([0.65, 0.7, 0.05, 0.05, None, 0.13], "nothing to do with each other"),
        ([0.65, 0.7, 0.05, None, None, 0.1], "not measured"),
    ],
)
def test_one_false_signal_is_enough(row, words):
    advice = recommend(table(bad=row))
    assert advice.advice == "only to look at"
    assert words in str(advice)


@pytest.mark.parametrize("row", [[0.605, 0.7, 0.05, 0.05, None, 0.1], [0.7, 0.67, 0.05, 0.05, None, 0.1]])
def test_little_gain_or_blurred_types_mean_no(row):
    advice = recommend(table(weak=row))
    assert (advice.advice, advice.method) == ("do not impute", "none")


def test_safe_method_goes_before_a_better_one_that_is_not():
    advice = recommend(table(wild=[0.9, 0.7, 0.05, 0.8, None, 0.5], safe=[0.63, 0.7, 0.05, 0.05, None, 0.1]))
    assert (advice.advice, advice.method) == ("impute", "safe")


def test_test_level_counts_when_few_values_make_none_lower():
    rows = table(good=[0.65, 0.7, 0.055, 0.055, None, 0.1])
    rows.loc["none", ["false_de", "false_de_apart"]] = 0.03
    assert recommend(rows).advice == "impute"
