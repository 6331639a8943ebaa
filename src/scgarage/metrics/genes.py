"""How far the distributions of single genes are from the real ones."""

import numpy as np
from numpy.typing import ArrayLike

from scgarage.metrics.checks import check_points
from scgarage.metrics.metric import Metric


def zero_fraction_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' zero fractions.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), counts or log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes). Only exact zeros count, so a generator of
        continuous values has none.

    Returns
    -------
    float
        In [0, 1]; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.

    Examples
    --------
    >>> zero_fraction_error([[0.0, 1.0], [0.0, 1.0]], [[0.0, 1.0], [2.0, 1.0]])
    0.25
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs((real == 0).mean(axis=0) - (synthetic == 0).mean(axis=0)).mean())


def gene_mean_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' means.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.

    Returns
    -------
    float
        >= 0, in units of the expression; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs(real.mean(axis=0) - synthetic.mean(axis=0)).mean())


def gene_variance_error(real: ArrayLike, synthetic: ArrayLike) -> float:
    """Return the mean absolute difference of the genes' variances (divisor n_cells).

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.

    Returns
    -------
    float
        >= 0, in squared units of the expression; 0 is ideal.

    Raises
    ------
    InputError
        If the arrays are empty, not finite or have different numbers of columns.
    """
    real, synthetic = check_points(real=real, synthetic=synthetic)
    return float(np.abs(real.var(axis=0) - synthetic.var(axis=0)).mean())


_REFERENCE = "Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1"

ZERO_FRACTION_ERROR = Metric(
    function=zero_fraction_error,
    title="Zero fraction per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, 1.0),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)

GENE_MEAN_ERROR = Metric(
    function=gene_mean_error,
    title="Mean per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)

GENE_VARIANCE_ERROR = Metric(
    function=gene_variance_error,
    title="Variance per gene: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, float("inf")),
    null="poisson",
    reference=_REFERENCE,
    cost="n",
)
