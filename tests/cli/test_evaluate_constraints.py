"""``scgarage evaluate --constraints``."""

import pandas as pd
import pytest

import scgarage as sg
from scgarage.cli import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("constraints")
    cells = sg.datasets.simulate(n_cells=200, n_genes=60, n_types=3, random_state=0)
    parts = sg.pp.split(cells, labels_key="cell_type")
    made = sg.datasets.simulate(n_cells=100, n_genes=60, n_types=3, random_state=1)
    made.write_h5ad(folder / "made.h5ad")
    parts.train.write_h5ad(folder / "train.h5ad")
    parts.test.write_h5ad(folder / "test.h5ad")
    names = list(cells.var_names[:2])
    (folder / "rules.yaml").write_text(f"- {{kind: exclusive, genes: {names}}}\n- {{kind: non-negative}}\n")
    (folder / "wrong.yaml").write_text("- {kind: never}\n")
    return folder


def arguments(folder, rules):
    return [
        "evaluate", str(folder / "made.h5ad"), "--train", str(folder / "train.h5ad"), "--test",
        str(folder / "test.h5ad"), "--labels-key", "cell_type", "--profile", "quick", "--n-repeats", "2",
        "--constraints", str(folder / rules), "--out", str(folder / "table.csv"),
    ]  # fmt: skip


def test_rates_are_shown_and_written_beside_the_table(folder, capsys):
    assert main(arguments(folder, "rules.yaml")) == 0
    assert "no value below zero" in capsys.readouterr().out
    table = pd.read_csv(folder / "table.constraints.csv")
    assert table["kind"].tolist() == ["exclusive", "non-negative"]
    assert table["rate"].iloc[1] == table["floor"].iloc[1] == 0
    assert main(arguments(folder, "rules.yaml")) == 2  # nothing is replaced unasked


def test_wrong_rules_are_refused_before_anything_is_judged(folder, capsys):
    assert main([*arguments(folder, "wrong.yaml"), "--overwrite"]) == 2
    assert "kind must be one of" in capsys.readouterr().err
