"""Whether types are more frequent among the cells with the highest scores than among those with the lowest."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import false_discovery_control, fisher_exact

from scgarage.errors import InputError

__all__ = ["corrected", "type_enrichment"]

ENRICHMENT_COLUMNS = ("type", "rare", "n_cells", "n_top", "n_bottom", "odds_ratio", "p_value", "q_value")


def type_enrichment(
    labels: NDArray[np.str_], top: NDArray[np.bool_], bottom: NDArray[np.bool_], *, rare: NDArray[np.str_]
) -> pd.DataFrame:
    """Test each type with Fisher's exact test: top cells against bottom cells.

    Parameters
    ----------
    labels
        Type of each cell, ``(n_cells,)``.
    top, bottom
        Masks of the two groups, ``(n_cells,)``, disjoint.
    rare
        Names of the rare types.

    Returns
    -------
    pandas.DataFrame
        A row for each type, rarest first: ``type``, ``rare``, ``n_cells``, ``n_top``, ``n_bottom``, ``odds_ratio``
        (sample odds ratio; infinite when the bottom has none, missing when neither has), ``p_value`` (two-sided) and
        ``q_value`` (Benjamini-Hochberg over the types).

    Raises
    ------
    InputError
        If a group is empty, the groups overlap, or a mask has another length.

    References
    ----------
    Benjamini and Hochberg, 1995, doi:10.1111/j.2517-6161.1995.tb02031.x.

    Examples
    --------
    >>> labels = np.repeat(["B", "T"], 4)
    >>> type_enrichment(labels, labels == "B", labels == "T", rare=np.array(["B"]))["p_value"].round(4).tolist()
    [0.0286, 0.0286]
    """
    fits = top.shape == bottom.shape == labels.shape
    if not fits or not top.any() or not bottom.any() or (top & bottom).any():
        msg = (
            f"top and bottom hold {int(top.sum())} and {int(bottom.sum())} cells, as masks of {len(top)} and "
            f"{len(bottom)} for {len(labels)} labels; expected two groups without a common cell"
        )
        raise InputError(msg)
    n_top, n_bottom = int(top.sum()), int(bottom.sum())
    rows = []
    for name in np.unique(labels):
        of_type = labels == name
        in_top, in_bottom = int(of_type[top].sum()), int(of_type[bottom].sum())
        tested = fisher_exact(np.array([[in_top, n_top - in_top], [in_bottom, n_bottom - in_bottom]]))
        odds = float(tested.statistic) if in_top + in_bottom else float("nan")
        about = {"type": str(name), "rare": bool(np.isin(name, rare)), "n_cells": int(of_type.sum())}
        rows.append(
            about | {"n_top": in_top, "n_bottom": in_bottom, "odds_ratio": odds, "p_value": float(tested.pvalue)}
        )
    table = pd.DataFrame(rows).sort_values(["n_cells", "type"], ignore_index=True)
    return table.assign(q_value=corrected(table["p_value"].to_numpy()))[list(ENRICHMENT_COLUMNS)]


def corrected(p_values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return q-values (Benjamini-Hochberg) of p-values; none for none."""
    if not len(p_values):
        return np.empty(0)
    return np.asarray(false_discovery_control(p_values), dtype=np.float64)
