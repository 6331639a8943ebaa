"""Bad input, one case a line: a clear error at the public entry points, and nothing that the user had is lost."""

import gzip
from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.errors import InputError, OutputExistsError
from scgarage.io.cells import match_genes
from scgarage.models import FitOptions

QUIET = FitOptions(progress=False, accelerator="cpu")


def cells() -> ad.AnnData:
    return sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, rare_fraction=0.1)


def changed(change: Callable[[ad.AnnData], object]) -> ad.AnnData:
    adata = cells()
    result = change(adata)
    return result if isinstance(result, ad.AnnData) else adata


def with_value(value: float) -> Callable[[ad.AnnData], None]:
    def change(adata: ad.AnnData) -> None:
        dense = adata.X.toarray()
        dense[3, 5] = value
        adata.X = sparse.csr_matrix(dense)
        del adata.layers["counts"]
        adata.uns.clear()

    return change


def with_empty_cell(adata: ad.AnnData) -> None:
    dense = adata.X.toarray()
    dense[7] = 0
    adata.X = sparse.csr_matrix(dense)


def with_labels(make: Callable[[pd.Series], object]) -> Callable[[ad.AnnData], None]:
    def change(adata: ad.AnnData) -> None:
        adata.obs["cell_type"] = make(adata.obs["cell_type"].astype(str))

    return change


def with_missing_label(labels: pd.Series) -> pd.Series:
    labels.iloc[0] = np.nan
    return labels


def with_twin_names(axis: str) -> Callable[[ad.AnnData], None]:
    def change(adata: ad.AnnData) -> None:
        names = list(getattr(adata, f"{axis}_names"))
        names[1] = names[0]
        setattr(adata, f"{axis}_names", names)

    return change


def scaled(adata: ad.AnnData) -> None:
    adata.X = adata.X.toarray() - adata.X.mean()


def fit(adata, labels_key="cell_type", **arguments):
    model = sg.models.GarageFaithful(n_iterations=1, gat_epochs=1, generator_hidden=(4,), critic_hidden=(4,))
    return model.fit(adata, labels_key=labels_key, options=QUIET, **arguments)


def split(adata, labels_key="cell_type", **arguments):
    return sg.pp.split(adata, labels_key=labels_key, **arguments)


def evaluate(synthetic):
    return sg.evaluate(synthetic, split(cells()), n_repeats=2, metrics=["sliced_wasserstein"])


CASES = {
    "missing label column": (lambda: fit(cells(), "louvain"), "no 'louvain'.*'cell_type'"),
    "missing label column in split": (lambda: split(cells(), "louvain"), "no 'louvain'.*'cell_type'"),
    "missing donor column": (lambda: split(cells(), donor_key="donor"), "no 'donor'"),
    "missing labels": (lambda: fit(changed(with_labels(with_missing_label))), "no label for 1 of 120"),
    "one cell type": (lambda: fit(changed(with_labels(lambda _: "T"))), "one type|at least 2|2 types"),
    "NaN value": (lambda: fit(changed(with_value(np.nan))), "NaN"),
    "infinite value": (lambda: fit(changed(with_value(np.inf))), "infinite"),
    "negative value": (lambda: fit(changed(with_value(-3.0))), "negative"),
    "scaled values": (lambda: fit(changed(scaled)), "negative|scaled"),
    "linear values": (lambda: fit(changed(lambda a: setattr(a, "X", a.X * 1234.56))), "unknown|linear"),
    "cell without counts": (lambda: fit(changed(with_empty_cell)), "1 of .*cells have no expression.*filter_cells"),
    "duplicate cell names": (lambda: fit(changed(with_twin_names("obs"))), "cell name|obs_names"),
    "duplicate gene names": (lambda: fit(changed(with_twin_names("var"))), "gene name|var_names"),
    "missing layer": (lambda: fit(cells(), layer="spliced"), "no layer|layers"),
    "no cells": (lambda: fit(cells()[:0]), "0 cells|holds no|hold 0"),
    "other genes in validation": (lambda: fit(cells(), validation=cells()[:, :50].copy()), "gene"),
    "other kind of values in validation": (
        lambda: fit(cells(), validation=changed(lambda a: setattr(a, "X", sg.pp.log1p_cp10k(a.X)))),
        "counts.*log-normalised",
    ),
    "other genes in synthetic cells": (lambda: evaluate(changed(lambda a: a[:, :50].copy())), "gene"),
    "log values against counts": (
        lambda: evaluate(changed(lambda a: setattr(a, "X", sg.pp.log1p_cp10k(a.X)))),
        "log-normalised",
    ),
    "genes that differ": (lambda: match_genes(cells(), [f"other{i}" for i in range(60)]), "gene"),
    "counts already": (lambda: sg.pp.recover_counts(cells()), "counts"),
    "fractions that do not add up": (lambda: split(cells(), fractions=(0.5, 0.1, 0.1)), "add up to 1"),
}


@pytest.mark.parametrize("name", list(CASES))
@pytest.mark.filterwarnings("ignore:.*names are not unique:UserWarning")
@pytest.mark.filterwarnings("ignore:.*genes have no expression:UserWarning")
def test_bad_input_is_a_clear_error(name):
    call, text = CASES[name]
    with pytest.raises(InputError, match=f"(?is){text}"):
        call()


FILES = {
    "absent.h5ad": (None, "absent"),
    "empty.h5ad": (b"", "empty|not"),
    "truncated.h5ad": ("half", "truncated|damaged|not|cannot"),
    "foreign.h5ad": (b"PK\x03\x04 this is a zip file, not HDF5" * 50, "not|HDF5"),
    "foreign.csv.gz": (b"not gzip at all", "gzip|not"),
    "words.csv": (b"cell,g1,g2\nc1,1,two\nc2,3,4\n", "two"),
    "picture.png": (b"\x89PNG\r\n", "png|h5ad"),
}


@pytest.mark.parametrize("name", list(FILES))
def test_unusable_file_is_a_clear_error_and_stays_as_it_was(name, tmp_path):
    content, text = FILES[name]
    path = tmp_path / name
    if content == "half":
        cells().write_h5ad(path)
        content = path.read_bytes()[: path.stat().st_size // 2]
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match=f"(?is){text}"):
        sg.read(path, genes_as="columns" if ".csv" in name else None)
    assert content is None or path.read_bytes() == content


def test_text_file_without_orientation_asks_for_it(tmp_path):
    path = tmp_path / "counts.csv.gz"
    with gzip.open(path, "wt") as file:
        cells().to_df().to_csv(file)
    with pytest.raises(InputError, match="genes_as"):
        sg.read(path)


def test_wrong_orientation_is_a_warning(tmp_path):
    adata = cells()
    adata.var_names = [f"ENSG{i:011d}" for i in range(adata.n_vars)]
    adata.to_df().to_csv(tmp_path / "counts.csv")
    with pytest.warns(UserWarning, match="(?i)transpose|orientation|genes_as"):
        sg.read(tmp_path / "counts.csv", genes_as="rows")


def test_genes_without_counts_are_a_warning_and_stay_zero():
    adata = cells()
    dense = adata.X.toarray()
    dense[:, 4] = 0
    adata.X = sparse.csr_matrix(dense)
    with pytest.warns(UserWarning, match="genes have no expression"):
        model = fit(adata, validation=None)
    assert model.sample(50).X[:, 4].nnz == 0


def test_existing_outputs_are_refused_and_kept(tmp_path):
    adata = cells()
    sg.write_h5ad(adata, tmp_path / "cells.h5ad")
    before = (tmp_path / "cells.h5ad").read_bytes()
    with pytest.raises(OutputExistsError, match=r"cells\.h5ad"):
        sg.write_h5ad(adata[:10].copy(), tmp_path / "cells.h5ad")
    assert (tmp_path / "cells.h5ad").read_bytes() == before
