"""The published Wasserstein distance, beside the same distance without its fault and the value of real cells."""

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError, check_numbers
from scgarage.io.cells import USABLE, match_genes, read_cells
from scgarage.io.source import guard
from scgarage.judge.legacy.rare_cells import PROTOCOL

PUBLISHED, SAME_SIZES, CONTROL = "published", "same sizes", "real against real"

# POT's default (the published setting) stops too early for some pairs of 1,000-cell samples.
_MAX_PIVOTS = 5_000_000


def legacy_wasserstein(
    synthetic: AnnData, real: AnnData, *, layer: str | None = None, max_cells: int = 2000, random_state: int = 0
) -> pd.DataFrame:
    r"""Return the exact Wasserstein distance with each matrix divided by its own number of rows, as published.

    .. math:: W_\mathrm{published} = \min_\pi \sum_{ij} \pi_{ij} \Big\lVert \frac{x_i}{n} - \frac{y_j}{m} \Big\rVert,
        \qquad W_1 = \min_\pi \sum_{ij} \pi_{ij} \lVert x_i - y_j \rVert

    over the :math:`n` real cells :math:`x_i` and the :math:`m` synthetic ones :math:`y_j`, all equally weighted, with
    the Euclidean norm over all genes. With :math:`n = m` the published number is :math:`W_1 / n`: twice the cells, half
    the distance. With :math:`n \ne m` it is above 0 even for cells of one and the same distribution. The published
    scripts divide whatever values the files hold; here these are log1p CP10k. No real cell is held out, so copies of
    real cells come out best.

    Parameters
    ----------
    synthetic
        Synthetic cells, genes in any order; labels are not needed.
    real
        Real cells; the paper used all of them, those that the model was trained on included.
    layer
        Layer with the values, counts or log-normalised; ``X`` by default, and for synthetic cells without it.
    max_cells
        Cells of either file that are compared at most, drawn at random: exact transport needs a table of all pairs.
        The divisors stay the numbers of cells of the files.
    random_state
        Seed of the draws.

    Returns
    -------
    pandas.DataFrame
        A row for each ``comparison``: ``"published"`` (all cells, or ``max_cells`` of them), ``"same sizes"`` (fewer
        cells in the same ratio) and ``"real against real"`` (other real cells in place of the synthetic ones, as many
        as in the row before; none is on both sides): the control that the paper lacks. Columns: ``protocol``,
        ``comparison``, ``n_real`` and ``n_synthetic`` (cells of the files, the divisors), ``n_real_compared``,
        ``n_synthetic_compared``, ``wasserstein_by_rows`` (the published number) and ``wasserstein`` (without the
        division, in units of log1p CP10k).

    Raises
    ------
    InputError
        If genes do not match, values cannot be used, there are fewer than two real cells, the real cells hold synthetic
        ones, or ``max_cells`` is below 1.

    References
    ----------
    Ganguly et al. 2025, doi:10.1101/2025.09.28.679012, and its repository, data_generation/wasserstein_distance.py.

    Examples
    --------
    >>> import scgarage as sg
    >>> cells = sg.datasets.pbmc68k()
    >>> table = legacy_wasserstein(cells[:100].copy(), cells[100:300].copy())
    >>> table["wasserstein_by_rows"].round(3).tolist()
    [0.416, 0.419, 0.419]
    """
    check_numbers(max_cells=max_cells)
    real = guard(real)
    if real.n_obs < 2:
        msg = f"there are {real.n_obs} real cells; the control of real against real cells needs at least 2"
        raise InputError(msg)
    known = _log_expr(real, layer, or_x=False)
    matched = match_genes(synthetic, real.var_names, what="the synthetic cells")
    made = _log_expr(matched, layer, or_x=True)
    rng = np.random.default_rng(random_state)
    theirs = rng.permutation(real.n_obs)
    ours = rng.permutation(synthetic.n_obs)
    n_real, n_made = _same_sizes(real.n_obs, synthetic.n_obs, max_cells)
    first = known[theirs[:n_real]]
    pairs = {
        PUBLISHED: (known[theirs[:max_cells]], made[ours[:max_cells]]),
        SAME_SIZES: (first, made[ours[:n_made]]),
        CONTROL: (first, known[theirs[n_real : n_real + n_made]]),
    }
    rows = [{"comparison": name} | _compare(*pair, real.n_obs, synthetic.n_obs) for name, pair in pairs.items()]
    table = pd.DataFrame(rows)
    table.insert(0, "protocol", PROTOCOL)
    return table


def _log_expr(cells: AnnData, layer: str | None, *, or_x: bool) -> sparse.csr_matrix:
    """Return log1p CP10k of all genes, float64."""
    return read_cells(cells, layer=layer, or_x=or_x, accept=USABLE).log_expr.astype(np.float64)


def _same_sizes(n_real: int, n_synthetic: int, max_cells: int) -> tuple[int, int]:
    """Return how many cells of either file leave enough other real cells for the control, in the files' ratio."""
    share = min(n_real / (n_real + n_synthetic), max_cells / max(n_real, n_synthetic))
    return max(1, int(share * n_real)), max(1, int(share * n_synthetic))


def _compare(
    real: sparse.csr_matrix, synthetic: sparse.csr_matrix, n_real: int, n_synthetic: int
) -> dict[str, int | float]:
    """Return both distances of two sets of cells, (n_cells, n_genes), and the sizes."""
    inner = np.asarray((real @ synthetic.T).todense(), dtype=np.float64)  # (n_real_compared, n_synthetic_compared)
    squares = (_squares(real), _squares(synthetic))
    plain = _transport(_distances(inner, squares, (1.0, 1.0)))
    divided = plain / n_real
    if n_real != n_synthetic:
        divided = _transport(_distances(inner, squares, (1.0 / n_real, 1.0 / n_synthetic)))
    return {
        "n_real": n_real,
        "n_synthetic": n_synthetic,
        "n_real_compared": real.shape[0],
        "n_synthetic_compared": synthetic.shape[0],
        "wasserstein_by_rows": divided,
        "wasserstein": plain,
    }


def _squares(cells: sparse.csr_matrix) -> NDArray[np.float64]:
    return np.asarray(cells.multiply(cells).sum(axis=1), dtype=np.float64).ravel()


def _distances(
    inner: NDArray[np.float64], squares: tuple[NDArray[np.float64], NDArray[np.float64]], scales: tuple[float, float]
) -> NDArray[np.float64]:
    """Return Euclidean distances of scaled cells, from inner products and squared norms of the cells as they are."""
    norms = [scale**2 * squared for scale, squared in zip(scales, squares, strict=True)]
    squared = norms[0][:, None] + norms[1] - 2 * scales[0] * scales[1] * inner
    return np.asarray(np.sqrt(np.maximum(squared, 0.0)), dtype=np.float64)


def _transport(distances: NDArray[np.float64]) -> float:
    import ot

    return max(float(ot.emd2([], [], distances, numItermax=_MAX_PIVOTS)), 0.0)
