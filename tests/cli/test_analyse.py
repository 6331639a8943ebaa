"""The analyses from the command line."""

import json

import anndata as ad
import pandas as pd
import pytest

import scgarage as sg
from scgarage.cli import main
from scgarage.cli.analyse import ANALYSES

TINY = [
    "--params.n-iterations", "2", "--params.gat-epochs", "2", "--params.n-top-genes", "30",
    "--params.generator-hidden", "[8]", "--params.critic-hidden", "[8]",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analyse")
    cells = sg.datasets.simulate(n_cells=240, n_genes=60, n_types=3, rare_fraction=0.1, random_state=0)
    cells.write_h5ad(folder / "cells.h5ad")
    return folder


@pytest.fixture
def run():
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ANALYSES)
def test_help_shows_options_and_examples(name, run, capsys):
    assert run(*name.split("-", 1), "--help") == 0
    shown = capsys.readouterr().out
    assert "--out" in shown
    assert f"scgarage {name.replace('-', ' ', 1)} " in shown


def test_attention(folder, run, capsys):
    gene = ad.read_h5ad(folder / "cells.h5ad").var_names[0]
    (folder / "markers.csv").write_text(f"type,gene\nrare,{gene}\n")
    options = ["--rare-fraction", "0.15", "--gat-epochs", "2", "--markers", folder / "markers.csv"]
    command = ["analyse", "attention", folder / "cells.h5ad", "--out", folder / "attention", *options]
    assert run(*command) == 0
    assert "highest attention" in capsys.readouterr().out
    assert len(pd.read_csv(folder / "attention" / "cells.csv")) == 120
    assert run(*command) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_rare_utility_of_models(folder, run, capsys):
    out = folder / "utility.csv"
    options = ["--models", "[nb-independent,bootstrap]", "--quick", "--designs", "[down-sampling]"]
    options += ["--pipelines", "[shrunk-lda]"]
    assert run("analyse", "rare-utility", folder / "cells.h5ad", "--out", out, *options) == 0
    assert "synthetic cells" in capsys.readouterr().out
    assert {"nb-independent", "bootstrap", "smote"} <= set(pd.read_csv(out)["comparator"])
    assert json.loads(out.with_suffix(".json").read_text())["sentences"]


def test_markers_on_real_and_synthetic_cells(folder, run, capsys, monkeypatch):
    cells = ad.read_h5ad(folder / "cells.h5ad")
    cells[:120].copy().write_h5ad(folder / "train.h5ad")
    cells[120:].copy().write_h5ad(folder / "test.h5ad")
    # The clustering has its own tests and takes long to warm up.
    columns = {"selection": "fano", "n_genes": [20], "metric": "ari", "value": 1.0, "floor": 1.0, "null": 0, "score": 0}
    for name in ("compare_clusters", "legacy_clusters"):
        monkeypatch.setattr(f"scgarage.analyses.marker_clustering.{name}", lambda *_, **__: pd.DataFrame(columns))
    files = [folder / "train.h5ad", "--test", folder / "test.h5ad", "--labels-key", "cell_type"]
    options = ["--selection", "fano", "--n-genes", "[20]"]
    train = ["--train", folder / "train.h5ad"]
    assert run("analyse", "markers", *files, *train, "--out", folder / "grid.csv", *options) == 0
    assert set(pd.read_csv(folder / "grid.csv")["n_genes"]) == {20}
    capsys.readouterr()
    assert run("analyse", "markers", *files, "--out", folder / "legacy.csv", "--legacy", *options) == 0
    assert "published protocol" in capsys.readouterr().out
    assert run("analyse", "markers", folder / "train.h5ad", "--out", folder / "x.csv", "--legacy") == 2
    assert "--real FILE" in capsys.readouterr().err
    more = ["--out", folder / "resolutions.csv", *options, "--resolutions", "[0.5,1]"]
    assert run("analyse", "markers", *files, *train, *more) == 0
    assert pd.read_csv(folder / "resolutions.csv")["resolution"].tolist() == [0.5, 1.0]
    assert run("analyse", "markers", *files, *train, *more, "--legacy", "--overwrite") == 2
    assert "leave --resolutions out" in capsys.readouterr().err


def test_leakage(folder, run, capsys, monkeypatch):
    def judge(*args, **kwargs):
        yield {"family": "fidelity", "metric": "sliced_wasserstein", "group": "all", "value": 1.0, "floor": 0.5}

    monkeypatch.setattr("scgarage.analyses.leakage._judge", judge)
    options = ["--leakages", "[0.5]", "--selectors", "[random]", "--n-repeats", "2", *TINY]
    assert run("analyse", "leakage", folder / "cells.h5ad", "--out", folder / "leakage", *options) == 0
    assert "leakage.svg" in capsys.readouterr().out
    assert set(pd.read_csv(folder / "leakage" / "leakage.csv")["selector"]) == {"random"}


def test_seeds(folder, run, capsys, monkeypatch):
    def run_once(model, *args, **kwargs):
        row = {"metric": "w", "title": "W", "group": "all", "better": "lower", "value": 1.0, "floor": 0.5, "score": 0.1}
        return pd.DataFrame([row]), pd.DataFrame({"step": [1.0], "vae/loss": [2.0]})

    monkeypatch.setattr("scgarage.analyses.seed_study._run", run_once)
    options = ["--models", "[nb-independent]", "--seeds", "2"]
    assert run("analyse", "seeds", folder / "cells.h5ad", "--out", folder / "seeds", *options) == 0
    assert "cells: nb-independent" in capsys.readouterr().out
    assert (folder / "seeds" / "losses.svg").exists()
    assert "\\toprule" in (folder / "seeds" / "mean_sd.tex").read_text()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["attention", "absent.h5ad", "--out", "o"], "absent.h5ad"),
        (["attention", "absent.h5ad", "--out", "o", "--markers", "absent.csv"], "no marker table"),
        (["rare-utility", "absent.h5ad", "--out", "o"], "does not end in .csv"),
        (["rare-utility", "absent.h5ad", "--out", "o.csv", "--params.colour", "red"], "no setting 'colour'"),
        (["rare-utility", "absent.h5ad", "--out", "o.csv", "--params.random-state", "1"], "--random-state"),
        (["rare-utility", "absent.h5ad", "--out", "o.csv", "--models", "[garage,nonsense]"], "no model 'nonsense'"),
        (
            ["rare-utility", "absent.h5ad", "--out", "o.csv", "--models", "[gan,vae]", "--params.n-top-genes", "9"],
            "--params are for one model",
        ),
        (["leakage", "absent.h5ad", "--out", "o", "--params.colour", "red"], "no setting 'colour'"),
        (["seeds", "absent.h5ad", "--out", "o", "--models", "[nonsense]"], "no model 'nonsense'"),
    ],
)
def test_wrong_input_is_said_before_any_work(arguments, text, run, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("analyse", *arguments) == 2
    assert text in capsys.readouterr().err
    assert not any(tmp_path.iterdir())
