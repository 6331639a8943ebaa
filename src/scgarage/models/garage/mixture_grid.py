"""The components that every gene's mixture is made of, and their probabilities."""

from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["GRID", "SHAPE", "Rows", "climb", "log_pmf", "relative_cdf", "zero_probability"]

Rows: TypeAlias = NDArray[np.float64]
"""One row for each entry, one column for each component, (n_entries, n_components)."""

GRID: NDArray[np.float64] = np.concatenate([[0.0], np.geomspace(0.05, 10.0, 16), np.geomspace(16.0, 1000.0, 8)])
"""Relative rates: a component's mean count is its rate times the expected count of the gene in the cell."""

SHAPE = 35.0
r"""Shape of each component's negative binomial. Neighbouring rates differ by a factor of 1.4; with a coefficient of
variation of :math:`1 / \sqrt{35} = 0.17` neighbours overlap, so that deep counts do not pile up on the grid."""

LIMIT = 64
"""Counts up to which probabilities are summed one by one; beyond, Poisson noise is small beside the components' own."""


def log_pmf(counts: NDArray[np.float64], means: Rows) -> Rows:
    r"""Return the log probability of counts under components of given means, (n_entries, n_components).

    .. math:: \log \binom{c + a - 1}{c} + a \log \frac{a}{a + m} + c \log \frac{m}{a + m}
    """
    c = counts[:, None]
    constant = special.gammaln(c + SHAPE) - special.gammaln(SHAPE) - special.gammaln(c + 1)
    with np.errstate(divide="ignore", invalid="ignore"):
        powers = np.where(c > 0, c * (np.log(means) - np.log(SHAPE + means)), 0.0)
    return constant - SHAPE * np.log1p(means / SHAPE) + powers


def zero_probability(means: NDArray[np.floating]) -> NDArray[np.floating]:
    """Return the probability of no count under components of given means, any shape."""
    result: NDArray[np.floating] = np.exp(-SHAPE * np.log1p(means / SHAPE))
    return result


def climb(
    weights: Rows, means: Rows, *, target: NDArray[np.float64] | None = None, upto: NDArray[np.float64] | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Sum a mixture's probabilities from zero upwards until they reach ``target`` or the count ``upto``.

    Parameters
    ----------
    weights, means
        Weights and mean counts of the components, (n_entries, n_components).
    target
        Cumulative probability to reach, (n_entries,): gives quantiles.
    upto
        Count to reach, (n_entries,): gives cumulative probabilities.

    Returns
    -------
    tuple of numpy.ndarray
        The counts reached (at most :data:`LIMIT`), their cumulative probabilities, and those of the counts below them.
    """
    terms = weights * zero_probability(means)
    ratio = means / (SHAPE + means)
    cdf = terms.sum(axis=1)
    count, below = np.zeros(len(cdf)), np.zeros(len(cdf))
    active = np.flatnonzero(cdf < target) if target is not None else np.flatnonzero(np.asarray(upto) > 0)
    terms, ratio = terms[active], ratio[active]
    for k in range(1, LIMIT + 1):
        if not len(active):
            break
        terms *= ratio * ((SHAPE + k - 1) / k)
        below[active] = cdf[active]
        cdf[active] += terms.sum(axis=1)
        count[active] = k
        more = cdf[active] < target[active] if target is not None else np.asarray(upto)[active] > k
        active, terms, ratio = active[more], terms[more], ratio[more]
    return count, cdf, below


_POINTS: NDArray[np.float64] = np.geomspace(1e-3, 4000.0, 160)
_TABLE: NDArray[np.float64] = np.vstack(
    [np.ones(len(_POINTS)), special.gammainc(SHAPE, SHAPE * _POINTS[None, :] / GRID[1:, None])]
)


def relative_cdf() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return points on the axis of relative rates and each component's cumulative distribution there.

    A component is a Gamma distribution of relative rates; deep counts follow it without visible Poisson noise. A
    mixture's distribution is ``weights @ table``.

    Returns
    -------
    tuple of numpy.ndarray
        Points, (n_points,), and the table, (n_components, n_points).
    """
    return _POINTS, _TABLE
