"""Which tests keep to their level when donors differ, and what they find."""

import numpy as np
import pytest
import scanpy as sc

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


@pytest.mark.parametrize(("name", "rtol"), [("t-test", 1e-3), ("wilcoxon", 0.02)])
def test_pvalues_are_those_of_scanpy(models, name, rtol):
    cells = simulate(models["copula"], {"cells": {"n": 200}, "groups": {}})
    cells = cells[:, (cells.X > 0).sum(axis=0).A1 >= 10].copy()
    found = METHODS[name](cells)
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    tie_correct = {"tie_correct": True} if name == "wilcoxon" else {}
    sc.tl.rank_genes_groups(cells, "group", groups=["treated"], reference="control", method=name, **tie_correct)
    expected = sc.get.rank_genes_groups_df(cells, "treated").set_index("names")["pvals"][cells.var_names]
    # SciPy corrects ranks for continuity, scanpy does not.
    np.testing.assert_allclose(found, expected, rtol=rtol)


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
