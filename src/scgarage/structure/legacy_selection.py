"""Gene selection as in the published code, on the values as they are."""

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.preprocess import Components
from scgarage.structure.pca_loading import N_COMPONENTS

__all__ = ["LEGACY_SELECTIONS", "legacy_cv2_score", "legacy_fano_score", "legacy_pca_loading_score"]

_TINY = 1e-8
_QUANTILES = np.arange(0.1, 1.0, 0.05)


def legacy_cv2_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Score genes as the function that is called CV2 in the published code.

    .. math:: s_j = |d_j - \mathrm{med}_{b(j)} d| \, / \, \mathrm{MAD}_{b(j)} d, \quad d_j = v_j / m_j

    It is no coefficient of variation but a Fano factor, standardised in 19 bins :math:`b` of the mean (bounds
    at its quantiles 0.10, 0.15 ... 0.95). The absolute value selects unusually *steady* genes too.

    Parameters
    ----------
    values
        Values, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,).

    References
    ----------
    GARAGE repository, data_validation/feature_selection.py (after feature_selection.R).
    """
    mean = values.mean(axis=0)
    dispersion = pd.Series(values.var(axis=0, ddof=1) / np.where(mean == 0, _TINY, mean))
    bins = np.digitize(mean, np.quantile(mean, _QUANTILES))
    away = (dispersion - dispersion.groupby(bins).transform("median")).abs()
    spread = away.groupby(bins).transform("median")
    return np.asarray(away / spread.where(spread > 0, _TINY), dtype=np.float64)


def legacy_fano_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score genes by the negative Fano factor: the published code selects the *lowest*.

    Parameters
    ----------
    values
        Values, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,); minus infinity for genes without expression, which the published R code puts last
        (its Python version puts them first).

    References
    ----------
    GARAGE repository, data_validation/feature_selection.R.
    """
    mean = values.mean(axis=0)
    silent = mean == 0
    return np.where(silent, -np.inf, -values.var(axis=0, ddof=1) / np.where(silent, 1.0, mean))


def legacy_pca_loading_score(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Score genes by their *largest* absolute loading on the first three components.

    Parameters
    ----------
    values
        Values, (n_cells, n_genes).

    Returns
    -------
    numpy.ndarray
        float64, (n_genes,).

    References
    ----------
    GARAGE repository, data_validation/feature_selection.py.
    """
    axes = Components.fit(values, N_COMPONENTS, random_state=42).axes
    return np.asarray(np.abs(axes).max(axis=0), dtype=np.float64)


LEGACY_SELECTIONS: dict[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "cv2": legacy_cv2_score,
    "fano": legacy_fano_score,
    "pca_loading": legacy_pca_loading_score,
}
"""The published scores by name, high ones selected."""
