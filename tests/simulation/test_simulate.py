"""What was planted is there, and nothing else is."""

import numpy as np
import pytest
from scipy import stats

import scgarage as sg
from scgarage.errors import InputError
from scgarage.simulation import simulate, truth
from scgarage.simulation.effects import between_batches
from scgarage.simulation.truth import DONORS, PLANTED

FAMILY = ("garage", "copula", "flow")
TWO = {"names": ["control", "treated"]}


def dense(cells):
    return cells.X.toarray()


@pytest.mark.parametrize("name", [*FAMILY, "batches", "unlabelled"])
def test_a_plan_without_effects_makes_the_very_cells_that_sample_makes(models, name):
    model = models[name]
    made, sampled = simulate(model, {"cells": {"n": 150}}, random_state=3), model.sample(150, random_state=3)
    assert (made.X != sampled.X).nnz == 0
    grouped = simulate(model, {"cells": {"n": 150}, "groups": TWO | {"donors": 2}}, random_state=3)
    assert (grouped.X != sampled.X).nnz == 0
    assert (made.obs["source"] == "synthetic").all()


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILY)
def test_planted_fold_changes_come_back_within_sampling_error_at_high_depth(models, name):
    plan = {
        "cells": {"n": 12_000, "types": {"type_1": 0.5, "type_2": 0.5}},
        "groups": TWO,
        "effects": [
            {"group": "treated", "genes": 0.3, "log2_fold_change": 1.5, "distribution": "gamma", "sd": 0.5, "up": 0.5},
        ],
        "measurement": {"depth": 20},
    }  # fmt: skip
    cells = simulate(models[name], plan)
    genes, values = truth(cells).genes, dense(cells)
    group, kind = cells.obs["group"].to_numpy(), cells.obs["cell_type"].to_numpy()
    away = []
    for (_, type_name), table in genes.groupby(["group", "type"]):
        if type_name == "rare":
            continue
        a, b = (values[(group == g) & (kind == type_name)] for g in ("control", "treated"))
        found = np.log2(b.mean(axis=0) / a.mean(axis=0))
        error = np.sqrt(sum(x.var(axis=0) / x.mean(axis=0) ** 2 / len(x) for x in (a, b))) / np.log(2)
        away.append((found - table["planted"].to_numpy()) / error)
        np.testing.assert_allclose(table["realised"], found, atol=1e-4)
    away = np.concatenate(away)
    assert np.nanstd(away) < 1.25
    assert abs(np.nanmean(away)) < 0.35
    assert (genes["planted"] > 0).sum() == (genes["planted"] < 0).sum() == 18 * 3


def test_cells_and_genes_without_an_effect_stay_the_same_bytes(models):
    effect = {"group": "treated", "genes": 0.2, "types": ["type_1"]}
    cells = simulate(models["garage"], {"cells": {"n": 400}, "groups": TWO, "effects": [effect]})
    sampled = dense(models["garage"].sample(400))
    changed = dense(cells) != sampled
    touched = (cells.obs["group"] == "treated") & (cells.obs["cell_type"] == "type_1")
    planted = cells.varm[PLANTED].any(axis=1)
    assert planted.sum() == 24
    assert changed[np.ix_(touched, planted)].any()
    changed[np.ix_(touched, planted)] = False
    assert not changed.any()


def test_genes_and_sizes_can_be_named(models):
    effect = {"group": "treated", "genes": ["gene_003", "gene_001"], "log2_fold_change": [2, -1]}
    table = truth(simulate(models["copula"], {"groups": TWO, "effects": [effect]})).genes
    found = table[(table["type"] == "type_1") & (table["planted"] != 0)].set_index("gene")["planted"]
    assert found.to_dict() == {"gene_003": 2.0, "gene_001": -1.0}


def pvalues(cells):
    """Pseudobulk: t-tests of the donors' log CP10k, type_1 only; and rank tests on cells."""
    cells = cells[cells.obs["cell_type"] == "type_1"]
    values, donor = dense(cells), cells.obs["donor"].astype(str).to_numpy()
    bulk = {name: values[donor == name].sum(axis=0) for name in np.unique(donor)}
    logs = {name: np.log2(1e6 * (x + 0.5) / x.sum()) for name, x in bulk.items()}
    sides = [np.stack([x for name, x in logs.items() if name.startswith(g)]) for g in ("control", "treated")]
    scaled = values / values.sum(axis=1, keepdims=True)
    by_cells = stats.mannwhitneyu(*(scaled[np.char.startswith(donor.astype(str), g)] for g in ("control", "treated")))
    return stats.ttest_ind(*sides).pvalue, by_cells.pvalue


@pytest.mark.slow
def test_null_groups_give_uniform_pvalues_by_donors_and_far_too_small_ones_by_cells(models):
    plan = {"cells": {"n": 4000}, "groups": TWO | {"donors": 5, "donor_sd": 0.3}}
    seen = [pvalues(simulate(models["copula"], plan, random_state=seed)) for seed in range(3)]
    bulk, by_cells = (np.concatenate(found) for found in zip(*seen, strict=True))
    assert stats.kstest(bulk[np.isfinite(bulk)], "uniform").pvalue > 0.01
    assert (by_cells < 0.05).mean() > 0.3


@pytest.mark.slow
def test_without_donors_tests_on_cells_hold_their_level(models):
    plan = {"cells": {"n": 4000}, "groups": TWO | {"donors": 3}}
    by_cells = np.concatenate([pvalues(simulate(models["garage"], plan, random_state=s))[1] for s in range(3)])
    assert stats.kstest(by_cells, "uniform").pvalue > 0.01


def test_donors_vary_as_much_as_was_planned_or_as_real_batches(models):
    cells = simulate(models["copula"], {"groups": TWO | {"donors": 40, "donor_sd": 0.4, "donor_shared": 1.0}})
    effects = cells.varm[DONORS] * np.log(2)
    assert effects.std(axis=1).mean() == pytest.approx(0.4, rel=0.05)
    assert np.exp(effects).mean() == pytest.approx(1.0, abs=0.02)
    plan = {"cells": {"n": 500}, "groups": TWO | {"donors": 3, "donor_sd": "real"}}
    real = simulate(models["batches"], plan)
    assert 0.1 < (real.varm[DONORS] * np.log(2)).std(axis=1).mean() < 0.4  # batches were simulated with 0.25
    assert set(truth(real).donors["donor"]) == {f"{g}_{n}" for g in TWO["names"] for n in (1, 2, 3)}


def test_between_batches_finds_what_was_put_in(models):
    from torch import Generator

    from scgarage.models.garage.rates import Structure

    _, law = models["batches"].draw_rated(50, Generator(), np.random.default_rng(0), Structure())
    assert np.sqrt((between_batches(law, 3, 4) ** 2).mean()) == pytest.approx(0.25, rel=0.3)


@pytest.mark.slow
def test_shares_of_types_are_those_planned(models):
    plan = {
        "cells": {"n": 20_000},
        "groups": TWO,
        "composition": [{"group": "treated", "shares": {"rare": 0.001}}, {"group": "control", "shares": {"rare": 0.2}}],
    }
    table = truth(simulate(models["copula"], plan)).composition
    for _, row in table.iterrows():
        n = row["n_cells"] / row["share"] if row["share"] else 0
        assert abs(row["n_cells"] - n * row["planned_share"]) <= 4 * np.sqrt(n * row["planned_share"]) + 1
    assert table.set_index(["group", "type"])["planned_share"]["treated", "rare"] == pytest.approx(0.001)


@pytest.mark.slow
def test_donors_shares_scatter_as_a_dirichlet(models):
    plan = {"cells": {"n": 20_000}, "groups": {"names": ["all"], "donors": 60}, "concentration": 30}
    table = truth(simulate(models["copula"], plan)).composition
    for _, own in table.groupby("type"):
        mean = own["planned_share"].mean()
        assert own["planned_share"].std() == pytest.approx(np.sqrt(mean * (1 - mean) / 31), rel=0.35)


@pytest.mark.parametrize(("share", "n"), [(1e-3, 2000), pytest.param(1e-5, 200_000, marks=pytest.mark.slow)])
def test_a_very_rare_type_comes_as_often_as_asked(models, share, n):
    shares = {"rare": share, "type_1": 0.5, "type_2": 0.5 - share}
    cells = simulate(models["copula"], {"cells": {"n": n, "types": shares}})
    assert (cells.obs["cell_type"] == "rare").sum() == 2


def test_depth_capture_and_what_is_expected(models):
    plain = dense(simulate(models["garage"], {"cells": {"n": 600}}))
    for depth, capture in ((3.0, 1.0), (1.0, 0.3), (2.0, 0.5)):
        m = {"depth": depth, "capture": capture, "expected": True}
        cells = simulate(models["garage"], {"cells": {"n": 600}, "measurement": m})
        assert dense(cells).mean() == pytest.approx(plain.mean() * depth * capture, rel=0.02)
        expected = cells.layers["expected"]
        away = dense(cells) - expected
        assert abs(away.mean()) < 4 * np.sqrt(expected.mean() / away.size)
        assert (away**2).mean() == pytest.approx(expected.mean(), rel=0.05)


def test_ambient_rna_doublets_and_dropout_within_binomial_bounds(models):
    m = {"ambient": 0.15, "ambient_sd": 0.05, "doublets": 0.1, "heterotypic": 0.8, "dropout": 0.2}
    cells = simulate(models["garage"], {"cells": {"n": 3000}, "measurement": m})
    table = truth(cells).cells
    n_doublets = int(table["doublet"].sum())
    assert abs(n_doublets - 300) < 4 * np.sqrt(270)
    pairs = table[table["doublet"]]
    hetero = (pairs["cell_type"].astype(str) != pairs["doublet_partner"].astype(str)).mean()
    assert hetero == pytest.approx(0.8, abs=4 * np.sqrt(0.16 / n_doublets))
    assert (table.loc[~table["doublet"], "doublet_partner"] == "").all()
    seen = dense(cells) + cells.layers["dropped"].toarray()
    assert table["n_ambient"].sum() / seen.sum() == pytest.approx(0.15, abs=0.01)
    assert table["ambient_share"].std() == pytest.approx(0.05, rel=0.1)
    assert (cells.layers["dropped"] > 0).sum() / (seen > 0).sum() == pytest.approx(0.2, abs=0.01)
    totals = seen.sum(axis=1)
    ratio = totals[table["doublet"]].mean() / totals[~table["doublet"]].mean()
    assert ratio == pytest.approx(2.0, rel=0.1)
    profile = cells.layers["ambient"].sum(axis=0).A1
    np.testing.assert_allclose(profile / profile.sum(), cells.var["ambient_profile"], atol=0.003)


def test_swaps_move_counts_between_donors_and_lose_none(models):
    plan = {"cells": {"n": 2000}, "groups": TWO | {"donors": 2}}
    plain = simulate(models["copula"], plan)
    cells = simulate(models["copula"], plan | {"measurement": {"swaps": 0.05}})
    assert dense(cells).sum() == dense(plain).sum()
    assert cells.obs["n_swapped_in"].sum() / dense(plain).sum() == pytest.approx(0.05, rel=0.05)
    assert (simulate(models["batches"], {"measurement": {"swaps": 0.05}}).obs["n_swapped_in"] > 0).any()


def test_one_cloud_has_the_types_marginals_but_no_groups_in_it():
    rng = np.random.default_rng(0)
    state = rng.integers(2, size=800)
    rate = np.exp(rng.normal(0.5, 0.5, (2, 60)))[state]
    counts = rng.poisson(rate).astype(np.float32)
    labels = np.where(np.arange(800) < 700, "one", "other")
    import anndata as ad

    real = ad.AnnData(counts)
    real.obs["cell_type"] = labels
    model = sg.models.Garage(n_factors=4, n_sweeps=5, n_kept=2, jitter=0.5).fit(real, labels_key="cell_type")
    plans = [
        {"cells": {"n": 1500, "types": {"one": 1.0, "other": 0.0}, "population": p}}
        for p in ("as-fitted", "homogeneous")
    ]
    fitted, cloud = (dense(simulate(model, plan)) for plan in plans)
    np.testing.assert_allclose(cloud.mean(axis=0), fitted.mean(axis=0), rtol=0.2, atol=0.1)
    axis = rate[state == 1][0] - rate[state == 0][0]
    away = [stats.kurtosis((x / x.sum(axis=1, keepdims=True)) @ axis) for x in (fitted, cloud)]
    assert away[0] < -0.8  # two humps
    assert away[1] > away[0] + 0.5


def batch_spread(cells):
    """Standard deviation over batches of the log mean of well-seen genes of one type."""
    own = cells[cells.obs["cell_type"] == "type_1"]
    sums = np.stack([dense(own[own.obs["batch"] == name]).sum(axis=0) for name in own.obs["batch"].cat.categories])
    logs = np.log(sums / sums.sum(axis=1, keepdims=True))[:, sums.min(axis=0) > 400]
    return logs.std(axis=0, ddof=1).mean()


def test_batch_effects_are_as_strong_as_planned(models):
    plans = [{"cells": {"n": 6000}, "batches": {"strength": strength}} for strength in (0.0, 0.5, 1.0, 2.0)]
    cells = [simulate(models["batches"], plan) for plan in plans]
    none, half, one, two = (batch_spread(each) for each in cells)
    assert none < 0.1 * two
    assert half / one == pytest.approx(0.5, abs=0.1)
    assert two / one == pytest.approx(2.0, rel=0.1)
    assert (cells[2].X != models["batches"].sample(6000).X).nnz == 0
    table = truth(cells[3]).batches
    assert list(table.columns) == ["gene", "type", "batch", "log2_effect"]
    assert len(table) == 120 * 3 * 4
    np.testing.assert_allclose(table["log2_effect"], 2 * truth(cells[2]).batches["log2_effect"], atol=1e-5)


@pytest.mark.parametrize(
    ("paths", "last"),
    [
        ([["type_1", "type_2"], ["type_2", "rare"]], 2.0),
        ([["type_1", "type_2"], ["type_1", "rare"]], 1.0),
        ([["type_1", "type_2"], ["type_2", "rare"], ["rare", "type_1"]], 3.0),
    ],
    ids=["line", "branching", "circle"],
)
def test_trajectories_have_pseudotime_branch_and_trends(models, paths, last):
    cells = simulate(models["garage"], {"cells": {"n": 900}, "trajectory": {"paths": paths}})
    table, trends = truth(cells).cells, truth(cells).trends
    assert 0 <= table["pseudotime"].min() < 0.05
    assert last - 0.1 < table["pseudotime"].max() <= last
    on_path = table[table["branch"] != ""]
    assert (on_path["branch"].astype(str).str.split(" -> ").str[0] == on_path["cell_type"].astype(str)).all()
    assert list(trends["branch"].unique()) == [" -> ".join(path) for path in paths]


def test_cells_at_the_end_of_a_path_have_the_means_of_the_type_there(models):
    plan = {"cells": {"n": 6000, "types": {"type_1": 0.5, "type_2": 0.5, "rare": 0}}}
    cells = simulate(models["copula"], plan | {"trajectory": {"paths": [["type_1", "type_2"]]}})
    late = dense(cells[cells.obs["pseudotime"].between(0.9, 1, inclusive="neither")]).mean(axis=0)
    there = dense(cells[cells.obs["cell_type"] == "type_2"]).mean(axis=0)
    seen = there > 0.5
    assert np.median(np.abs(np.log2(late[seen] / there[seen]))) < 0.15


@pytest.mark.slow
def test_diffusion_pseudotime_finds_a_line(models):
    import scanpy as sc

    plan = {"cells": {"n": 1200, "types": {"type_1": 1.0, "type_2": 0, "rare": 0}}, "measurement": {"depth": 5}}
    cells = simulate(models["garage"], plan | {"trajectory": {"paths": [["type_1", "type_2"]]}})
    sc.pp.normalize_total(cells)
    sc.pp.log1p(cells)
    sc.pp.pca(cells, n_comps=10)
    sc.pp.neighbors(cells)
    sc.tl.diffmap(cells)
    cells.uns["iroot"] = int(np.argmin(cells.obs["pseudotime"]))
    sc.tl.dpt(cells)
    assert stats.spearmanr(cells.obs["dpt_pseudotime"], cells.obs["pseudotime"]).statistic > 0.9


def test_groups_can_be_tied_to_batches(models):
    plan = {"cells": {"n": 800}, "groups": TWO | {"donors": 2}}
    for confounding, groups_in_batch in ((0.0, 2), (1.0, 1)):
        obs = simulate(models["batches"], plan | {"batches": {"confounding": confounding}}).obs
        assert (obs.groupby("batch", observed=True)["group"].nunique() == groups_in_batch).all()
        assert obs["donor"].nunique() == 4


def test_genes_without_strength_are_independent(models):
    plan = {"cells": {"n": 3000, "types": {"type_1": 1.0, "type_2": 0, "rare": 0}}, "correlations": {"strength": 0}}
    values = np.log1p(dense(simulate(models["copula"], plan)))
    correlations = np.corrcoef(values.T)[np.triu_indices(120, 1)]
    assert np.nanstd(correlations) < 1.3 / np.sqrt(3000)


def test_the_same_seed_gives_the_same_bytes_and_another_one_others(models):
    plan = {
        "cells": {"n": 300}, "groups": TWO | {"donors": 2, "donor_sd": 0.2}, "effects": [{"group": "treated"}],
        "measurement": {"depth": 1.5, "ambient": 0.1, "doublets": 0.1, "swaps": 0.01, "dropout": 0.1, "expected": True},
    }  # fmt: skip
    one, same, other = (simulate(models["garage"], plan, random_state=seed) for seed in (1, 1, 2))
    assert (one.X != same.X).nnz == 0
    np.testing.assert_array_equal(one.layers["expected"], same.layers["expected"])
    assert (one.X != other.X).nnz > 0


def test_plan_and_truth_travel_in_the_file_and_guard_lets_them_through(models, tmp_path):
    plan = {"groups": TWO | {"donors": 2, "donor_sd": 0.2}, "effects": [{"group": "treated"}]}
    cells = simulate(models["garage"], plan)
    sg.write_h5ad(cells, tmp_path / "cells.h5ad")
    read = sg.read(tmp_path / "cells.h5ad")
    before, after = truth(cells), truth(read)
    assert after.plan == before.plan
    for name in ("genes", "composition", "donors"):
        np.testing.assert_array_equal(getattr(after, name).to_numpy(), getattr(before, name).to_numpy())
    assert sg.guard(read, simulation=True) is read
    with pytest.raises(InputError, match="synthetic"):
        sg.guard(read)
    with pytest.raises(InputError, match="made by sg"):
        sg.guard(models["garage"].sample(20), simulation=True)
    with pytest.raises(InputError, match="carry no plan"):
        truth(models["garage"].sample(20))


@pytest.mark.parametrize(
    ("name", "plan", "message"),
    [
        ("bootstrap", {}, "garage, copula or flow; found bootstrap"),
        ("garage", {"cells": {"types": {"T": 1.0}}}, "cells.types names 'T'; expected a type of the model: 'rare'"),
        ("garage", {"cells": {"batch": "b"}}, "cells.batch names 'b'"),
        ("garage", {"groups": {}, "effects": [{"group": "treated", "genes": ["x"]}]}, "effects.genes names 'x'"),
        ("garage", {"groups": {"donors": 2, "donor_sd": "real"}}, "groups.donor_sd is 'real'; allowed"),
        ("garage", {"trajectory": {"paths": [["type_1", "T"]]}}, "trajectory.paths names 'T'"),
        ("garage", {"batches": {"strength": 0}}, "batches is set; allowed: with a model fitted with batch_key"),
        ("garage", {"measurement": {"swaps": 0.1}}, "measurement.swaps is set; allowed: with donors"),
        ("copula", {"correlations": {"strength": 2}}, "correlations.strength is 2; allowed: 0 to 1 with copula"),
        ("unlabelled", {"groups": {}, "composition": [{"group": "treated", "shares": {"a": 1}}]}, "composition.shares"),
        (
            "garage",
            {"groups": {}, "effects": [{"group": "treated", "genes": 0.5, "min_mean": 1e5}]},
            "0 have a mean count of at least effects.min_mean",
        ),
    ],
)
def test_what_the_model_cannot_do_is_refused(models, name, plan, message):
    with pytest.raises(InputError, match=message):
        simulate(models[name], plan)
