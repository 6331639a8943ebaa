"""Cells between two states, by Garage's latent positions."""

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models import Garage

__all__ = ["interpolate_types", "mix_counts"]


def interpolate_types(
    model: Garage, start: str, end: str, times: NDArray[np.floating], *, random_state: int = 0
) -> AnnData:
    r"""Make cells on the way from one type to another.

    Positions :math:`x_a, x_b` of a cell of each type, factors and log library size, are joined so that their variance
    stays what it is,

    .. math:: x_t = (1 - t) m_a + t m_b + \sqrt{1 - t}\, (x_a - m_a) + \sqrt{t}\, (x_b - m_b)

    with the types' means :math:`m`, decoded with the genes' distributions of either type, and the two draws of counts
    mixed, so that rates are interpolated linearly: :math:`c \sim \mathrm{Bin}(c_a, 1 - t) + \mathrm{Bin}(c_b, t)`.

    Parameters
    ----------
    model
        Fitted on counts, with labels and without batches.
    start, end
        Types.
    times
        Where each cell is on its way, in [0, 1], (n_cells,).
    random_state
        Seed.

    Returns
    -------
    Counts of all genes, with ``obs["time"]``.

    Raises
    ------
    InputError
        If the model was fitted otherwise, a type is unknown or a time is out of range.
    """
    times = np.asarray(times, dtype=np.float64)
    if not model.is_fitted or model.about["value_kind"] != "counts" or model.batches or not model.types:
        msg = "interpolate_types needs a Garage model fitted on counts, with labels_key= and without batch_key="
        raise InputError(msg)
    unknown = sorted({start, end} - set(model.types))
    if unknown or times.ndim != 1 or not times.size or not ((times >= 0) & (times <= 1)).all():
        msg = f"unknown types {unknown} or times outside [0, 1]; the model knows {', '.join(model.types)}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    latent = model.parts["latent"]
    codes = [np.full(len(times), model.types.index(name)) for name in (start, end)]
    sides = [latent.draw(code, float(model.about["jitter"]), rng) for code in codes]
    centres = [latent.mean[code[0]] for code in codes]
    share = times[:, None].astype(np.float32)
    positions = (1 - share) * centres[0] + share * centres[1]
    positions += np.sqrt(1 - share) * (sides[0] - centres[0]) + np.sqrt(share) * (sides[1] - centres[1])
    drawn = [model._decode(positions.astype(np.float32), code, rng) for code in codes]
    cells = AnnData(mix_counts(drawn[0], drawn[1], times, rng))
    cells.var_names = model.about["var_names"]
    cells.obs["time"] = times
    return cells


def mix_counts(
    first: sparse.csr_matrix, second: sparse.csr_matrix, times: NDArray[np.floating], rng: np.random.Generator
) -> sparse.csr_matrix:
    r"""Mix the counts of pairs of cells: each molecule of the first stays with probability 1 - t, of the second with t.

    Parameters
    ----------
    first, second
        Counts, CSR (n_cells, n_genes).
    times
        Times t in [0, 1], (n_cells,).
    rng
        Source of the draws.

    Returns
    -------
    Counts, CSR float32.
    """
    mixed = []
    for counts, share in ((first, 1 - times), (second, times)):
        thin = sparse.csr_matrix(counts, dtype=np.float32, copy=True)
        probability = np.repeat(share, np.diff(thin.indptr))
        thin.data = rng.binomial(np.rint(thin.data).astype(np.int64), probability).astype(np.float32)
        thin.eliminate_zeros()
        mixed.append(thin)
    result: sparse.csr_matrix = (mixed[0] + mixed[1]).tocsr()
    return result
