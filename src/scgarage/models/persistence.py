"""Model folders of safetensors and JSON, and the provenance that synthetic cells carry."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file as load_tensors
from safetensors.torch import save_file as save_tensors
from torch import Tensor

from scgarage.errors import InputError
from scgarage.io import atomic_output, read_whole
from scgarage.models.data import TrainingData, columns_of, split_up, type_counts
from scgarage.models.spec import Drawn
from scgarage.schema import COUNTS_LAYER, SOURCE_KEY, SYNTHETIC, UNS_KEY, UNSURE, probability_key

FORMAT = 1
DESCRIPTION, ARRAYS, NETWORKS = "model.json", "parts.safetensors", "networks.safetensors"

TIMING = "timing.json"
"""File of what the clock decides; the same fit gives the same bytes in all others."""

TIMES = ("fit_seconds",)
"""Parts of a model's description that stand there."""

Part = TypeVar("Part")


def write_model(
    path: Path,
    description: Mapping[str, Any],
    arrays: Mapping[str, NDArray[Any]],
    tensors: Mapping[str, Tensor],
    *,
    overwrite: bool,
) -> None:
    """Write a model folder that is complete or not there at all."""
    with atomic_output(path, overwrite=overwrite, replaces=DESCRIPTION) as folder:
        folder.mkdir()
        times = {name: description[name] for name in TIMES if name in description}
        lasting = {"format": FORMAT} | {name: value for name, value in description.items() if name not in times}
        for name, content in ((DESCRIPTION, lasting), (TIMING, times)):
            text = json.dumps(content, indent=1, allow_nan=False)
            (folder / name).write_text(text + "\n", encoding="utf-8")
        save_arrays({name: np.ascontiguousarray(array) for name, array in arrays.items()}, folder / ARRAYS)
        save_tensors({name: t.detach().cpu().clone().contiguous() for name, t in tensors.items()}, folder / NETWORKS)


def read_model(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Tensor]]:
    """Read what :func:`write_model` wrote, all of it from one and the same writing."""
    return read_whole(path, _read_files)


def _read_files(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]], dict[str, Tensor]]:
    if not (path / DESCRIPTION).is_file():
        msg = (
            f"{path} is not a model folder: it has no {DESCRIPTION}; "
            "give the folder that model.save() or 'scgarage fit' wrote"
        )
        raise InputError(msg)
    try:
        description = json.loads((path / DESCRIPTION).read_text(encoding="utf-8"))
        if (path / TIMING).is_file():  # a folder of 0.1.0 has the times in the description
            description |= json.loads((path / TIMING).read_text(encoding="utf-8"))
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
    """Undo :func:`pack`."""
    values: dict[str, Any] = {}
    for field in fields(kind):  # type: ignore[arg-type]
        key = f"{prefix}/{field.name}"
        if is_dataclass(field.type):
            values[field.name] = unpack(field.type, arrays, key)  # type: ignore[arg-type]
        elif key in arrays:
            values[field.name] = arrays[key]
        elif field.default_factory is MISSING:  # parts that came later have a default, which older models did not need
            msg = f"the model file has no {key!r}; fit and save the model again"
            raise InputError(msg)
    return kind(**values)


NOT_IN_CELLS = ("var_names", "var", "types", "batches", "format", *TIMES)
"""Parts of a model's description that synthetic cells carry in another form, or that would make their bytes differ."""


def annotate(
    cells: ad.AnnData, drawn: Drawn, about: Mapping[str, Any], types: Sequence[str], *, random_state: int
) -> ad.AnnData:
    """Write labels, source and provenance into synthetic cells; every value survives writing to h5ad."""
    key = about["labels_key"]
    cells.obs_names = [f"{SYNTHETIC}_{number}" for number in range(cells.n_obs)]
    if drawn.labels is not None:
        unsure = [UNSURE] if (drawn.labels == UNSURE).any() else []
        cells.obs[key] = pd.Categorical(drawn.labels, categories=[*types, *unsure])
    if drawn.probability is not None:
        cells.obs[probability_key(key)] = drawn.probability.astype(np.float32)
    if drawn.batches is not None:
        columns = columns_of(about["batch_key"])
        known = split_up(about["batches"], columns)
        made = known.iloc[pd.Index(about["batches"]).get_indexer(drawn.batches)]
        for column in columns:
            cells.obs[column] = pd.Categorical(made[column], categories=sorted(set(known[column])))
    cells.obs[SOURCE_KEY] = pd.Categorical([SYNTHETIC] * cells.n_obs)
    if about["value_kind"] == "counts":
        cells.layers[COUNTS_LAYER] = cells.X.copy()
    kept = {name: value for name, value in about.items() if name not in NOT_IN_CELLS}
    kept["history"] = {name: _numbers(column) for name, column in about["history"].items()}
    cells.uns[UNS_KEY] = _writable(kept | drawn.about | {"random_state": random_state})
    return cells


def describe(data: TrainingData, history: pd.DataFrame) -> dict[str, Any]:
    """Return what a fitted model says about its training cells and training, JSON-able."""
    texts = data.var.select_dtypes(["object", "category"]).astype(str)
    return {
        "version": version("scgarage"),
        "dataset": data.dataset,
        "labels_key": data.labels_key,
        "value_kind": data.value_kind,
        "types": list(data.types),
        "type_counts": type_counts(data),
        "batch_key": data.batch_keys[0] if len(data.batch_keys) == 1 else list(data.batch_keys) or None,
        "batches": list(data.batch_names),
        "n_train": data.n_cells,
        "n_genes_modelled": int(data.modelled.sum()),
        "var_names": data.var.index.astype(str).tolist(),
        "var": {str(name): column.tolist() for name, column in texts.items()},
        "split": _plain(data.split),
        "history": _history_columns(history),
        "versions": {name: version(name) for name in ("torch", "anndata", "scanpy", "numpy", "scikit-learn")},
    }


def _plain(value: Any) -> Any:
    """Turn what h5ad files give back (arrays, NumPy scalars) into plain values."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _history_columns(history: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return a history as JSON-able columns; what was not measured is ``None``."""
    return {
        str(name): [None if pd.isna(value) else float(value) for value in column] for name, column in history.items()
    }


def _numbers(column: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)


def _writable(value: Any) -> Any:
    """Leave out ``None`` (absent means not set) and turn sequences into arrays, as h5ad wants."""
    if isinstance(value, Mapping):
        # A slash would open a group inside the h5ad file.
        return {str(k).replace("/", "."): _writable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return np.asarray(value)
    return value
