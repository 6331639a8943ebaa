"""Simulated cells of one population: a split, fresh cells, and generators that copy more or less."""

from collections.abc import Callable

import anndata as ad
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

import scgarage as sg
from scgarage.pp import Split

Make = Callable[[str], ad.AnnData]


def _as_cells(counts: np.ndarray | sparse.spmatrix, like: ad.AnnData) -> ad.AnnData:
    return ad.AnnData(sparse.csr_matrix(counts, dtype=np.float32), var=like.var.copy())


@pytest.fixture(scope="session")
def population() -> ad.AnnData:
    return sg.datasets.simulate(n_cells=1700, n_genes=150, n_types=4, rare_fraction=0.04, random_state=5)


@pytest.fixture(scope="session")
def parts(population: ad.AnnData) -> Split:
    return sg.pp.split(population[400:].copy(), labels_key="cell_type")


@pytest.fixture(scope="session")
def make(population: ad.AnnData, parts: Split) -> Make:
    """Return 400 cells by the name of a generator."""
    train, rng = parts.train, np.random.default_rng(0)
    counts = sparse.csr_matrix(train.X)
    rows = rng.integers(train.n_obs, size=400)

    def fresh() -> ad.AnnData:
        return population[:400].copy()

    def copies() -> ad.AnnData:
        return _as_cells(counts[rows], train)

    def some_copies() -> ad.AnnData:
        mixed = sparse.vstack([counts[rows[:60]], sparse.csr_matrix(population.X)[:340]])
        return _as_cells(mixed, train)

    def thinned() -> ad.AnnData:
        kept = counts[rows].copy()
        kept.data = rng.binomial(kept.data.astype(int), 0.95)
        return _as_cells(kept, train)

    def interpolated() -> ad.AnnData:
        dense = counts.toarray()
        scaled = np.log1p(dense / dense.sum(axis=1, keepdims=True) * 1e4)
        square = np.square(scaled).sum(axis=1)
        distance = square[rows, None] + square - 2 * scaled[rows] @ scaled.T
        partner = np.argsort(distance, axis=1)[np.arange(400), rng.integers(1, 6, size=400)]
        way = rng.random((400, 1))
        return _as_cells(np.rint(dense[rows] * (1 - way) + dense[partner] * way), train)

    def poisson() -> ad.AnnData:
        labels = train.obs["cell_type"].astype(str)
        means = pd.DataFrame(counts.toarray()).groupby(labels.to_numpy()).mean()
        return _as_cells(rng.poisson(means.loc[labels.iloc[rows]].to_numpy()), train)

    makers = [fresh, copies, some_copies, thinned, interpolated, poisson]
    by_name = {maker.__name__: maker for maker in makers}
    return lambda name: by_name[name]()
