"""A linear latent space of log-normalised expression, and the way back to counts."""

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.preprocess import Components

__all__ = ["LatentSpace"]

TARGET_SUM = 1e4
"""Counts per cell after normalisation."""


@dataclass(frozen=True)
class LatentSpace:
    r"""Principal components with unit variance each.

    .. math::

        z = (x - m) A^T / s, \qquad \hat x = \max(m + (z s) A, 0)

    Decoded values are smoother than cells: their zeros and their noise lie outside the components. Counts are therefore
    Poisson draws of the decoded rates (:meth:`counts`), each gene's scaled to its mean in the training cells; decoded
    log values below a threshold are set to zero (:meth:`sparse_log_expr`), each gene's so that the training cells get
    the share of zeros that they have.

    Attributes
    ----------
    components
        Fitted on training cells, :math:`m` and :math:`A`.
    scale
        Standard deviation of the scores, :math:`s`, (n_components,).
    lowest, highest
        Range of :math:`z` in training, (n_components,).
    gain
        Mean rate of the training cells over that of their decoded values, (n_genes,).
    threshold
        Decoded log values below are zero, (n_genes,).
    """

    components: Components
    scale: NDArray[np.float32]
    lowest: NDArray[np.float32]
    highest: NDArray[np.float32]
    gain: NDArray[np.float32]
    threshold: NDArray[np.float32]

    @classmethod
    def fit(
        cls, log_expr: sparse.csr_matrix, n_components: int, *, random_state: int = 0, max_cells: int = 5000
    ) -> tuple[Self, NDArray[np.float32]]:
        """Fit on log1p CP10k of training cells, (n_cells, n_genes); return their positions too.

        ``max_cells`` bounds the cells that the way back is calibrated on.
        """
        components = Components.fit(log_expr, n_components, random_state=random_state)
        scores = components.transform(log_expr)
        scale = scores.std(axis=0) + np.float32(1e-6)
        latents = (scores / scale).astype(np.float32)
        rows = np.sort(np.random.default_rng(random_state).permutation(len(latents))[:max_cells])
        used = log_expr[rows].toarray()
        decoded = np.maximum(latents[rows] * scale @ components.axes + components.mean, 0)
        real_rate, decoded_rate = (np.expm1(x.astype(np.float64)).mean(axis=0) for x in (used, decoded))
        gain = np.clip(real_rate / np.maximum(decoded_rate, 1e-9), 0, 10)
        n_zeros = (used == 0).sum(axis=0)
        ordered = np.vstack([np.sort(decoded, axis=0), np.full((1, decoded.shape[1]), np.inf)])
        threshold = ordered[n_zeros, np.arange(decoded.shape[1])]
        arrays = (scale, latents.min(axis=0), latents.max(axis=0), gain, np.minimum(threshold, 1e6))
        return cls(components, *(np.ascontiguousarray(a, dtype=np.float32) for a in arrays)), latents

    def encode(self, log_expr: sparse.csr_matrix | NDArray[np.floating]) -> NDArray[np.float32]:
        """Return positions, (n_cells, n_components)."""
        return np.asarray(self.components.transform(log_expr) / self.scale, dtype=np.float32)

    def decode(self, latents: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log1p CP10k >= 0, (n_cells, n_genes), without zeros where cells have them."""
        back = latents * self.scale @ self.components.axes + self.components.mean
        return np.asarray(np.maximum(back, 0), dtype=np.float32)

    def sparse_log_expr(self, decoded: NDArray[np.float32]) -> NDArray[np.float32]:
        """Set decoded values below the thresholds to zero, (n_cells, n_genes)."""
        return np.asarray(np.where(decoded >= self.threshold, decoded, 0), dtype=np.float32)

    def counts(
        self, decoded: NDArray[np.float32], totals: NDArray[np.float64], rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Draw counts, (n_cells, n_genes), for decoded log1p CP10k and library sizes, (n_cells,)."""
        rates = np.expm1(decoded.astype(np.float64)) * self.gain * (totals[:, None] / TARGET_SUM)
        return rng.poisson(rates).astype(np.float32)
