"""The command line from end to end, on small files."""

import json
import re
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import yaml

import scgarage as sg
from scgarage.cli import COMMANDS, main
from scgarage.cli.parser import normalise

SMALL = [
    "--params.n-iterations", "4", "--params.n-sweeps", "3", "--params.n-top-genes", "60",
    "--params.n-factors", "4", "--params.n-kept", "2", "--params.hidden", "[16]",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A file of cells, a fitted model and synthetic cells, made by the commands themselves."""
    folder = tmp_path_factory.mktemp("cli")
    sg.datasets.simulate(n_cells=300, n_genes=100, n_types=3, rare_fraction=0.06).write_h5ad(folder / "cells.h5ad")
    assert main(["fit", str(folder / "cells.h5ad"), "--out", str(folder / "model"), "--progress", "false", *SMALL]) == 0
    assert main(["sample", str(folder / "model"), "-n", "150", "--out", str(folder / "made.h5ad")]) == 0
    return folder


def test_sampled_file_has_what_it_promises(folder):
    made, real = ad.read_h5ad(folder / "made.h5ad"), ad.read_h5ad(folder / "cells.h5ad")
    assert made.shape == (150, real.n_vars)
    assert list(made.var_names) == list(real.var_names)
    assert {"cell_type", "source"} <= set(made.obs)
    assert made.uns["scgarage"]["split"]["n_train"] == 150


def test_evaluate_finds_the_held_out_cells_by_itself(folder, capsys):
    table = folder / "evaluation.csv"
    arguments = [
        "evaluate",
        str(folder / "made.h5ad"),
        "--real",
        str(folder / "cells.h5ad"),
        "--out",
        str(table),
        "--n-repeats",
        "2",
    ]
    assert main(arguments) == 0
    printed = capsys.readouterr().out
    assert "floor" in printed
    assert table.exists()
    report = folder / "report.html"
    again = [
        "report",
        str(folder / "made.h5ad"),
        "--real",
        str(folder / "cells.h5ad"),
        "--table",
        str(table),
        "--out",
        str(report),
    ]
    assert main(again) == 0
    assert "<html" in report.read_text()


def test_evaluate_refuses_another_file(folder, capsys):
    other = folder / "other.h5ad"
    cells = ad.read_h5ad(folder / "cells.h5ad")
    cells[::-1].copy().write_h5ad(other)
    assert main(["evaluate", str(folder / "made.h5ad"), "--real", str(other)]) == 2
    assert "not the cells" in capsys.readouterr().err


def test_cells_of_unknown_origin_need_train_and_test(folder, capsys):
    theirs = folder / "theirs.h5ad"
    cells = ad.read_h5ad(folder / "made.h5ad")
    del cells.uns["scgarage"]
    cells.write_h5ad(theirs)
    real = str(folder / "cells.h5ad")
    assert main(["evaluate", str(theirs), "--real", real, "--labels-key", "cell_type"]) == 2
    assert "--train" in capsys.readouterr().err
    assert main(["evaluate", str(theirs), "--train", real]) == 2
    assert "belong together" in capsys.readouterr().err
    split = sg.pp.split(ad.read_h5ad(real), labels_key="cell_type")
    for part in ("train", "test"):
        getattr(split, part).write_h5ad(folder / f"{part}.h5ad")
    parts = ["--train", str(folder / "train.h5ad"), "--test", str(folder / "test.h5ad")]
    assert main(["evaluate", str(theirs), *parts, "--labels-key", "cell_type", "--n-repeats", "2"]) == 0


def test_augment_adds_to_rare_types_and_marks_the_source(folder, capsys):
    common = ad.read_h5ad(folder / "made.h5ad").obs["cell_type"].value_counts().index[0]
    real = ad.read_h5ad(folder / "cells.h5ad")
    have = int((real.obs["cell_type"] == common).sum())
    out = folder / "augmented.h5ad"
    arguments = [
        "augment", str(folder / "model"), str(folder / "cells.h5ad"), "--out", str(out),
        "--min-cells", str(have + 5), "--types", json.dumps([common]),
    ]  # fmt: skip
    assert main(arguments) == 0
    assert f"added 5 {common}" in capsys.readouterr().out
    joined = ad.read_h5ad(out)
    assert joined.n_obs == real.n_obs + 5
    assert joined.obs["source"].value_counts().to_dict() == {"real": real.n_obs, "synthetic": 5}
    np.testing.assert_array_equal(joined.X[: real.n_obs].toarray(), real.X.toarray())


def test_simulate_plants_what_the_plan_says_and_refuses_what_it_cannot(folder, capsys):
    plan = {"cells": {"n": 90}, "groups": {"donors": 2}, "effects": [{"group": "treated"}]}
    plan["measurement"] = {"doublets": 0.1}
    (folder / "plan.yaml").write_text(yaml.safe_dump(plan))
    arguments = ["simulate", str(folder / "model"), str(folder / "plan.yaml"), "--out", str(folder / "simulated.h5ad")]
    assert main([*arguments, "--truth", str(folder / "truth")]) == 0
    assert "treated: 10 genes with a planted fold change" in capsys.readouterr().out
    assert len(sg.truth(sg.read(folder / "simulated.h5ad")).cells) == 90
    assert {path.name for path in (folder / "truth").iterdir()} == {"genes.csv", "cells.csv", "composition.csv"}
    (folder / "plan.yaml").write_text("measurement: {ambient: 2}")
    assert main([*arguments, "--overwrite"]) == 2
    assert "plan: measurement.ambient is 2; allowed: a number from 0 to 0.9" in capsys.readouterr().err


def test_methods_are_tested_on_what_a_plan_plants(folder, capsys):
    plan = {"cells": {"n": 200}, "groups": {"donors": 2}, "effects": [{"group": "treated"}]}
    (folder / "two.yaml").write_text(yaml.safe_dump(plan))
    arguments = ["test-methods", str(folder / "model"), str(folder / "two.yaml"), "--n-replicates", "2"]
    assert main([*arguments, "--methods", "[pseudobulk-t]", "--out", str(folder / "methods.csv")]) == 0
    assert "pseudobulk-t: " in capsys.readouterr().out
    assert (folder / "methods.csv").read_text().startswith("method,replicate,n_planted,n_found,power")


def test_outputs_are_never_overwritten_unasked(folder, capsys):
    before = (folder / "made.h5ad").read_bytes()
    assert main(["sample", str(folder / "model"), "-n", "5", "--out", str(folder / "made.h5ad")]) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (folder / "made.h5ad").read_bytes() == before
    assert main(["fit", str(folder / "cells.h5ad"), "--out", str(folder / "model")]) == 2


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["fit", "absent.h5ad", "--out", "m"], "absent.h5ad"),
        (["fit", "absent.h5ad", "--out", "m", "--model", "nonsense"], "no model 'nonsense'"),
        (["fit", "absent.h5ad", "--out", "m", "--params.colour", "red"], "no setting 'colour'"),
        (["fit", "absent.h5ad", "--out", "m", "--params.n-iterations", "two"], "n_iterations"),
        (["sample", "absent", "--out", "s.h5ad"], "-n 5000"),
        (["sample", "absent", "-n", "3", "--out", "s.h5ad"], "not a model folder"),
        (["evaluate", "absent.h5ad", "--real", "x.h5ad"], "absent.h5ad"),
        (["models", "nonsense"], "garage-faithful"),
    ],
)
def test_wrong_input_is_said_without_a_traceback(arguments, text, capsys, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert text in error
    assert "Traceback" not in error
    assert not any(Path.cwd().iterdir())


def test_debug_shows_the_error_itself():
    with pytest.raises(sg.errors.InputError, match="absent"):
        main(["--debug", "sample", "absent", "-n", "3", "--out", "s.h5ad"])


def test_unknown_option_is_an_error(capsys):
    assert main(["fit", "x.h5ad", "--out", "m", "--colour", "red"]) == 2
    assert "colour" in capsys.readouterr().err


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_has_examples_and_hyphens(name, capsys):
    words = name.replace("analyse-", "analyse ").replace("sequences-", "sequences ")
    assert main([*words.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert f"scgarage {words}" in text.split("examples:")[1]
    assert not re.search(r"--[a-z]+_", text)


def test_config_file_round_trip(folder, capsys, tmp_path):
    assert main(["sample", "m", "-n", "7", "--out", "x.h5ad", "--print-config"]) == 0
    config = yaml.safe_load(capsys.readouterr().out)
    assert config["n_cells"] == 7
    config |= {"model": str(folder / "model"), "out": str(tmp_path / "configured.h5ad"), "random_state": 5}
    (tmp_path / "sample.yaml").write_text(yaml.safe_dump(config))
    assert main(["sample", "--config", str(tmp_path / "sample.yaml")]) == 0
    assert ad.read_h5ad(tmp_path / "configured.h5ad").n_obs == 7


def test_models_lists_settings_with_their_sources(capsys):
    assert main(["models"]) == 0
    assert "garage-faithful" in capsys.readouterr().out
    assert main(["models", "garage-faithful"]) == 0
    text = capsys.readouterr().out
    assert "n_critic_steps = 5" in text
    assert "(documents: 5 and 2)" in text


def test_version_and_no_command(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == sg.__version__
    assert main([]) == 2


def test_options_are_normalised():
    assert normalise(["fit", "a-b.h5ad", "--labels-key", "x-y", "--out=my-dir", "-n", "3", "-5"]) == [
        "fit", "a-b.h5ad", "--labels_key", "x-y", "--out=my-dir", "--n_cells", "3", "-5",
    ]  # fmt: skip
