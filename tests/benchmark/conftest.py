"""A small grid of simulated cells, and records that no model had to make."""

import copy
from pathlib import Path
from typing import Any

import pytest
import yaml

import scgarage as sg
from scgarage.benchmark import Grid, read_grid
from scgarage.benchmark.run import describe, failed_record, write_record

TINY = {"n_top_genes": 60, "n_factors": 4, "n_sweeps": 3, "n_kept": 2, "n_iterations": 6, "hidden": [16]}

PLAN: dict[str, Any] = {
    "data": [{"name": "sim", "path": "sim.h5ad", "labels_key": "cell_type"}],
    "models": [
        {"name": "garage", "model": "garage", "params": TINY},
        {"name": "smote", "model": "smote", "params": {"n_top_genes": 60}},
    ],
    "seeds": [0, 1],
    "evaluation": {
        "profile": "quick",
        "n_repeats": 2,
        "n_top_genes": 50,
        "metrics": ["sliced_wasserstein", "coverage"],
    },
}


@pytest.fixture
def plan() -> dict[str, Any]:
    """What a grid's file holds, to be changed."""
    return copy.deepcopy(PLAN)


@pytest.fixture(scope="session")
def cells_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cells") / "sim.h5ad"
    sg.datasets.simulate(n_cells=300, n_genes=80, n_types=3, rare_fraction=0.06).write_h5ad(path)
    return path


@pytest.fixture
def write_plan(tmp_path: Path, cells_file: Path):
    """Write a plan beside its cells; return the file."""

    def write(plan: Any) -> Path:
        if not (tmp_path / "sim.h5ad").exists():
            (tmp_path / "sim.h5ad").symlink_to(cells_file)
        path = tmp_path / "grid.yaml"
        path.write_text(plan if isinstance(plan, str) else yaml.safe_dump(plan), encoding="utf-8")
        return path

    return write


@pytest.fixture
def grid(plan: dict[str, Any], write_plan) -> Grid:
    return read_grid(write_plan(plan))


def made_up(cell: Any, value: float, *, group: str = "all", null: float = 1.0) -> dict[str, Any]:
    """Return the record of a cell that is done, with one metric (lower is better) and one check."""
    row = {"judge": "evaluation", "metric": "mmd", "title": "Discrepancy", "group": group, "value": value}
    row |= {"floor": 0.1, "null": null, "score": None if null <= 0.1 else value, "better": "lower", "n_repeats": 2}
    check = {"judge": "audit", "metric": "exact_copies", "group": "all", "value": 0.0, "passed": "yes"}
    costs = {"fit_seconds": 2.0, "sample_seconds": 0.5, "judge_seconds": 1.0, "peak_mb": 100.0, "n_train": 150}
    about = describe(cell) | {"status": "done", "error": None, "audit_verdict": "pass", "n_genes": 80}
    return about | costs | {"scgarage_version": "0", "batch_key": None, "warnings": [], "rows": [row, check]}


@pytest.fixture
def out(grid: Grid, tmp_path: Path) -> Path:
    """Results: garage 0.2 and 0.4, smote 0.5 and a failure."""
    out = tmp_path / "results"
    values = {"sim/garage/0": 0.2, "sim/garage/1": 0.4, "sim/smote/0": 0.5}
    for cell in grid.cells():
        record = (
            made_up(cell, values[cell.id]) if cell.id in values else failed_record(cell, "InputError: <b>too few</b>")
        )
        write_record(record, cell, out)
    return out
