"""One tidy table of all cells, in Parquet or CSV."""

import importlib.util

import pandas as pd
import pytest

from scgarage.benchmark import collect, write_results
from scgarage.benchmark.results import COLUMNS
from scgarage.errors import MissingExtraError


def test_every_cell_has_its_rows(grid, out):
    table = collect(grid, out)
    assert tuple(table.columns) == COLUMNS
    counts = table.groupby(["model", "seed"]).size()
    assert counts.to_dict() == {("garage", 0): 2, ("garage", 1): 2, ("smote", 0): 2, ("smote", 1): 1}
    judged = table.query("judge == 'evaluation'")
    assert judged["value"].tolist() == [0.2, 0.4, 0.5]
    assert (judged["fit_seconds"] == 2.0).all()
    failed = table[table["status"] == "failed"].iloc[0]
    assert failed["error"] == "InputError: <b>too few</b>"
    assert failed["metric"] is None


def test_cells_without_a_record_are_not_run(grid, tmp_path):
    assert set(collect(grid, tmp_path)["status"]) == {"not run"}


def test_csv_reads_back(grid, out):
    table = collect(grid, out)
    path = write_results(table, out, format="csv")
    again = pd.read_csv(path)
    pd.testing.assert_series_equal(again["value"], table["value"])
    assert again["status"].tolist() == table["status"].tolist()
    assert write_results(table, out, format="csv") == path


@pytest.mark.skipif(importlib.util.find_spec("pyarrow") is None, reason="needs the extra benchmark (pyarrow)")
def test_parquet_reads_back_as_it_was(grid, out):
    table = collect(grid, out)
    pd.testing.assert_frame_equal(pd.read_parquet(write_results(table, out)), table)


def test_parquet_without_pyarrow_names_the_way_out(grid, out, monkeypatch):
    monkeypatch.setattr("scgarage.benchmark.results.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"scgarage\[benchmark\].*--format csv"):
        write_results(collect(grid, out), out)
    assert not (out / "results.parquet").exists()
