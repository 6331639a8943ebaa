"""YAML file -> grid, checked strictly before anything runs."""

import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from scgarage.benchmark.contestant import make_contestant
from scgarage.benchmark.fields import Fields
from scgarage.benchmark.grid import BUNDLED, DataEntry, Grid, Judging, ModelEntry
from scgarage.errors import InputError

__all__ = ["read_grid"]

NAME = re.compile(r"[A-Za-z0-9]+(?:[._-][A-Za-z0-9]+)*")
"""Names become parts of file names, where ``--`` separates them."""

PROFILES = ("quick", "full")


def read_grid(path: str | Path) -> Grid:
    """Read a benchmark from a YAML file.

    Parameters
    ----------
    path
        File with the fields ``data``, ``models``, ``seeds`` and, optionally, ``evaluation``; see
        ``docs/benchmark-grid.md``.

    Returns
    -------
    The grid.

    Raises
    ------
    InputError
        If the file is missing or no YAML, a field is missing, unknown or has a wrong value, a name occurs twice, a
        data file does not exist, or a model has no such setting.
    """
    path = Path(path)
    fields = Fields(_load(path), path.name)
    data = tuple(_data(entry, f"{path.name}: data[{i}]", path.parent) for i, entry in enumerate(fields.items("data")))
    models = tuple(_model(entry, f"{path.name}: models[{i}]") for i, entry in enumerate(fields.items("models")))
    seeds = fields.seeds("seeds")
    judging = _judging(fields.mapping("evaluation", {}), f"{path.name}: evaluation")
    fields.end()
    for field, entries in (("data", data), ("models", models)):
        _check_different([entry.name for entry in entries], f"{path.name}: {field}")
    return Grid(data, models, seeds, judging, path)


def _load(path: Path) -> Any:
    import yaml  # type: ignore[import-untyped]

    if not path.is_file():
        msg = f"{path} is no file; expected a YAML file with data, models and seeds"
        raise InputError(msg)
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        msg = f"{path} is no YAML file: {error}"
        raise InputError(msg) from error


def _data(values: Any, where: str, folder: Path) -> DataEntry:
    fields = Fields(values, where)
    entry = DataEntry(
        name=_name(fields),
        path=fields.text("path"),
        labels_key=fields.text("labels_key"),
        batch_key=fields.text("batch_key", None),
        layer=fields.text("layer", None),
    )
    fields.end()
    if entry.path != BUNDLED and not (folder / entry.path).exists():
        msg = f"{where}.path is {entry.path!r}, and {folder / entry.path} does not exist; expected a file of cells"
        raise InputError(msg)
    return entry


def _model(values: Any, where: str) -> ModelEntry:
    fields = Fields(values, where)
    entry = ModelEntry(name=_name(fields), model=fields.text("model"), params=fields.mapping("params", {}))
    fields.end()
    make_contestant(entry.model, entry.params, where=where)
    return entry


def _judging(values: Any, where: str) -> Judging:
    from scgarage.metrics import METRICS

    fields = Fields(values, where)
    names = fields.items("metrics", None)
    judging = Judging(
        profile=fields.choice("profile", PROFILES, "full"),
        n_repeats=fields.count("n_repeats", None),
        n_top_genes=fields.count("n_top_genes", 1000),
        max_cells=fields.count("max_cells", None),
        metrics=None if names is None else tuple(names),
    )
    fields.end()
    if unknown := [name for name in names or () if name not in METRICS]:
        msg = f"{where}.metrics has {unknown[0]!r}; expected names among: {', '.join(METRICS)}"
        raise InputError(msg)
    return judging


def _name(fields: Fields) -> str:
    name: str = fields.text("name")
    if not NAME.fullmatch(name):
        msg = f"{fields.path('name')} is {name!r}; expected letters and digits, joined by single '.', '_' or '-'"
        raise InputError(msg)
    return name


def _check_different(names: Sequence[str], where: str) -> None:
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        msg = f"{where} has the name {twice[0]!r} more than once; expected different names"
        raise InputError(msg)
