from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import study_seeds
from scgarage.errors import InputError, SamplingError
from scgarage.judge.evaluation import evaluate


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
    three = replace(study, runs=pd.concat([study.runs, *worse]).query("metric == 'sliced_wasserstein'"))
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
