"""Fixtures that tests of several packages share."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest

import scgarage as sg


@pytest.fixture
def tiny() -> ad.AnnData:
    """Counts of 120 simulated cells and 60 genes: three types (the type "rare" has 6 cells), 8 donors."""
    cells = sg.datasets.simulate(n_cells=120, n_genes=60, n_types=3, rare_fraction=0.05, random_state=0)
    donors = np.random.default_rng(0).choice(8, size=120, p=np.arange(1, 9) / 36)
    cells.obs["donor"] = pd.Categorical([f"donor_{donor}" for donor in donors])
    return cells
