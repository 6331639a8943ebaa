"""Choice of a resolution: by the cells, by the number of types, or, as published, by the truth."""

from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = ["CHOICES", "ON_TRUTH", "Choose", "choose_resolution", "count_clusters"]

Choose: TypeAlias = Literal["silhouette", "n_types"]
"""What decides about the resolution."""

CHOICES: tuple[Choose, ...] = ("silhouette", "n_types")

ON_TRUTH = "legacy: chosen on the truth (best ARI), optimistic"
"""What ``chosen_by`` says about numbers whose resolution was chosen by the labels that then score it."""


def count_clusters(clusters: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return the number of clusters of each partition, (n_partitions, n_cells) -> (n_partitions,)."""
    ordered = np.sort(clusters, axis=1)
    return np.asarray((np.diff(ordered, axis=1) != 0).sum(axis=1) + 1, dtype=np.intp)


def choose_resolution(
    clusters: NDArray[np.intp], silhouette: NDArray[np.float64], *, choose: Choose, n_types: int
) -> int:
    """Return the position of the partition to use, without any label.

    Parameters
    ----------
    clusters
        Clusters of each cell, (n_partitions, n_cells).
    silhouette
        Mean silhouettes, (n_partitions,); NaN where there is none.
    choose
        ``"silhouette"``: the highest mean silhouette. ``"n_types"``: the number of clusters nearest to
        ``n_types``, among equals the highest silhouette.
    n_types
        Number of types that the user expects.

    Returns
    -------
    int
        Position; the first among equals.

    Raises
    ------
    InputError
        If ``choose`` is unknown or ``n_types`` is below one.
    """
    if choose not in CHOICES:
        msg = f"choose is {choose!r}; expected one of: {', '.join(CHOICES)} (or legacy=True to use the truth)"
        raise InputError(msg)
    if n_types < 1:
        msg = f"n_types is {n_types}; expected at least 1"
        raise InputError(msg)
    quality = np.nan_to_num(silhouette, nan=-2.0)  # below any silhouette
    if choose == "n_types":
        away = np.abs(count_clusters(clusters) - n_types)
        quality = np.where(away == away.min(), quality, -np.inf)
    return int(quality.argmax())
