from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import loss_curves, mean_sd, rank_blocks, study_seeds, to_latex, to_markdown
from scgarage.errors import InputError, SamplingError
from scgarage.judge.evaluation import evaluate


def test_line_is_the_mean_and_band_the_range_where_two_seeds_go_on():
    history = pd.DataFrame({
        "data_set": "A", "model": "m", "seed": [0, 0, 0, 1, 1], "step": [1, 2, 3, 1, 2],
        "vae/loss": [4.0, 3.0, 2.0, 2.0, 1.0], "validation/score": np.nan,
    })  # fmt: skip
    figure = loss_curves(history)
    (ax,) = figure.axes
    np.testing.assert_allclose(ax.lines[0].get_xydata(), [[1, 3], [2, 2]])
    band = ax.collections[0].get_paths()[0].vertices
    assert (band[:, 1].min(), band[:, 1].max()) == (1, 4)
    assert ax.get_title(loc="left") == "m: vae"


def test_no_losses_of_two_seeds_are_no_figure():
    history = pd.DataFrame({"data_set": "A", "model": "m", "seed": [0], "step": [1], "vae/loss": [4.0]})
    assert loss_curves(history) is None
    assert loss_curves(history.drop(columns="vae/loss")) is None


def runs_rank_blocks(values, *, metric="m", better="lower", seed=0, score=0.5):
    """One row for each model."""
    return pd.DataFrame({
        "data_set": "d", "seed": seed, "model": list(values), "metric": metric, "group": "all",
        "value": list(values.values()), "score": score, "better": better,
    })  # fmt: skip


TWO = pd.concat([
    runs_rank_blocks({"a": 1.0, "b": 2.0, "c": 3.0}),
    runs_rank_blocks({"a": 0.1, "b": 0.9, "c": 0.1}, metric="n", better="higher"),
    runs_rank_blocks({"a": 0.9, "b": 0.5, "c": 0.2}, seed=1, better="target 0.5"),
])  # fmt: skip


def test_ranks_go_the_way_of_the_metric_and_are_averaged_over_metrics():
    found = rank_blocks(TWO)
    assert found.index.tolist() == [("d", 0), ("d", 1)]
    assert found.columns.tolist() == ["a", "b", "c"]
    np.testing.assert_allclose(found, [[(1 + 2.5) / 2, (2 + 1) / 2, (3 + 2.5) / 2], [3, 1, 2]])


def test_order_of_rows_other_groups_and_metrics_without_a_score_do_not_matter():
    silent = runs_rank_blocks({"a": 9.0, "b": 0.0, "c": 1.0}, metric="silent", score=np.nan)
    rare = runs_rank_blocks({"a": 9.0, "b": 0.0, "c": 1.0}).assign(group="rare")
    other = rank_blocks(pd.concat([rare, silent, TWO.iloc[::-1]]))
    pd.testing.assert_frame_equal(other.sort_index(), rank_blocks(TWO)[other.columns], check_names=False)


def test_blocks_that_lack_a_model_are_left_out():
    assert rank_blocks(TWO[(TWO["seed"] == 0) | (TWO["model"] != "b")]).index.tolist() == [("d", 0)]
    assert rank_blocks(pd.concat([TWO, runs_rank_blocks({"d": np.nan})])).empty


def test_missing_columns_are_named():
    with pytest.raises(InputError, match="lack the columns seed, score"):
        rank_blocks(TWO.drop(columns=["seed", "score"]))


@pytest.fixture(scope="module")
def cells():
    return sg.datasets.simulate(n_cells=240, n_genes=60, n_types=3, rare_fraction=0.1, random_state=0)


@pytest.fixture(scope="module")
def study(cells):
    few = partial(evaluate, metrics=["sliced_wasserstein", "coverage"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("scgarage.analyses.seed_study.evaluate", few)
        return study_seeds({"A": cells}, labels_key="cell_type", models=["nb-independent"], n_seeds=2)


def test_each_seed_is_a_run_with_its_own_split(study):
    assert study.runs["seed"].unique().tolist() == [0, 1]
    floors = study.runs.query("metric == 'sliced_wasserstein' and group == 'all'")["floor"]
    assert floors.nunique() == 2
    assert "another split each" in study.sentences()[0]


def test_summary_is_over_the_seeds(study):
    values = study.runs.query("metric == 'sliced_wasserstein' and group == 'all'")["value"].to_numpy(dtype=float)
    row = study.summary().query("metric == 'sliced_wasserstein' and group == 'all'").iloc[0]
    np.testing.assert_allclose([row["value_mean"], row["value_sd"]], [values.mean(), values.std(ddof=1)])
    assert "A: nb-independent" in study.markdown()


def test_files_of_a_model_without_losses_have_no_figure(study, tmp_path):
    names = [path.name for path in study.save(tmp_path)]
    assert names == ["runs.csv", "mean_sd.csv", "mean_sd.md", "mean_sd.tex", "histories.csv", "seeds.json"]


def test_three_models_have_a_diagram_of_their_ranks(study, tmp_path):
    worse = [study.runs.assign(model=f"worse {step}", value=study.runs["value"] + step) for step in (1, 2)]
    three = replace(study, table=pd.concat([study.runs, *worse]).query("metric == 'sliced_wasserstein'"))
    figure = three.rank_figure()
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "nb-independent  1.00" in texts
    assert "3.00  worse 2" in texts
    assert "Over 2 blocks the 3 methods" in three.sentences()[1]
    assert "critical_difference.svg" in [path.name for path in three.save(tmp_path)]
    assert study.rank_figure() is None


def test_a_seed_that_fails_is_missing_and_said(cells, study, monkeypatch):
    def run(model, *args, **kwargs):
        if model.config.random_state == 1:
            msg = "no such cell"
            raise SamplingError(msg)
        return study.runs.loc[study.runs["seed"] == 0].drop(columns=["data_set", "model", "seed"]), pd.DataFrame()

    monkeypatch.setattr("scgarage.analyses.seed_study._run", run)
    with pytest.warns(UserWarning, match="seed 1 failed"):
        found = study_seeds(cells, labels_key="cell_type", models=["nb-independent"], n_seeds=2, same_split=True)
    assert (found.summary()["n_seeds"] <= 1).all()
    assert "those of the model alone" in found.sentences()[0]


def test_one_seed_and_params_for_two_models_are_refused(cells):
    with pytest.raises(InputError, match="at least 2 seeds"):
        study_seeds(cells, labels_key="cell_type", n_seeds=1)
    with pytest.raises(InputError, match="one model only"):
        study_seeds(cells, labels_key="cell_type", models=["garage", "copula"], params={"n_top_genes": 5})


@pytest.fixture
def runs_seed_tables() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = [
        {"data_set": data_set, "model": model, "seed": seed, "metric": metric, "title": f"{metric}_1 & |co|",
         "group": group, "better": "lower", "value": rng.random(), "floor": 0.5 + seed, "score": rng.random()}
        for data_set in ("A", "B") for model in ("m", "n") for seed in range(3)
        for metric in ("w", "c") for group in ("all", "rare", "pDC")
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_mean_and_sd_are_over_seeds(runs_seed_tables):
    table = mean_sd(runs_seed_tables)
    assert len(table) == 2 * 2 * 2 * 3
    row = table[(table["data_set"] == "B") & (table["model"] == "n") & (table["metric"] == "c")].iloc[1]
    held = runs_seed_tables[
        (runs_seed_tables["data_set"] == "B") & (runs_seed_tables["model"] == "n") & (runs_seed_tables["metric"] == "c")
    ]
    values = held.loc[held["group"] == row["group"], "value"].to_numpy()
    np.testing.assert_allclose([row["value_mean"], row["value_sd"]], [values.mean(), values.std(ddof=1)])
    assert row["n_seeds"] == 3
    shuffled = mean_sd(runs_seed_tables.sample(frac=1, random_state=0)).sort_values(
        list(table.columns[:6]), ignore_index=True
    )
    pd.testing.assert_frame_equal(table.sort_values(list(table.columns[:6]), ignore_index=True), shuffled)


def test_missing_values_are_not_counted(runs_seed_tables):
    runs_seed_tables.loc[runs_seed_tables["seed"] == 0, "value"] = np.nan
    table = mean_sd(runs_seed_tables)
    assert (table["n_seeds"] == 2).all()
    assert table["value_mean"].notna().all()


def test_markdown_has_a_column_for_each_model_and_the_floor(runs_seed_tables):
    lines = to_markdown(mean_sd(runs_seed_tables)).splitlines()
    assert lines[0] == "| metric | cells | A: m | A: n | A: floor | B: m | B: n | B: floor |"
    assert len(lines) == 2 + 4
    assert "1.500 ± 1.000" in lines[2]
    assert r"w_1 & \|co\|" in lines[2]
    assert "pDC" not in "".join(lines)


def test_latex_is_escaped(runs_seed_tables):
    text = to_latex(mean_sd(runs_seed_tables))
    assert text.startswith("\\begin{tabular}{llrrrrrr}\n\\toprule\n")
    assert r"w\_1 \& |co| & all & " in text
    assert r"1.500 $\pm$ 1.000" in text
    rows = [line for line in text.splitlines() if line.endswith("\\\\")]
    assert {line.replace("\\&", "").count("&") for line in rows} == {7}


def test_missing_columns_and_groups_are_refused(runs_seed_tables):
    with pytest.raises(InputError, match="floor"):
        mean_sd(runs_seed_tables.drop(columns="floor"))
    with pytest.raises(InputError, match="no row"):
        to_markdown(mean_sd(runs_seed_tables), groups=["other"])
