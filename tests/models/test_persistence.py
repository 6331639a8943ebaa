"""A model folder that one process reads or writes while another one writes it."""

import subprocess
import sys

import pytest

import scgarage as sg
from scgarage.models import Smote, persistence


def fitted(n_cells):
    cells = sg.datasets.simulate(n_cells=n_cells, n_genes=40, n_types=3, rare_fraction=0.1)
    return Smote().fit(cells, labels_key="cell_type", validation=None)


def test_a_model_that_is_replaced_while_it_is_read_is_read_again(tmp_path, monkeypatch):
    old, new = fitted(80), fitted(100)
    path = old.save(tmp_path / "model")
    read_json, read = persistence.json.loads, []

    def replace_meanwhile(text):
        if not read:
            read.append(new.save(path, overwrite=True))
        return read_json(text)

    monkeypatch.setattr(persistence.json, "loads", replace_meanwhile)
    found = sg.load(path)
    assert read == [path]
    assert found.about["n_train"] == 100
    assert (found.sample(30, random_state=1).X != new.sample(30, random_state=1).X).nnz == 0


SAVE = """
import sys, warnings
import scgarage as sg
warnings.simplefilter("ignore")
model = sg.load(sys.argv[1])
print("ready", flush=True)
for _ in range(int(sys.argv[3])):
    model.save(sys.argv[2], overwrite=True)
"""


@pytest.mark.slow
def test_a_thousand_readings_find_one_whole_model_while_two_processes_write_it(tmp_path):
    for n_cells in (80, 100):
        fitted(n_cells).save(tmp_path / str(n_cells))
    fitted(80).save(tmp_path / "model")
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", SAVE, str(tmp_path / name), str(tmp_path / "model"), "1000"], stdout=subprocess.PIPE
        )
        for name in ("80", "100")
    ]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    sizes = []
    for _ in range(1000):
        model = sg.load(tmp_path / "model")
        sizes.append(model.about["n_train"])
        assert model.sample(5).n_obs == 5
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    assert set(sizes) == {80, 100}
    assert sg.load(tmp_path / "model").about["n_train"] in (80, 100)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["100", "80", "model"]
