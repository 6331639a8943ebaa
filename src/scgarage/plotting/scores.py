"""Scores of all metrics on one scale."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scgarage.errors import InputError
from scgarage.plotting.palette import INK, SOURCE_COLOURS, type_colours
from scgarage.plotting.style import own_axes, plain, styled

__all__ = ["score_sd", "scores"]

COLUMNS = ("title", "group", "score", "value_sd", "floor", "null")
GROUP_MARKERS = ("o", "D", "s", "^", "v", "P")


def score_sd(table: pd.DataFrame) -> "pd.Series[float]":
    r"""Return the sd of each score over the repeats, :math:`\mathrm{sd}(value) / |null - floor|`.

    Parameters
    ----------
    table
        Columns ``value_sd``, ``floor`` and ``null``.
    """
    width = (table["null"] - table["floor"]).abs()
    return table["value_sd"] / width.where(width > 0)


@styled
def scores(
    table: pd.DataFrame,
    *,
    groups: Sequence[str] = ("all", "rare"),
    limits: tuple[float, float] = (-0.5, 1.5),
    ax: Axes | None = None,
) -> Axes:
    """Draw the score of each metric with its sd: 0 is as good as real cells, 1 no better than noise.

    A score outside ``limits`` is an arrow at the border with the number beside it. Metrics without a score are left out.

    Parameters
    ----------
    table
        The table of an evaluation: columns ``title``, ``group``, ``score``, ``value_sd``, ``floor`` and ``null``.
    groups
        Groups of cells to draw, each with its marker.
    limits
        Smallest and largest score on the axis.
    ax
        Axes to draw on; by default those of a new figure.

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
    titles = list(dict.fromkeys(drawn["title"]))
    present = [group for group in groups if (drawn["group"] == group).any()]
    ax = own_axes(ax, 1.0 + 0.27 * len(titles))
    ax.axvspan(limits[0], 0, color="#EAF3EE", zorder=0)
    for place, colour in ((0, SOURCE_COLOURS["real"]), (1, SOURCE_COLOURS["null"])):
        ax.axvline(place, color=colour, linewidth=1.2, zorder=1)
    offsets = np.linspace(-0.14, 0.14, len(present)) if len(present) > 1 else np.zeros(1)
    colours = dict(zip(present, [SOURCE_COLOURS["synthetic"], *type_colours(present).values()], strict=False))
    for group, offset, marker in zip(present, offsets, GROUP_MARKERS * len(present), strict=False):
        rows = drawn[drawn["group"] == group]
        places = np.array([titles.index(title) for title in rows["title"]]) + offset
        _draw_group(ax, rows, places, limits, label=group, colour=colours[group], marker=marker)
    _finish(ax, titles, limits, legend=len(present) > 1)
    return ax


def _draw_group(
    ax: Axes, rows: pd.DataFrame, places: np.ndarray, limits: tuple[float, float], *, label: str, colour: str, marker: str
) -> None:
    score = rows["score"].to_numpy(dtype=float)
    inside = (score >= limits[0]) & (score <= limits[1])
    ax.errorbar(
        score[inside], places[inside], xerr=np.nan_to_num(rows["sd"].to_numpy(dtype=float)[inside]), fmt=marker,
        color=colour, markersize=6, elinewidth=1.2, label=f"{label} cells", zorder=3,
    )  # fmt: skip
    for value, place in zip(score[~inside], places[~inside], strict=True):
        right = value > limits[1]
        ax.plot(limits[int(right)], place, marker=">" if right else "<", color=colour, markersize=8, clip_on=False, zorder=3)
        ax.annotate(
            f"{value:.3g}", (limits[int(right)], place), xytext=(-8 if right else 8, 0), textcoords="offset points",
            ha="right" if right else "left", va="center", fontsize=8.5,
        )  # fmt: skip


def _finish(ax: Axes, titles: Sequence[str], limits: tuple[float, float], *, legend: bool) -> None:
    ax.set_yticks(range(len(titles)), [plain(title) for title in titles])
    ax.set_ylim(len(titles) - 0.4, -0.6)
    ax.set_xlim(limits)
    ax.grid(axis="y")
    ax.tick_params(axis="y", length=0)
    ax.set_xlabel("score")
    frame = ax.get_xaxis_transform()  # x in data, y in parts of the axes
    ax.text(0, 1.01, "as good as real", transform=frame, ha="center", va="bottom", fontsize=8.5, color=INK)
    ax.text(1, 1.01, "no better than noise", transform=frame, ha="center", va="bottom", fontsize=8.5, color=INK)
    if legend:
        ax.legend(loc="upper left", bbox_to_anchor=(1.01, 1), borderpad=0)
