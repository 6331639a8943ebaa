"""The grid of data sets, models and seeds, read from one YAML file."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.models import GenerativeModel


BUNDLED = "pbmc68k"
"""Path that stands for the 700 cells that come with the package."""


@dataclass(frozen=True)
class DataEntry:
    """A data set of the grid.

    Attributes
    ----------
    name
        Name in tables and files.
    path
        File of real cells, from the folder of the grid's file; ``"pbmc68k"`` for the cells that come with the package.
    labels_key, batch_key
        Columns of ``obs`` with the types, and with the batch for the models that can condition on it.
    layer
        Layer with the values; ``X`` when ``None``.
    """

    name: str
    path: str
    labels_key: str
    batch_key: str | None = None
    layer: str | None = None


@dataclass(frozen=True)
class ModelEntry:
    """A model of the grid.

    Attributes
    ----------
    name
        Name in tables and files; one model can be there several times with other settings.
    model
        Name in ``scgarage.models.MODELS``.
    params
        Settings that differ from its defaults.
    """

    name: str
    model: str
    params: Mapping[str, Any]


@dataclass(frozen=True)
class Judging:
    """Arguments of :func:`scgarage.evaluate`; ``None`` for those of the profile."""

    profile: str = "full"
    n_repeats: int | None = None
    n_top_genes: int = 1000
    max_cells: int | None = None
    metrics: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Cell:
    """One data set, one model, one seed.

    Attributes
    ----------
    data, model, judging
        Settings.
    seed
        Seed of the split, the model, the sample and the judges.
    folder
        Where relative paths start; no setting, so results can be moved.
    """

    data: DataEntry
    model: ModelEntry
    seed: int
    judging: Judging
    folder: Path = Path()

    @property
    def id(self) -> str:
        """What the cell is called: ``data/model/seed``."""
        return f"{self.data.name}/{self.model.name}/{self.seed}"

    @property
    def key(self) -> str:
        """Hash of all settings: another setting, another cell.

        A file that was replaced under the same name is not noticed.
        """
        settings = [asdict(self.data), asdict(self.model), self.seed, asdict(self.judging)]
        return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:12]

    def record_path(self, out: str | Path) -> Path:
        """Return the file of the cell's result; the key in its name keeps results of other settings apart."""
        return Path(out) / "cells" / f"{self.data.name}--{self.model.name}--{self.seed}--{self.key}.json"


@dataclass(frozen=True)
class Grid:
    """All cells of a benchmark.

    Attributes
    ----------
    data, models, seeds
        What is combined.
    judging
        How the results are judged.
    path
        The file that it was read from.
    """

    data: tuple[DataEntry, ...]
    models: tuple[ModelEntry, ...]
    seeds: tuple[int, ...]
    judging: Judging
    path: Path

    def cells(self, only: Mapping[str, set[str]] | None = None) -> list[Cell]:
        """Return the cells, in the order of the file.

        Parameters
        ----------
        only
            Names of data sets (``"data"``), models (``"model"``) and seeds (``"seed"``) to take; all by default.

        Raises
        ------
        InputError
            If a name is not in the grid.
        """
        only = only or {}
        have = {
            "data": {entry.name for entry in self.data},
            "model": {entry.name for entry in self.models},
            "seed": {str(seed) for seed in self.seeds},
        }
        for field, names in only.items():
            if unknown := sorted(names - have.get(field, set())):
                expected = ", ".join(sorted(have[field])) if field in have else f"a field among: {', '.join(have)}"
                msg = f"{field}={unknown[0]} is not in {self.path}; expected {expected}"
                raise InputError(msg)
        wanted = have | dict(only)
        return [
            Cell(data, model, seed, self.judging, self.path.parent)
            for data in self.data
            for model in self.models
            for seed in self.seeds
            if data.name in wanted["data"] and model.name in wanted["model"] and str(seed) in wanted["seed"]
        ]

    def cell(self, cell_id: str) -> Cell:
        """Return one cell by its id, ``data/model/seed``.

        Raises
        ------
        InputError
            If there is no such cell.
        """
        parts = cell_id.split("/")
        if len(parts) != 3:
            msg = f"the cell {cell_id!r} is not in {self.path}; expected DATA/MODEL/SEED, such as {self.cells()[0].id}"
            raise InputError(msg)
        return self.cells({name: {part} for name, part in zip(("data", "model", "seed"), parts, strict=True)})[0]


def make_contestant(
    model: str, params: Mapping[str, Any], seed: int = 0, *, where: str = "models"
) -> "GenerativeModel":
    """Return an unfitted model."""
    from jsonargparse import ArgumentError, ArgumentParser

    from scgarage.models import MODELS

    if model not in MODELS:
        msg = f"{where}.model is {model!r}; expected one of: {', '.join(MODELS)}"
        raise InputError(msg)
    if "random_state" in params:
        msg = f"{where}.params has random_state; it comes from the seeds of the grid, leave it out"
        raise InputError(msg)
    kind = MODELS[model]
    fields = kind.Config.__dataclass_fields__
    if unknown := [name for name in params if name not in fields]:
        msg = f"{where}.params has {unknown[0]!r}, which {model} has not; it has: {', '.join(fields)}"
        raise InputError(msg)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind.Config)
    try:
        checked = parser.parse_object(dict(params))
    except ArgumentError as error:
        msg = f"{where}.params: {error}"
        raise InputError(msg) from error
    return kind(**{name: checked[name] for name in params}, random_state=seed)


REQUIRED: Any = object()
"""Stands for the default of a field that has to be there."""


class Fields:
    """One mapping of a YAML file; each field is taken once and what is left over is an error.

    Examples
    --------
    >>> fields = Fields({"name": "blood"}, "grid.yaml: data[0]")
    >>> fields.text("name"), fields.text("layer", None)
    ('blood', None)
    """

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        if not isinstance(values, Mapping):
            self._refuse(where, values, "fields with names, such as 'name: blood'")
        self._left = dict(values)
        self._known: list[str] = []

    def path(self, name: str) -> str:
        """Return where a field stands."""
        return f"{self.where}.{name}" if ": " in self.where else f"{self.where}: {name}"

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a text that is not empty."""
        value = self._take(name, default)
        if value is not default and (not isinstance(value, str) or not value.strip()):
            self._refuse(self.path(name), value, "a text")
        return value

    def count(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a whole number of at least 1."""
        value = self._take(name, default)
        if value is not default and (not _is_whole(value) or value < 1):
            self._refuse(self.path(name), value, "a whole number of at least 1")
        return value

    def choice(self, name: str, choices: Sequence[str], default: Any = REQUIRED) -> Any:
        """Take one of some texts."""
        value = self._take(name, default)
        if value not in choices:
            self._refuse(self.path(name), value, f"one of: {', '.join(choices)}")
        return value

    def mapping(self, name: str, default: Any = REQUIRED) -> Any:
        """Take named values."""
        value = self._take(name, default)
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self._refuse(self.path(name), value, "settings with names, such as 'n_factors: 20'")
        return dict(value)

    def items(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a list with at least one entry."""
        value = self._take(name, default)
        if value is not default and (not isinstance(value, list) or not value):
            self._refuse(self.path(name), value, "a list with at least one entry")
        return value

    def seeds(self, name: str) -> tuple[int, ...]:
        """Take different whole numbers that are not negative."""
        values = self.items(name)
        wrong = [value for value in values if not _is_whole(value) or value < 0]
        if wrong or len(set(values)) < len(values):
            self._refuse(self.path(name), values, "different whole numbers from 0, such as [0, 1, 2]")
        return tuple(values)

    def end(self) -> None:
        """Refuse fields that nobody asked for."""
        if self._left:
            unknown = ", ".join(map(repr, self._left))
            msg = f"{self.where} has no field {unknown}; it has: {', '.join(self._known)}"
            raise InputError(msg)

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        if name not in self._left and default is REQUIRED:
            found = ", ".join(map(repr, self._left)) or "nothing"
            msg = f"{self.path(name)} is missing; found {found}"
            raise InputError(msg)
        return self._left.pop(name, default)

    def _refuse(self, where: str, value: Any, expected: str) -> NoReturn:
        msg = f"{where} is {value!r}; expected {expected}"
        raise InputError(msg)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


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
