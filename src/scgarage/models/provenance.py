"""What synthetic cells say about where they come from."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.schema import COUNTS_LAYER, SOURCE_KEY, SYNTHETIC, UNS_KEY, UNSURE, probability_key

if TYPE_CHECKING:
    from scgarage.models.base import Drawn

__all__ = ["annotate", "history_columns"]

NOT_IN_CELLS = ("var_names", "var", "types", "format")
"""Parts of a model's description that the synthetic cells carry in another form already."""


def annotate(
    cells: ad.AnnData, drawn: "Drawn", about: Mapping[str, Any], types: Sequence[str], *, random_state: int
) -> ad.AnnData:
    """Write labels, source and provenance into synthetic cells; every value survives writing to h5ad."""
    key = about["labels_key"]
    unsure = [UNSURE] if (drawn.labels == UNSURE).any() else []
    cells.obs_names = [f"{SYNTHETIC}_{number}" for number in range(cells.n_obs)]
    cells.obs[key] = pd.Categorical(drawn.labels, categories=[*types, *unsure])
    if drawn.probability is not None:
        cells.obs[probability_key(key)] = drawn.probability.astype(np.float32)
    cells.obs[SOURCE_KEY] = pd.Categorical([SYNTHETIC] * cells.n_obs)
    if about["value_kind"] == "counts":
        cells.layers[COUNTS_LAYER] = cells.X.copy()
    kept = {name: value for name, value in about.items() if name not in NOT_IN_CELLS}
    kept["history"] = {name: _numbers(column) for name, column in about["history"].items()}
    cells.uns[UNS_KEY] = _writable(kept | {"random_state": random_state})
    return cells


def history_columns(history: pd.DataFrame) -> dict[str, list[float | None]]:
    """Return a history as JSON-able columns; what was not measured is ``None``."""
    return {
        str(name): [None if pd.isna(value) else float(value) for value in column] for name, column in history.items()
    }


def _numbers(column: Sequence[float | None]) -> NDArray[np.float64]:
    return np.array([np.nan if value is None else value for value in column], dtype=np.float64)


def _writable(value: Any) -> Any:
    """Leave out ``None`` (absent means not set) and turn sequences into arrays, as h5ad wants."""
    if isinstance(value, Mapping):
        # A slash would open a group inside the h5ad file.
        return {str(k).replace("/", "."): _writable(v) for k, v in value.items() if v is not None}
    if isinstance(value, list | tuple):
        return np.asarray(value)
    return value
