"""Model folders: safetensors for numbers, JSON for the rest, written atomically, read without executing anything."""

import json
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from scgarage.errors import InputError
from scgarage.io import atomic_output

__all__ = ["pack", "read_model", "unpack", "write_model"]

FORMAT = 1
DESCRIPTION, ARRAYS, NETWORKS = "model.json", "parts.safetensors", "networks.safetensors"

Part = TypeVar("Part")


def write_model(
    path: Path,
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    tensors: Mapping[str, Tensor],
    *,
    overwrite: bool,
) -> None:
    """Write a model folder that is complete or not there at all.

    Raises
    ------
    OutputExistsError
        When ``path`` exists and ``overwrite`` is not set.
    """
    with atomic_output(path, overwrite=overwrite, replaces=DESCRIPTION) as folder:
        folder.mkdir()
        text = json.dumps({"format": FORMAT, **description}, indent=1, allow_nan=False)
        (folder / DESCRIPTION).write_text(text + "\n", encoding="utf-8")
        save_arrays({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS)
        save_tensors({name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}, folder / NETWORKS)


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Tensor]]:
    """Read what :func:`write_model` wrote.

    Raises
    ------
    InputError
        When the folder is missing, truncated, foreign, or written by a newer format.
    """
    if not (path / DESCRIPTION).is_file():
        msg = (
            f"{path} is not a model folder: it has no {DESCRIPTION}; "
            "give the folder that model.save() or 'scgarage fit' wrote"
        )
        raise InputError(msg)
    try:
        description = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        arrays, tensors = load_arrays(path / ARRAYS), load_tensors(path / NETWORKS)
    except (OSError, ValueError, SafetensorError) as error:
        msg = f"the model folder {path} is damaged or incomplete ({error}); fit and save the model again"
        raise InputError(msg) from error
    if description.get("format") != FORMAT:
        msg = f"the model folder {path} has format {description.get('format')}, this version of scgarage reads {FORMAT}"
        raise InputError(msg)
    return description, arrays, tensors


def pack(part: Any, prefix: str) -> dict[str, NDArray[Any]]:
    """Name the arrays of a dataclass of arrays, nested ones included: ``prefix/field/field``."""
    arrays: dict[str, NDArray[Any]] = {}
    for field in fields(part):
        value = getattr(part, field.name)
        key = f"{prefix}/{field.name}"
        arrays |= pack(value, key) if is_dataclass(value) else {key: np.asarray(value)}
    return arrays


def unpack(kind: type[Part], arrays: Mapping[str, NDArray[Any]], prefix: str) -> Part:
    """Undo :func:`pack`.

    Raises
    ------
    InputError
        When an array is missing.
    """
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        key = f"{prefix}/{field.name}"
        if is_dataclass(field.type):
            values[field.name] = unpack(field.type, arrays, key)  # type: ignore[arg-type]
        elif key in arrays:
            values[field.name] = arrays[key]
        else:
            msg = f"the model file has no {key!r}; fit and save the model again"
            raise InputError(msg)
    return kind(**values)
