"""``scgarage benchmark``."""

import pandas as pd
import pytest
import yaml

import scgarage as sg
from scgarage.benchmark import run_cell
from scgarage.cli import COMMANDS, main
from scgarage.cli.benchmark import run_benchmark

PLAN = {
    "data": [{"name": "sim", "path": "sim.h5ad", "labels_key": "cell_type"}],
    "models": [{"name": "smote", "model": "smote", "params": {"n_top_genes": 60}}],
    "seeds": [0, 1],
    "evaluation": {"profile": "quick", "n_repeats": 2, "n_top_genes": 50, "metrics": ["sliced_wasserstein"]},
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(COMMANDS, "benchmark", (run_benchmark, ("grid",), ""))
    sg.datasets.simulate(n_cells=300, n_genes=80, n_types=3, rare_fraction=0.06).write_h5ad("sim.h5ad")
    (tmp_path / "grid.yaml").write_text(yaml.safe_dump(PLAN))
    return tmp_path


def run(*options):
    return main(["benchmark", "grid.yaml", "--out", "results", *options])


def test_cell_by_cell_and_collected_as_a_workflow_does(folder, capsys):
    assert run("--cell", "sim/smote/1") == 0
    assert not (folder / "results" / "results.csv").exists()
    assert run("--collect", "--format", "csv") == 0
    table = pd.read_csv(folder / "results" / "results.csv")
    assert set(zip(table["seed"], table["status"], strict=True)) == {(0, "not run"), (1, "done")}
    assert (folder / "results" / "summary.html").exists()
    assert (folder / "results" / "summary.md").exists()
    assert "sim/smote/1: fit" in capsys.readouterr().out


def test_the_grid_is_run_once(folder, capsys, monkeypatch):
    monkeypatch.setattr("scgarage.benchmark.run.run_isolated", lambda cell, grid, out, **_: run_cell(cell, out))
    assert run("--only", "seed=1", "--format=csv") == 0
    assert "1 cells run, 0 were there already" in capsys.readouterr().out
    assert run("--only", "data=sim,seed=1", "--format=csv") == 0
    assert "0 cells run, 1 were there already" in capsys.readouterr().out


def test_failed_cells_do_not_stop_the_rest_and_are_told(folder, capsys, monkeypatch):
    plan = PLAN | {"data": [{"name": "sim", "path": "sim.h5ad", "labels_key": "nope"}]}
    (folder / "grid.yaml").write_text(yaml.safe_dump(plan))
    assert run("--cell", "sim/smote/0") == 0  # a workflow goes on
    assert "sim/smote/0: failed: InputError" in capsys.readouterr().out
    assert run("--forget-failed") == 0
    assert list((folder / "results" / "cells").iterdir()) == []
    monkeypatch.setattr("scgarage.benchmark.run.run_isolated", lambda *_, **__: None)
    monkeypatch.setattr("scgarage.benchmark.run.read_record", lambda *_: None)
    assert run("--cell", "sim/smote/0") == 0
    assert run("--only", "seed=1", "--format", "csv") == 1
    assert "1 cells failed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--only", "garage"], "--only has 'garage'"),
        (["--only", "model=gan"], "model=gan is not in grid.yaml"),
        (["--cell", "sim/smote"], "expected DATA/MODEL/SEED"),
        (["--collect", "--only", "seed=1"], "--only and --collect do not go together"),
        (["--jobs", "0"], "n_jobs is 0"),
    ],
)
def test_wrong_options_are_named(folder, capsys, options, text):
    assert run(*options, "--format", "csv") == 2
    assert text in capsys.readouterr().err


def test_parquet_without_pyarrow_is_refused_before_any_work(folder, capsys, monkeypatch):
    monkeypatch.setattr("scgarage.benchmark.results.find_spec", lambda name: None)
    assert run() == 1
    assert "--format csv" in capsys.readouterr().err
    assert not (folder / "results").exists()
