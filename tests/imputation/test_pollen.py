"""Libraries of low and of high coverage in one study: other cells of the same types, not the same cells twice."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.imputation import check_imputation, thin_counts

FILE = Path(__file__).parents[3] / "shared" / "data" / "pollen.h5ad"
pytestmark = pytest.mark.skipif(not FILE.is_file(), reason="the file ../shared/data/pollen.h5ad is absent")


@pytest.fixture(scope="module")
def coverages():
    cells = ad.io.read_h5ad(FILE)
    cells = cells[:, np.asarray((cells.X > 0).sum(axis=0)).ravel() >= 100].copy()
    reads = np.asarray(cells.X.sum(axis=1)).ravel()
    return cells[reads < 1e5].copy(), cells[reads > 1e6].copy()


def correlations(low, deep):
    """Correlate cells with deeper ones of their type; NaN for those of other types."""
    profiles = [sg.pp.log1p_cp10k(sparse.csr_matrix(cells.X)).toarray() for cells in (low, deep)]
    profiles = [(x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True) for x in profiles]
    found = profiles[0] @ profiles[1].T / low.n_vars
    same = low.obs["cell_type"].to_numpy()[:, None] == deep.obs["cell_type"].to_numpy()
    return np.where(same, found, np.nan)


def test_no_cell_was_measured_at_both_coverages(coverages):
    low, deep = coverages
    assert min(low.n_obs, deep.n_obs) > 90
    thin = deep.copy()
    share = np.median(np.asarray(low.X.sum(axis=1))) / np.median(np.asarray(deep.X.sum(axis=1)))
    thin.X = thin_counts(deep.X, share=float(share))[0]
    again = correlations(thin, deep)
    assert (np.nanargmax(again, axis=1) == np.arange(deep.n_obs)).all()  # a second library would be recognised
    runner_up = np.sort(np.nan_to_num(correlations(low, deep), nan=-1), axis=1)
    margin = np.sort(np.nan_to_num(again, nan=-1), axis=1)
    assert np.max(runner_up[:, -1] - runner_up[:, -2]) < np.median(margin[:, -1] - margin[:, -2]) / 2


def test_deeper_cells_of_the_same_types_are_compared_by_type(coverages):
    low, deep = coverages
    imputers = {"knn": sg.imputation.KnnSmoothing(zero_chance=1.0)}
    table = check_imputation(
        low, imputers, deeper=deep, labels_key="cell_type", scenarios=["deeper"], n_top_genes=300
    ).table
    assert set(table.columns) == {"deeper_type_correlation", "deeper_type_distance"}
    assert table.loc["knn", "deeper_type_correlation"] > table.loc["none", "deeper_type_correlation"]
