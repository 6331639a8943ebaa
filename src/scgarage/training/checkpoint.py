"""Checkpoints of a running training: safetensors and JSON, written atomically, no pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from scgarage.errors import InputError
from scgarage.io import atomic_output

__all__ = ["flatten_optimizer", "load_checkpoint", "restore_optimizer", "save_checkpoint"]

TENSORS = "state.safetensors"
VALUES = "state.json"


def save_checkpoint(path: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write a checkpoint folder, replacing the one before it only when the new one is complete."""
    with atomic_output(path, overwrite=True) as folder:
        folder.mkdir()
        # safetensors refuses tensors that share memory, so each is written from its own copy.
        save_file({name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}, folder / TENSORS)
        (folder / VALUES).write_text(json.dumps(values))


def load_checkpoint(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read a checkpoint folder.

    Raises
    ------
    InputError
        When the folder is missing or not a checkpoint.
    """
    if not (path / TENSORS).is_file() or not (path / VALUES).is_file():
        msg = f"{path} is not a checkpoint (needs {TENSORS} and {VALUES}); train without resume to start anew"
        raise InputError(msg)
    return load_file(path / TENSORS), json.loads((path / VALUES).read_text())


def flatten_optimizer(optimizer: Optimizer) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split an optimiser's state into named tensors and JSON-able values."""
    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    scalars: dict[str, dict[str, Any]] = {}
    for index, slots in state["state"].items():
        for name, value in slots.items():
            if isinstance(value, Tensor):
                tensors[f"{index}/{name}"] = value
            else:
                scalars.setdefault(str(index), {})[name] = value
    return tensors, {"groups": state["param_groups"], "scalars": scalars}


def restore_optimizer(optimizer: Optimizer, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Undo :func:`flatten_optimizer` on an optimiser of the same parameters."""
    slots: dict[int, dict[str, Any]] = {int(index): dict(named) for index, named in values["scalars"].items()}
    for key, tensor in tensors.items():
        index, name = key.split("/", 1)
        slots.setdefault(int(index), {})[name] = tensor
    optimizer.load_state_dict({"state": slots, "param_groups": values["groups"]})


def rng_state() -> dict[str, Tensor]:
    """Return the states of torch's generators."""
    states = {"cpu": torch.get_rng_state()}
    if torch.cuda.is_available():
        states |= {f"cuda{i}": state for i, state in enumerate(torch.cuda.get_rng_state_all())}
    return states


def set_rng_state(states: Mapping[str, Tensor]) -> None:
    """Undo :func:`rng_state`; generators of devices that are absent now are left out."""
    torch.set_rng_state(states["cpu"])
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            if f"cuda{i}" in states:
                torch.cuda.set_rng_state(states[f"cuda{i}"], i)
