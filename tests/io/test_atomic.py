"""Output is complete or not there, whatever happens meanwhile: errors, full disks, killed and competing processes."""

import errno
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from scgarage.datasets import simulate
from scgarage.errors import InputError, OutputError, OutputExistsError
from scgarage.io import atomic_output, check_output, read_whole, write_csv, write_h5ad
from scgarage.io.atomic import OTHERS_ARE_DEAD_AFTER, HeldSignals, exchange, machine

resource = pytest.importorskip("resource", reason="a limit stands for a full disk")


class Interrupted(BaseException):
    """Stands for a keyboard interrupt."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_directory(path, **files):
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)


@pytest.fixture(params=["at once", "in two steps"])
def way(request, monkeypatch):
    """How a folder takes another's place: not every system can swap two names."""
    if request.param == "in two steps":
        monkeypatch.setattr("scgarage.io.atomic.exchange", lambda one, other: False)
    return request.param


def test_a_file_appears_complete(tmp_path):
    path = tmp_path / "new" / "a.csv.gz"
    with atomic_output(path) as temporary:
        assert not path.exists()
        assert temporary.parent == path.parent
        assert temporary.name.endswith("a.csv.gz")
        temporary.write_text("x")
    assert path.read_text() == "x"
    assert names(path.parent) == ["a.csv.gz"]


@pytest.mark.parametrize("error", [ValueError, Interrupted])
@pytest.mark.parametrize("is_directory", [False, True])
def test_failure_leaves_nothing_behind_and_keeps_what_was_there(tmp_path, error, is_directory):
    path = tmp_path / "out"
    if is_directory:
        write_directory(path, old="old")
    else:
        path.write_text("old")

    def fail():
        with atomic_output(path, overwrite=True) as temporary:
            if is_directory:
                write_directory(temporary, new="new")
            else:
                temporary.write_text("new")
            raise error

    with pytest.raises(error):
        fail()
    assert names(tmp_path) == ["out"]
    assert (path / "old" if is_directory else path).read_text() == "old"


def test_an_existing_output_is_refused_before_the_block_runs(tmp_path):
    (tmp_path / "a").write_text("old")
    started = False
    with pytest.raises(OutputExistsError, match=r"exists already \(a file\).*overwrite=True"):  # noqa: SIM117
        with atomic_output(tmp_path / "a"):
            started = True
    assert not started
    assert (tmp_path / "a").read_text() == "old"


def test_an_output_that_appears_meanwhile_is_not_overwritten(tmp_path):
    path = tmp_path / "a"

    def meanwhile():
        with atomic_output(path) as temporary:
            temporary.write_text("mine")
            path.write_text("theirs")

    with pytest.raises(OutputExistsError):
        meanwhile()
    assert path.read_text() == "theirs"
    assert names(tmp_path) == ["a"]


def test_overwriting_a_file_keeps_its_mode(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o640)
    with atomic_output(path, overwrite=True) as temporary:
        temporary.write_text("new")
    assert path.read_text() == "new"
    assert path.stat().st_mode & 0o777 == 0o640


@pytest.mark.usefixtures("way")
def test_a_directory_is_replaced_as_a_whole(tmp_path):
    path = tmp_path / "model"
    write_directory(path, a="old", b="old")
    with atomic_output(path, overwrite=True) as temporary:
        write_directory(temporary, a="new")
    assert names(tmp_path) == ["model"]
    assert names(path) == ["a"]
    assert (path / "a").read_text() == "new"


def test_the_old_directory_comes_back_when_renaming_fails(tmp_path, monkeypatch):
    path = tmp_path / "model"
    write_directory(path, a="old")
    rename, aside = Path.rename, []

    def fail_for_the_new_one(self, target):
        if "-old-" in Path(target).name:
            aside.append(target)
        elif aside and "-old-" not in self.name:
            raise OSError(errno.EIO, "the cable is out")
        return rename(self, target)

    monkeypatch.setattr("scgarage.io.atomic.exchange", lambda one, other: False)
    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)

    def write():
        with atomic_output(path, overwrite=True) as temporary:
            write_directory(temporary, a="new")

    with pytest.raises(OSError, match=rf"{path} cannot be written: Input/output error"):
        write()
    assert aside
    assert names(tmp_path) == ["model"]
    assert (path / "a").read_text() == "old"


def test_a_folder_of_other_things_is_not_replaced(tmp_path):
    path = tmp_path / "results"
    write_directory(path, thesis="text")
    with pytest.raises(OutputExistsError, match=r"folder of other files \(it has no 'model\.json'\)"):  # noqa: SIM117
        with atomic_output(path, overwrite=True, replaces="model.json"):
            pass
    assert (path / "thesis").read_text() == "text"
    write_directory(tmp_path / "model", **{"model.json": "old"})
    write_directory(tmp_path / "empty")
    for name in ("model", "empty"):
        with atomic_output(tmp_path / name, overwrite=True, replaces="model.json") as temporary:
            write_directory(temporary, **{"model.json": "new"})
        assert (tmp_path / name / "model.json").read_text() == "new"


@pytest.mark.parametrize("old_is_directory", [False, True])
def test_a_file_and_a_directory_do_not_replace_each_other(tmp_path, old_is_directory):
    path = tmp_path / "a"
    if old_is_directory:
        write_directory(path, x="old")
    else:
        path.write_text("old")

    def write():
        with atomic_output(path, overwrite=True) as temporary:
            if old_is_directory:
                temporary.write_text("new")
            else:
                write_directory(temporary, x="new")

    with pytest.raises(OutputExistsError, match="choose another path"):
        write()
    assert (path / "x" if old_is_directory else path).read_text() == "old"
    assert names(tmp_path) == ["a"]


def test_a_block_that_writes_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing was written"):  # noqa: SIM117
        with atomic_output(tmp_path / "a"):
            pass
    assert names(tmp_path) == []


@pytest.mark.skipif(os.name != "posix", reason="symbolic links need special rights elsewhere")
def test_a_symbolic_link_is_followed(tmp_path):
    (tmp_path / "target").write_text("old")
    (tmp_path / "link").symlink_to(tmp_path / "target")
    with atomic_output(tmp_path / "link", overwrite=True) as temporary:
        temporary.write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "target").read_text() == "new"


def test_check_output(tmp_path):
    check_output(tmp_path / "a", overwrite=False)
    (tmp_path / "a").mkdir()
    check_output(tmp_path / "a", overwrite=True)
    with pytest.raises(OutputExistsError, match="a directory"):
        check_output(tmp_path / "a", overwrite=False)


# ------------------------------------------------------------------ full disks
@contextmanager
def largest_file(n_bytes):
    """Let this process write no file larger than that, as a full disk would."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def write_tensors(adata, path, **how):
    with atomic_output(path, **how) as temporary:
        save_file({"x": torch.from_numpy(adata.X.toarray())}, temporary)


@pytest.mark.parametrize(
    ("write", "name"), [(write_h5ad, "a.h5ad"), (write_csv, "a.csv"), (write_csv, "a.csv.gz"), (write_tensors, "a.st")]
)
@pytest.mark.parametrize("n_bytes", [0, 2000])
def test_a_full_disk_is_named_and_leaves_what_was_there(tmp_path, write, name, n_bytes):
    adata = simulate(60, 200, 3, 0.1, depth=400)
    path = tmp_path / name
    write(adata[:40].copy(), path)
    before = path.read_bytes()
    with (
        largest_file(n_bytes),
        pytest.raises(OutputError, match=rf"^{path} cannot be written: File too large; ") as found,
    ):
        write(adata, path, overwrite=True)
    assert found.value.errno == errno.EFBIG
    assert names(tmp_path) == [name]
    assert path.read_bytes() == before
    with largest_file(n_bytes), pytest.raises(OutputError):
        write(adata, tmp_path / "new" / "folder" / name)
    assert names(tmp_path) == [name]  # folders made for it are gone, too
    write(adata, path, overwrite=True)
    assert path.read_bytes() != before


@pytest.mark.slow
def test_hdf5_meets_a_full_disk_at_any_point(tmp_path):
    adata = simulate(300, 200, 3, 0.1)
    adata.uns["many"] = {f"entry_{number}": np.arange(number % 7) for number in range(500)}
    size = write_h5ad(adata, tmp_path / "whole.h5ad").stat().st_size
    for n_bytes in np.linspace(0, size - 1, 60, dtype=int):
        with largest_file(int(n_bytes)), pytest.raises(OutputError):
            write_h5ad(adata, tmp_path / "a.h5ad")
        assert names(tmp_path) == ["whole.h5ad"]


def test_errors_that_are_not_of_the_output_stay_what_they_are(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), atomic_output(tmp_path / "a"):
        Path("elsewhere").read_text()
    with pytest.raises(OSError, match="no number") as found, atomic_output(tmp_path / "a"):
        raise OSError("no number")  # noqa: EM101
    assert not isinstance(found.value, OutputError)


# ------------------------------------------------------------------ killed processes
WRITER = """
import os, sys
from pathlib import Path
from scgarage.io import atomic_output
with atomic_output(Path(sys.argv[1]), overwrite=True) as temporary:
    if sys.argv[2] == "folder":
        temporary.mkdir()
        temporary /= "part"
    temporary.write_text("half")
    print("writing", flush=True)
    sys.stdin.read()
"""


def start_writing(path, kind):
    """Start a process that holds a half-written output."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path), kind], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "writing\n"
    return process


def test_the_next_write_removes_what_a_killed_one_left_and_spares_a_living_one(tmp_path):
    dead, living = start_writing(tmp_path / "out", "folder"), start_writing(tmp_path / "out", "file")
    other = start_writing(tmp_path / "other", "file")
    for process in (dead, other):
        process.kill()
        process.communicate()
    assert len(names(tmp_path)) == 3
    with atomic_output(tmp_path / "out") as temporary:
        temporary.write_text("new")
    left = names(tmp_path)
    assert [name for name in left if f"-{dead.pid}-" in name] == []
    assert len([name for name in left if f"-{living.pid}-" in name]) == 1
    assert len([name for name in left if f"-{other.pid}-" in name]) == 1  # of another output
    living.kill()
    living.communicate()


@pytest.mark.parametrize("token", ["0123456789ab-1-01234567", "01234567"], ids=["another machine", "an old version"])
def test_what_cannot_be_known_to_be_dead_goes_after_a_week(tmp_path, token):
    left = tmp_path / f".{token}-out"
    write_directory(left, part="half")
    for path in (left, left / "part"):
        os.utime(path, (time.time() - OTHERS_ARE_DEAD_AFTER - 60,) * 2)
    (left / "part").touch()  # one file is still written
    with atomic_output(tmp_path / "out") as temporary:
        temporary.write_text("new")
    assert left.exists()
    os.utime(left / "part", (0, 0))
    with atomic_output(tmp_path / "out", overwrite=True) as temporary:
        temporary.write_text("new")
    assert not left.exists()


def test_the_only_copy_of_an_old_folder_is_not_taken_for_rubbish(tmp_path):
    dead = start_writing(tmp_path / "elsewhere", "file")
    dead.kill()
    dead.communicate()
    old = tmp_path / f".{machine()}-{dead.pid}-01234567-old-out"
    write_directory(old, a="old")

    def write(text):
        with atomic_output(tmp_path / "out", overwrite=True) as temporary:
            if not text:
                raise ValueError
            write_directory(temporary, a=text)

    with pytest.raises(ValueError):  # noqa: PT011
        write("")
    assert (old / "a").read_text() == "old"
    for text in ("new", "newer"):
        write(text)
    assert not old.exists()


# ------------------------------------------------------------------ competing processes
def test_a_file_that_appears_in_the_last_moment_is_not_overwritten(tmp_path, monkeypatch):
    (tmp_path / "a").write_text("theirs")
    monkeypatch.setattr("scgarage.io.atomic.check_output", lambda *_, **__: None)
    with pytest.raises(OutputExistsError, match="exists already"), atomic_output(tmp_path / "a") as temporary:
        temporary.write_text("mine")
    assert (tmp_path / "a").read_text() == "theirs"


@pytest.mark.parametrize("kind", ["file", "folder"])
@pytest.mark.usefixtures("way")
def test_of_two_writers_the_last_one_says_that_it_replaced_the_other(tmp_path, kind):
    def write(text, *, within=None):
        with atomic_output(tmp_path / "out", overwrite=True) as temporary:
            if within is not None:
                write(within)
            if kind == "folder":
                write_directory(temporary, part=text)
            else:
                temporary.write_text(text)

    with pytest.warns(UserWarning, match=r"another process wrote .*out at the same time"):
        write("mine", within="theirs")
    whole = tmp_path / "out" / "part" if kind == "folder" else tmp_path / "out"
    assert whole.read_text() == "mine"
    assert names(tmp_path) == ["out"]


REPLACER = """
import sys, warnings
from pathlib import Path
from scgarage.io import atomic_output
if sys.argv[2] == "in two steps":
    import scgarage.io.atomic
    scgarage.io.atomic.exchange = lambda one, other: False
warnings.simplefilter("ignore")
print("ready", flush=True)
for number in range(int(sys.argv[3])):
    with atomic_output(Path(sys.argv[1]), overwrite=True) as temporary:
        temporary.mkdir()
        for name in "abc":
            (temporary / name).write_text(f"{sys.argv[4]} {number}")
"""


def race(path, way, n_reads):
    """Read a folder while two processes replace it; return how many different contents were seen."""

    def contents(folder):
        return [(folder / name).read_text() for name in "abc"]

    with atomic_output(path) as temporary:
        write_directory(temporary, a="0", b="0", c="0")
    writers = [
        subprocess.Popen([sys.executable, "-c", REPLACER, str(path), way, str(n_reads), who], stdout=subprocess.PIPE)
        for who in ("one", "two")
    ]
    for writer in writers:
        assert writer.stdout.readline() == b"ready\n"
    seen = [read_whole(path, contents) for _ in range(n_reads)]
    assert [writer.wait() for writer in writers] == [0, 0]
    for writer in writers:
        writer.stdout.close()
    seen.append(read_whole(path, contents))
    assert all(len(set(content)) == 1 for content in seen)
    assert names(path.parent) == [path.name]
    return len({content[0] for content in seen})


def test_readers_see_whole_folders_while_two_processes_replace_them(tmp_path):
    assert race(tmp_path / "model", "at once", 40) > 1


@pytest.mark.slow
def test_readers_see_whole_folders_a_thousand_times(tmp_path, way):
    assert race(tmp_path / "model", way, 1000) > 10


def test_a_folder_that_nobody_replaces_is_read_once(tmp_path):
    asked = []

    def read(folder):
        asked.append(folder)
        return (folder / "a").read_text()

    with pytest.raises(FileNotFoundError):
        read_whole(tmp_path / "none", read)
    assert len(asked) == 1


def test_a_folder_that_is_replaced_all_the_time_is_given_up(tmp_path, monkeypatch):
    monkeypatch.setattr("scgarage.io.atomic.PAUSE", 0)
    write_directory(tmp_path / "model", a="text")
    with pytest.raises(InputError, match="was replaced 200 times while it was read"):
        read_whole(tmp_path / "model", lambda folder: os.utime(folder, ns=(0, time.time_ns())))


@pytest.mark.skipif(sys.platform != "linux", reason="other systems put the old folder aside first")
def test_linux_swaps_two_folders_at_once(tmp_path):
    for name in ("a", "b"):
        write_directory(tmp_path / name, name=name)
    assert exchange(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "a" / "name").read_text() == "b"
    assert not exchange(tmp_path / "a", tmp_path / "none")


# ------------------------------------------------------------------ signals
class Arrived(BaseException):
    pass


def arrive(*_):
    raise Arrived


@pytest.fixture
def handled():
    """SIGTERM raises."""
    before = signal.signal(signal.SIGTERM, arrive)
    yield
    signal.signal(signal.SIGTERM, before)


@pytest.mark.usefixtures("handled")
def test_a_held_signal_comes_through_at_the_end():
    done = []

    def work():
        with HeldSignals(signal.SIGTERM) as held:
            signal.raise_signal(signal.SIGTERM)
            done.append(held.came == [signal.SIGTERM])

    with pytest.raises(Arrived):
        work()
    assert done == [True]
    assert signal.getsignal(signal.SIGTERM) is arrive


def test_a_signal_that_is_ignored_or_of_another_thread_is_not_held():
    found = []

    def work():
        with HeldSignals(signal.SIGTERM) as held:
            found.append(held.handlers)

    before = signal.signal(signal.SIGTERM, signal.SIG_IGN)
    work()
    signal.signal(signal.SIGTERM, before)
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [{}, {}]


@pytest.mark.usefixtures("handled")
def test_a_signal_while_hdf5_writes_leaves_no_half_file(tmp_path, monkeypatch):
    from scgarage.io import write

    part = write.write_elem

    def interrupted(*args, **how):
        signal.raise_signal(signal.SIGTERM)
        part(*args, **how)

    monkeypatch.setattr(write, "write_elem", interrupted)
    with pytest.raises(Arrived):
        write_h5ad(simulate(40, 30, 3, 0.1), tmp_path / "a.h5ad")
    assert names(tmp_path) == []
