"""Which metric sees which defect."""

from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from scgarage.errors import InputError
from scgarage.plotting.output import finish
from scgarage.plotting.palette import INK
from scgarage.plotting.style import own_axes, plain, styled

__all__ = ["sensitivity"]


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
