"""The whole judge on simulated cells: good ones look good, and every kind of bad ones is found."""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from anndata import AnnData
from scipy import sparse

from scgarage.errors import InputError
from scgarage.judge.evaluation import Evaluation, evaluate
from scgarage.judge.evaluation.comparison import HELD_OUT, SYNTHETIC, TRAINING, TYPE_METRICS
from scgarage.metrics import METRICS
from scgarage.pp import Split

QUICK = {"n_repeats": 2, "n_top_genes": 80, "n_pcs": 12, "max_cells": 200}


def judged(synthetic: AnnData, parts: Split, *metrics: str, **options) -> pd.DataFrame:
    """Rows by metric and group."""
    result = evaluate(synthetic, parts, metrics=metrics or None, **(QUICK | options))
    return result.table.set_index(["metric", "group"])


@pytest.fixture(scope="module")
def good(fresh: AnnData, parts: Split) -> Evaluation:
    return evaluate(fresh, parts, **QUICK)


def test_cells_of_the_same_population_are_as_good_as_real(good: Evaluation) -> None:
    table = good.table.set_index(["metric", "group"])
    for name in ("c2st_forest", "c2st_logistic", "c2st_forest_genes"):
        assert table.loc[(name, "all"), "value"] == pytest.approx(0.5, abs=0.1)
    assert table.loc[("memorisation_share", "all"), "value"] == pytest.approx(0.5, abs=0.1)
    assert table.loc[("types_present", "all"), "value"] == 1.0
    scores = table.loc[pd.IndexSlice[:, "all"], "score"].dropna()
    assert len(scores) >= 10
    assert scores.abs().max() < 0.35
    assert good.verdict().level == "close"


def test_every_metric_has_its_rows(good: Evaluation) -> None:
    groups = good.table.groupby("metric", sort=False)["group"].agg(list)
    judged_by_default = {name: metric for name, metric in METRICS.items() if metric.profile != "extra"}
    assert list(groups.index) == list(judged_by_default)
    for name, metric in judged_by_default.items():
        assert groups[name] == (["all"] if metric.groups == "all" else ["all", "rare", "pDC"])
    assert good.settings["rare_types"] == ["pDC"]
    assert good.settings["n_compared"] == 200


def test_independent_genes_score_one(independent_genes: AnnData, parts: Split) -> None:
    result = evaluate(
        independent_genes, parts, metrics=["c2st_forest", "c2st_forest_genes", "sliced_wasserstein"], **QUICK
    )
    assert result.table["score"].to_numpy() == pytest.approx(1.0, abs=0.25)
    assert result.verdict().level == "poor"


def test_copies_of_training_cells_are_found(parts: Split) -> None:
    rows = np.random.default_rng(0).integers(parts.train.n_obs, size=300)
    copied = ad.AnnData(parts.train.X[rows], obs=pd.DataFrame(index=map(str, range(300))), var=parts.train.var)
    copied.obs["cell_type"] = parts.train.obs["cell_type"].to_numpy()[rows]
    result = evaluate(copied, parts, metrics=["memorisation_share"], **QUICK)
    assert result.table.loc[0, "value"] > 0.95
    assert result.table.loc[0, "floor"] == pytest.approx(0.5, abs=0.12)
    assert result.verdict().level == "poor"
    assert "copying or overfitting" in result.verdict().sentences[0]


def test_a_model_that_has_seen_the_test_cells_is_found(parts: Split) -> None:
    result = evaluate(parts.test, parts, metrics=["memorisation_share"], **QUICK)
    assert result.table.loc[0, "value"] < 0.4
    assert "the model may have seen the held-out cells" in result.verdict().sentences[0]


def test_held_out_cells_are_no_copies(parts: Split) -> None:
    table = judged(parts.validation, parts, "memorisation_share")
    assert table["value"].iloc[0] == pytest.approx(0.5, abs=0.12)


def test_a_lost_rare_type_is_found(fresh: AnnData, parts: Split) -> None:
    without = fresh[fresh.obs["cell_type"] != "pDC"].copy()
    result = evaluate(without, parts, metrics=["types_present", "coverage"], **(QUICK | {"max_cells": 500}))
    table = result.table.set_index(["metric", "group"])
    assert table.loc[("types_present", "all"), "value"] == pytest.approx(0.8)
    assert table.loc[("types_present", "pDC"), "value"] == 0.0
    assert table.loc[("coverage", "pDC"), "value"] < table.loc[("coverage", "pDC"), "floor"] - 0.25
    assert "pDC" in result.verdict().headline


def test_permuted_genes_are_found(fresh: AnnData, parts: Split) -> None:
    permuted = fresh.copy()
    permuted.X = permuted.X[:, np.random.default_rng(0).permutation(fresh.n_vars)]
    table = judged(permuted, parts, "c2st_forest", "sliced_wasserstein", "gene_mean_error")
    assert (table["score"] > 1.0).all()


def test_skewed_proportions_are_found(simulate: Callable[..., AnnData], parts: Split) -> None:
    skewed = simulate(400, seed=2, shares=np.array([0.05, 0.65, 0.2, 0.06, 0.04]))
    result = evaluate(skewed, parts, metrics=["type_proportion_tv"], **QUICK)
    assert result.table.loc[0, "value"] == pytest.approx(0.38, abs=0.08)
    sentence = result.verdict().sentences[0]
    assert "Over-represented: T" in sentence
    assert "Under-represented: B" in sentence


def test_missing_types_are_predicted(fresh: AnnData, parts: Split) -> None:
    unlabelled = fresh.copy()
    del unlabelled.obs["cell_type"]
    table = judged(unlabelled, parts, "type_proportion_tv", "types_present")
    row = table.loc[("type_proportion_tv", "all")]
    assert row["value"] < 0.15
    assert "predicted" in row["note"]
    assert table.loc[("types_present", "all"), "value"] == 1.0


def test_same_seed_same_table_and_no_metric_changes_another(fresh: AnnData, parts: Split) -> None:
    names = ("c2st_logistic", "sliced_wasserstein", "coverage")
    first, second = (judged(fresh, parts, *names, random_state=3) for _ in range(2))
    pd.testing.assert_frame_equal(first, second)
    alone = judged(fresh, parts, "coverage", random_state=3)
    pd.testing.assert_frame_equal(alone, first.loc[["coverage"]])
    assert not first["value"].equals(judged(fresh, parts, *names, random_state=4)["value"])


def test_input_is_left_as_it_was(fresh: AnnData, parts: Split) -> None:
    before = fresh.copy()
    judged(fresh, parts, "coverage")
    assert (fresh.X != before.X).nnz == 0
    pd.testing.assert_frame_equal(fresh.obs, before.obs)


def test_few_cells_give_notes_and_not_errors(fresh: AnnData, parts: Split) -> None:
    table = judged(fresh[:15].copy(), parts)
    assert table.loc[("sliced_wasserstein", "all"), "note"].endswith("only 15 cells per repeat: a rough number")
    assert "too few cells to say" in table.loc[("coverage", "pDC"), "note"]


def test_progress_bar_changes_nothing(fresh: AnnData, parts: Split) -> None:
    shown, hidden = (judged(fresh, parts, "coverage", progress=progress) for progress in (True, False))
    pd.testing.assert_frame_equal(shown, hidden)


def test_quick_profile_is_cheap_and_does_less(fresh: AnnData, parts: Split) -> None:
    result = evaluate(fresh, parts, profile="quick", n_top_genes=40, n_pcs=5)
    assert set(result.table["metric"]) == {name for name, metric in METRICS.items() if metric.profile == "quick"}
    assert (result.settings["n_repeats"], result.settings["max_cells"]) == (3, 500)
    named = evaluate(fresh, parts, profile="quick", metrics=["wasserstein_2"], n_top_genes=40, n_pcs=5)
    assert named.table["metric"].tolist() == ["wasserstein_2"]


def test_library_sizes_are_not_judged_without_counts(fresh: AnnData, parts: Split) -> None:
    def logged(cells: AnnData) -> AnnData:
        counts = cells.to_df().to_numpy()
        values = np.log1p(1e4 * counts / counts.sum(axis=1, keepdims=True)).astype(np.float32)
        return AnnData(sparse.csr_matrix(values), obs=cells.obs, var=cells.var)

    real = Split(*(logged(getattr(parts, name)) for name in ("train", "validation", "test")), labels_key="cell_type")
    table = judged(logged(fresh), real, "library_size_error", "lfc_slope")
    assert table.loc[("library_size_error", "all"), "note"].startswith("library sizes are not known")
    assert np.isnan(table.loc[("library_size_error", "all"), "value"])
    assert table.loc[("lfc_slope", "all"), "value"] > 0.5


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_repeats": 0}, "n_repeats is 0; expected at least 1"),
        ({"metrics": ["coverage", "fid"]}, r"metrics holds \['fid'\]; expected names among: c2st_forest"),
        ({"metrics": []}, "expected names among"),
        ({"profile": "slow"}, "profile is 'slow'; expected one of: quick, full"),
        ({"max_cells": 3}, "max_cells has 3 cells"),
    ],
)
def test_bad_arguments_are_refused(fresh: AnnData, parts: Split, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        evaluate(fresh, parts, **(QUICK | options))


def test_cells_without_types_are_judged_and_nothing_is_said_about_types(fresh: AnnData, parts: Split) -> None:
    bare = [part.copy() for part in (parts.train, parts.validation, parts.test)]
    for part in bare:
        part.obs = part.obs[[]]
    untyped = Split(*bare)
    result = evaluate(fresh, untyped, profile="quick", **QUICK)
    assert result.settings["labels_key"] is None
    assert result.settings["labels"] == "none"
    assert set(result.table["group"]) == {"all"}
    assert not any(METRICS[name].needs_types for name in result.table["metric"])
    with_types = evaluate(fresh, parts, profile="quick", **QUICK).table.query("group == 'all'").set_index("metric")
    scores = result.table.set_index("metric")["value"]
    assert scores["c2st_forest"] == pytest.approx(with_types.loc["c2st_forest", "value"], abs=0.12)
    assert any("nothing is said about types" in sentence for sentence in result.verdict().sentences)
    with pytest.raises(InputError, match="lfc_slope need cell types; pass labels_key= one of the columns of obs: none"):
        evaluate(fresh, untyped, metrics=["lfc_slope"])


def test_every_type_has_its_numbers_and_rare_ones_those_of_the_table(good: Evaluation, fresh: AnnData) -> None:
    by_type = good.by_type.set_index(["type", "metric"])
    rare = good.table[(good.table["group"] == "pDC") & good.table["metric"].isin(TYPE_METRICS)].dropna(subset="value")
    assert len(rare) >= 3
    for _, row in rare.iterrows():
        np.testing.assert_allclose(by_type.loc[("pDC", row["metric"])], row[["value", "floor"]].to_numpy(dtype=float))
    assert set(by_type.index.get_level_values("type")) == set(fresh.obs["cell_type"])
    assert set(by_type.index.get_level_values("metric")) == set(TYPE_METRICS)


def test_confusion_counts_every_cell_of_every_repeat(good: Evaluation) -> None:
    assert list(good.confusion) == [HELD_OUT, TRAINING, SYNTHETIC]
    for table in good.confusion.values():
        assert table.to_numpy().sum() == good.settings["n_compared"] * good.settings["n_repeats"]
        assert np.trace(table.to_numpy()[: table.shape[1]]) > 0.5 * table.to_numpy().sum()


def test_types_are_looked_at_as_far_as_asked_for(fresh: AnnData, parts: Split) -> None:
    result = evaluate(fresh, parts, metrics=["coverage", "mmd2"], **QUICK)
    assert set(result.by_type["metric"]) == {"coverage"}
    assert result.confusion == {}
    untyped = Split(parts.train, parts.validation, parts.test)
    result = evaluate(fresh, untyped, metrics=["coverage"], **QUICK)
    assert (len(result.by_type), result.confusion) == (0, {})
