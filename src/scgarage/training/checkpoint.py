"""Checkpoints of a running training: one safetensors file, replaced in one step, no pickle."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim import Optimizer

from scgarage.errors import InputError
from scgarage.io import atomic_output
from scgarage.schema import CHECKPOINT_FILE

STATE = CHECKPOINT_FILE
VALUES = "values.json"
"""Name of the tensor that holds the JSON text. One file is replaced at once by the system, two are not."""


def save_checkpoint(folder: Path, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
    """Write the checkpoint of a folder; the one before it stays until the new one is complete."""
    # safetensors refuses tensors that share memory or have gaps, so each is written from its own copy.
    copies = {name: tensor.detach().cpu().clone().contiguous() for name, tensor in tensors.items()}
    copies[VALUES] = torch.from_numpy(np.frombuffer(json.dumps(values).encode(), dtype=np.uint8).copy())
    with atomic_output(folder / STATE, overwrite=True) as file:
        save_file(copies, file)


def load_checkpoint(folder: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read the checkpoint of a folder."""
    file = folder / STATE
    if not file.is_file():
        msg = f"{folder} is not a checkpoint (it has no {STATE}); train without resume to start anew"
        raise InputError(msg)
    try:
        tensors = load_file(file)
        values = json.loads(tensors.pop(VALUES).numpy().tobytes())
    except (SafetensorError, KeyError, ValueError) as error:
        msg = f"{file} is damaged or no checkpoint of scgarage ({error}); train without resume to start anew"
        raise InputError(msg) from error
    return tensors, values


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


def below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Return the tensors whose names start with ``prefix`` and a slash, without those."""
    start = f"{prefix}/"
    return {name.removeprefix(start): tensor for name, tensor in tensors.items() if name.startswith(start)}


def check_same_training(theirs: Mapping[str, Any], mine: Mapping[str, Any], folder: Path) -> None:
    """Refuse a checkpoint of another training."""
    different = [
        f"{name} {theirs.get(name)} (now {value})" for name, value in mine.items() if theirs.get(name) != value
    ]
    if different:
        found = "; ".join(different)
        msg = f"{folder} is the checkpoint of another training: {found}; train without resume to start anew"
        raise InputError(msg)
