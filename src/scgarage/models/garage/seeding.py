"""Which training cells the factors are fitted on, and which of them are seeds."""

from dataclasses import fields

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.preprocess import balanced_components
from scgarage.seeds import SELECTORS, top_per_type

__all__ = ["FEWEST", "at_most", "choose_seeds"]

FEWEST = 3
"""Seeds of a stratum at least, where it has as many cells."""


def choose_seeds(
    codes: NDArray[np.int64],
    seeds: str,
    share: float,
    rng: np.random.Generator,
    *,
    log_expr: sparse.csr_matrix | None = None,
    random_state: int = 0,
) -> NDArray[np.int64]:
    """Return the rows of the seed cells.

    Parameters
    ----------
    codes
        Stratum of each cell, (n_cells,).
    seeds
        ``"all"``, ``"none"``, ``"stratified"`` for a share of each stratum at random, or a name in
        ``scgarage.seeds.SELECTORS`` for the cells of each stratum with the highest score; three cells at least.
    share
        Share of the cells of a stratum.
    rng
        Source of randomness of ``"stratified"``, and of the order of equal scores.
    log_expr
        log1p CP10k, (n_cells, n_genes), for selectors that look at the cells.
    random_state
        Seed of the selector.
    """
    if seeds == "all":
        return np.arange(len(codes))
    if seeds == "none":
        return np.empty(0, dtype=np.int64)
    if seeds != "stratified":
        return _by_score(codes, seeds, share, rng, log_expr=log_expr, random_state=random_state)
    chosen = []
    for code in np.unique(codes):
        own = rng.permutation(np.flatnonzero(codes == code))
        chosen.append(own[: max(FEWEST, round(share * len(own)))])
    return np.sort(np.concatenate(chosen))


def _by_score(
    codes: NDArray[np.int64],
    name: str,
    share: float,
    rng: np.random.Generator,
    *,
    log_expr: sparse.csr_matrix | None,
    random_state: int,
) -> NDArray[np.int64]:
    """Return the cells of each stratum with the highest score; the strata are the selector's types."""
    if log_expr is None:
        msg = f"seeds={name!r} are chosen by expression; pass log_expr="
        raise InputError(msg)
    _, strata, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    quotas = np.minimum(sizes, np.maximum(FEWEST, np.rint(share * sizes).astype(np.int64)))
    labels = strata.astype(str)
    cells = ad.AnnData(log_expr, obs=pd.DataFrame({"stratum": labels}, index=np.arange(len(labels)).astype(str)))
    components = balanced_components(log_expr, labels=labels, random_state=random_state)
    cells.obsm["X_pca"] = components.transform(log_expr)
    settings = {"labels_key": "stratum", "use_rep": "X_pca", "random_state": random_state}
    settings |= {"power": 1.0, "rare_boost": 0.0, "minimum": FEWEST}
    kind = SELECTORS[name]
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # selectors are dataclasses
    selector = kind(**{key: value for key, value in settings.items() if key in known})
    # The quotas are applied here, since some selectors have none of their own.
    return np.sort(top_per_type(strata, selector.select(cells, int(quotas.sum())).scores, quotas, rng))


def at_most(codes: NDArray[np.int64], limit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of at most ``limit`` cells; strata give up cells in proportion, but keep 200 each.

    Parameters
    ----------
    codes
        Stratum of each cell, (n_cells,).
    limit
        Number of cells that is not to be passed by much.
    rng
        Source of randomness.
    """
    if len(codes) <= limit:
        return np.arange(len(codes))
    sizes = np.bincount(codes)
    share = limit / len(codes)
    kept = [
        rng.permutation(np.flatnonzero(codes == code))[: max(min(200, size), round(share * size))]
        for code, size in enumerate(sizes)
        if size
    ]
    return np.sort(np.concatenate(kept))
