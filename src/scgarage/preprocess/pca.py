"""Principal components of the training cells, in which rare types may count as much as abundant ones."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import LinearOperator, svds

from scgarage.errors import InputError

__all__ = ["Components"]


@dataclass(frozen=True)
class Components:
    """Principal components fitted on some cells and applied to others.

    Attributes
    ----------
    mean
        Centre, shape ``(n_genes,)``, log1p CP10k.
    axes
        Orthonormal axes, those of the largest variance first, shape ``(n_components, n_genes)``. The
        largest entry of each is positive.
    """

    mean: NDArray[np.float32]
    axes: NDArray[np.float32]

    @classmethod
    def fit(
        cls,
        log_expr: sparse.csr_matrix | NDArray[np.floating],
        n_components: int = 50,
        *,
        labels: NDArray[np.str_] | None = None,
        random_state: int = 0,
    ) -> Self:
        r"""Fit the components, class-balanced when ``labels`` are given.

        The axes are the first right singular vectors of the rows :math:`\sqrt{w_i}\,(x_i - \sum_j w_j x_j)`.
        Without labels :math:`w_i = 1 / n`, the ordinary principal components. With labels every cell
        has the weight :math:`w_i \propto 1 / n_{type(i)}`, as if every type had the same number of cells,
        so the axes that tell a rare type from the others are found: +0.1 AUPRC in rare-type classification in one
        study. With very few cells of a type they follow its noise.

        Parameters
        ----------
        log_expr
            log1p CP10k of training cells, shape ``(n_cells, n_genes)``. A sparse matrix is not made dense.
        n_components
            Number of axes; at most ``min(n_cells, n_genes) - 1`` are kept.
        labels
            Cell types, shape ``(n_cells,)``, or ``None`` for the ordinary PCA.
        random_state
            Seed of the first vector of the Lanczos iteration; the result depends on it in the last digits
            only.

        Raises
        ------
        InputError
            When there are fewer than three cells or two genes, all cells are the same, or ``labels`` do not
            fit.

        References
        ----------
        Lehoucq et al., ARPACK Users' Guide, SIAM 1998, doi:10.1137/1.9780898719628.

        Examples
        --------
        >>> expr = np.random.default_rng(0).random((20, 5))
        >>> Components.fit(expr, n_components=2).transform(expr).shape
        (20, 2)
        """
        n_cells, n_genes = log_expr.shape
        if n_cells < 3 or n_genes < 2 or n_components < 1:
            msg = (
                "principal components need at least 3 cells, 2 genes and n_components=1; "
                f"found {n_cells} x {n_genes} and {n_components}"
            )
            raise InputError(msg)
        n_components = min(n_components, n_cells - 1, n_genes - 1)
        weights = _weights(n_cells, None if labels is None else np.asarray(labels))
        values = (log_expr if sparse.issparse(log_expr) else np.asarray(log_expr)).astype(np.float64)
        mean = np.asarray(weights @ values).ravel()
        squares = values.multiply(values) if sparse.issparse(values) else np.square(values)
        power = float(np.sum(weights @ squares))
        if power - mean @ mean <= 1e-12 * power:
            msg = "all cells are the same, so they have no principal components"
            raise InputError(msg)
        axes = _axes(values, mean, weights, n_components, random_state=random_state)
        return cls(mean.astype(np.float32), axes.astype(np.float32))

    def transform(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float32]:
        """Return the scores of cells, float32 ``(n_cells, n_components)``; sparse input stays sparse.

        Raises
        ------
        InputError
            When the number of genes is not that of the fit.
        """
        if log_expr.shape[1] != len(self.mean):
            msg = f"the components were fitted on {len(self.mean)} genes; found {log_expr.shape[1]}"
            raise InputError(msg)
        return np.asarray(log_expr @ self.axes.T - self.mean @ self.axes.T, dtype=np.float32)


def _weights(n_cells: int, labels: NDArray[np.str_] | None) -> NDArray[np.float64]:
    """Weights that add up to one, over all cells alike or over the types alike."""
    if labels is None:
        return np.full(n_cells, 1 / n_cells)
    if labels.shape != (n_cells,):
        msg = f"labels need one entry per cell, {n_cells}; found shape {labels.shape}"
        raise InputError(msg)
    _, types, counts = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / (len(counts) * counts[types]))


def _axes(
    values: sparse.csr_matrix | NDArray[np.float64],
    mean: NDArray[np.float64],
    weights: NDArray[np.float64],
    n_components: int,
    *,
    random_state: int,
) -> NDArray[np.float64]:
    """First right singular vectors of the centred, weighted rows, which are never made."""
    root = np.sqrt(weights)
    operator = LinearOperator(
        values.shape,
        matvec=lambda v: root * (values @ v.ravel() - mean @ v.ravel()),
        rmatvec=lambda u: values.T @ (root * u.ravel()) - mean * (root @ u.ravel()),
        dtype=np.float64,
    )
    start = np.random.default_rng(random_state).normal(size=min(values.shape))
    _, strength, axes = svds(operator, k=n_components, v0=start)
    axes = axes[np.argsort(-strength)]
    largest = axes[np.arange(len(axes)), np.abs(axes).argmax(axis=1)]
    return np.asarray(axes * np.sign(largest)[:, None])
