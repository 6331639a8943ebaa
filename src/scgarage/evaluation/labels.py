"""The types of real and synthetic cells, checked once."""

from collections.abc import Mapping

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.preprocess import Split
from scgarage.schema import UNSURE

__all__ = ["ONE_TYPE", "choose_labels_key", "real_labels", "synthetic_labels"]

ONE_TYPE = "cell"
"""Type of all cells where no types are known."""


def choose_labels_key(split: Split, labels_key: str | None) -> str:
    """Return the column of ``obs`` with the types: the one asked for, or else the split's own.

    Raises
    ------
    InputError
        If there is neither.
    """
    key = labels_key or split.labels_key
    if key is None:
        columns = ", ".join(map(repr, split.train.obs))
        msg = f"the split has no labels_key; pass labels_key= one of: {columns}"
        raise InputError(msg)
    return key


def real_labels(split: Split, key: str | None) -> dict[str, NDArray[np.str_]]:
    """Return the types of the cells of each part; without a column they are all :data:`ONE_TYPE`.

    Raises
    ------
    InputError
        If the column or a value is missing.
    """
    return {name: _complete(getattr(split, name), key) for name in ("train", "validation", "test")}


def synthetic_labels(
    synthetic: AnnData, key: str | None, real: Mapping[str, NDArray[np.str_]]
) -> NDArray[np.str_] | None:
    """Return the types of synthetic cells, a missing one as "unsure"; ``None`` where only the real cells have types.

    Raises
    ------
    InputError
        If no label is a type of a real cell.
    """
    if key is None:
        return np.full(synthetic.n_obs, ONE_TYPE)
    if key not in synthetic.obs:
        return None
    column = synthetic.obs[key].astype(object)
    found = np.asarray(column.where(column.notna(), UNSURE).astype(str), dtype=np.str_)
    types = np.unique(np.concatenate(list(real.values())))
    if not np.isin(found, [*types, UNSURE]).any():
        msg = (
            f"no label of the synthetic cells is a real type: found {_first(found)}, expected "
            f"{_first(types)}; rename them, or drop the column to have types predicted"
        )
        raise InputError(msg)
    return found


def _complete(cells: AnnData, key: str | None) -> NDArray[np.str_]:
    if key is None:
        return np.full(cells.n_obs, ONE_TYPE)
    if key not in cells.obs:
        columns = ", ".join(map(repr, cells.obs.columns)) or "none"
        msg = f"the real cells' obs has no {key!r}; pass labels_key= one of: {columns}"
        raise InputError(msg)
    if cells.obs[key].isna().any():
        msg = f"obs[{key!r}] of the real cells has missing values; fill or drop those cells"
        raise InputError(msg)
    return np.asarray(cells.obs[key].astype(str), dtype=np.str_)


def _first(labels: NDArray[np.str_]) -> str:
    return ", ".join(map(repr, np.unique(labels)[:5].tolist()))
