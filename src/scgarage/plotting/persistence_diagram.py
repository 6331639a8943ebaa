"""Persistence diagrams of real and synthetic cells."""

import warnings
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import ArrayLike, NDArray

from scgarage.errors import MissingExtraError
from scgarage.metrics.metric import Points, check_points
from scgarage.metrics.topology import INSTALL, diagrams_of, landmarks
from scgarage.plotting.style import FAINT, SOURCE_COLOURS, finish, own_axes, styled

NAMES = {"real": "real held-out", "synthetic": "synthetic", "floor": "real training (floor)"}
MARKERS = {"real": "o", "synthetic": "^", "floor": "s"}

Diagrams = dict[str, list[Points]]


def persistence(
    real: ArrayLike,
    synthetic: ArrayLike,
    *,
    train: ArrayLike | None = None,
    n_landmarks: int = 150,
    n_dims: int = 10,
    random_state: int = 0,
) -> Diagrams:
    """Return the persistence diagrams of landmark cells.

    As many cells of each source are drawn, because landmarks, chosen farthest first, lie the farther apart the more
    cells there are to choose from.

    Parameters
    ----------
    real, synthetic
        Coordinates of held-out real and synthetic cells, (n_cells, n_dims).
    train
        Coordinates of real training cells, for the floor.
    n_landmarks
        Landmarks of each source.
    n_dims
        Leading coordinates to use.
    random_state
        Seed.

    Returns
    -------
    dict
        ``"real"``, ``"synthetic"`` and, with ``train``, ``"floor"``: diagrams of connected components and of loops,
        (n_features, 2), birth and death in units of the coordinates; the component that never dies is left out.

    Raises
    ------
    InputError
        If an array has fewer than 3 cells or they cannot be compared.
    MissingExtraError
        If ``ripser`` is not installed.

    References
    ----------
    Tralie, Saul and Bar-On, Ripser.py, 2018, doi:10.21105/joss.00925.
    """
    given = {"real": real, "synthetic": synthetic} | ({} if train is None else {"floor": train})
    checked = dict(zip(given, check_points(3, **given), strict=True))
    n_cells = min(map(len, checked.values()))
    rng = np.random.default_rng(random_state)
    return {
        name: diagrams_of(landmarks(rng.permutation(cells)[:n_cells, :n_dims], n_landmarks, rng))
        for name, cells in checked.items()
    }


def persistence_distances(diagrams: Diagrams) -> pd.DataFrame:
    r"""Return the distances of synthetic and training from real diagrams.

    .. math::

        W_\infty = \min_\phi \max_x \lVert x - \phi(x) \rVert_\infty, \qquad
        W_1 = \min_\phi \sum_x \lVert x - \phi(x) \rVert_2

    over matchings :math:`\phi` of points with points or with the diagonal.

    Parameters
    ----------
    diagrams
        What :func:`persistence` returns.

    Returns
    -------
    pandas.DataFrame
        A row for ``"components"`` and ``"loops"``; columns ``bottleneck``, ``wasserstein`` and, with training cells,
        ``bottleneck_floor``, ``wasserstein_floor``.

    Raises
    ------
    MissingExtraError
        If ``persim`` is not installed.

    References
    ----------
    Edelsbrunner and Harer, Computational Topology, 2010, chapter VIII.
    """
    try:
        from persim import bottleneck, wasserstein
    except ImportError as error:
        raise MissingExtraError(INSTALL) from error
    sides = {"synthetic": "", "floor": "_floor"}
    with warnings.catch_warnings():
        # persim warns of diagrams without a point, which it then treats as it should.
        warnings.simplefilter("ignore")
        rows = [
            {
                f"{name}{end}": float(distance(diagrams["real"][number], diagrams[side][number]))
                for side, end in sides.items()
                if side in diagrams
                for name, distance in (("bottleneck", bottleneck), ("wasserstein", wasserstein))
            }
            for number in range(2)
        ]
    return pd.DataFrame(rows, index=["components", "loops"])


@styled
def persistence_diagram(
    diagrams: Diagrams,
    *,
    distances: pd.DataFrame | None = None,
    ax: Axes | None = None,
    show: bool = False,
    save: str | Path | None = None,
) -> Axes:
    """Draw birth and death of loops, and deaths of connected components in a lane for each source.

    The farther a loop lies above the diagonal, the longer it lasts; loops near it are noise.

    Parameters
    ----------
    diagrams
        What :func:`persistence` returns.
    distances
        What :func:`persistence_distances` returns, to be written below the axis.
    ax
        Where to draw; a new figure by default.
    show, save
        Whether to show the figure now, and the file to write it to.

    Examples
    --------
    >>> cells = np.random.default_rng(0).normal(size=(30, 2))
    >>> ax = persistence_diagram(persistence(cells, cells + 1))
    >>> ax.get_ylabel()
    'death'
    """
    ax = own_axes(ax, 4.6, width=6.4)
    high = 1.05 * max(float(points.max(initial=0.0)) for own in diagrams.values() for points in own) or 1.0
    lanes = -high * np.array([0.06, 0.11, 0.16])
    ax.plot([0, high], [0, high], color=FAINT, linewidth=0.9, zorder=0)
    for name in ("floor", "real", "synthetic"):
        if name in diagrams:
            components, loops = diagrams[name]
            lane = lanes[list(NAMES).index(name)]
            _points(ax, np.full(len(components), lane), components[:, 1], name)
            label = f"{NAMES[name]}: {len(loops)} loops"
            _points(ax, loops[:, 0], loops[:, 1], name, label=label)
    ax.axvline(0, color=FAINT, linewidth=0.7, zorder=0)
    ax.set(xlim=(1.4 * lanes[-1], high), ylim=(0, high), xlabel="birth", ylabel="death", title="Persistence diagram")
    ax.set_xticks([tick for tick in ax.get_xticks() if 0 <= tick <= high])
    ax.text(0.0, -0.02, "components", transform=ax.transAxes, va="top", fontsize=8.5)
    ax.legend(loc="lower right", handletextpad=0.2)
    if distances is not None:
        ax.set_xlabel("birth\n" + _words(distances))
    return finish(ax, show=show, save=save)


def _points(
    ax: Axes, births: NDArray[np.floating], deaths: NDArray[np.floating], name: str, *, label: str | None = None
) -> None:
    ax.scatter(
        births, deaths, s=16, marker=MARKERS[name], color=SOURCE_COLOURS[name], alpha=0.6, linewidths=0, label=label
    )  # fmt: skip


def _words(distances: pd.DataFrame) -> str:
    """Write the distances down, a line for components and one for loops."""
    lines = []
    for kind, row in distances.iterrows():
        parts = [
            f"{name} {row[name]:.2f}" + (f" (floor {row[f'{name}_floor']:.2f})" if f"{name}_floor" in distances else "")
            for name in ("bottleneck", "wasserstein")
        ]
        lines.append(f"{kind}: {', '.join(parts)}".replace("wasserstein", "Wasserstein"))
    return "\n".join(lines)
