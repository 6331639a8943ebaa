"""The Snakemake workflow: its commands and profile always, a dry run and a local run where Snakemake is installed."""

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from scgarage.cli.benchmark import run_benchmark
from scgarage.cli.parser import build_parser, normalise

WORKFLOW = Path(__file__).parents[2] / "workflow"

needs_snakemake = pytest.mark.skipif(
    importlib.util.find_spec("snakemake") is None, reason="needs Snakemake: pip install 'scgarage[workflow]'"
)


def test_its_commands_are_those_of_the_command_line():
    lines = re.findall(r"scgarage (benchmark [^\"]*)\"", (WORKFLOW / "Snakefile").read_text(encoding="utf-8"))
    assert len(lines) == 2
    parser = build_parser({"benchmark": (run_benchmark, ("grid",), "")})
    for line in lines:
        parser.parse_args(normalise(shlex.split(re.sub(r"\{[^}]*format\}", "csv", line))))


def test_the_profile_goes_on_after_a_failure_and_uses_slurm():
    profile = yaml.safe_load((WORKFLOW / "profiles" / "slurm" / "config.yaml").read_text(encoding="utf-8"))
    assert profile["executor"] == "slurm"
    assert profile["keep-going"] is True
    assert profile["rerun-triggers"] == ["mtime"]


def snakemake(folder: Path, *options: str) -> str:
    command = [sys.executable, "-m", "snakemake", "-s", str(WORKFLOW / "Snakefile"), "--cores", "1", *options]
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [*command, "--config", "grid=grid.yaml", "out=results", "format=csv"],
        cwd=folder, env=os.environ | {"PATH": path}, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


@needs_snakemake
def test_a_dry_run_plans_one_job_for_each_cell(grid):
    assert re.search(r"cell +4\n", snakemake(grid.path.parent, "--dry-run"))


@needs_snakemake
@pytest.mark.skipif(
    importlib.util.find_spec("snakemake_executor_plugin_slurm") is None, reason="needs Snakemake's SLURM plugin"
)
def test_a_dry_run_with_the_profile_asks_slurm_for_memory_and_time(grid):
    profile = str(WORKFLOW / "profiles" / "slurm")
    shown = snakemake(grid.path.parent, "--dry-run", "--profile", profile)
    assert re.search(r"cell +4\n", shown)
    assert shown.count("mem_mb=8000") >= 4
    assert shown.count("runtime=120") >= 4


@needs_snakemake
@pytest.mark.slow
def test_a_local_run_makes_table_and_summary_once(plan, write_plan):
    plan["models"] = plan["models"][1:]
    folder = write_plan(plan).parent
    snakemake(folder)
    assert (folder / "results" / "results.csv").exists()
    assert (folder / "results" / "summary.html").exists()
    assert "Nothing to be done" in snakemake(folder)
