"""What a benchmark runs: data sets x models x seeds, and how the results are judged."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from scgarage.errors import InputError

__all__ = ["BUNDLED", "Cell", "DataEntry", "Grid", "Judging", "ModelEntry"]

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
