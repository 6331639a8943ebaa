"""``scgarage analyse legacy``."""

import anndata as ad
import pandas as pd
import pytest

import scgarage as sg
from scgarage.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
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
def run(folder, monkeypatch):
    # The clustering has its own tests and takes long to warm up.
    columns = {"genes_from": ["synthetic", "real"], "selection": "cv2", "n_genes": 100, "ari": [0.5, 0.6]}
    monkeypatch.setattr("scgarage.analyses.marker_clustering.legacy_clusters", lambda *_, **__: pd.DataFrame(columns))
    return lambda synthetic, *arguments: main(
        ["analyse", "legacy", str(folder / synthetic), *(str(argument) for argument in arguments)]
    )


def test_several_files_are_treated_alike(folder, run, capsys):
    out = folder / "legacy.csv"
    more = ["--also", f"[{folder / 'theirs.h5ad'}]", "--labels-key", "cell_type", "--out", out]
    assert run("ours.h5ad", "--real", folder / "cells.h5ad", *more) == 0
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
    assert run("ours.h5ad", "--real", folder / "cells.h5ad", *more) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert run("ours.h5ad", "--real", folder / "cells.h5ad", *more, "--overwrite", "--max-cells", "20") == 0
    assert pd.read_csv(out)["n_real_compared"].max() == 20


def test_models_are_fitted_anew_and_files_say_their_labels(folder, run):
    made = ad.read_h5ad(folder / "ours.h5ad")
    made.uns["scgarage"] = {"labels_key": "cell_type"}
    made.write_h5ad(folder / "marked.h5ad")
    options = ["--models", "[smote]", "--params.n-top-genes", "30", "--repeats", "2"]
    out = folder / "models.csv"
    assert run("marked.h5ad", "--real", folder / "cells.h5ad", *options, "--out", out) == 0
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
def test_wrong_input_is_said(synthetic, real, options, text, folder, run, capsys):
    out = folder / "never.csv"
    assert run(synthetic, "--real", folder / real, *options, "--out", out) == 2
    assert text in capsys.readouterr().err
    assert not out.exists()


def test_a_table_is_a_csv(folder, run, capsys):
    assert run("ours.h5ad", "--real", folder / "cells.h5ad", "--out", folder / "legacy") == 2
    assert "does not end in .csv" in capsys.readouterr().err
