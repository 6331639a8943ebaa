"""What an evaluation says about the cells that it used."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["RARE_SHARE", "THEORY", "describe_cells", "rare_types"]

RARE_SHARE = 0.05
"""A type is rare when its share of the training cells is smaller."""

THEORY = "floor 0.5 by theory"
"""How the note of a memorisation share begins whose floor was not measured."""


def rare_types(labels: NDArray[np.str_]) -> tuple[str, ...]:
    """Return the rare types of training cells with the given labels (n_cells,), rarest first."""
    types, counts = np.unique(labels, return_counts=True)
    rare = counts < RARE_SHARE * len(labels)
    order = np.argsort(counts[rare], kind="stable")
    return tuple(str(name) for name in types[rare][order])


def describe_cells(
    real: Mapping[str, NDArray[np.str_]], synthetic: NDArray[np.str_] | None, *, n_synthetic: int
) -> dict[str, Any]:
    """Return numbers of cells and types as plain values.

    Parameters
    ----------
    real
        Labels of the cells of each part: ``"train"``, ``"validation"``, ``"test"``.
    synthetic
        Labels of synthetic cells, of all or of a sample with predicted ones; ``None`` when there are none.
    n_synthetic
        Number of synthetic cells.
    """
    counts = {"real": _counts(np.concatenate(list(real.values())))}
    described: dict[str, Any] = {f"n_{name}": len(labels) for name, labels in real.items()}
    described |= {
        "n_synthetic": n_synthetic,
        "rare_share": RARE_SHARE,
        "rare_types": list(rare_types(real["train"])),
    }
    return described if synthetic is None else described | {"type_counts": counts | {"synthetic": _counts(synthetic)}}


def _counts(labels: NDArray[np.str_]) -> dict[str, int]:
    return {str(name): int(n) for name, n in pd.Series(labels).value_counts().items()}
