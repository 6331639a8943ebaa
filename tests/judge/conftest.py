"""Cells whose types are easy to find, and a matrix for gene scores."""

import anndata as ad
import numpy as np
import pytest
from scipy import sparse

import scgarage as sg


@pytest.fixture(scope="session")
def easy() -> ad.AnnData:
    """Counts of 240 cells and 80 genes, four types far apart; "rare" has 12 cells."""
    return sg.datasets.simulate(240, 80, 4, 0.05, depth=3000, random_state=1)


@pytest.fixture(scope="session")
def log_expr() -> sparse.csr_matrix:
    """log1p of values of 90 cells and 40 genes; gene 7 is silent and gene 9 is in two cells only."""
    rng = np.random.default_rng(0)
    values = rng.poisson(rng.gamma(0.8, rng.lognormal(0, 1, 40), size=(90, 40))).astype(np.float64) * 3.7
    values[:, 7] = 0
    values[2:, 9] = 0
    values[:2, 9] = 5
    return sparse.csr_matrix(np.log1p(values))
