import anndata as ad
import numpy as np
import pandas as pd
import pytest

from scgarage.errors import InputError
from scgarage.seeds import CellTypes


def cells(labels) -> ad.AnnData:
    adata = ad.AnnData(np.zeros((len(labels), 1)))
    adata.obs["cell_type"] = pd.Categorical(labels)
    return adata


def test_codes_name_the_types_back():
    labels = ["T"] * 90 + ["pDC"] * 3 + ["B"] * 7
    types = CellTypes.read(cells(labels), "cell_type", purpose="seeds")
    assert types.names[types.codes].tolist() == labels
    assert types.counts.tolist() == [7, 90, 3]
    assert types.names[types.rare].tolist() == ["pDC"]
    assert np.array_equal(types.rare_cells, np.array(labels) == "pDC")
    assert types.describe(np.array([0, 91])) == {"rare_share": 0.5, "rare_share_by_chance": 0.03}


def test_unused_categories_are_no_types():
    adata = cells(["T", "B", "NK"])[:2]
    assert CellTypes.read(adata, "cell_type", purpose="seeds").names.tolist() == ["B", "T"]


def test_missing_key_names_columns_and_the_selector_that_needs_it():
    with pytest.raises(InputError, match=r"stratified seeds need cell types.*'cell_type'.*only 'stratified' needs"):
        CellTypes.read(cells(["T", "B"]), None, purpose="stratified seeds")


def test_missing_column_and_too_few_types_are_refused():
    with pytest.raises(InputError, match=r"no 'louvain'.*'cell_type'"):
        CellTypes.read(cells(["T", "B"]), "louvain", purpose="seeds")
    with pytest.raises(InputError, match="one label"):
        CellTypes.read(cells(["T", "T"]), "cell_type", purpose="seeds", min_types=2)
