"""Scores of all metrics on one scale."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scgarage.errors import InputError
from scgarage.metrics.metric import TARGETS
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, SOURCE_COLOURS, TYPE_COLOURS
from scgarage.plotting.style import own_axes, plain, styled

__all__ = ["score_sd", "scores"]

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
