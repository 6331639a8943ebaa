import numpy as np
import pytest
from anndata import AnnData

from scgarage.datasets import simulate
from scgarage.errors import InputError, OutputExistsError
from scgarage.io import read, write_csv, write_h5ad
from scgarage.io.write import write_folder


def test_nothing_is_written_when_one_file_exists(tmp_path):
    (tmp_path / "b.txt").write_text("old")
    with pytest.raises(OutputExistsError):
        write_folder(tmp_path, {"a.txt": "new", "b.txt": "new"})
    assert not (tmp_path / "a.txt").exists()
    paths = write_folder(tmp_path, {"a.txt": "new", "b.txt": b"new"}, overwrite=True)
    assert [path.read_text() for path in paths] == ["new", "new"]


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
