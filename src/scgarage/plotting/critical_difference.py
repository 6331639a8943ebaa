"""Mean ranks of methods, and which of them a rank test cannot tell apart."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import FAINT, INK
from scgarage.plotting.style import own_axes, plain, styled

__all__ = ["RankTest", "critical_difference", "rank_test"]

MIN_METHODS, MIN_BLOCKS = 3, 2
LINE = 0.34
"""Height of a line of text, in units of the y axis."""


@dataclass(frozen=True, eq=False)
class RankTest:
    """Friedman's test, with Nemenyi's critical difference.

    Attributes
    ----------
    mean_ranks
        Mean rank of each method, best first; 1 is the best rank.
    n_blocks
        Number of blocks.
    statistic, p_value
        Friedman's chi-square, corrected for ties, and its p-value: whether the methods differ at all.
    difference
        Nemenyi's critical difference: two methods differ when their mean ranks differ by more.
    alpha
        Level of the difference.
    """

    mean_ranks: "pd.Series[float]"
    n_blocks: int
    statistic: float
    p_value: float
    difference: float
    alpha: float

    def groups(self) -> list[list[str]]:
        """Return the largest groups of methods, best first, within which the test tells none from another."""
        ranks = self.mean_ranks.to_numpy(dtype=float)
        ends = np.searchsorted(ranks, ranks + self.difference, side="right")
        longer = np.diff(ends, prepend=0) > 0  # ends with an earlier start are held by that group
        names = [str(name) for name in self.mean_ranks.index]
        return [names[start:end] for start, end in enumerate(ends) if longer[start] and end - start > 1]

    def sentence(self) -> str:
        """Return the result in words."""
        verdict = "differ" if self.p_value < self.alpha else "are not shown to differ"
        return (
            f"Over {self.n_blocks} blocks the {len(self.mean_ranks)} methods {verdict} (Friedman p = "
            f"{self.p_value:.2g}); mean ranks within {self.difference:.2f} of each other are not told apart (Nemenyi, "
            f"level {self.alpha:g})."
        )


def rank_test(losses: pd.DataFrame, *, alpha: float = 0.05) -> RankTest:
    r"""Compare methods over blocks by Friedman's test and Nemenyi's critical difference.

    .. math:: \mathrm{CD} = q_\alpha \sqrt{\frac{k (k + 1)}{6 N}}

    for :math:`k` methods and :math:`N` blocks, with :math:`q_\alpha` the upper quantile of the studentised range of
    :math:`k` groups and infinite degrees of freedom, divided by :math:`\sqrt 2`.

    Parameters
    ----------
    losses
        A row for each block (such as a data set), a column for each method; lower is better. Blocks are taken as
        independent.
    alpha
        Level of the critical difference.

    Returns
    -------
    RankTest
        Mean ranks, both tests.

    Raises
    ------
    InputError
        If a number is missing, there are fewer than three methods or two blocks, or ``alpha`` is not in (0, 1).

    References
    ----------
    J. Demšar, "Statistical comparisons of classifiers over multiple data sets", Journal of Machine Learning Research 7,
    1-30 (2006). https://jmlr.org/papers/v7/demsar06a.html

    Examples
    --------
    >>> losses = pd.DataFrame({"a": [1.0, 2.0, 1.0], "b": [2.0, 3.0, 2.0], "c": [3.0, 1.0, 3.0]})
    >>> rank_test(losses).mean_ranks.round(2).to_dict()
    {'a': 1.33, 'b': 2.33, 'c': 2.33}
    """
    values = _numbers(losses, alpha)
    n_blocks, n_methods = values.shape
    ranks = rankdata(values, axis=1).mean(axis=0)
    if np.ptp(values, axis=1).any():
        statistic, p_value = friedmanchisquare(*values.T)
    else:  # all methods equal in every block: the correction for ties divides by zero
        statistic, p_value = 0.0, 1.0
    quantile = float(studentized_range.ppf(1 - alpha, n_methods, np.inf)) / np.sqrt(2)
    return RankTest(
        mean_ranks=pd.Series(ranks, index=losses.columns, name="mean_rank").sort_values(kind="stable"),
        n_blocks=n_blocks,
        statistic=float(statistic),
        p_value=float(p_value),
        difference=float(quantile * np.sqrt(n_methods * (n_methods + 1) / (6 * n_blocks))),
        alpha=alpha,
    )


def _numbers(losses: pd.DataFrame, alpha: float) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    """Return the losses, shape ``(n_blocks, n_methods)``."""
    n_blocks, n_methods = losses.shape
    if n_methods < MIN_METHODS or n_blocks < MIN_BLOCKS:
        msg = (
            f"losses has {n_blocks} blocks (rows) and {n_methods} methods (columns); a rank test needs at least "
            f"{MIN_BLOCKS} blocks and {MIN_METHODS} methods"
        )
        raise InputError(msg)
    if not all(pd.api.types.is_numeric_dtype(kind) for kind in losses.dtypes) or losses.isna().to_numpy().any():
        msg = "losses holds missing values or anything but numbers; leave out blocks that lack a method"
        raise InputError(msg)
    if not 0 < alpha < 1:
        msg = f"alpha is {alpha}; expected a level between 0 and 1, such as 0.05"
        raise InputError(msg)
    return losses.to_numpy(dtype=np.float64)


@styled
def critical_difference(
    losses: pd.DataFrame,
    *,
    alpha: float = 0.05,
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw mean ranks on a line, best on the left; a bar joins methods that :func:`rank_test` cannot tell apart.

    Parameters
    ----------
    losses, alpha
        As in :func:`rank_test`.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Returns
    -------
    matplotlib.axes.Axes
        Rank on the x axis.

    Raises
    ------
    InputError
        As :func:`rank_test`.
    """
    test = rank_test(losses, alpha=alpha)
    groups = test.groups()
    n_methods = len(test.mean_ranks)
    depth = LINE * (0.7 * len(groups) + (n_methods + 1) // 2 + 1)
    ax = own_axes(ax, 0.9 + 0.75 * depth)
    _draw_scale(ax, n_methods, test)
    for number, group in enumerate(groups):
        first, last = (float(test.mean_ranks[name]) for name in (group[0], group[-1]))
        height = -LINE * 0.7 * (number + 1)
        ax.plot(
            [first - 0.03, last + 0.03], [height, height], color=INK, linewidth=3.5, solid_capstyle="butt", zorder=3
        )
    _draw_methods(ax, test.mean_ranks, first=-LINE * (0.7 * len(groups) + 1))
    ax.set_ylim(-depth, 1.15)
    ax.set_title(f"Mean rank over {test.n_blocks} blocks, Friedman p = {test.p_value:.2g}")
    return finish(ax, show=show, save=save)


def _draw_scale(ax: Axes, n_methods: int, test: RankTest) -> None:
    ax.spines[:].set_visible(False)
    ax.set_yticks([])
    ax.set_xticks([])
    margin = 0.35 * (n_methods - 1)
    ax.set_xlim(1 - margin, n_methods + margin)
    ax.plot([1, n_methods], [0, 0], color=INK, linewidth=1)
    for rank in range(1, n_methods + 1):
        ax.plot([rank, rank], [0, 0.1], color=INK, linewidth=1)
        ax.text(rank, 0.16, "1 (best)" if rank == 1 else str(rank), ha="center", va="bottom", fontsize=8.5)
    end = 1 + test.difference
    ax.plot([1, end], [0.75, 0.75], color=INK, linewidth=1.2, marker="|", markersize=7)
    text = f"critical difference {test.difference:.2f}"
    ax.text((1 + end) / 2, 0.82, text, ha="center", va="bottom", fontsize=8.5)


def _draw_methods(ax: Axes, ranks: "pd.Series[float]", *, first: float) -> None:
    """Name the better half on the left and the others on the right, the outermost ones highest."""
    n_left = (len(ranks) + 1) // 2
    low, high = ax.get_xlim()
    inset = 0.24 * (high - low) / 1.7
    for number, (name, rank) in enumerate(ranks.items()):
        left = number < n_left
        height = first - LINE * (number if left else len(ranks) - 1 - number)
        end = low + inset if left else high - inset
        ax.plot([rank, rank, end], [0, height, height], color=FAINT, linewidth=1, zorder=1)
        ax.plot(rank, 0, marker="o", color=INK, markersize=4, zorder=4)
        ax.annotate(
            f"{plain(str(name))}  {rank:.2f}" if left else f"{rank:.2f}  {plain(str(name))}", (end, height),
            xytext=(-4 if left else 4, 0), textcoords="offset points", ha="right" if left else "left", va="center",
            fontsize=9,
        )  # fmt: skip
