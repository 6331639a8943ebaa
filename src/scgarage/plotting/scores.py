"""Scores, critical differences, sensitivity of metrics, false positives of a test."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter
from scipy.stats import friedmanchisquare, rankdata, studentized_range

from scgarage.errors import InputError
from scgarage.metrics.metric import TARGETS
from scgarage.plotting.style import FAINT, INK, SOURCE_COLOURS, TYPE_COLOURS, finish, own_axes, plain, styled

COLUMNS = ("title", "group", "score", "value_sd", "floor", "null", "better")
GROUP_MARKERS = ("o", "D", "s", "^", "v", "P")


def score_sd(table: pd.DataFrame) -> "pd.Series[float]":
    r"""Return the sd of each score over the repeats, that of the value in units of the scale.

    .. math:: \mathrm{sd}(s) = \mathrm{sd}(v) / |n - f|

    with value :math:`v`, null :math:`n` and floor :math:`f`; for metrics with a target null and floor are their
    distances to it, as in the score itself.

    Parameters
    ----------
    table
        Columns ``value_sd``, ``floor``, ``null`` and ``better``.

    Returns
    -------
    One sd a row; missing where floor and null are equal.
    """
    ends = table[["floor", "null"]]
    target = table["better"].map(TARGETS).astype(float)
    ends = ends.where(target.isna(), ends.sub(target, axis=0).abs())
    width = (ends["null"] - ends["floor"]).abs()
    return table["value_sd"] / width.where(width > 0)


@styled
def scores(
    table: pd.DataFrame,
    *,
    groups: Sequence[str] = ("all", "rare"),
    limits: tuple[float, float] | None = None,
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw the score of each metric with its sd: 0 is as good as real cells, 1 no better than noise.

    A score outside ``limits`` is an arrow at the border with the number beside it. Metrics without a score
    are left out.

    Parameters
    ----------
    table
        The table of an evaluation: columns ``title``, ``group``, ``score``, ``value_sd``, ``floor``, ``null``
        and ``better``.
    groups
        Groups of cells to draw, each with its marker.
    limits
        Smallest and largest score on the axis; by default as much as the scores need, but at most -1 to 3.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When a column is missing or no metric of the groups has a score.
    """
    missing = [column for column in COLUMNS if column not in table]
    if missing:
        msg = f"the table has no {', '.join(map(repr, missing))}; pass Evaluation.table"
        raise InputError(msg)
    drawn = table[table["group"].isin(groups) & table["score"].notna()].assign(sd=score_sd)
    if drawn.empty:
        msg = f"no metric of the groups {', '.join(map(repr, groups))} has a score"
        raise InputError(msg)
    limits = _limits(drawn["score"]) if limits is None else limits
    titles = list(dict.fromkeys(drawn["title"]))
    present = [group for group in groups if (drawn["group"] == group).any()]
    ax = own_axes(ax, 1.0 + 0.27 * len(titles))
    ax.axvspan(limits[0], 0, color="#EAF3EE", zorder=0)
    for place, colour in ((0, SOURCE_COLOURS["real"]), (1, SOURCE_COLOURS["null"])):
        ax.axvline(place, color=colour, linewidth=1.2, zorder=1)
    colours = dict(zip(present, [SOURCE_COLOURS["synthetic"], *TYPE_COLOURS[2:]], strict=False))
    drawn = drawn.assign(place=_places(drawn, titles, present))
    for group, marker in zip(present, GROUP_MARKERS * len(present), strict=False):
        rows = drawn[drawn["group"] == group]
        _draw_group(ax, rows, limits, label=group, colour=colours[group], marker=marker)
    _finish(ax, titles, limits, legend=len(present) > 1)
    return finish(ax, show=show, save=save)


def _limits(score: "pd.Series[float]") -> tuple[float, float]:
    low, high = score.min() - 0.1, score.max() + 0.1
    return float(np.clip(low, -1.0, -0.25)), float(np.clip(high, 1.25, 3.0))


def _places(drawn: pd.DataFrame, titles: Sequence[str], groups: Sequence[str]) -> "pd.Series[float]":
    """Put groups of the same metric one below the other, centred on its row."""
    rank = drawn["group"].map({group: i for i, group in enumerate(groups)})
    within = rank.groupby(drawn["title"])
    shift = 0.26 * (within.rank() - 1 - (within.transform("size") - 1) / 2)
    return drawn["title"].map({title: i for i, title in enumerate(titles)}) + shift


def _draw_group(
    ax: Axes, rows: pd.DataFrame, limits: tuple[float, float], *, label: str, colour: str, marker: str
) -> None:
    score, places = rows["score"].to_numpy(dtype=float), rows["place"].to_numpy(dtype=float)
    sd = np.nan_to_num(rows["sd"].to_numpy(dtype=float))
    inside = (score >= limits[0]) & (score <= limits[1])
    ax.errorbar(
        score[inside], places[inside], xerr=sd[inside], fmt=marker, color=colour, markersize=6,
        elinewidth=1.2, label=f"{label} cells", zorder=3,
    )  # fmt: skip
    for value, place in zip(score[~inside], places[~inside], strict=True):
        right = bool(value > limits[1])
        _draw_arrow(ax, value, limits[int(right)], place, right=right, colour=colour)


def _draw_arrow(ax: Axes, value: float, border: float, place: float, *, right: bool, colour: str) -> None:
    ax.plot(border, place, marker=">" if right else "<", color=colour, markersize=8, clip_on=False, zorder=3)
    ax.annotate(
        f"{value:.2f}".replace("-", "−"), (border, place), xytext=(-8 if right else 8, 0),
        textcoords="offset points", ha="right" if right else "left", va="center", fontsize=8.5,
    )  # fmt: skip


def _finish(ax: Axes, titles: Sequence[str], limits: tuple[float, float], *, legend: bool) -> None:
    ax.set_yticks(range(len(titles)), [plain(title) for title in titles])
    ax.set_ylim(len(titles) - 0.4, -0.6)
    ax.set_xlim(limits)
    ax.grid(axis="y")
    ax.tick_params(axis="y", length=0, pad=8)  # room for arrows at the border
    ax.set_xlabel("score")
    frame = ax.get_xaxis_transform()  # x in data, y in parts of the axes
    ax.text(0, 1.01, "as good as real", transform=frame, ha="center", va="bottom", fontsize=8.5, color=INK)
    ax.text(1, 1.01, "no better than noise", transform=frame, ha="center", va="bottom", fontsize=8.5, color=INK)
    if legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderpad=0)


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


@styled
def sensitivity(
    matrix: pd.DataFrame,
    *,
    threshold: float = 3.0,
    limit: float = 10.0,
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw how clearly each metric sees each defect; a dot marks what is above the threshold.

    Parameters
    ----------
    matrix
        z by defect (rows) and metric (columns), as ``sensitivity_matrix`` of the judge returns. A missing z
        is a dash.
    threshold
        z above which a metric sees a defect.
    limit
        z of the darkest colour; below 0 fields are white.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Returns
    -------
    matplotlib.axes.Axes
        Metrics as rows, defects as columns.

    Raises
    ------
    InputError
        If the matrix is empty or holds anything but numbers, or the limits are not positive.
    """
    if matrix.empty or not all(pd.api.types.is_numeric_dtype(kind) for kind in matrix.dtypes):
        msg = f"matrix has shape {matrix.shape} and columns of {sorted(map(str, set(matrix.dtypes)))}; expected numbers"
        raise InputError(msg)
    if not 0 < threshold <= limit:
        msg = f"threshold is {threshold} and limit {limit}; expected 0 < threshold <= limit"
        raise InputError(msg)
    z = matrix.T.to_numpy(dtype=float)
    ax = own_axes(ax, 1.6 + 0.19 * len(z))
    image = ax.imshow(np.clip(z, 0, limit), cmap="Greys", vmin=0, vmax=1.4 * limit, aspect="auto")
    rows, columns = np.nonzero(np.nan_to_num(z, nan=-np.inf) > threshold)
    dark = np.clip(z[rows, columns], 0, limit) > 0.6 * limit
    ax.scatter(columns, rows, s=12, c=np.where(dark, "white", INK), linewidths=0)
    for row, column in zip(*np.nonzero(np.isnan(z)), strict=True):
        ax.text(column, row, "–", ha="center", va="center", color="#9A9A9A", fontsize=8)
    ax.set_xticks(range(z.shape[1]), [plain(str(name)) for name in matrix.index], rotation=40, ha="left")
    ax.set_yticks(range(len(z)), [plain(str(name)) for name in matrix.columns])
    ax.tick_params(length=0, top=False, bottom=False, labeltop=True, labelbottom=False)
    bar = ax.figure.colorbar(image, ax=ax, fraction=0.03, pad=0.02, shrink=0.5, boundaries=np.linspace(0, limit, 64))
    bar.set_label(f"z, worse than real cells (at most {limit:g} shown); dot: above {threshold:g}")
    bar.set_ticks([0, threshold, limit])
    return finish(ax, show=show, save=save)


NULL_COLUMNS = ("n_real", "n_synthetic", "share")


@styled
def de_null(table: pd.DataFrame, *, ax: Axes | None = None, show: bool = False, save: str | Path | None = None) -> Axes:
    """Draw the share of genes that a test calls different between two groups of one type.

    Parameters
    ----------
    table
        Rows of ``DENullCheck.table``, of one check or of several with different numbers of synthetic
        cells: a dot for each run, a line for the mean.
    ax
        Axes to draw on; by default those of a new figure.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Returns
    -------
    matplotlib.axes.Axes
        One place for each number of synthetic cells; the first, without any, is the truth: nothing differs.

    Raises
    ------
    InputError
        If a column is missing, there are no rows, or a share is not one.
    """
    missing = [name for name in NULL_COLUMNS if name not in table]
    if missing or table.empty or not table["share"].between(0, 1).all():
        msg = f"the table lacks {missing}, has {len(table)} rows or shares outside [0, 1]; pass DENullCheck.table"
        raise InputError(msg)
    # Checks with different numbers of synthetic cells repeat the runs without them.
    runs = table.drop_duplicates([name for name in ("run", "n_synthetic") if name in table])
    ax = own_axes(ax, 2.6)
    numbers = sorted(runs["n_synthetic"].unique())
    rng = np.random.default_rng(0)
    for place, number in enumerate(numbers):
        shares = runs.loc[runs["n_synthetic"] == number, "share"].to_numpy(dtype=float)
        colour = SOURCE_COLOURS["synthetic" if number else "real"]
        ax.plot(place + rng.uniform(-0.12, 0.12, len(shares)), shares, "o", color=colour, alpha=0.55, markersize=4)
        ax.hlines(shares.mean(), place - 0.28, place + 0.28, color=INK, linewidth=1.5)
        ax.annotate(f"{shares.mean():.1%}", (place + 0.3, shares.mean()), color=INK, va="center", fontsize="small")
    ax.set_xticks(range(len(numbers)), [f"+ {number}" if number else "real only" for number in numbers])
    ax.set(xlim=(-0.5, len(numbers) - 0.2), ylim=(-0.02, None))
    ax.set_xlabel(f"synthetic cells added to {int(runs['n_real'].iloc[0])} real cells of each group")
    ax.set_ylabel("genes called different\n(none is)")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    return finish(ax, show=show, save=save)
