"""A resumed run is the unbroken run, byte for byte."""

import json
import pickle
import signal
from contextlib import nullcontext
from pathlib import Path

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.optim import SGD, Adam, AdamW, RMSprop

from scgarage.errors import InputError
from scgarage.training import Batches, Phase, train
from scgarage.training import checkpoint as ckpt

OPTIMIZERS = {
    "adam": lambda p: Adam(p, lr=1e-2, betas=(0.5, 0.9)),
    "amsgrad": lambda p: Adam(p, lr=1e-2, amsgrad=True),
    "adamw": lambda p: AdamW(p, lr=1e-2, weight_decay=0.1),
    "rmsprop": lambda p: RMSprop(p, lr=1e-2, momentum=0.3, centered=True),
    "sgd": lambda p: SGD(p, lr=1e-2, momentum=0.9, nesterov=True),
    "plain sgd": lambda p: SGD(p, lr=1e-2),
}


class KilledError(Exception):
    """Stands for a job that is killed."""


def score_of(task) -> float:
    """A score that goes down, then up, and depends on the weights and on noise."""
    fake = task.networks["generator"](torch.randn(20, 4))
    return float((fake.mean() - 0.25).abs())


def run(task, settings, *, kill_after: int | None = None, **changes):
    """Train with everything that has a state; ``kill_after`` breaks off in the iteration after that one."""
    if kill_after is not None:
        inner, calls = task.phases[1].loss, []

        def loss(module, batch):
            calls.append(1)
            if len(calls) > kill_after:
                raise KilledError
            return inner(module, batch)

        task.phases[1].loss = loss
    options = {"validate_every": 5, "log_every": 3, "ema_decay": 0.9, "checkpoint_every": 4}
    names = ("checkpoint", "resume")
    return train(
        task.phases,
        task.batches,
        settings(**options | {k: v for k, v in changes.items() if k not in names}),
        validate=lambda: score_of(task),
        averaged=task.networks["generator"],
        **{k: v for k, v in changes.items() if k in names},
    )


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_killed_and_resumed_run_has_the_bytes_of_an_unbroken_one(adversarial, settings, tmp_path, optimizer):
    make = OPTIMIZERS[optimizer]
    unbroken = adversarial(make)
    expected = run(unbroken, settings, n_iterations=20)
    first = adversarial(make)
    with pytest.raises(KilledError):
        run(first, settings, n_iterations=20, checkpoint=tmp_path, kill_after=10)
    resumed = adversarial(make, init=99)  # other initial weights: all must come from the checkpoint
    found = run(resumed, settings, n_iterations=20, checkpoint=tmp_path, resume=True)
    assert resumed.bytes() == unbroken.bytes()
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)
    assert (found.best_step, found.n_iterations) == (expected.best_step, expected.n_iterations)


class TerminatedError(Exception):
    """What a handler of SIGTERM raises."""


@pytest.mark.parametrize("deadly", [True, False])
def test_sigterm_takes_effect_when_the_iteration_is_saved(adversarial, settings, tmp_path, deadly):
    unbroken, task = adversarial(), adversarial()
    expected = run(unbroken, settings, n_iterations=20)
    inner, calls, told = task.phases[1].loss, [], []

    def loss(module, batch):
        calls.append(1)
        if len(calls) == 6:
            signal.raise_signal(signal.SIGTERM)
        return inner(module, batch)

    def handle(*_):
        told.append(json.loads(load_file(tmp_path / ckpt.STATE)[ckpt.VALUES].numpy().tobytes())["step"])
        if deadly:
            raise TerminatedError

    task.phases[1].loss = loss
    before = signal.signal(signal.SIGTERM, handle)
    try:
        with pytest.raises(TerminatedError) if deadly else nullcontext():
            run(task, settings, n_iterations=20, checkpoint=tmp_path, checkpoint_every=1000)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert told == [6]
    if deadly:
        task = adversarial(init=99)
        run(task, settings, n_iterations=20, checkpoint=tmp_path, resume=True)
    assert task.bytes() == unbroken.bytes()
    assert expected.n_iterations == 20


def test_run_is_extended_to_more_iterations(adversarial, settings, tmp_path):
    options = {"validate_every": 10, "log_every": 10}
    unbroken = adversarial()
    expected = run(unbroken, settings, n_iterations=20, **options)
    run(adversarial(), settings, n_iterations=10, checkpoint=tmp_path, **options)
    resumed = adversarial()
    found = run(resumed, settings, n_iterations=20, checkpoint=tmp_path, resume=True, **options)
    assert resumed.bytes() == unbroken.bytes()
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)


def test_killed_twice_and_resumed_twice(adversarial, settings, tmp_path):
    unbroken = adversarial()
    run(unbroken, settings, n_iterations=18)
    for resume, kill_after in ((False, 5), (True, 6)):
        with pytest.raises(KilledError):
            run(adversarial(), settings, n_iterations=18, checkpoint=tmp_path, resume=resume, kill_after=kill_after)
    resumed = adversarial()
    run(resumed, settings, n_iterations=18, checkpoint=tmp_path, resume=True)
    assert resumed.bytes() == unbroken.bytes()


def test_early_stopping_state_is_resumed(adversarial, settings, tmp_path):
    options = {"n_iterations": 200, "validate_every": 2, "patience": 4}
    unbroken = adversarial()
    expected = run(unbroken, settings, **options)
    assert expected.stopped_early
    stop = expected.n_iterations
    with pytest.raises(KilledError):
        run(adversarial(), settings, checkpoint=tmp_path, kill_after=stop - 3, **options)
    resumed = adversarial()
    found = run(resumed, settings, checkpoint=tmp_path, resume=True, **options)
    assert (found.n_iterations, found.best_step, found.stopped_early) == (stop, expected.best_step, True)
    assert resumed.bytes() == unbroken.bytes()


@pytest.mark.parametrize("options", [{"n_iterations": 10}, {"n_iterations": 200, "validate_every": 2, "patience": 3}])
def test_finished_run_is_not_trained_further(adversarial, settings, tmp_path, options):
    done = adversarial()
    expected = run(done, settings, checkpoint=tmp_path, **options)
    again = adversarial(init=99)
    found = run(again, settings, checkpoint=tmp_path, resume=True, kill_after=0, **options)
    assert again.bytes() == done.bytes()
    assert (found.n_iterations, found.best_step, found.stopped_early) == (
        expected.n_iterations,
        expected.best_step,
        expected.stopped_early,
    )
    pd.testing.assert_frame_equal(found.history, expected.history, check_exact=True)


def test_finished_run_without_validation_gives_the_last_weights(regression, settings, tmp_path):
    done, again = regression(), regression()
    train(done.phases, done.batches, settings(5), checkpoint=tmp_path)
    train(again.phases, again.batches, settings(5), checkpoint=tmp_path, resume=True)
    assert again.bytes() == done.bytes()


def test_more_patience_goes_on_after_early_stopping(adversarial, settings, tmp_path):
    options = {"n_iterations": 200, "validate_every": 2}
    stop = run(adversarial(), settings, checkpoint=tmp_path, patience=2, **options).n_iterations
    found = run(adversarial(), settings, checkpoint=tmp_path, resume=True, patience=4, **options)
    assert found.n_iterations > stop


def test_buffers_that_after_step_changes_are_resumed(settings, tmp_path):
    class Balanced(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear = nn.Linear(1, 1)
            self.register_buffer("k", torch.zeros(()))

        def forward(self, x):
            return self.linear(x) * self.k

    def task() -> list[Phase]:
        network = Balanced()
        return [
            Phase(
                "fit",
                network,
                Adam(network.parameters()),
                lambda module, batch: {"loss": module(batch["x"]).mean()},
                after_step=lambda losses: network.k.add_(0.1 + losses["loss"]),
            )
        ]

    batches = Batches({"x": torch.ones(4, 1)}, batch_size=2)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        unbroken, first, second = task(), task(), task()
    for phases in (first, second):
        phases[0].module.load_state_dict(unbroken[0].module.state_dict())
    train(unbroken, batches, settings(6))
    train(first, batches, settings(3), checkpoint=tmp_path)
    train(second, batches, settings(6), checkpoint=tmp_path, resume=True)
    assert torch.equal(unbroken[0].module.k, second[0].module.k)
    assert second[0].module.k > 0


def test_failing_write_leaves_the_old_checkpoint(adversarial, settings, tmp_path, monkeypatch):
    run(adversarial(), settings, n_iterations=4, checkpoint=tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}

    def broken(tensors, file):
        Path(file).write_bytes(b"half")
        raise OSError

    monkeypatch.setattr(ckpt, "save_file", broken)
    with pytest.raises(OSError):  # noqa: PT011  (a full disk raises no more precise one)
        run(adversarial(), settings, n_iterations=8, checkpoint=tmp_path, resume=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_checkpoint_is_one_safetensors_file_and_leaves_other_files_alone(adversarial, settings, tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    run(adversarial(), settings, n_iterations=4, checkpoint=tmp_path)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["notes.txt", "state.safetensors"]
    tensors = load_file(tmp_path / "state.safetensors")
    values = json.loads(tensors[ckpt.VALUES].numpy().tobytes())
    assert values["step"] == 4
    assert any(name.startswith("average/") for name in tensors)


def test_checkpoint_is_written_and_read_without_pickle(tmp_path, monkeypatch):
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError

    for name in ("load", "loads", "dump", "dumps", "Unpickler", "Pickler"):
        monkeypatch.setattr(pickle, name, refuse)
    monkeypatch.setattr(torch, "load", refuse)
    monkeypatch.setattr(torch, "save", refuse)
    ckpt.save_checkpoint(tmp_path, {"x": torch.eye(2)}, {"a": [1.5, None, float("inf")]})
    tensors, values = ckpt.load_checkpoint(tmp_path)
    assert torch.equal(tensors["x"], torch.eye(2))
    assert values == {"a": [1.5, None, float("inf")]}


@pytest.mark.parametrize(
    "tensor", [torch.arange(6.0).reshape(2, 3).T, torch.tensor(3), torch.empty(0, 2), torch.tensor([True])]
)
def test_tensors_of_any_layout_and_dtype_are_kept(tensor, tmp_path):
    shared = {"a": tensor, "b": tensor}
    ckpt.save_checkpoint(tmp_path / "new", shared, {})
    tensors, values = ckpt.load_checkpoint(tmp_path / "new")
    assert values == {}
    assert all(torch.equal(tensors[name], tensor) and tensors[name].dtype == tensor.dtype for name in shared)


def test_resume_needs_a_checkpoint(regression, settings, tmp_path):
    task = regression()
    with pytest.raises(InputError, match="checkpoint="):
        train(task.phases, task.batches, settings(2), resume=True)
    with pytest.raises(InputError, match=r"it has no state\.safetensors"):
        train(task.phases, task.batches, settings(2), checkpoint=tmp_path / "none", resume=True)


@pytest.mark.parametrize("content", [b"", b"no checkpoint at all", b"\x10\0\0\0\0\0\0\0{}              "])
def test_damaged_checkpoint_is_refused(content, tmp_path):
    (tmp_path / ckpt.STATE).write_bytes(content)
    with pytest.raises(InputError, match="damaged"):
        ckpt.load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("what", "changes"),
    [
        ("random_state 0", {"random_state": 1}),
        ("ema_decay", {"ema_decay": 0.5}),
        ("batches", {"batch_size": 5}),
        ("phases", {"n_steps": 3}),
        ("optimizers", {"optimizer": OPTIMIZERS["sgd"]}),
    ],
)
def test_checkpoint_of_another_training_is_refused(adversarial, settings, tmp_path, what, changes):
    run(adversarial(), settings, n_iterations=2, checkpoint=tmp_path)
    changes = dict(changes)
    task = adversarial(changes.pop("optimizer", OPTIMIZERS["adam"]))
    task.batches.batch_size = changes.pop("batch_size", task.batches.batch_size)
    task.phases[0].n_steps = changes.pop("n_steps", 2)
    with pytest.raises(InputError, match=what):
        run(task, settings, n_iterations=4, checkpoint=tmp_path, resume=True, **changes)
