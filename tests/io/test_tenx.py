import gzip
import shutil
import warnings

import h5py
import numpy as np
import pytest
import scanpy as sc
import scipy.io
import scipy.sparse as sp

from scgarage.datasets import simulate
from scgarage.errors import InputError
from scgarage.io import read

BARCODES = [f"{barcode}-1" for barcode in ("AAACCCAAGAAACACT", "AAACCCAAGAAACCAT", "AAACCCAAGAAACCCA")]
IDS = ["ENSG01", "ENSG02", "ENSG03", "ENSG04", "AB1"]
SYMBOLS = ["CD3D", "LYZ", "CD3D", "NA", "CD3"]
TYPES = ["Gene Expression"] * 4 + ["Antibody Capture"]
VALUES = np.array([[3, 0, 1, 0, 90], [0, 8, 0, 2, 70], [1, 0, 0, 5, 60]])  # cells x features
GENES = ["CD3D", "LYZ", "CD3D-1", "NA"]


def write_folder(path, *, gz, features="features.tsv", prefix="", values=VALUES, transpose=True):
    path.mkdir(exist_ok=True)
    scipy.io.mmwrite(path / "matrix.mtx", sp.coo_matrix(values.T if transpose else values))
    n_columns = 3 if features.startswith("features") else 2
    rows = zip(*[IDS, SYMBOLS, TYPES][:n_columns], strict=True)
    (path / features).write_text("".join("\t".join(row) + "\n" for row in rows))
    (path / "barcodes.tsv").write_text("\n".join(BARCODES) + "\n")
    for name in ("matrix.mtx", features, "barcodes.tsv"):
        plain = path / name
        if gz:
            (path / f"{prefix}{name}.gz").write_bytes(gzip.compress(plain.read_bytes()))
            plain.unlink()
        else:
            plain.rename(path / f"{prefix}{name}")
    return path


def write_h5(path, *, types=TYPES):
    X = sp.csr_matrix(VALUES.astype(np.int32))
    with h5py.File(path, "w") as file:
        group = file.create_group("matrix")
        for name, data in (("data", X.data), ("indices", X.indices), ("indptr", X.indptr)):
            group[name] = data
        group["shape"] = np.array(VALUES.shape[::-1])
        group["barcodes"] = np.array(BARCODES, dtype="S")
        features = group.create_group("features")
        for name, data in (("id", IDS), ("name", SYMBOLS), ("feature_type", types), ("genome", ["g"] * 5)):
            features[name] = np.array(data, dtype="S")
    return path


def write_legacy_h5(path):
    X = sp.csr_matrix(VALUES.astype(np.int32))
    with h5py.File(path, "w") as file:
        group = file.create_group("GRCh38")
        for name, data in (("data", X.data), ("indices", X.indices), ("indptr", X.indptr)):
            group[name] = data
        group["shape"] = np.array(VALUES.shape[::-1])
        group["barcodes"] = np.array(BARCODES, dtype="S")
        group["genes"], group["gene_names"] = np.array(IDS, dtype="S"), np.array(SYMBOLS, dtype="S")
    return path


def read_quietly(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        adata = read(path)
    return adata, [str(warning.message) for warning in caught], {warning.filename for warning in caught}


def check(adata, n_genes=4):
    np.testing.assert_array_equal(adata.X.toarray(), VALUES[:, :n_genes])
    assert adata.X.dtype == np.float32
    assert isinstance(adata.X, sp.csr_matrix)
    assert adata.obs_names.tolist() == BARCODES
    assert adata.var_names.tolist() == [*GENES, "CD3"][:n_genes]
    assert adata.var["gene_ids"].tolist() == IDS[:n_genes]
    assert adata.uns["scgarage"]["value_kind"] == "counts"


@pytest.mark.parametrize("gz", [False, True])
@pytest.mark.parametrize("prefix", ["", "GSM123_patient-1_"])
def test_folder_of_version_3(tmp_path, gz, prefix):
    adata, messages, files = read_quietly(write_folder(tmp_path / "a", gz=gz, prefix=prefix))
    check(adata)
    assert any("1 features that are not genes were left out (Antibody Capture)" in text for text in messages)
    assert any("1 repeated gene symbols (such as 'CD3D')" in text for text in messages)
    assert files == {__file__}


@pytest.mark.parametrize("gz", [False, True])
def test_folder_of_version_2(tmp_path, gz):
    adata, messages, _ = read_quietly(write_folder(tmp_path / "a", gz=gz, features="genes.tsv"))
    check(adata, n_genes=5)
    assert len(messages) == 1


def test_folder_with_cells_as_rows(tmp_path):
    adata, _, _ = read_quietly(write_folder(tmp_path / "a", gz=False, transpose=False))
    check(adata)


def test_folder_agrees_with_scanpy(tmp_path):
    path = write_folder(tmp_path / "a", gz=True)
    adata, _, _ = read_quietly(path)
    oracle = sc.read_10x_mtx(path)
    np.testing.assert_array_equal(adata.X.toarray(), oracle.X.toarray())
    assert adata.obs_names.tolist() == oracle.obs_names.tolist()
    assert adata.var["gene_ids"].tolist() == oracle.var["gene_ids"].tolist()


def test_h5_of_version_3(tmp_path):
    adata, messages, files = read_quietly(write_h5(tmp_path / "a.h5"))
    check(adata)
    assert len(messages) == 2
    assert files == {__file__}


def test_h5_of_version_2(tmp_path):
    adata, _, _ = read_quietly(write_legacy_h5(tmp_path / "a.h5"))
    check(adata, n_genes=5)


def test_features_without_genes_are_refused(tmp_path):
    with pytest.raises(InputError, match="no features of type 'Gene Expression'; found: Peaks"):
        read(write_h5(tmp_path / "a.h5", types=["Peaks"] * 5))


@pytest.mark.parametrize("missing", ["matrix.mtx", "barcodes.tsv", "features.tsv"])
def test_a_folder_without_one_of_the_three_files_is_refused(tmp_path, missing):
    path = write_folder(tmp_path / "a", gz=False)
    (path / missing).unlink()
    with pytest.raises(InputError, match=rf"one file {missing}.* is expected and 0 are there"):
        read(path)


def test_a_folder_of_two_samples_is_refused(tmp_path):
    path = write_folder(tmp_path / "a", gz=False)
    shutil.copy(path / "matrix.mtx", path / "second_matrix.mtx")
    with pytest.raises(InputError, match="2 are there"):
        read(path)


def test_an_empty_folder_is_refused(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(InputError, match="0 are there"):
        read(tmp_path / "a")


@pytest.mark.parametrize("gz", [False, True])
def test_a_truncated_matrix_is_refused(tmp_path, gz):
    path = write_folder(tmp_path / "a", gz=gz)
    matrix = next(path.glob("matrix*"))
    matrix.write_bytes(matrix.read_bytes()[:-20])
    with pytest.raises(InputError, match=r"matrix\.mtx.* cannot be read as a Matrix Market file"):
        read(path)


def test_files_of_different_samples_are_refused(tmp_path):
    path = write_folder(tmp_path / "a", gz=False)
    (path / "barcodes.tsv").write_text("AAAC-1\n")
    with pytest.raises(InputError, match=r"shape \(5, 3\), with 5 features and 1 barcodes"):
        read(path)


def test_an_empty_part_is_refused(tmp_path):
    path = write_folder(tmp_path / "a", gz=False)
    (path / "barcodes.tsv").write_text("")
    with pytest.raises(InputError, match=r"barcodes\.tsv is empty"):
        read(path)


def test_other_hdf5_files_are_refused_with_a_hint(tmp_path):
    simulate(20, 20, 2, 0.2).write_h5ad(tmp_path / "a.h5ad")
    shutil.copy(tmp_path / "a.h5ad", tmp_path / "a.h5")
    with pytest.raises(InputError, match=r"it looks like AnnData: rename it to end in \.h5ad"):
        read(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "w") as file:
        file["X"] = np.ones(3)
    with pytest.raises(InputError, match="has no barcodes and holds X"):
        read(tmp_path / "b.h5")
    shutil.copy(write_h5(tmp_path / "c.h5"), tmp_path / "c.h5ad")
    with pytest.raises(InputError, match="'obs', 'var' are expected"):
        read(tmp_path / "c.h5ad")


def test_a_truncated_h5_is_refused(tmp_path):
    path = write_h5(tmp_path / "a.h5")
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"a\.h5 cannot be read as a 10x HDF5 file"):
        read(path)
