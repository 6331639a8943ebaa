import os
from pathlib import Path

import numpy as np
import pytest
from anndata import AnnData

from scgarage.datasets import simulate
from scgarage.errors import InputError, OutputExistsError
from scgarage.io import atomic_output, check_output, read, write_csv, write_h5ad
from scgarage.io.write import write_folder


def test_nothing_is_written_when_one_file_exists(tmp_path):
    (tmp_path / "b.txt").write_text("old")
    with pytest.raises(OutputExistsError):
        write_folder(tmp_path, {"a.txt": "new", "b.txt": "new"})
    assert not (tmp_path / "a.txt").exists()
    paths = write_folder(tmp_path, {"a.txt": "new", "b.txt": b"new"}, overwrite=True)
    assert [path.read_text() for path in paths] == ["new", "new"]


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


@pytest.fixture
def adata():
    return simulate(40, 30, 3, 0.1, depth=40)


def test_h5ad_keeps_everything_and_repeats_its_bytes(adata, tmp_path):
    adata.uns["scgarage"]["history"] = {"step": np.arange(3), "critic.loss": np.array([0.1, np.nan, 0.3])}
    assert write_h5ad(adata, tmp_path / "a.h5ad") == tmp_path / "a.h5ad"
    write_h5ad(adata, tmp_path / "b.h5ad")
    assert (tmp_path / "a.h5ad").read_bytes() == (tmp_path / "b.h5ad").read_bytes()
    found = read(tmp_path / "a.h5ad")
    np.testing.assert_array_equal(
        found.uns["scgarage"]["history"]["critic.loss"], adata.uns["scgarage"]["history"]["critic.loss"]
    )
    assert found.obs["cell_type"].tolist() == adata.obs["cell_type"].tolist()


def test_h5ad_is_not_overwritten_unless_asked(adata, tmp_path):
    write_h5ad(adata, tmp_path / "a.h5ad")
    with pytest.raises(OutputExistsError, match="exists already"):
        write_h5ad(adata, tmp_path / "a.h5ad")
    write_h5ad(adata[:5].copy(), tmp_path / "a.h5ad", overwrite=True)
    assert read(tmp_path / "a.h5ad").n_obs == 5


def test_data_that_cannot_be_written_leave_the_old_file(adata, tmp_path):
    write_h5ad(adata, tmp_path / "a.h5ad")
    before = (tmp_path / "a.h5ad").read_bytes()
    adata.uns["bad"] = {"x": object()}
    with pytest.raises(Exception, match="No method registered"):
        write_h5ad(adata, tmp_path / "a.h5ad", overwrite=True)
    assert (tmp_path / "a.h5ad").read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["a.h5ad"]


@pytest.mark.parametrize("name", ["a.h5", "a", "a.csv"])
def test_h5ad_needs_its_ending(adata, tmp_path, name):
    with pytest.raises(InputError, match=r"does not end in \.h5ad"):
        write_h5ad(adata, tmp_path / name)


@pytest.mark.parametrize("ending", [".csv", ".csv.gz"])
def test_csv_is_read_back(adata, tmp_path, ending):
    path, labels = write_csv(adata, tmp_path / f"a{ending}", labels_key="cell_type")
    assert labels == tmp_path / "a_labels.csv"
    found = read(path, genes_as="columns", labels=labels)
    assert (found.X != adata.X).nnz == 0
    assert found.obs_names.tolist() == adata.obs_names.tolist()
    assert found.var_names.tolist() == adata.var_names.tolist()
    assert found.obs["cell_type"].tolist() == adata.obs["cell_type"].tolist()


def test_csv_of_fractions_is_exact_in_single_precision(adata, tmp_path):
    adata.layers["log"] = adata.X.log1p()
    (path,) = write_csv(adata, tmp_path / "a.csv", layer="log")
    assert (adata.layers["log"] != read(path, genes_as="columns").X).nnz == 0


def test_csv_holds_whole_numbers_and_repeats_its_bytes(adata, tmp_path, monkeypatch):
    for name in ("a.csv", "a.csv.gz"):
        write_csv(adata, tmp_path / name)
    assert "." not in (tmp_path / "a.csv").read_text()
    first = (tmp_path / "a.csv.gz").read_bytes()
    write_csv(adata, tmp_path / "a.csv.gz", overwrite=True)
    assert (tmp_path / "a.csv.gz").read_bytes() == first
    plain = (tmp_path / "a.csv").read_bytes()
    monkeypatch.setattr("scgarage.io.write._CHUNK_VALUES", 70)
    write_csv(adata, tmp_path / "a.csv", overwrite=True)
    assert (tmp_path / "a.csv").read_bytes() == plain


def test_dense_values_are_written_too(tmp_path):
    adata = AnnData(np.array([[1.5, 2.0], [0.0, 3.25]], dtype=np.float32))
    write_csv(adata, tmp_path / "a.csv")
    assert (tmp_path / "a.csv").read_text() == "cell,0,1\n0,1.5,2.0\n1,0.0,3.25\n"


def test_csv_refuses_bad_arguments(adata, tmp_path):
    with pytest.raises(InputError, match=r"neither in \.csv nor in \.csv\.gz"):
        write_csv(adata, tmp_path / "a.txt")
    with pytest.raises(InputError, match=r"adata\.obs has no 'x'; available: 'cell_type'"):
        write_csv(adata, tmp_path / "a.csv", labels_key="x")
    with pytest.raises(InputError, match=r"adata\.layers has no 'x'; available: 'counts'"):
        write_csv(adata, tmp_path / "a.csv", layer="x")
    (tmp_path / "a_labels.csv").touch()
    with pytest.raises(OutputExistsError, match="a_labels"):
        write_csv(adata, tmp_path / "a.csv", labels_key="cell_type")
    assert [path.name for path in tmp_path.iterdir()] == ["a_labels.csv"]
