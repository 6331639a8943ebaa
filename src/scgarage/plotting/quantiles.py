"""Quantiles of synthetic against those of real cells."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK, SOURCE_COLOURS
from scgarage.plotting.style import new_figure, plain, styled

__all__ = ["quantiles"]

PROBABILITIES = np.linspace(0.005, 0.995, 100)
"""From the lowest to the highest half percent: the very ends of two samples differ by chance."""

Side = tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating] | None]


@styled
def quantiles(values: Mapping[str, Side], *, show: bool = False, save: str | Path | None = None) -> Figure:
    """Draw QQ plots: 100 quantiles of synthetic against real held-out values, a panel for each quantity.

    Points on the line: the distributions are equal. In grey the same for real training cells.

    Parameters
    ----------
    values
        Real held-out, synthetic and (or ``None``) real training values of each quantity, by its name.
    show, save
        Show the figure now; file to write (svg and pdf are vector formats).

    Raises
    ------
    InputError
        When there is no quantity or one has no value.

    Examples
    --------
    >>> import numpy as np
    >>> cells = np.arange(50.0)
    >>> len(quantiles({"counts": (cells, cells, None)}).axes)
    1
    """
    empty = [name for name, sides in values.items() if any(side is not None and not len(side) for side in sides)]
    if empty or not values:
        msg = f"quantiles need values on every side; found none for {empty or 'any quantity'}"
        raise InputError(msg)
    figure = new_figure(3.5)
    axes = figure.subplots(1, len(values), squeeze=False)[0]
    for ax, (name, (real, synthetic, train)) in zip(axes, values.items(), strict=True):
        _draw(ax, real, {"floor": train, "synthetic": synthetic})
        ax.set(title=plain(name), xlabel="real held-out cells")
    axes[0].set_ylabel("synthetic cells")
    has_floor = any(train is not None for _, _, train in values.values())
    labels = ({"floor": "real training cells (floor)"} if has_floor else {}) | {"synthetic": "synthetic cells"}
    handles = [
        Line2D([], [], marker="o", markersize=5, linestyle="", color=SOURCE_COLOURS[name], label=label)
        for name, label in labels.items()
    ]
    figure.legend(handles=handles, loc="outside lower center", ncol=2, handletextpad=0.1)
    return finish(figure, show=show, save=save)


def _draw(ax: Axes, real: NDArray[np.floating], sides: Mapping[str, NDArray[np.floating] | None]) -> None:
    truth = np.quantile(real, PROBABILITIES)
    ends = [truth]
    for name, values in sides.items():
        if values is not None:
            found = np.quantile(values, PROBABILITIES)
            ends.append(found)
            ax.plot(truth, found, "o", color=SOURCE_COLOURS[name], markersize=3.5, markeredgewidth=0, alpha=0.8)
    low, high = min(map(np.min, ends)), max(map(np.max, ends))
    margin = 0.04 * (high - low) or 0.5
    limits = (low - margin, high + margin)
    ax.plot(limits, limits, color=INK, linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    ax.set(xlim=limits, ylim=limits)
