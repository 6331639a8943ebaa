"""Small real and synthetic cells with a rare type, and figures that nobody has to close."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from matplotlib import _pylab_helpers
from scipy import sparse

SIZES = {"T cell": 60, "B cell": 36, "pDC": 4}


def make_cells(seed: int, *, prefix: str, sizes: dict[str, int] = SIZES) -> ad.AnnData:
    """Draw Poisson counts around the same type means for every seed."""
    means = np.random.default_rng(0).gamma(0.5, 3.0, size=(len(SIZES), 60))
    rng = np.random.default_rng(seed)
    labels = np.repeat(list(sizes), list(sizes.values()))
    counts = rng.poisson(means[[list(SIZES).index(name) for name in labels]] + 0.1)
    return ad.AnnData(
        sparse.csr_matrix(counts, dtype=np.float32),
        obs=pd.DataFrame({"kind": pd.Categorical(labels)}, index=[f"{prefix}{i}" for i in range(len(labels))]),
        var=pd.DataFrame(index=[f"gene{j}" for j in range(means.shape[1])]),
    )


@pytest.fixture
def real() -> ad.AnnData:
    return make_cells(1, prefix="real")


@pytest.fixture
def synthetic() -> ad.AnnData:
    return make_cells(2, prefix="synthetic", sizes={"T cell": 50, "B cell": 30})


@pytest.fixture(autouse=True)
def _pyplot_is_not_touched():
    yield
    assert not _pylab_helpers.Gcf.get_all_fig_managers()
