import anndata as ad
import numpy as np
import pytest

import scgarage as sg
from scgarage.errors import InputError


@pytest.fixture(scope="module")
def cells():
    adata = sg.datasets.simulate(n_cells=200, n_genes=50, n_types=4, rare_fraction=0.05)
    adata.obs["donor"] = [f"d{i % 5}" for i in range(200)]
    adata.obs["part"] = np.where(np.arange(200) % 3 == 0, "test", "train")
    return adata


def same(a, b):
    return all(list(getattr(a, p).obs_names) == list(getattr(b, p).obs_names) for p in ("train", "validation", "test"))


@pytest.mark.parametrize("how", [{}, {"donor_key": "donor"}, {"fractions": (0.6, 0.0, 0.4), "random_state": 9}])
def test_the_same_split_comes_back_through_a_file(cells, how, tmp_path):
    first = sg.pp.split(cells, labels_key="cell_type", **how)
    first.train.write_h5ad(tmp_path / "train.h5ad")
    record = ad.read_h5ad(tmp_path / "train.h5ad").uns["scgarage"]["split"]
    assert same(first, sg.pp.split_again(cells, record))


def test_a_split_by_column_comes_back(cells):
    first = sg.pp.split_by_column(cells, "part", labels_key="cell_type")
    assert same(first, sg.pp.split_again(cells, first.record()))


@pytest.mark.parametrize("key", ["cell_type", "part"])
def test_changed_labels_or_parts_are_refused(cells, key):
    record = sg.pp.split_by_column(cells, "part", labels_key="cell_type").record()
    other = cells.copy()
    values = other.obs[key].astype(str)
    values.iloc[[0, 1]] = values.iloc[[1, 0]].to_numpy() if values.iloc[0] != values.iloc[1] else "test"
    other.obs[key] = values
    if list(values) == list(cells.obs[key].astype(str)):
        values.iloc[0] = next(v for v in values if v != values.iloc[0])
        other.obs[key] = values
    with pytest.raises(InputError, match="not the cells"):
        sg.pp.split_again(other, record)


def test_other_order_and_incomplete_record_are_refused(cells):
    record = sg.pp.split(cells, labels_key="cell_type").record()
    with pytest.raises(InputError, match="not the cells"):
        sg.pp.split_again(cells[::-1].copy(), record)
    del record["fingerprint"]
    with pytest.raises(InputError, match="no fingerprint"):
        sg.pp.split_again(cells, record)
