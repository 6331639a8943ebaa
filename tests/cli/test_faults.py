"""What a user sees when the disk is full, a job is stopped, or two commands write one thing: one line, nothing half."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scgarage as sg

resource = pytest.importorskip("resource", reason="a limit stands for a full disk where none can be made")

GAN = ["--model", "gan", "--params.n-top-genes", "60", "--params.generator-hidden", "[16]"]
GAN += ["--params.critic-hidden", "[16]", "--params.validate-every", "20", "--progress", "false"]


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Cells and a fitted model."""
    folder = tmp_path_factory.mktemp("files")
    cells = sg.datasets.simulate(n_cells=200, n_genes=150, n_types=3, rare_fraction=0.06)
    sg.write_h5ad(cells, folder / "cells.h5ad")
    model = sg.models.Smote().fit(cells, labels_key="cell_type")
    model.save(folder / "model")
    return folder


class SmallDisk:
    """A place with little room: a file system of its own where one may be made, else a limit on the size of files."""

    def __init__(self, folder, n_bytes):
        self.folder, self.limit = folder, n_bytes
        how = ["mount", "-t", "tmpfs", "-o", f"size={n_bytes}", "tmpfs", str(folder)]
        self.is_mounted = (
            sys.platform == "linux" and os.geteuid() == 0 and not subprocess.run(how, check=False).returncode
        )
        self.words = "No space left on device" if self.is_mounted else "File too large"

    def run(self, *arguments):
        def limit():
            resource.setrlimit(resource.RLIMIT_FSIZE, (self.limit, self.limit))

        return command(*arguments, preexec_fn=None if self.is_mounted else limit)

    def close(self):
        if self.is_mounted:
            subprocess.run(["umount", str(self.folder)], check=True)


@pytest.fixture
def disk(tmp_path):
    (tmp_path / "disk").mkdir()
    small = SmallDisk(tmp_path / "disk", 16384)
    yield small
    small.close()


def command(*arguments, **how):
    return subprocess.run(
        [sys.executable, "-m", "scgarage", *map(str, arguments)], capture_output=True, text=True, check=False, **how
    )


def start(*arguments):
    return subprocess.Popen(
        [sys.executable, "-m", "scgarage", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


COMMANDS = {
    "sample": ["sample", "model", "-n", "300"],
    "prepare": ["prepare", "cells.h5ad"],
    "augment": ["augment", "model", "cells.h5ad", "--min-cells", "60"],
    "impute": ["impute", "cells.h5ad", "--method", "knn"],
}


@pytest.mark.parametrize(
    "name", ["sample", *(pytest.param(n, marks=pytest.mark.slow) for n in COMMANDS if n != "sample")]
)
def test_a_full_disk_is_one_line_and_exit_code_2(files, disk, name):
    out = disk.folder / "new" / "out.h5ad"
    arguments = [files / part if (files / part).exists() else part for part in COMMANDS[name]]
    done = disk.run(*arguments, "--out", out)
    said = f"error: {out} cannot be written: {disk.words}; nothing of it is left, and what was there before stays"
    assert done.stderr.splitlines()[-1] == said
    assert [line for line in done.stderr.splitlines()[:-1] if not line.startswith("warning: ")] == []
    assert done.returncode == 2
    assert list(disk.folder.iterdir()) == []


@pytest.mark.slow
def test_a_csv_a_model_and_a_checkpoint_meet_a_full_disk(files, disk):
    cells, folder = files / "cells.h5ad", disk.folder
    fit = ["fit", cells, *GAN, "--params.n-iterations", "40"]
    for arguments, path in [
        (["sample", files / "model", "-n", "300", "--out", files / "made.h5ad", "--csv"], folder / "made.csv"),
        ([*fit, "--out"], folder / "model"),
        ([*fit, "--out", files / "elsewhere", "--checkpoint"], folder / "running"),
    ]:
        done = disk.run(*arguments, path)
        if not disk.is_mounted and "--csv" in arguments:  # the limit holds for the first file, too
            path = files / "made.h5ad"
        name = path / "state.safetensors" if path.name == "running" else path
        said = f"error: {name} cannot be written: {disk.words}; nothing of it is left, and what was there before stays"
        assert done.stderr.splitlines()[-1] == said
        assert done.returncode == 2
        assert "fault of scgarage" not in done.stderr
        assert list(folder.iterdir()) == []


def wait_for(path):
    end = time.monotonic() + 60
    while not path.exists():
        assert time.monotonic() < end, f"{path} did not appear"
        time.sleep(0.05)


def test_sigterm_leaves_a_checkpoint_and_says_where(files, tmp_path):
    running, out = tmp_path / "running", tmp_path / "model"
    fit = ["fit", files / "cells.h5ad", "--out", out, "--checkpoint", running, *GAN, "--params.patience", "100000"]
    job = start(*fit, "--params.n-iterations", "1000000")
    wait_for(running / "state.safetensors")
    before = (running / "state.safetensors").stat().st_mtime_ns
    time.sleep(0.3)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=30)
    where = f"stopped by SIGTERM; the checkpoint is in {running}, and the same command with --resume goes on from there"
    assert said.splitlines()[-1] == where
    assert job.returncode == 143
    assert (running / "state.safetensors").stat().st_mtime_ns > before
    assert [path.name for path in running.iterdir()] == ["state.safetensors"]
    assert not out.exists()


@pytest.mark.slow
@pytest.mark.parametrize("seconds", [2, 3, 4])
def test_sigterm_without_a_checkpoint_leaves_nothing(files, tmp_path, seconds):
    job = start("fit", files / "cells.h5ad", "--out", tmp_path / "model", *GAN, "--params.n-iterations", "1000000")
    time.sleep(seconds)
    job.send_signal(signal.SIGTERM)
    _, said = job.communicate(timeout=30)
    assert said.splitlines()[-1:] == ["stopped by SIGTERM"]
    assert job.returncode == 143
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_sample_leaves_at_most_what_the_next_one_removes(files, tmp_path):
    sample = ["sample", files / "model", "-n", "20000", "--out", tmp_path / "made.h5ad", "--overwrite"]
    job = start(*sample)
    end = time.monotonic() + 60
    while not list(tmp_path.iterdir()):
        assert time.monotonic() < end
        time.sleep(0.01)
    job.kill()
    job.communicate()
    (left,) = tmp_path.iterdir()
    assert left.name.startswith(".")
    assert command(*sample[:3], "50", *sample[4:]).returncode == 0
    assert [path.name for path in tmp_path.iterdir()] == ["made.h5ad"]


@pytest.mark.slow
def test_two_fits_of_one_model_end_with_one_whole_model(files, tmp_path):
    fit = ["fit", files / "cells.h5ad", "--model", "smote", "--out", tmp_path / "model", "--progress", "false"]
    jobs = [start(*fit), start(*fit)]
    said = [job.communicate(timeout=60)[1] for job in jobs]
    codes = sorted(job.returncode for job in jobs)
    if codes != [0, 0]:  # both began before there was a model; the slower one is told
        assert codes == [0, 2]
        assert "exists already (a directory)" in "".join(said)
    assert sg.load(tmp_path / "model").sample(5).n_obs == 5
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.slow
def test_two_fits_write_the_same_files_but_for_the_clock(files, tmp_path):
    for name in ("one", "two"):
        assert (
            command(
                "fit", files / "cells.h5ad", "--out", tmp_path / name, *GAN, "--params.n-iterations", "20"
            ).returncode
            == 0
        )
        assert command("sample", tmp_path / name, "-n", "50", "--out", tmp_path / f"{name}.h5ad").returncode == 0

    def same(*files: Path) -> bool:
        return len({file.read_bytes() for file in files}) == 1

    names = sorted(path.name for path in (tmp_path / "one").iterdir())
    assert names == ["model.json", "networks.safetensors", "parts.safetensors", "timing.json"]
    for name in names[:3]:
        assert same(tmp_path / "one" / name, tmp_path / "two" / name)
    assert same(tmp_path / "one.h5ad", tmp_path / "two.h5ad")
