"""Benchmarks: a grid of data sets, models and seeds from one YAML file."""

from scgarage.benchmark.grid import Cell, DataEntry, Grid, Judging, ModelEntry, read_grid
from scgarage.benchmark.results import check_format, collect, glance, mean_ranks, summarise, write_results
from scgarage.benchmark.run import forget_failed, run_cell, run_grid
from scgarage.benchmark.summary import write_summary

__all__ = [
    "Cell", "DataEntry", "Grid", "Judging", "ModelEntry", "check_format", "collect", "forget_failed", "glance",
    "mean_ranks", "read_grid", "run_cell", "run_grid", "summarise", "write_results", "write_summary",
]  # fmt: skip
