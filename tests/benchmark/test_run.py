"""Records of cells survive as JSON; a damaged one counts as none."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pytest

import scgarage as sg
from scgarage.benchmark import collect, forget_failed, read_grid, run_cell, run_grid
from scgarage.benchmark.run import failed_record, is_done, read_record, run_isolated, write_record
from scgarage.errors import InputError
from scgarage.models import model_class


def test_numbers_survive_and_missing_ones_are_null(grid, tmp_path):
    cell = grid.cells()[0]
    row = {"value": np.float64(0.5), "floor": float("nan"), "n": np.int64(3), "more": (float("inf"), "x")}
    write_record({"key": cell.key, "status": "done", "rows": [row]}, cell, tmp_path)
    record = read_record(cell, tmp_path)
    assert record["rows"] == [{"value": 0.5, "floor": None, "n": 3, "more": [None, "x"]}]
    assert is_done(cell, tmp_path)
    assert [path.name for path in (tmp_path / "cells").iterdir()] == [cell.record_path(tmp_path).name]


def test_a_failed_cell_is_not_done(grid, tmp_path):
    cell = grid.cells()[0]
    write_record(failed_record(cell, "why"), cell, tmp_path)
    assert read_record(cell, tmp_path)["error"] == "why"
    assert not is_done(cell, tmp_path)


@pytest.mark.parametrize("content", ["", '{"status": "done"', "[]", json.dumps({"key": "other", "status": "done"})])
def test_a_damaged_record_counts_as_none(grid, tmp_path, content):
    cell = grid.cells()[0]
    path = cell.record_path(tmp_path)
    path.parent.mkdir()
    path.write_text(content)
    assert read_record(cell, tmp_path) is None


GOOD = {"model": {"smote"}, "seed": {"0"}}


def test_a_cell_is_what_its_steps_give_by_hand(grid, tmp_path):
    record = run_cell(grid.cell("sim/smote/1"), tmp_path)
    split = sg.pp.split(sg.read(grid.path.parent / "sim.h5ad"), labels_key="cell_type", random_state=1)
    model = model_class("smote")(n_top_genes=60, random_state=1)
    model.fit(split.train, labels_key="cell_type", validation=split.validation)
    cells = model.sample(split.train.n_obs, random_state=1)
    how = {"profile": "quick", "n_repeats": 2, "n_top_genes": 50, "metrics": ["sliced_wasserstein", "coverage"]}
    table = sg.evaluate(cells, split, random_state=1, **how).table
    judged = [row for row in record["rows"] if row["judge"] == "evaluation"]
    assert [row["value"] for row in judged] == table["value"].tolist()
    audit = sg.audit(cells, split, labels_key="cell_type", random_state=1)
    checks = [row for row in record["rows"] if row["judge"] == "audit"]
    assert [row["metric"] for row in checks] == audit.table["check"].tolist()
    assert {row["passed"] for row in checks} <= {"yes", "no", "cannot say"}
    assert record["audit_verdict"] == audit.verdict
    assert record["n_train"] == split.train.n_obs
    assert record["peak_mb"] > 50


def test_the_default_model_runs_in_a_process_of_its_own(grid, tmp_path):
    cell = grid.cell("sim/garage/0")
    run_isolated(cell, grid, tmp_path, n_threads=1)
    record = read_record(cell, tmp_path)
    assert record["error"] is None
    assert record["status"] == "done"
    assert record["fit_seconds"] > 0


def test_a_second_run_keeps_what_is_there_and_tries_failures_again(plan, write_plan, tmp_path):
    plan["data"].append({"name": "wrong", "path": "sim.h5ad", "labels_key": "nope"})
    grid = read_grid(write_plan(plan))
    told = []
    ran = run_grid(grid, tmp_path, only=GOOD, isolated=False, when_done=lambda cell, record: told.append(record))
    assert [cell.id for cell in ran] == ["sim/smote/0", "wrong/smote/0"]
    assert [record["status"] for record in told] == ["done", "failed"]
    assert "'nope'" in told[1]["error"]
    assert "Traceback" in told[1]["details"]
    assert [cell.id for cell in run_grid(grid, tmp_path, only=GOOD, isolated=False)] == ["wrong/smote/0"]
    table = collect(grid, tmp_path)
    assert table.drop_duplicates(["data", "model", "seed"])["status"].value_counts().to_dict() == {
        "not run": 6,
        "done": 1,
        "failed": 1,
    }
    assert forget_failed(grid, tmp_path) == 1
    assert len(list((tmp_path / "cells").iterdir())) == 1


def test_changed_settings_run_a_cell_again_and_old_ones_are_kept(grid, tmp_path, monkeypatch):
    ran = []
    monkeypatch.setattr("scgarage.benchmark.run.measure_cell", lambda cell: ran.append(cell) or done(cell))
    run_grid(grid, tmp_path, only=GOOD, isolated=False)
    other = replace(grid, judging=replace(grid.judging, n_repeats=3))
    run_grid(other, tmp_path, only=GOOD, isolated=False)
    run_grid(grid, tmp_path, only=GOOD, isolated=False)
    assert [cell.judging.n_repeats for cell in ran] == [2, 3]


def done(cell):
    return {"key": cell.key, "status": "done", "error": None, "rows": []}


@pytest.mark.parametrize(
    ("code", "text"),
    [("import os; os.kill(os.getpid(), 9)", "SIGKILL"), ("import sys; sys.exit('last words')", "ended with code 1")],
)
def test_a_process_that_dies_leaves_a_failed_record(grid, tmp_path, monkeypatch, code, text):
    (tmp_path / "python").write_text(f'#!/bin/sh\nexec "{__import__("sys").executable}" -c "{code}"\n')
    (tmp_path / "python").chmod(0o755)
    monkeypatch.setattr("scgarage.benchmark.run.sys.executable", str(tmp_path / "python"))
    only = {"model": {"smote"}}
    assert len(run_grid(grid, tmp_path, only=only, n_jobs=2)) == 2
    for cell in grid.cells(only):
        record = json.loads(cell.record_path(tmp_path).read_text())
        assert record["status"] == "failed"
        assert text in record["error"]
        assert code.startswith("import os") or "last words" in record["details"]


def test_jobs_need_processes(grid, tmp_path):
    with pytest.raises(InputError, match="n_jobs is 2"):
        run_grid(grid, tmp_path, n_jobs=2, isolated=False)
    with pytest.raises(InputError, match="n_jobs is 0"):
        run_grid(grid, tmp_path, n_jobs=0)


# ------------------------------------------------------------------ a benchmark that is stopped
def children(pid):
    """Processes whose parent is this one, by what the system says."""
    listed = subprocess.run(["ps", "-e", "-o", "pid=,ppid="], capture_output=True, text=True, check=True).stdout
    return [int(child) for child, parent in map(str.split, listed.splitlines()) if int(parent) == pid]


def alive(pid):
    listed = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return listed.strip() not in ("", "Z")


def wait_for(condition, seconds=30):
    end = time.monotonic() + seconds
    while not (found := condition()):
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.05)
    return found


WORKER = """
import subprocess, sys, time
from scgarage.benchmark.run import end_with_parent
end_with_parent()
other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
open(sys.argv[1], "w").write(str(other.pid))
time.sleep(600)
"""

PARENT = """
import os, sys
from pathlib import Path
from scgarage.benchmark.run import Lifeline
with Lifeline() as line:
    line.run([sys.executable, "-c", Path(sys.argv[1]).read_text(), sys.argv[2]], os.environ)
"""


@pytest.mark.skipif(shutil.which("ps") is None, reason="ps lists the processes")
def test_a_killed_process_takes_its_children_and_theirs_along(tmp_path):
    (tmp_path / "worker.py").write_text(WORKER)
    note = tmp_path / "pid"
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(tmp_path / "worker.py"), str(note)])
    wait_for(lambda: note.exists() and note.read_text())
    (child,), grandchild = children(parent.pid), int(note.read_text())
    assert alive(child)
    assert alive(grandchild)
    parent.kill()
    parent.wait()
    wait_for(lambda: not alive(child) and not alive(grandchild), seconds=10)


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("ps") is None, reason="ps lists the processes")
@pytest.mark.parametrize(
    ("number", "seconds"),
    [(signal.SIGKILL, 0.2), (signal.SIGKILL, 3), (signal.SIGTERM, 3), (signal.SIGINT, 3), (signal.SIGHUP, 0.2)],
)
def test_a_benchmark_that_is_stopped_leaves_no_process_and_no_false_record(grid, tmp_path, number, seconds):
    out = tmp_path / "results"
    command = [sys.executable, "-m", "scgarage", "benchmark", str(grid.path), "--out", str(out), "--jobs", "2"]
    benchmark = subprocess.Popen([*command, "--format", "csv"], stderr=subprocess.PIPE, text=True)
    found = wait_for(lambda: (pids := children(benchmark.pid)) and len(pids) == 2 and pids)
    time.sleep(seconds)
    benchmark.send_signal(number)
    _, said = benchmark.communicate(timeout=20)
    assert benchmark.returncode == {signal.SIGTERM: 143, signal.SIGINT: 130}.get(number, -number)
    wait_for(lambda: not any(map(alive, found)), seconds=10)
    assert said == {signal.SIGTERM: "stopped by SIGTERM\n", signal.SIGINT: "interrupted\n"}.get(number, "")
    assert [cell.id for cell in grid.cells() if (read_record(cell, out) or {}).get("status") == "failed"] == []


def test_an_error_meanwhile_ends_the_processes_and_starts_no_more(grid, tmp_path, monkeypatch):
    started = []

    def run(self, command, environment):
        started.append(command)
        while not self.is_cut:
            time.sleep(0.01)
        return subprocess.CompletedProcess(command, -9, "", "")

    def fail_soon(*_, **__):
        wait_for(lambda: len(started) == 2)
        raise KeyboardInterrupt

    monkeypatch.setattr("scgarage.benchmark.run.Lifeline.run", run)
    monkeypatch.setattr("scgarage.benchmark.run.zip", fail_soon, raising=False)
    with pytest.raises(KeyboardInterrupt):
        run_grid(grid, tmp_path / "out", n_jobs=2)
    assert len(started) == 2
    assert not any((tmp_path / "out" / "cells").glob("*"))
