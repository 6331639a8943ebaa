"""Generators as the experiment sees them: real training cells in, synthetic cells out."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.matrix import row_sums
from scgarage.io.wording import listed
from scgarage.preprocess import expression_matrix, match_genes, validate_expression, value_kind
from scgarage.schema import ValueKind
from scgarage.utility.cells import RealCells, normalise

__all__ = ["Augmenter", "make_cells", "poisson_by_type"]

COUNTS: tuple[ValueKind, ...] = ("counts",)

Augmenter: TypeAlias = Callable[[AnnData, dict[str, int], int], AnnData]
"""Real training cells, synthetic cells wanted of each type and a seed in; synthetic cells out, with the same genes,
the same kind of values and the same column of types. Everything that is learned is learned inside, from these
cells: ``lambda train, wanted, seed: MyModel(random_state=seed).fit(train).sample(wanted)``."""


def make_cells(
    augmenter: Augmenter,
    real: RealCells,
    rows: NDArray[np.intp],
    wanted: Mapping[int, int],
    *,
    needed: NDArray[np.intp],
    random_state: int,
) -> tuple[sparse.csr_matrix, NDArray[np.intp]]:
    """Call a generator on some of the real cells and check and normalise what it returns.

    Cells without counts and cells of a type that was not asked for (such as ``"unsure"``) are left out.

    Parameters
    ----------
    augmenter
        The generator.
    real
        Real cells.
    rows
        Row numbers of the training cells, the only ones that the generator is given.
    wanted
        Number of synthetic cells by number of the type.
    needed
        Numbers of the types of which there must be a cell.
    random_state
        Seed.

    Returns
    -------
    log1p CP10k of all genes, CSR (n_made, n_genes), and the number of each cell's type, (n_made,).

    Raises
    ------
    InputError
        If genes, values or types are not those of the training cells, or a needed type is missing.
    """
    names = {str(real.types[code]): n_cells for code, n_cells in wanted.items()}
    made = augmenter(real.adata[rows].copy(), names, random_state)
    if real.labels_key not in made.obs:
        msg = f"the synthetic cells have no obs['{real.labels_key}']; found: {listed(made.obs.columns)}"
        raise InputError(msg)
    made = match_genes(made, real.adata.var_names, what="the synthetic cells")
    layer = real.layer if real.layer in made.layers else None
    labels = made.obs[real.labels_key].astype(str).to_numpy(dtype=np.str_)
    usable = np.isin(labels, list(names)) & (row_sums(expression_matrix(made, layer)) > 0)
    codes = np.searchsorted(real.types, labels[usable])
    missing = real.types[np.setdiff1d(needed, codes)]
    if len(missing):
        msg = f"the generator made no cell of {listed(missing)}; asked for {names}"
        raise InputError(msg)
    made = made[usable].copy()
    kind = value_kind(made, layer)
    if kind != real.value_kind:
        msg = f"the synthetic values are {kind}, the real ones {real.value_kind}; both must be the same"
        raise InputError(msg)
    return normalise(made, layer, kind), codes


def poisson_by_type(labels_key: str, *, layer: str | None = None) -> Augmenter:
    r"""Return a generator without a model: Poisson counts around the mean profile of each type.

    .. math:: c_j \sim \mathrm{Poisson}(L \, p_{tj}), \quad p_{tj} = \frac{\sum_{i: type(i) = t} c_{ij}}
        {\sum_{i: type(i) = t} L_i}

    The library size :math:`L` is that of a random cell of the type. Genes are independent given type and library
    size. A generator that does not beat this one owes nothing to what it learned beyond the mean of a type.

    Parameters
    ----------
    labels_key
        Column of ``obs`` with the types.
    layer
        Layer with the counts; ``X`` by default.

    Returns
    -------
    Augmenter
        The synthetic counts are in ``X`` (and ``layer``), float32 CSR.

    Raises
    ------
    InputError
        By the generator, if the training values are no counts or a type has no training cell.
    """

    def sample(train: AnnData, wanted: dict[str, int], random_state: int) -> AnnData:
        validate_expression(train, layer, accept=COUNTS, warn_silent_genes=False)
        rng = np.random.default_rng(random_state)
        counts = sparse.csr_matrix(expression_matrix(train, layer))
        labels = train.obs[labels_key].astype(str).to_numpy(dtype=np.str_)
        if absent := sorted(set(wanted) - set(labels)):
            msg = f"there are no training cells of {listed(absent)}"
            raise InputError(msg)
        blocks = [_poisson(counts[labels == name], n_cells, rng) for name, n_cells in wanted.items()]
        made = sparse.csr_matrix(sparse.vstack(blocks), dtype=np.float32)
        obs = pd.DataFrame({labels_key: np.repeat(list(wanted), list(wanted.values()))})
        obs.index = obs.index.map("synthetic_{}".format)
        layers = {} if layer is None else {layer: made.copy()}
        return ad.AnnData(made, obs=obs, var=train.var[[]].copy(), layers=layers)

    return sample


def _poisson(counts: sparse.csr_matrix, n_cells: int, rng: np.random.Generator) -> sparse.csr_matrix:
    totals = row_sums(counts)
    profile = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() / totals.sum()
    expressed = np.flatnonzero(profile)
    drawn = rng.poisson(rng.choice(totals, size=n_cells)[:, None] * profile[expressed])
    columns = sparse.csr_matrix(drawn, dtype=np.float32)
    return sparse.csr_matrix(
        (columns.data, expressed[columns.indices], columns.indptr), shape=(n_cells, counts.shape[1])
    )
