"""The script that measures models beside their peers."""

import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pandas as pd
import pytest

import scgarage as sg

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "peers.py"


@pytest.fixture(scope="module")
def peers():
    spec = spec_from_file_location("peers", SCRIPT)
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def table():
    size = {"n_train": 100, "n_genes": 2000}
    rows = [
        {"data": "a", "model": "garage", "seed": 0, "fit_seconds": 30.0, "sample_seconds": 2.0, "peak_mib": 900.0}
        | size,
        {"data": "a", "model": "copula", "seed": 0, "fit_seconds": 3.0, "sample_seconds": 1.0, "peak_mib": 600.0}
        | size,
        {"data": "a", "model": "garage", "seed": 1, "fit_seconds": 44.0, "sample_seconds": 6.0, "peak_mib": 900.0}
        | size,
        {"data": "a", "model": "copula", "seed": 1, "fit_seconds": 2.0, "sample_seconds": 2.0, "peak_mib": 600.0}
        | size,
        {"data": "a", "model": "scvi", "seed": 0, "error": "boom"},
    ]
    return pd.DataFrame(rows).assign(c2st_forest=[0.5, 0.75, 0.5, 0.85, None])


def test_ratios_are_to_the_copula_of_the_same_file_and_seed(peers, table):
    ratios = peers.with_ratios(table)
    assert ratios["fit_seconds x"].tolist()[:4] == [10, 1, 22, 1]
    assert ratios["sample_seconds x"].tolist()[:4] == [2, 1, 3, 1]
    assert ratios["fit_seconds x"].isna().tolist() == [False] * 4 + [True]
    alone = peers.with_ratios(table[table["model"] == "garage"])
    assert alone["fit_seconds x"].isna().all()


def test_tables_show_means_deviations_and_what_is_missing(peers, table):
    text = peers.markdown(peers.with_ratios(table))
    assert "### Peers on a\n\n100 training cells, 2,000 genes." in text
    assert "| garage | 37 ± 9.9 (16 ± 8.5) |" in text
    assert "| copula | 2.5 ± 0.707 (1 ± 0) |" in text
    assert "| 0.80 ± 0.07 |" in text
    assert "| scvi | – (–) | – (–) | – (–) | – |" in text
    assert "coverage" not in text
    assert peers.shown(pd.Series([1234.0]), ".3g") == "1,230"


def test_a_page_keeps_all_but_what_stands_between_the_marks(peers, tmp_path):
    page = tmp_path / "page.md"
    page.write_text(f"before\n{peers.BEGIN}\nold\n{peers.END}\nafter\n")
    peers.write(page, "new\n")
    assert page.read_text() == f"before\n{peers.BEGIN}\n\nnew\n\n{peers.END}\nafter\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--files", "nowhere.h5ad"], "there is no file nowhere.h5ad"),
        (["--files", str(SCRIPT), "--seeds", "0"], "must be at least 1; found 0"),
        (["--files", str(SCRIPT), "--write", str(SCRIPT.parent / "none.md")], "must hold"),
    ],
)
def test_arguments_that_cannot_be_used_are_refused(peers, arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["peers.py", *arguments])
    with pytest.raises(SystemExit):
        peers.main()
    assert message in capsys.readouterr().err


def test_missing_packages_are_named(peers, monkeypatch, capsys):
    monkeypatch.setattr(peers, "find_spec", lambda name: None if name == "scvi" else object())
    assert peers.available(["garage", "scdesigner", "scvi"]) == (["garage", "scdesigner"], ["scvi"])
    assert "pip install scvi-tools" in capsys.readouterr().out


def test_the_documentation_holds_the_marks(peers):
    text = (SCRIPT.parents[1] / "docs" / "benchmark.md").read_text(encoding="utf-8")
    assert text.count(peers.BEGIN) == text.count(peers.END) == 1


@pytest.mark.slow
def test_one_run_from_file_to_page(peers, tmp_path):
    cells = sg.datasets.simulate(n_cells=240, n_genes=90, n_types=3, rare_fraction=0.1, random_state=1)
    cells.write_h5ad(tmp_path / "cells.h5ad")
    page = tmp_path / "page.md"
    page.write_text(f"{peers.BEGIN}\n{peers.END}\n")
    given = ["--files", str(tmp_path / "cells.h5ad"), "--models", "copula", "nothing", "--n-sample", "50"]
    command = [sys.executable, str(SCRIPT), *given, "--out", str(tmp_path / "out.csv"), "--write", str(page)]
    subprocess.run(command, check=True, capture_output=True)
    table = pd.read_csv(tmp_path / "out.csv").set_index("model")
    assert table.loc["copula", "fit_seconds"] > 0
    assert table.loc["copula", "peak_mib"] > 100
    assert 0 < table.loc["copula", "sliced_wasserstein x"] < 5
    assert "there is no model 'nothing'" in table.loc["nothing", "error"]
    assert "| copula |" in page.read_text()
