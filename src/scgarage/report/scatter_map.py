"""The map of the cells as data for the script of the page."""

from collections.abc import Collection
from typing import Any

import numpy as np
import pandas as pd

from scgarage.plotting import SOURCE_COLOURS, type_colours
from scgarage.schema import REAL, SYNTHETIC, UNSURE

__all__ = ["map_data"]

STEPS = 4000
"""Places along the longer side: more than a screen has, and short numbers in the file."""


def map_data(coordinates: pd.DataFrame, rare: Collection[str] = (), *, random_state: int = 0) -> dict[str, Any]:
    """Return the map as plain values that fit into the page.

    Parameters
    ----------
    coordinates
        Columns ``umap1``, ``umap2``, ``source`` and, if known, ``cell_type``, as
        :func:`scgarage.plotting.joint_embedding` returns them.
    rare
        Types to mark as rare.
    random_state
        Seed of the order in which the cells are drawn, so that neither source hides the other.

    Returns
    -------
    ``x`` and ``y`` (whole numbers, 0 at the lower left), ``source`` (0 real, 1 synthetic) and ``type`` (place in
    ``types``, -1 without one) of each cell, ``width`` and ``height``; ``sources`` and ``types`` with name, colour and
    numbers of cells. No names of cells.
    """
    shuffled = coordinates.sample(frac=1, random_state=random_state)
    places = shuffled[["umap1", "umap2"]].to_numpy(dtype=np.float64)
    places -= places.min(axis=0)
    places *= STEPS / max(float(places.max()), 1e-9)
    width, height = np.maximum(places.max(axis=0).round(), 1).astype(int).tolist()
    source = (shuffled["source"] == SYNTHETIC).to_numpy()
    known = shuffled["cell_type"] if "cell_type" in shuffled else pd.Series(None, index=shuffled.index, dtype=object)
    labels = known.astype(object).where(known.notna(), None).to_numpy()
    names = _by_abundance(labels, source)
    codes = {name: code for code, name in enumerate(names)}
    kinds = np.array([-1 if label is None else codes[str(label)] for label in labels], dtype=int)
    colours = type_colours(names)
    return {
        "x": places[:, 0].round().astype(int).tolist(),
        "y": places[:, 1].round().astype(int).tolist(),
        "source": source.astype(int).tolist(),
        "type": kinds.tolist(),
        "width": width,
        "height": height,
        "sources": [
            {"name": name, "colour": SOURCE_COLOURS[name], "cells": int((source == is_synthetic).sum())}
            for name, is_synthetic in ((REAL, False), (SYNTHETIC, True))
        ],
        "types": [
            {
                "name": name,
                "colour": colours[name],
                "rare": name in rare,
                "real": int(((kinds == code) & ~source).sum()),
                "synthetic": int(((kinds == code) & source).sum()),
            }
            for name, code in codes.items()
        ],
    }


def _by_abundance(
    labels: "np.ndarray[Any, np.dtype[np.object_]]", source: "np.ndarray[Any, np.dtype[np.bool_]]"
) -> list[str]:
    """Return the types by number of real cells, then of all; "unsure" last."""
    table = pd.DataFrame({"label": [None if label is None else str(label) for label in labels], "real": ~source})
    counted = table.dropna().groupby("label")["real"].agg(["sum", "size"])
    names = [str(name) for name in counted.sort_values(["sum", "size"], ascending=False, kind="stable").index]
    return sorted(names, key=lambda name: name == UNSURE)
