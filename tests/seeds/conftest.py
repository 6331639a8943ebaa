import anndata as ad
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def typed_cells() -> ad.AnnData:
    """Four types, one of them rare, that differ in a few genes; log-like values and a representation."""
    rng = np.random.default_rng(0)
    sizes = {"T": 80, "B": 60, "NK": 30, "pDC": 6}
    labels = np.repeat(list(sizes), list(sizes.values()))
    means = 0.3 + 2.0 * (rng.random((len(sizes), 20)) < 0.3)
    values = rng.gamma(2.0, means[np.unique(labels, return_inverse=True)[1]] / 2.0).astype(np.float32)
    adata = ad.AnnData(
        values, obs=pd.DataFrame({"cell_type": pd.Categorical(labels)}, index=[f"cell{i}" for i in range(len(labels))])
    )
    adata = adata[rng.permutation(adata.n_obs)].copy()
    centred = adata.X - adata.X.mean(axis=0)
    adata.obsm["X_pca"] = centred @ np.linalg.svd(centred, full_matrices=False)[2][:8].T
    return adata
