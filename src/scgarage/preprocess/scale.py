"""Scaling of genes to [0, 1] by their maximum in the training cells, with its inverse."""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError

__all__ = ["MaxScaler"]


@dataclass(frozen=True)
class MaxScaler:
    """Divide each gene by its maximum; zeros stay zeros, so sparse matrices stay sparse.

    Attributes
    ----------
    maximum
        Largest training value of each gene, shape ``(n_genes,)``; 1 for genes without any expression.
    """

    maximum: NDArray[np.float32]

    @classmethod
    def fit(cls, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> Self:
        """Read the maxima off training cells, shape ``(n_cells, n_genes)``, values >= 0.

        Raises
        ------
        InputError
            When there are no cells, or a value is below zero or NaN: scaling by the maximum would not end
            in [0, 1].

        Examples
        --------
        >>> MaxScaler.fit(np.array([[1.0, 0.0], [4.0, 0.0]])).maximum.tolist()
        [4.0, 1.0]
        """
        if log_expr.shape[0] == 0:
            msg = "the maxima of genes need at least one cell; found none"
            raise InputError(msg)
        if not log_expr.min() >= 0:
            msg = f"only values >= 0 can be scaled to [0, 1] by their maximum; found {log_expr.min():.3g}"
            raise InputError(msg)
        top: Any = log_expr.max(axis=0)
        maximum = np.asarray(top.toarray() if hasattr(top, "toarray") else top, dtype=np.float32).ravel()
        return cls(np.where(maximum > 0, maximum, np.float32(1.0)))

    def transform(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> sparse.csr_matrix | NDArray[np.float32]:
        """Scale; other cells than those of the fit may exceed 1. A sparse matrix gives a CSR matrix."""
        if not sparse.issparse(log_expr):
            return np.asarray(log_expr, dtype=np.float32) / self.maximum
        scaled = sparse.csr_matrix(log_expr, dtype=np.float32, copy=True)
        scaled.data /= self.maximum[scaled.indices]  # a product with 1 / maximum could end above 1
        return scaled

    def inverse_transform(self, scaled: NDArray[np.floating]) -> NDArray[np.float32]:
        """Undo :meth:`transform` for an array, ``(n_cells, n_genes)``, to the last digit of float32."""
        return np.asarray(scaled, dtype=np.float32) * self.maximum
