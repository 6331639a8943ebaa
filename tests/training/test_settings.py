"""Fabric starts in silence."""

import logging
import warnings

import pytest
import torch

from scgarage.errors import InputError
from scgarage.training import TrainSettings, one_thread
from scgarage.training.settings import launch


def test_one_process_says_nothing(capfd, recwarn):
    fabric = launch(TrainSettings(1, accelerator="cpu"))
    assert fabric.world_size == 1
    assert capfd.readouterr() == ("", "")
    assert len(recwarn) == 0


def test_hint_about_srun_and_notes_on_precision_are_held_back(capfd, caplog, monkeypatch, tmp_path):
    srun = tmp_path / "srun"
    srun.write_text("#!/bin/sh\n")
    srun.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("SLURM_NTASKS", raising=False)
    monkeypatch.setattr("sys.argv", ["train"])
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        launch(TrainSettings(1, accelerator="cpu", precision="bf16-mixed"))
    assert [str(w.message) for w in seen] == []
    assert capfd.readouterr() == ("", "")
    assert caplog.records == []


def test_log_level_comes_back():
    logger = logging.getLogger("lightning_fabric")
    before = logger.level
    try:
        logger.setLevel(17)
        launch(TrainSettings(1, accelerator="cpu"))
        assert logger.level == 17
    finally:
        logger.setLevel(before)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("n_iterations", 0),
        ("validate_every", 0),
        ("log_every", -1),
        ("checkpoint_every", 0),
        ("patience", 0),
        ("ema_decay", 1.0),
        ("ema_decay", 0.0),
        ("random_state", -1),
        ("precision", "16-mixed"),
    ],
)
def test_value_out_of_range_is_named(name: str, value: object):
    with pytest.raises(InputError, match=name):
        TrainSettings(**{"n_iterations": 5, name: value})


def interrupted():
    with one_thread():
        assert torch.get_num_threads() == 1
        raise KeyboardInterrupt


def test_threads_come_back_also_after_an_interruption():
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
