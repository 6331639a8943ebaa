"""Selecting genes by CV2, Fano factor or loadings."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.optimize import nnls

from scgarage.errors import InputError
from scgarage.pp import Components


@dataclass(frozen=True)
class GeneMoments:
    """Moments of CP10k values, zeros included."""

    mean: NDArray[np.float64]  # mean of each gene, float64, (n_genes,)
    variance: NDArray[np.float64]  # variance of each gene, divisor n_cells - 1, float64, (n_genes,)
    n_detected: NDArray[np.intp]  # cells with expression of each gene, (n_genes,)

    @classmethod
    def of(cls, log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> Self:
        r"""Measure genes.

        .. math:: m_j = \frac1n \sum_i y_{ij}, \quad v_j = \frac{1}{n - 1} \sum_i (y_{ij} - m_j)^2,
                  \quad y_{ij} = e^{x_{ij}} - 1
        """
        n_cells, n_genes = log_expr.shape
        if n_cells < 2:
            msg = f"the variance of a gene needs at least 2 cells; found {n_cells}"
            raise InputError(msg)
        values = _cp10k(log_expr)
        genes = values.indices
        n_detected = np.bincount(genes, minlength=n_genes)
        mean = np.bincount(genes, values.data, minlength=n_genes) / n_cells
        return cls(mean, _variance(values, mean, n_detected), n_detected)


def clipped_variance(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], moments: GeneMoments, expected: NDArray[np.float64]
) -> NDArray[np.float64]:
    r"""Return variances in which no single cell decides.

    .. math:: v_j = \frac{1}{n - 1} \sum_i (\min(y_{ij}, m_j + \sqrt{n e_j}) - m_j)^2

    One cell adds at most about the expected variance :math:`e_j`. Without the bound, genes with dozens of
    counts in one cell and hardly any in the others come first.

    References
    ----------
    Stuart et al., Cell 2019, doi:10.1016/j.cell.2019.05.031 (the same bound on standardised values).
    """
    values = _cp10k(log_expr)
    limit = moments.mean + np.sqrt(log_expr.shape[0] * expected)
    values.data = np.minimum(values.data, limit[values.indices])
    return _variance(values, moments.mean, moments.n_detected)


def _cp10k(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> sparse.csr_matrix:
    values = sparse.csr_matrix(log_expr, dtype=np.float64).expm1()
    values.sum_duplicates()
    values.eliminate_zeros()
    return values


def _variance(
    values: sparse.csr_matrix, mean: NDArray[np.float64], n_detected: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return mean squared deviations from ``mean``, divisor n - 1."""
    n_cells, n_genes = values.shape
    genes = values.indices
    # Deviations rather than squares: the difference of two large sums loses the variance of steady genes.
    squares = np.bincount(genes, (values.data - mean[genes]) ** 2, minlength=n_genes)
    return np.asarray((squares + (n_cells - n_detected) * mean**2) / (n_cells - 1), dtype=np.float64)


MIN_CELLS = 3
"""Cells that must express a gene for its variation to say anything (scanpy's tutorials drop the others)."""

_ITERATIONS = 100
_TOLERANCE = 1e-10


def cv2(moments: GeneMoments) -> NDArray[np.float64]:
    r"""Return the squared coefficient of variation of every gene, :math:`v_j / m_j^2`; NaN for a silent one."""
    silent = moments.mean == 0
    return np.where(silent, np.nan, moments.variance / np.where(silent, 1.0, moments.mean) ** 2)


def cv2_score(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Score genes by their squared coefficient of variation over the one expected at their mean.

    .. math:: s_j = \frac{v'_j / m_j^2}{a_1 / m_j + a_0}

    The trend is fitted to the :math:`CV^2` of all genes (:func:`fit_trend`); :math:`v'_j` is the variance with
    values bounded, so that no single cell decides (:func:`clipped_variance`). The plain :math:`CV^2` is no use
    as a score: counting noise alone makes it grow as :math:`1 / m_j`, so its top genes are those seen in one
    cell.

    References
    ----------
    Brennecke et al., Nature Methods 2013, doi:10.1038/nmeth.2645.
    """
    moments = GeneMoments.of(log_expr)
    variation = cv2(moments)
    score = np.full(len(variation), -np.inf)
    usable = (moments.n_detected >= MIN_CELLS) & (variation > 0)
    if usable.any():
        mean = moments.mean[usable]
        slope, constant = fit_trend(mean, variation[usable])
        trend = np.zeros(len(variation))
        trend[usable] = slope / mean + constant
        expected = trend * moments.mean**2
        score[usable] = clipped_variance(log_expr, moments, expected)[usable] / expected[usable]
    return score


def fit_trend(mean: NDArray[np.float64], variation: NDArray[np.float64]) -> tuple[float, float]:
    r"""Fit :math:`CV^2 \approx a_1 / m + a_0` as a gamma regression with identity link, both non-negative.

    Weighted least squares, the weights :math:`1 / \hat y^2` renewed until the fit stands still.

    References
    ----------
    Brennecke et al., Nature Methods 2013, doi:10.1038/nmeth.2645.
    """
    terms = np.column_stack([1.0 / mean, np.ones_like(mean)])
    fitted = np.median(variation * mean) / mean
    coefficients = np.zeros(2)
    for _ in range(_ITERATIONS):
        previous = coefficients
        coefficients, _ = nnls(terms / fitted[:, None], variation / fitted)
        fitted = terms @ coefficients
        if np.allclose(coefficients, previous, rtol=_TOLERANCE, atol=0.0):
            break
    return float(coefficients[0]), float(coefficients[1])


def fano(moments: GeneMoments) -> NDArray[np.float64]:
    r"""Return the Fano factor of every gene, :math:`v_j / m_j` (Fano 1947, doi:10.1103/PhysRev.72.26)."""
    silent = moments.mean == 0
    return np.where(silent, np.nan, moments.variance / np.where(silent, 1.0, moments.mean))


def fano_score(log_expr: sparse.csr_matrix | NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    r"""Score genes by their Fano factor, the values of single cells bounded.

    .. math:: s_j = v'_j / m_j

    Poisson counts give the same Fano factor at every mean, so the score needs no trend. The bounded variance
    :math:`v'` (:func:`clipped_variance`) expects the median Fano factor of all genes. (The published code
    selects the genes of *lowest* Fano factor; :func:`scgarage.judge.legacy.legacy_clusters` does too.)
    """
    moments = GeneMoments.of(log_expr)
    factors = fano(moments)
    expressed = moments.mean > 0
    score = np.full(len(factors), -np.inf)
    if expressed.any():
        expected = np.median(factors[expressed]) * moments.mean
        score[expressed] = clipped_variance(log_expr, moments, expected)[expressed] / moments.mean[expressed]
    return score


N_COMPONENTS = 3
"""Components whose loadings are added: the number in the GARAGE documents."""


def pca_loading_score(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], *, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Score genes by the sum of their absolute loadings on the first three principal components.

    .. math:: s_j = |w_{1j}| + |w_{2j}| + |w_{3j}|

    with axes :math:`w_k` of length 1, each counted alike. The components are those of log1p CP10k, not
    scaled. (The published Python code takes the largest of the three, the documents their sum.)

    References
    ----------
    GARAGE, doi:10.1101/2025.09.28.679012 and its repository, data_validation/feature_selection.py.
    """
    axes = Components.fit(log_expr, N_COMPONENTS, random_state=random_state).axes
    silent = np.asarray((log_expr > 0).sum(axis=0)).ravel() == 0
    return np.where(silent, -np.inf, np.abs(axes).sum(axis=0, dtype=np.float64))


Selection: TypeAlias = Literal["cv2", "fano", "pca_loading", "all"]
"""How genes are selected; "all" means each way in turn."""

SELECTIONS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "cv2": cv2_score,
    "fano": fano_score,
    "pca_loading": pca_loading_score,
}
"""Every way to score genes: log1p CP10k (n_cells, n_genes) in, scores (n_genes,) out, high ones selected."""


def select_genes(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], n_genes: int, *, selection: Selection = "cv2"
) -> NDArray[np.intp]:
    """Return the genes with the highest scores.

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes), of the cells to select on: in a comparison, training cells only.
    n_genes
        Number of genes wanted.
    selection
        ``"cv2"``, ``"fano"`` or ``"pca_loading"``.

    Returns
    -------
    numpy.ndarray
        Positions of the genes, best first, (n_selected,); fewer than asked for where fewer can be scored.

    Raises
    ------
    InputError
        If the selection is unknown, ``n_genes`` is below two or fewer than two genes can be scored.

    Examples
    --------
    >>> log_expr = np.log1p(np.random.default_rng(0).poisson(2.0, (50, 30)))
    >>> len(select_genes(log_expr, 10, selection="fano"))
    10
    """
    if n_genes < 2:
        msg = f"n_top_genes holds {n_genes}; expected at least 2, because one gene has no components"
        raise InputError(msg)
    if selection not in SELECTIONS:
        msg = f"selection is {selection!r}; expected one of: {', '.join(SELECTIONS)}"
        raise InputError(msg)
    return rank_genes(SELECTIONS[selection](log_expr))[:n_genes]


def rank_genes(score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the genes that have a score (n_genes,), the highest first; ties keep the order of the genes."""
    ranked = np.argsort(-score, kind="stable")
    ranked = ranked[np.isfinite(score[ranked])]
    if len(ranked) < 2:
        msg = f"only {len(ranked)} genes vary and are expressed in enough cells; clustering needs at least 2"
        raise InputError(msg)
    return ranked


def choose_selections(selection: Selection, n_top_genes: int | Sequence[int]) -> list[tuple[str, int]]:
    """Return every combination of a selection and a number of genes that was asked for."""
    if selection != "all" and selection not in SELECTIONS:
        msg = f"selection is {selection!r}; expected one of: {', '.join(SELECTIONS)}, all"
        raise InputError(msg)
    numbers = [n_top_genes] if isinstance(n_top_genes, int) else sorted(set(n_top_genes))
    if not numbers:
        msg = "n_top_genes is empty; expected one or more numbers of genes, such as (100, 500)"
        raise InputError(msg)
    names = list(SELECTIONS) if selection == "all" else [selection]
    return [(name, number) for name in names for number in numbers]
