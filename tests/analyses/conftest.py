"""Small simulated cells with a known structure, and a small model."""

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

SMALL = {"n_factors": 3, "n_sweeps": 4, "n_kept": 2, "refine": False, "n_top_genes": None, "jitter": 0.7}


@pytest.fixture(scope="session")
def small_settings():
    return SMALL


def simulated(rates, obs, seed):
    counts = np.random.default_rng(seed).poisson(rates)
    names = [f"cell_{number}" for number in range(len(counts))]
    obs = pd.DataFrame(obs, index=names).astype("category")
    return ad.AnnData(sparse.csr_matrix(counts.astype(np.float32)), obs=obs)


@pytest.fixture(scope="session")
def two_conditions():
    """Three types with 10 genes each; stimulation multiplies the last 15 of 60 genes by 5, in every type alike."""
    rates = np.full((3, 2, 60), 3.0)
    for number in range(3):
        rates[number, :, 10 * number : 10 * number + 10] *= 6
    rates[:, 1, 45:] *= 5
    types, conditions = np.repeat([0, 1, 2], 120), np.tile(np.repeat([0, 1], 60), 3)
    obs = {"type": np.array(list("abc"))[types], "condition": np.array(["ctrl", "stim"])[conditions]}
    return simulated(rates[types, conditions], obs, 0)


@pytest.fixture(scope="session")
def on_the_way():
    """Cells of two states, cells half way between them, and another type."""
    rng = np.random.default_rng(1)
    ends = rng.gamma(1.0, 6.0, size=(2, 60))
    time = np.concatenate([np.zeros(90), rng.uniform(0.2, 0.8, 90), np.ones(90)])
    rates = (1 - time)[:, None] * ends[0] + time[:, None] * ends[1]
    other = np.tile(rng.gamma(1.0, 6.0, size=60), (40, 1))
    return simulated(
        np.concatenate([rates, other]), {"state": np.repeat(["early", "middle", "late", "other"], [90, 90, 90, 40])}, 2
    )
