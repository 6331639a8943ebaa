"""Two processes on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn
from torch.optim import Adam

from scgarage.training import Batches, seeded

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).with_name("two_processes.py")


@pytest.fixture(scope="module")
def launched(tmp_path_factory):
    """Records of both ranks, and what the processes printed."""
    folder = tmp_path_factory.mktemp("ddp")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("SLURM")}
    environment["OMP_NUM_THREADS"] = "1"
    done = subprocess.run(
        [sys.executable, str(SCRIPT), str(folder)],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    ranks = [json.loads((folder / f"rank{rank}.json").read_text()) for rank in range(2)]
    return ranks, done.stdout + done.stderr


def test_both_processes_end_with_the_same_weights(launched):
    (first, second), _ = launched
    assert first["unbroken"]["weights"] == second["unbroken"]["weights"]
    assert first["unbroken"]["history"] == second["unbroken"]["history"]


def test_processes_see_different_batches_that_make_up_the_epochs(launched):
    (first, second), _ = launched
    mine, theirs = first["unbroken"]["seen"], second["unbroken"]["seen"]
    assert len(mine) == len(theirs) == 24
    assert not set(mine) & set(theirs)


def test_a_step_takes_the_mean_gradient_of_both_batches(launched):
    rng = np.random.default_rng(1)
    columns = {name: rng.normal(size=(24, k)).astype(np.float32) for name, k in (("x", 3), ("y", 1))}
    batches = Batches(columns, batch_size=4)
    with seeded(0):
        network = nn.Linear(3, 1)
    optimizer = Adam(network.parameters(), lr=0.1)
    for step in range(5):
        optimizer.zero_grad()
        pair = [batches.at(2 * step + rank) for rank in range(2)]
        sum(((network(batch["x"]) - batch["y"]) ** 2).mean() / 2 for batch in pair).backward()
        optimizer.step()
    expected = torch.cat([network.weight.detach().flatten(), network.bias.detach()]).tolist()
    for record in launched[0]:
        assert record["regression"] == pytest.approx(expected, rel=1e-5)


def test_resumed_run_equals_the_unbroken_one_on_both(launched):
    for record in launched[0]:
        for name in ("weights", "history", "best_step"):
            assert record["resumed"][name] == record["unbroken"][name]


def test_failure_of_one_process_stops_both(launched):
    for record in launched[0]:
        assert "generator losses are not finite at iteration 1" in record["error"]


def test_starting_processes_prints_nothing(launched):
    assert launched[1] == ""
