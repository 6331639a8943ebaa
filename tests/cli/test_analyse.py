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
def folder_analyse(tmp_path_factory):
    folder = tmp_path_factory.mktemp("analyse")
    cells = sg.datasets.simulate(n_cells=240, n_genes=60, n_types=3, rare_fraction=0.1, random_state=0)
    cells.write_h5ad(folder / "cells.h5ad")
    return folder


@pytest.fixture
def run_analyse():
    return lambda *arguments: main([str(argument) for argument in arguments])


@pytest.mark.parametrize("name", ANALYSES)
def test_help_shows_options_and_examples(name, run_analyse, capsys):
    assert run_analyse(*name.split("-", 1), "--help") == 0
    shown = capsys.readouterr().out
    assert "--out" in shown
    assert f"scgarage {name.replace('-', ' ', 1)} " in shown


def test_attention(folder_analyse, run_analyse, capsys):
    gene = ad.read_h5ad(folder_analyse / "cells.h5ad").var_names[0]
    (folder_analyse / "markers.csv").write_text(f"type,gene\nrare,{gene}\n")
    options = ["--rare-fraction", "0.15", "--gat-epochs", "2", "--markers", folder_analyse / "markers.csv"]
    command = ["analyse", "attention", folder_analyse / "cells.h5ad", "--out", folder_analyse / "attention", *options]
    assert run_analyse(*command) == 0
    assert "highest attention" in capsys.readouterr().out
    assert len(pd.read_csv(folder_analyse / "attention" / "cells.csv")) == 120
    assert run_analyse(*command) == 2
    assert "--overwrite" in capsys.readouterr().err


def test_rare_utility_of_models(folder_analyse, run_analyse, capsys):
    out = folder_analyse / "utility.csv"
    options = ["--models", "[nb-independent,bootstrap]", "--quick", "--designs", "[down-sampling]"]
    options += ["--pipelines", "[shrunk-lda]"]
    assert run_analyse("analyse", "rare-utility", folder_analyse / "cells.h5ad", "--out", out, *options) == 0
    assert "synthetic cells" in capsys.readouterr().out
    assert {"nb-independent", "bootstrap", "smote"} <= set(pd.read_csv(out)["comparator"])
    assert json.loads(out.with_suffix(".json").read_text())["sentences"]


def test_markers_on_real_and_synthetic_cells(folder_analyse, run_analyse, capsys, monkeypatch):
    cells = ad.read_h5ad(folder_analyse / "cells.h5ad")
    cells[:120].copy().write_h5ad(folder_analyse / "train.h5ad")
    cells[120:].copy().write_h5ad(folder_analyse / "test.h5ad")
    # The clustering has its own tests and takes long to warm up.
    columns = {"selection": "fano", "n_genes": [20], "metric": "ari", "value": 1.0, "floor": 1.0, "null": 0, "score": 0}
    for name in ("compare_clusters", "legacy_clusters"):
        monkeypatch.setattr(f"scgarage.analyses.marker_clustering.{name}", lambda *_, **__: pd.DataFrame(columns))
    files = [folder_analyse / "train.h5ad", "--test", folder_analyse / "test.h5ad", "--labels-key", "cell_type"]
    options = ["--selection", "fano", "--n-genes", "[20]"]
    train = ["--train", folder_analyse / "train.h5ad"]
    assert run_analyse("analyse", "markers", *files, *train, "--out", folder_analyse / "grid.csv", *options) == 0
    assert set(pd.read_csv(folder_analyse / "grid.csv")["n_genes"]) == {20}
    capsys.readouterr()
    assert run_analyse("analyse", "markers", *files, "--out", folder_analyse / "legacy.csv", "--legacy", *options) == 0
    assert "published protocol" in capsys.readouterr().out
    assert (
        run_analyse("analyse", "markers", folder_analyse / "train.h5ad", "--out", folder_analyse / "x.csv", "--legacy")
        == 2
    )
    assert "--real FILE" in capsys.readouterr().err
    more = ["--out", folder_analyse / "resolutions.csv", *options, "--resolutions", "[0.5,1]"]
    assert run_analyse("analyse", "markers", *files, *train, *more) == 0
    assert pd.read_csv(folder_analyse / "resolutions.csv")["resolution"].tolist() == [0.5, 1.0]
    assert run_analyse("analyse", "markers", *files, *train, *more, "--legacy", "--overwrite") == 2
    assert "leave --resolutions out" in capsys.readouterr().err


def test_leakage(folder_analyse, run_analyse, capsys, monkeypatch):
    def judge(*args, **kwargs):
        yield {"family": "fidelity", "metric": "sliced_wasserstein", "group": "all", "value": 1.0, "floor": 0.5}

    monkeypatch.setattr("scgarage.analyses.leakage._judge", judge)
    options = ["--leakages", "[0.5]", "--selectors", "[random]", "--n-repeats", "2", *TINY]
    assert (
        run_analyse("analyse", "leakage", folder_analyse / "cells.h5ad", "--out", folder_analyse / "leakage", *options)
        == 0
    )
    assert "leakage.svg" in capsys.readouterr().out
    assert set(pd.read_csv(folder_analyse / "leakage" / "leakage.csv")["selector"]) == {"random"}


def test_seeds(folder_analyse, run_analyse, capsys, monkeypatch):
    def run_once(model, *args, **kwargs):
        row = {"metric": "w", "title": "W", "group": "all", "better": "lower", "value": 1.0, "floor": 0.5, "score": 0.1}
        return pd.DataFrame([row]), pd.DataFrame({"step": [1.0], "vae/loss": [2.0]})

    monkeypatch.setattr("scgarage.analyses.seed_study._run", run_once)
    options = ["--models", "[nb-independent]", "--seeds", "2"]
    assert (
        run_analyse("analyse", "seeds", folder_analyse / "cells.h5ad", "--out", folder_analyse / "seeds", *options) == 0
    )
    assert "cells: nb-independent" in capsys.readouterr().out
    assert (folder_analyse / "seeds" / "losses.svg").exists()
    assert "\\toprule" in (folder_analyse / "seeds" / "mean_sd.tex").read_text()


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
def test_wrong_input_is_said_before_any_work(arguments, text, run_analyse, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run_analyse("analyse", *arguments) == 2
    assert text in capsys.readouterr().err
    assert not any(tmp_path.iterdir())


@pytest.fixture(scope="module")
def folder_analyse_legacy(tmp_path_factory):
    folder = tmp_path_factory.mktemp("legacy")
    cells = sg.datasets.simulate(n_cells=160, n_genes=50, n_types=3, rare_fraction=0.1, random_state=0)
    cells.write_h5ad(folder / "cells.h5ad")
    cells[:80].copy().write_h5ad(folder / "ours.h5ad")
    cells[80:].copy().write_h5ad(folder / "theirs.h5ad")
    cells[:, :20].copy().write_h5ad(folder / "other_genes.h5ad")
    renamed = cells[:80].copy()
    renamed.var_names = [f"other_{name}" for name in renamed.var_names]
    renamed.write_h5ad(folder / "no_common_gene.h5ad")
    del cells.obs["cell_type"]
    cells.write_h5ad(folder / "unlabelled.h5ad")
    return folder


@pytest.fixture
def run_analyse_legacy(folder_analyse_legacy, monkeypatch):
    # The clustering has its own tests and takes long to warm up.
    columns = {"genes_from": ["synthetic", "real"], "selection": "cv2", "n_genes": 100, "ari": [0.5, 0.6]}
    monkeypatch.setattr("scgarage.analyses.marker_clustering.legacy_clusters", lambda *_, **__: pd.DataFrame(columns))
    return lambda synthetic, *arguments: main(
        ["analyse", "legacy", str(folder_analyse_legacy / synthetic), *(str(argument) for argument in arguments)]
    )


def test_several_files_are_treated_alike(folder_analyse_legacy, run_analyse_legacy, capsys):
    out = folder_analyse_legacy / "legacy.csv"
    more = ["--also", f"[{folder_analyse_legacy / 'theirs.h5ad'}]", "--labels-key", "cell_type", "--out", out]
    assert run_analyse_legacy("ours.h5ad", "--real", folder_analyse_legacy / "cells.h5ad", *more) == 0
    assert "for comparison with the paper only" in capsys.readouterr().out
    table = pd.read_csv(out)
    assert (table["protocol"] == "legacy").all()
    assert table.groupby("experiment")["method"].unique().map(list).to_dict() == {
        "clustering": ["ours", "theirs"],
        "wasserstein": ["ours", "theirs"],
    }
    distances = table[table["experiment"] == "wasserstein"].set_index(["method", "comparison"])
    assert distances.loc[("ours", "published"), "n_synthetic"] == 80
    pd.testing.assert_series_equal(
        distances.loc[("ours", "real against real")], distances.loc[("theirs", "real against real")], check_names=False
    )
    assert run_analyse_legacy("ours.h5ad", "--real", folder_analyse_legacy / "cells.h5ad", *more) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (
        run_analyse_legacy(
            "ours.h5ad", "--real", folder_analyse_legacy / "cells.h5ad", *more, "--overwrite", "--max-cells", "20"
        )
        == 0
    )
    assert pd.read_csv(out)["n_real_compared"].max() == 20


def test_models_are_fitted_anew_and_files_say_their_labels(folder_analyse_legacy, run_analyse_legacy):
    made = ad.read_h5ad(folder_analyse_legacy / "ours.h5ad")
    made.uns["scgarage"] = {"labels_key": "cell_type"}
    made.write_h5ad(folder_analyse_legacy / "marked.h5ad")
    options = ["--models", "[smote]", "--params.n-top-genes", "30", "--repeats", "2"]
    out = folder_analyse_legacy / "models.csv"
    assert (
        run_analyse_legacy("marked.h5ad", "--real", folder_analyse_legacy / "cells.h5ad", *options, "--out", out) == 0
    )
    rows = pd.read_csv(out).query("experiment == 'rare cells'")
    assert rows["method"].unique().tolist() == [
        "no synthetic cells", "real copies (random oversampling)", "smote",
    ]  # fmt: skip
    assert rows["n_repeats"].tolist() == [2] * 6
    assert rows["rare_f1_sd"].notna().all()


@pytest.mark.parametrize(
    ("synthetic", "real", "options", "text"),
    [
        ("ours.h5ad", "unlabelled.h5ad", ["--labels-key", "cell_type"], "adata.obs has no 'cell_type'"),
        ("ours.h5ad", "cells.h5ad", [], "pass --labels-key"),
        ("no_common_gene.h5ad", "cells.h5ad", ["--labels-key", "cell_type"], "50 of 50 genes are missing"),
        ("other_genes.h5ad", "cells.h5ad", ["--labels-key", "cell_type"], "30 of 50 genes are missing"),
        ("absent.h5ad", "cells.h5ad", [], "absent.h5ad"),
        ("ours.h5ad", "cells.h5ad", ["--also", "[elsewhere/ours.h5ad]"], "two synthetic files are called 'ours'"),
        ("ours.h5ad", "cells.h5ad", ["--models", "[nonsense]"], "no model 'nonsense'"),
        ("ours.h5ad", "cells.h5ad", ["--params.n-top-genes", "9"], "--params are for one model"),
        ("ours.h5ad", "cells.h5ad", ["--models", "[gan]", "--params.random-state", "1"], "--random-state"),
        ("ours.h5ad", "cells.h5ad", ["--n-genes", "[1]"], "--n-genes has 1"),
        (
            "ours.h5ad", "cells.h5ad", ["--labels-key", "cell_type", "--models", "[smote]", "--rare-type", "none"],
            "rare_type 'none'",
        ),
    ],
)  # fmt: skip
def test_wrong_input_is_said(synthetic, real, options, text, folder_analyse_legacy, run_analyse_legacy, capsys):
    out = folder_analyse_legacy / "never.csv"
    assert run_analyse_legacy(synthetic, "--real", folder_analyse_legacy / real, *options, "--out", out) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


def test_a_table_is_a_csv(folder_analyse_legacy, run_analyse_legacy, capsys):
    assert (
        run_analyse_legacy(
            "ours.h5ad", "--real", folder_analyse_legacy / "cells.h5ad", "--out", folder_analyse_legacy / "legacy"
        )
        == 2
    )
    assert "does not end in .csv" in capsys.readouterr().err
