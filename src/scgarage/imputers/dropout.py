"""Artificial drop-outs whose probability falls with expression."""

import warnings
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from scgarage.errors import InputError

__all__ = ["Drop"]

STEEPNESS = (0.1, 20.0)
"""Range of an estimated steepness: a gene set without low or without high genes says little about it."""


@dataclass(frozen=True)
class Drop:
    r"""Set entries to zero at random, low ones more often.

    .. math::

        p_{ij} = \sigma\big({-s}\,(g_{ij} - m)\big), \qquad m = \mathrm{percentile}_q(\text{positive training values})

    where :math:`g` is expression, log1p CP10k. The source document writes :math:`\sigma(+s(\cdot))`, which would drop
    the highest values most; and it takes the percentile of the generated values themselves, so that a generator could
    escape by scaling all its values. Here the midpoint m is fixed by the training cells.

    Attributes
    ----------
    midpoint
        Expression m at which half of the entries are dropped, log1p CP10k.
    steepness
        s > 0.

    Raises
    ------
    InputError
        When ``steepness`` is not positive.

    References
    ----------
    Dibaeinia and Sinha, SERGIO, Cell Systems 2020, doi:10.1016/j.cels.2020.08.003 (the same logistic, for keeping).

    Examples
    --------
    >>> Drop(midpoint=1.0, steepness=2.0).probability(torch.tensor([0.0, 1.0, 9.0])).round(decimals=2)
    tensor([0.8800, 0.5000, 0.0000])
    """

    midpoint: float
    steepness: float

    def __post_init__(self) -> None:
        if not self.steepness > 0:
            msg = f"steepness must be positive, so that low values are dropped more often; found {self.steepness}"
            raise InputError(msg)

    @classmethod
    def at_percentile(cls, log_expr: sparse.csr_matrix, percentile: float, steepness: float) -> Self:
        """Return the drop-out of given parameters (q, s).

        Raises
        ------
        InputError
            When ``percentile`` is not in [0, 100] or ``steepness`` not positive.
        """
        if not 0 <= percentile <= 100:
            msg = f"percentile must lie in [0, 100]; found {percentile}"
            raise InputError(msg)
        positive = log_expr.data[log_expr.data > 0]
        return cls(float(np.percentile(positive, percentile)) if len(positive) else 0.0, steepness)

    @classmethod
    def estimate(cls, log_expr: sparse.csr_matrix) -> Self:
        r"""Estimate the drop-out from the share of zeros of each gene against its mean.

        .. math:: d_j = \sigma\big({-s}\,(\log(1 + \bar e_j) - m)\big)

        by binomial logistic regression over genes, where :math:`\bar e_j` is the mean CP10k of gene j over all cells.

        Parameters
        ----------
        log_expr
            log1p CP10k of training cells, CSR ``(n_cells, n_genes)`` without stored zeros.

        Warns
        -----
        UserWarning
            When the share of zeros does not fall with the mean; a steepness of 1 is used then.
        """
        from sklearn.linear_model import LogisticRegression

        zeros, level = _zeros_and_level(log_expr)
        features = np.concatenate([level, level])[:, None]
        dropped = np.repeat([1, 0], len(level))
        weights = np.concatenate([zeros, 1 - zeros])
        if min(zeros.sum(), (1 - zeros).sum()) > 0:
            model = LogisticRegression(C=1e4).fit(features, dropped, sample_weight=weights)
            slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
            if slope < 0:
                return cls(-intercept / slope, float(np.clip(-slope, *STEEPNESS)))
        message = "the share of zeros does not fall with the mean of a gene; drop-outs get the steepness 1"
        warnings.warn(message, UserWarning, stacklevel=2)
        return cls(float(np.median(level)), 1.0)

    def percentile_in(self, log_expr: sparse.csr_matrix) -> float:
        """Return the percentile q of the positive values at which the midpoint lies, in [0, 100]."""
        positive = log_expr.data[log_expr.data > 0]
        return float(100 * np.mean(positive < self.midpoint)) if len(positive) else 0.0

    def probability(self, expression: Tensor) -> Tensor:
        """Return the probability that each entry is dropped, same shape."""
        return torch.sigmoid(-self.steepness * (expression - self.midpoint))

    def expected(self, expression: Tensor) -> Tensor:
        """Return the expected value of each entry after dropping, :math:`(1 - p) g`."""
        return (1 - self.probability(expression)) * expression

    def __call__(self, expression: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Drop entries at random; gradients pass straight through the draw.

        Forwards an entry is kept or zero; backwards it is as if it had been multiplied by :math:`1 - p`.

        Parameters
        ----------
        expression
            log1p CP10k, any shape.
        generator
            Source of the draws; torch's own by default.
        """
        kept = 1 - self.probability(expression)
        uniform = torch.rand(expression.shape, generator=generator, device=expression.device)
        drawn = (uniform < kept.detach()).to(expression.dtype)
        # The value is `drawn` and the gradient that of `kept`; (drawn - kept) + kept would be off by rounding.
        return expression * (drawn + (kept - kept.detach()))


def _zeros_and_level(log_expr: sparse.csr_matrix) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the share of zeros of each expressed gene and log1p of its mean CP10k."""
    n_cells, n_genes = log_expr.shape
    n_stored = np.bincount(log_expr.indices, minlength=n_genes)
    sums = np.bincount(log_expr.indices, weights=np.expm1(log_expr.data.astype(np.float64)), minlength=n_genes)
    expressed = n_stored > 0
    return 1 - n_stored[expressed] / n_cells, np.log1p(sums[expressed] / n_cells)
