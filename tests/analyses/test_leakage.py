import json

import numpy as np
import pandas as pd
import pytest

import scgarage as sg
from scgarage.analyses import LeakageAnalysis, analyse_leakage, leakage_curve, leakage_figure
from scgarage.analyses.leakage import _runs
from scgarage.errors import InputError, SamplingError
from scgarage.plotting.style import figure_bytes

TINY = {"n_iterations": 2, "gat_epochs": 2, "n_top_genes": 30, "generator_hidden": (8,), "critic_hidden": (8,)}


@pytest.fixture(scope="module")
def split():
    cells = sg.datasets.simulate(n_cells=240, n_genes=60, n_types=3, rare_fraction=0.04, random_state=0)
    return sg.pp.split(cells, labels_key="cell_type")


@pytest.fixture(scope="module")
def result(split):
    return analyse_leakage(
        split, labels_key="cell_type", leakages=[0, 0.5], selectors=["random"], params=TINY, n_repeats=2
    )


def test_without_seed_cells_there_is_one_run_for_all_selectors(result):
    runs = result.table[["leakage", "selector", "seed"]].drop_duplicates().to_numpy().tolist()
    assert runs == [[0, "none", 0], [0.5, "random", 0]]
    assert len(list(_runs([0, 0.1], ["random", "attention"], range(2)))) == 6


def test_every_run_has_fidelity_rare_and_privacy_numbers(result):
    for _, rows in result.table.groupby(["leakage", "selector"]):
        assert {"fidelity", "rare", "privacy"} == set(rows["family"])
        assert np.isfinite(rows.loc[rows["metric"] == "sliced_wasserstein", "value"]).all()
        assert (rows["metric"] == "audit: verdict").sum() == 1


def test_seed_cells_are_audited_on_their_own_where_there_are_any(result):
    audited = result.table[result.table["metric"] == "audit: near_copies"]
    with_seeds = audited[audited["leakage"] > 0]
    assert (with_seeds["group"] == "seeds").sum() == 1
    assert not (audited.loc[audited["leakage"] == 0, "group"] == "seeds").any()


def test_trends_share_the_runs_without_seeds(result):
    trends = result.trends().set_index(["selector", "metric", "group"])
    rows = result.table[result.table["metric"] == "sliced_wasserstein"]
    found = trends.loc[("random", "sliced_wasserstein", "all")]
    np.testing.assert_allclose([found["without_seeds"], found["at_most"]], rows["value"].astype(float))
    assert found["n_runs"] == 2
    assert np.isnan(found["spearman"])


def test_trend_of_a_rising_number_is_one():
    table = pd.DataFrame({
        "leakage": [0, 0.1, 0.2, 0.3], "selector": ["none", "random", "random", "random"], "seed": 0,
        "family": "privacy", "metric": "m", "group": "all", "value": [1.0, 2.0, 4.0, 5.0], "floor": 0.0,
    })  # fmt: skip
    found = LeakageAnalysis(table, {}).trends().iloc[0]
    assert found[["n_runs", "without_seeds", "at_most", "spearman"]].tolist() == [4, 1, 5, 1]


def test_files(result, tmp_path):
    paths = result.save(tmp_path / "out")
    assert [path.name for path in paths] == ["leakage.csv", "trends.csv", "leakage.json", "leakage.svg"]
    record = json.loads(paths[2].read_text())
    assert any("1 seed" in sentence for sentence in record["sentences"])


def test_a_run_that_fails_does_not_stop_the_others(split, monkeypatch):
    def judge(model, *args, **kwargs):
        if model.config.leakage == 0.2:
            msg = "no such cell"
            raise SamplingError(msg)
        return iter([{"family": "fidelity", "metric": "m", "group": "all", "value": 1.0}])

    monkeypatch.setattr("scgarage.analyses.leakage._judge", judge)
    with pytest.warns(UserWarning, match="no such cell"):
        found = analyse_leakage(split, labels_key="cell_type", leakages=[0, 0.2, 0.5], selectors=["random"])
    assert found.table["family"].tolist() == ["fidelity", "failed", "fidelity"]
    assert "1 runs failed; see their notes." in found.sentences()


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"leakages": [1.5]}, "shares in"),
        ({"selectors": ["best"]}, "names among"),
        ({"n_seeds": 0}, "at least one seed"),
        ({"params": {"leakage": 0.1}}, "leave it out"),
    ],
)
def test_wrong_arguments_are_refused(split, settings, text):
    with pytest.raises(InputError, match=text):
        analyse_leakage(split, labels_key="cell_type", **settings)


@pytest.fixture
def table() -> pd.DataFrame:
    rows = [
        {"leakage": leakage, "selector": selector if leakage else "none", "seed": seed, "metric": metric,
         "group": group, "value": leakage + seed, "floor": 0.25}
        for metric, group in (("sliced_wasserstein", "all"), ("memorisation_share", "all"))
        for leakage in (0.0, 0.2, 0.5) for seed in (0, 1)
        for selector in (("attention", "random") if leakage else ("none",))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def test_lines_are_means_that_start_at_the_shared_runs(table):
    ax = leakage_curve(table, "sliced_wasserstein")
    lines = {container.get_label(): container.lines[0] for container in ax.containers}
    assert list(lines) == ["attention", "random"]
    np.testing.assert_allclose(lines["attention"].get_ydata(), [0.5, 0.7, 1.0])
    np.testing.assert_allclose(lines["attention"].get_xdata(), [0.0, 0.2, 0.5], atol=0.01)
    bars = ax.containers[0].lines[2][0].get_segments()
    np.testing.assert_allclose(bars[0][:, 1], [0.5 - np.sqrt(0.5), 0.5 + np.sqrt(0.5)])
    assert ax.lines[-1].get_label() == "real cells (floor)"


def test_figure_has_three_panels_and_says_where_nothing_was_measured(table, tmp_path):
    figure = leakage_figure(table)
    leakage_figure(table, save=tmp_path / "leakage.pdf")
    assert (tmp_path / "leakage.pdf").read_bytes().startswith(b"%PDF")
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["Sliced Wasserstein", "Rare cells kept", "Memorisation"]
    assert figure.axes[1].texts[0].get_text() == "no values"
    assert figure_bytes(figure) == figure_bytes(leakage_figure(table))


def test_a_table_without_values_is_refused(table):
    with pytest.raises(InputError, match="no value of any panel"):
        leakage_figure(table.assign(value=np.nan))
    with pytest.raises(InputError, match="'coverage'"):
        leakage_curve(table, "coverage")
    with pytest.raises(InputError, match="lacks floor"):
        leakage_figure(table.drop(columns="floor"))
