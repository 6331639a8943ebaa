"""Which tests keep to their level when donors differ, and what they find."""

import numpy as np
import pytest
from scipy import stats

from scgarage.errors import InputError
from scgarage.simulation import METHODS, check_methods, simulate
from scgarage.simulation.methods import method_named

PLAN = {
    "cells": {"n": 1500},
    "groups": {"donors": 4, "donor_sd": 0.3},
    "effects": [{"group": "treated", "genes": 0.15, "log2_fold_change": 2, "up": 0.5, "min_mean": 0.5}],
}


@pytest.mark.slow
def test_tests_on_cells_find_what_is_not_there_and_tests_on_donors_do_not(models, tmp_path):
    result = check_methods(models["garage"], PLAN, n_replicates=3, cell_type="type_1")
    summary = result.summary()
    assert summary.loc["wilcoxon", "null_below_alpha"] > 0.3
    assert summary.loc["t-test", "null_below_alpha"] > 0.3
    assert summary.loc["pseudobulk-t", "null_below_alpha"] < 0.1
    assert summary.loc["pseudobulk-t", "false_discoveries"] < 0.2
    assert (summary["power"] > 0.3).all()
    assert (summary["power_low"] <= summary["power"]).all()
    assert len(result.table) == 9
    assert "wilcoxon: " in result.text()
    assert result.save(tmp_path / "check.json").exists()


def test_pvalues_are_those_of_scipy(models):
    cells = simulate(models["copula"], {"cells": {"n": 200}, "groups": {}})
    from scgarage.io.cells import log1p_cp10k

    values, second = log1p_cp10k(cells.X).toarray(), (cells.obs["group"] == "treated").to_numpy()
    expected = stats.ttest_ind(values[~second], values[second], equal_var=False).pvalue
    np.testing.assert_allclose(METHODS["t-test"](cells), expected, rtol=1e-5)


def one_for_all(cells):
    return np.ones(cells.n_vars)


def test_an_own_function_joins_by_name(models):
    null = {"cells": {"n": 200}, "groups": {}}
    table = check_methods(models["copula"], null, {"mine": one_for_all}, n_replicates=1).table
    assert table.loc[0, "null_below_alpha"] == 0
    assert np.isnan(table.loc[0, "power"])
    assert method_named("numpy:ones") is np.ones


@pytest.mark.parametrize(
    ("plan", "settings", "message"),
    [
        ({}, {}, "groups is missing"),
        (PLAN, {"methods": ["edger"]}, "no method 'edger'; available: 'wilcoxon'"),
        (PLAN, {"cell_type": "T"}, "cell_type is 'T'"),
        ({"groups": {}}, {"methods": ["pseudobulk-t"]}, r"set groups\.donors"),
        ({"groups": {}}, {"methods": {"bad": lambda cells: np.ones(3)}}, r"'bad' returned an array of shape \(3,\)"),
        (PLAN, {"n_replicates": 0}, "n_replicates is 0"),
    ],
)
def test_what_cannot_be_checked_is_refused(models, plan, settings, message):
    with pytest.raises(InputError, match=message):
        check_methods(models["copula"], plan, **settings)
