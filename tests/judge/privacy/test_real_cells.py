"""The audit on real blood cells."""

from pathlib import Path

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.judge.privacy import audit

PBMC3K = Path(__file__).parents[3] / ".." / "shared" / "data" / "pbmc3k.h5ad"


def _split_and_fresh(cells: ad.AnnData, n_fresh: int, seed: int) -> tuple[sg.pp.Split, ad.AnnData]:
    order = np.random.default_rng(seed).permutation(cells.n_obs)
    fresh, rest = cells[order[:n_fresh]].copy(), cells[order[n_fresh:]].copy()
    sizes = rest.obs["cell_type"].map(rest.obs["cell_type"].value_counts()).astype(int)
    return sg.pp.split(rest[sizes > 2].copy(), labels_key="cell_type", random_state=seed), fresh


def _thinned(train: ad.AnnData) -> ad.AnnData:
    values = sparse.csr_matrix(train.X).copy()
    values.data = np.random.default_rng(0).binomial(values.data.astype(int), 0.95).astype(np.float32)
    return ad.AnnData(values, var=train.var.copy())


def test_bundled_cells() -> None:
    split, fresh = _split_and_fresh(sg.datasets.pbmc68k(), 150, seed=0)
    assert audit(fresh, split).verdict != "fail"
    assert audit(split.train[:150].copy(), split).verdict == "fail"
    assert audit(_thinned(split.train[:150]), split).verdict == "fail"


@pytest.mark.slow
@pytest.mark.skipif(not PBMC3K.exists(), reason="needs ../shared/data/pbmc3k.h5ad beside the repository")
def test_intervals_hold_what_they_promise_on_fresh_cells() -> None:
    cells = ad.read_h5ad(PBMC3K)
    expected = {"near_copies": 0.01, "memorisation_share": 0.5, "distance_ratio": 1.0, "distance_auroc": 0.5}
    expected |= {"gan_leaks_auroc": 0.5, "domias_auroc": 0.5, "distance_tpr": 0.01}
    covered = []
    for seed in range(10):
        split, fresh = _split_and_fresh(cells, 800, seed)
        result = audit(fresh, split, random_state=seed)
        assert result.verdict != "fail"
        table = result.table[result.table["group"] == "all"].set_index("check")
        covered += [table.loc[name, "low"] <= value <= table.loc[name, "high"] for name, value in expected.items()]
        assert audit(_thinned(split.train), split, random_state=seed).verdict == "fail"
    assert np.mean(covered) > 0.8
