"""How far gene-gene correlations are from the real ones."""

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import rankdata

from scgarage.errors import InputError
from scgarage.metrics.checks import Points, check_points
from scgarage.metrics.metric import Metric


def gene_correlation_error(real: ArrayLike, synthetic: ArrayLike, *, n_genes: int = 200) -> float:
    r"""Return the mean absolute difference of gene-gene Spearman correlations.

    .. math:: \frac{2}{G(G - 1)} \sum_{g < h} \lvert \rho_{gh} - \hat\rho_{gh} \rvert

    over the :math:`G` genes that vary most among the real cells. Ties share their mean rank, as zeros do. A gene
    with one value only has no correlation; it counts as 0.

    Parameters
    ----------
    real
        Expression of real cells, (n_real, n_genes), log1p CP10k.
    synthetic
        Expression of synthetic cells, (n_synthetic, n_genes), log1p CP10k.
    n_genes
        Number of genes to take, by their variance among the real cells; all when there are fewer.

    Returns
    -------
    float
        In [0, 2]; 0 is ideal. The noise of few cells counts on both sides, see the floor.

    Raises
    ------
    InputError
        If an array has fewer than 2 cells or genes, or they cannot be compared.

    References
    ----------
    Crowell et al., The shaky foundations of simulating scRNA-seq data, 2023, doi:10.1186/s13059-023-02904-1.

    Examples
    --------
    >>> real = [[0.0, 1.0], [1.0, 2.0], [2.0, 3.0]]
    >>> round(gene_correlation_error(real, real), 6), round(gene_correlation_error(real, real[::-1]), 6)
    (0.0, 0.0)
    """
    real, synthetic = check_points(2, real=real, synthetic=synthetic)
    if real.shape[1] < 2:
        msg = "real has 1 gene; a correlation needs at least 2"
        raise InputError(msg)
    chosen = np.argsort(-real.var(axis=0), kind="stable")[:n_genes]
    difference = _spearman(real[:, chosen]) - _spearman(synthetic[:, chosen])
    return float(np.abs(difference[np.triu_indices(len(chosen), 1)]).mean())


def _spearman(values: Points) -> Points:
    """Return the rank correlations of all pairs of columns, (n_columns, n_columns); 0 with a constant column."""
    ranks = rankdata(values, axis=0)
    ranks -= ranks.mean(axis=0)
    length = np.linalg.norm(ranks, axis=0)
    ranks /= np.where(length > 0, length, 1.0)
    return np.asarray(ranks.T @ ranks, dtype=np.float64)


GENE_CORRELATION_ERROR = Metric(
    function=gene_correlation_error,
    title="Gene-gene Spearman correlation: mean absolute error",
    space="genes",
    better="lower",
    range=(0.0, 2.0),
    null="poisson",
    reference="Crowell et al. 2023, doi:10.1186/s13059-023-02904-1",
    cost="n log n, genes^2",
    min_cells=2,
)
