import os
from pathlib import Path

import pytest

from scgarage.errors import OutputExistsError
from scgarage.io import atomic_output, check_output


class Interrupted(BaseException):
    """Stands for a keyboard interrupt."""


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def write_directory(path, **files):
    path.mkdir()
    for name, text in files.items():
        (path / name).write_text(text)


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
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if "-old-" not in self.name and Path(target) == path:
            msg = "no space"
            raise OSError(msg)
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)

    def write():
        with atomic_output(path, overwrite=True) as temporary:
            write_directory(temporary, a="new")

    with pytest.raises(OSError, match="no space"):
        write()
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
