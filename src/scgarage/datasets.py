"""Data sets that need no download: real blood cells, and simulated cells with a known rare type."""

import math
import warnings

import numpy as np
import pandas as pd
import scipy.sparse as sp
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.matrix import compact
from scgarage.io.recovery import counts_from_log_normalised
from scgarage.schema import COUNTS_LAYER, UNS_KEY

_MARKERS_PER_TYPE = 0.05
_MARKER_LOG2_FOLD = (1.5, 4.0)
_LOG_MEAN_SD = 1.2
_LOG_DEPTH_SD = 0.3
_LOG_BATCH_SD = 0.25
_DISPERSION = (0.05, 0.5)


def pbmc68k() -> AnnData:
    """Return 700 human blood cells with labels, from the file that comes with scanpy.

    References
    ----------
    G. X. Y. Zheng et al., "Massively parallel digital transcriptional profiling of single cells", Nature
    Communications 8, 14049 (2017). https://doi.org/10.1038/ncomms14049

    Examples
    --------
    >>> adata = pbmc68k()
    >>> adata.shape, adata.obs["cell_type"].nunique()
    ((700, 765), 10)
    """
    import scanpy as sc

    with warnings.catch_warnings():
        # The bundled file is older than the format that anndata now writes.
        warnings.filterwarnings("ignore", module=r"anndata\..*")
        stored = sc.datasets.pbmc68k_reduced()
    found = counts_from_log_normalised(stored.raw.X, cell_names=list(stored.obs_names))
    counts = sp.csr_matrix(compact(found.counts))
    obs = stored.obs.rename(columns={"bulk_labels": "cell_type"})
    obs["cell_type"] = obs["cell_type"].cat.rename_categories(str)
    adata = AnnData(counts, obs=obs, var=pd.DataFrame(index=stored.raw.var_names.astype(str)))
    adata.layers[COUNTS_LAYER] = counts.copy()
    adata.uns[UNS_KEY] = {
        "dataset": "700 human blood cells (pbmc68k_reduced, bundled with scanpy)",
        "value_kind": "counts",
        "recovered": {"base": math.e, "max_deviation": float(found.max_deviation)},
    }
    return adata


def simulate(
    n_cells: int = 600,
    n_genes: int = 300,
    n_types: int = 5,
    rare_fraction: float = 0.02,
    *,
    depth: float = 1500,
    random_state: int = 0,
    n_batches: int = 1,
) -> AnnData:
    r"""Simulate counts of several cell types, one of them rare, with known marker genes.

    For cell :math:`i` of type :math:`t` in batch :math:`b`,

    .. math:: n_{ij} \sim \mathrm{NB}(\mu_{ij}, \phi_j), \\qquad
              \mu_{ij} = d_i \frac{m_j f_{tj} e_{bj}}{\sum_k m_k f_{tk} e_{bk}},

    with variance :math:`\mu + \phi \mu^2`, log-normal gene means :math:`m`, log-normal depths :math:`d`
    around ``depth``, fold changes :math:`f` of 2.8 to 16 for the markers of a type and 1 elsewhere, and
    log-normal batch effects :math:`e`. A gene is a marker of one type at most.

    Examples
    --------
    >>> adata = simulate(200, 100, 3, 0.05)
    >>> int((adata.obs["cell_type"] == "rare").sum())
    10
    """
    sizes = {"n_cells": n_cells, "n_genes": n_genes, "n_types": n_types, "n_batches": n_batches}
    _check_simulation(**sizes, rare_fraction=rare_fraction, depth=depth)
    rng = np.random.default_rng(random_state)
    types = np.array([*(f"type_{number}" for number in range(1, n_types)), "rare", ""])
    cell_type = rng.permutation(np.repeat(np.arange(n_types), _type_sizes(n_cells, n_types, rare_fraction)))
    batch = rng.integers(n_batches, size=n_cells)
    fold_change, marker_of = _draw_markers(n_genes, n_types, rng)
    mean = rng.lognormal(0.0, _LOG_MEAN_SD, n_genes)
    dispersion = rng.uniform(*_DISPERSION, n_genes)
    effect = np.exp(rng.normal(0.0, _LOG_BATCH_SD if n_batches > 1 else 0.0, (n_batches, n_genes)))
    profile = mean * fold_change.T[cell_type] * effect[batch]  # (n_cells, n_genes)
    totals = rng.lognormal(np.log(depth), _LOG_DEPTH_SD, (n_cells, 1))
    expected = totals * profile / profile.sum(axis=1, keepdims=True)
    counts = sp.csr_matrix(rng.poisson(rng.gamma(1 / dispersion, expected * dispersion)), dtype=np.float32)

    var = {"marker_of": types[marker_of], "mean": mean / mean.sum(), "dispersion": dispersion}
    adata = AnnData(
        counts,
        obs=pd.DataFrame(index=_names("cell", n_cells)),
        var=pd.DataFrame(var, index=_names("gene", n_genes)),
        layers={COUNTS_LAYER: counts.copy()},
        varm={"fold_change": fold_change},
    )
    adata.obs["cell_type"] = pd.Categorical(types[cell_type], categories=types[:-1].tolist())
    if n_batches > 1:
        adata.obs["batch"] = pd.Categorical(_names("batch", n_batches).to_numpy()[batch])
    settings = sizes | {"rare_fraction": rare_fraction, "depth": depth, "random_state": random_state}
    simulation = settings | {"types": types[:-1].tolist()}
    adata.uns[UNS_KEY] = {"dataset": "simulated cells", "value_kind": "counts", "simulation": simulation}
    return adata


def _check_simulation(
    *, n_cells: int, n_genes: int, n_types: int, n_batches: int, rare_fraction: float, depth: float
) -> None:
    """Refuse arguments that cannot be simulated."""
    problems = {
        f"n_types={n_types} must be at least 2": n_types < 2,
        f"n_batches={n_batches} must be at least 1": n_batches < 1,
        f"n_genes={n_genes} must be at least 10 * n_types, for each type to have markers": n_genes < 10 * n_types,
        f"n_cells={n_cells} must be at least 4 * n_types": n_cells < 4 * n_types,
        f"rare_fraction={rare_fraction} must lie above 0 and at most at 1 / n_types": (
            n_types > 0 and not 0 < rare_fraction <= 1 / n_types
        ),
        f"depth={depth} must be at least 20 counts, for every cell to have some": not depth >= 20,
    }
    found = [problem for problem, applies in problems.items() if applies]
    if found:
        msg = "; ".join(found)
        raise InputError(msg)


def _type_sizes(n_cells: int, n_types: int, rare_fraction: float) -> NDArray[np.intp]:
    """Return the number of cells of each type, the rare one last, shape ``(n_types,)``."""
    n_rare = max(2, round(rare_fraction * n_cells))
    shares = np.linspace(3.0, 1.0, n_types - 1)
    edges = np.rint(np.cumsum(shares) / shares.sum() * (n_cells - n_rare)).astype(np.intp)
    return np.append(np.diff(edges, prepend=0), n_rare)


def _draw_markers(n_genes: int, n_types: int, rng: np.random.Generator) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Draw fold changes, shape ``(n_genes, n_types)``, and the type that each gene marks, -1 for none."""
    n_markers = max(2, int(_MARKERS_PER_TYPE * n_genes))
    genes = rng.permutation(n_genes)[: n_types * n_markers]
    types = np.repeat(np.arange(n_types), n_markers)
    marker_of = np.full(n_genes, -1)
    marker_of[genes] = types
    fold_change = np.ones((n_genes, n_types))
    fold_change[genes, types] = 2.0 ** rng.uniform(*_MARKER_LOG2_FOLD, genes.size)
    return fold_change, marker_of


def _names(noun: str, n: int) -> "pd.Index[str]":
    """Return numbered names that sort in their order."""
    return pd.Index([f"{noun}_{number:0{len(str(n - 1))}d}" for number in range(n)])
