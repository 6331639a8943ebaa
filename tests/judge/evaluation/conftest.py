"""Simulated cells: types, correlated genes and library sizes, as many as a test asks for."""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from scgarage.pp import Split, split

TYPES = np.array(["B", "T", "Mono", "NK", "pDC"])
SHARES = np.array([0.4, 0.3, 0.2, 0.06, 0.04])
N_GENES = 150

Simulate = Callable[..., ad.AnnData]


def _simulate(n_cells: int, seed: int, *, shares: np.ndarray = SHARES) -> ad.AnnData:
    """Draw cells from one fixed population; pDC (4 %) is the only rare type."""
    population = np.random.default_rng(12345)
    base = population.normal(0, 1, N_GENES)
    by_type = population.normal(0, 1.8, (len(TYPES), N_GENES)) * (population.random((len(TYPES), N_GENES)) < 0.25)
    factors = population.normal(0, 0.35, (4, N_GENES))
    rng = np.random.default_rng(seed)
    codes = rng.choice(len(TYPES), size=n_cells, p=shares)
    log_rate = base + by_type[codes] + rng.normal(size=(n_cells, 4)) @ factors
    rate = np.exp(log_rate)
    depth = rng.lognormal(np.log(1000), 0.4, n_cells)
    counts = rng.poisson(depth[:, None] * rate / rate.sum(axis=1, keepdims=True)).astype(np.float32)
    return ad.AnnData(
        sparse.csr_matrix(counts),
        obs=pd.DataFrame(
            {"cell_type": pd.Categorical(TYPES[codes])}, index=[f"cell_{seed}_{i}" for i in range(n_cells)]
        ),
        var=pd.DataFrame(index=[f"gene_{j}" for j in range(N_GENES)]),
    )


@pytest.fixture(scope="session")
def simulate() -> Simulate:
    return _simulate


@pytest.fixture(scope="session")
def parts() -> Split:
    """About 700 training, 140 validation and 560 test cells."""
    return split(_simulate(1400, seed=0), labels_key="cell_type", random_state=0)


@pytest.fixture(scope="session")
def fresh() -> ad.AnnData:
    """Cells of the same population: what a perfect generator makes."""
    return _simulate(400, seed=1)


@pytest.fixture(scope="session")
def independent_genes(parts: Split) -> ad.AnnData:
    """Poisson cells with the type means of train: what the null makes, drawn without its code."""
    rng = np.random.default_rng(7)
    labels = rng.choice(parts.train.obs["cell_type"].astype(str), size=400)
    train = parts.train.to_df().groupby(parts.train.obs["cell_type"].astype(str)).mean()
    counts = rng.poisson(train.loc[labels].to_numpy()).astype(np.float32)
    return ad.AnnData(
        sparse.csr_matrix(counts),
        obs=pd.DataFrame({"cell_type": labels}, index=[f"null_{i}" for i in range(400)]),
        var=parts.train.var.copy(),
    )
