"""``scgarage audit``, on files."""

import json
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

import scgarage as sg
from scgarage.cli import COMMANDS, main
from scgarage.cli.judge import run_audit


@pytest.fixture(autouse=True)
def command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "audit", (run_audit, ("synthetic",), "  scgarage audit synthetic.h5ad --real x.h5ad"))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real cells, their parts, and files of fresh and of copied cells that say how the real ones were split."""
    folder = tmp_path_factory.mktemp("audit")
    cells = sg.datasets.simulate(n_cells=900, n_genes=100, n_types=3, rare_fraction=0.1)
    real = cells[300:].copy()
    split = sg.pp.split(real, labels_key="cell_type")
    record = {key: np.asarray(value) for key, value in split.record().items()}
    made = {"fresh": cells[:300].copy(), "copies": split.train.copy()}
    for name, synthetic in made.items():
        synthetic.uns["scgarage"] = {"labels_key": "cell_type", "split": record}
        synthetic.write_h5ad(folder / f"{name}.h5ad")
    for name, part in {"real": real, "train": split.train, "test": split.test}.items():
        part.write_h5ad(folder / f"{name}.h5ad")
    return folder


def _run(folder: Path, synthetic: str, *options: str) -> int:
    return main(["audit", str(folder / f"{synthetic}.h5ad"), *options])


def test_fresh_cells_end_with_0_and_copies_with_1(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    real = ["--real", str(folder / "real.h5ad")]
    assert _run(folder, "fresh", *real) == 0
    printed = capsys.readouterr()
    assert "differential privacy" in printed.out
    assert "memorisation_share" in printed.out
    assert _run(folder, "copies", *real, "--out", str(folder / "audit.json")) == 1
    printed = capsys.readouterr()
    assert printed.out.startswith("Fail: ")
    assert "the cells fail the privacy audit" in printed.err
    assert json.loads((folder / "audit.json").read_text())["verdict"] == "fail"


def test_training_cells_alone_give_a_weak_audit(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train = ["--train", str(folder / "train.h5ad"), "--labels-key", "cell_type"]
    assert _run(folder, "fresh", *train) == 0
    assert "there are no held-out cells" in capsys.readouterr().out.splitlines()[0].lower()
    assert _run(folder, "copies", *train) == 1
    assert _run(folder, "fresh", *train, "--test", str(folder / "test.h5ad")) == 0


def test_seed_cells_are_read_from_a_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    seeds, real = folder / "seeds.txt", ["--real", str(folder / "real.h5ad")]
    names = ad.read_h5ad(folder / "train.h5ad").obs_names[:60]
    seeds.write_text("\n".join(names) + "\n")
    assert _run(folder, "copies", *real, "--seeds", str(seeds), "--out", str(folder / "seeds.csv")) == 1
    assert ",seeds," in (folder / "seeds.csv").read_text()
    capsys.readouterr()
    assert _run(folder, "copies", *real, "--seeds", str(folder / "absent.txt")) == 2
    assert "one cell name a line" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ([], "--real FILE"),
        (["--real", "absent.h5ad"], "absent.h5ad"),
        (["--test", "test.h5ad"], "belong together"),
        (["--real", "real.h5ad", "--out", "audit.txt"], "neither in .json nor in .csv"),
        (["--real", "real.h5ad", "--donor-key", "donor"], "no 'donor'"),
    ],
)
def test_wrong_input_ends_with_2(
    folder: Path, options: list[str], text: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    assert _run(folder, "fresh", *options) == 2
    assert text in capsys.readouterr().err
