"""Check of the column that holds cell types."""

from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData

from scgarage.errors import InputError
from scgarage.io.wording import examples, listed
from scgarage.schema import UNSURE

__all__ = ["OR_PREPARE", "validate_labels"]

OR_PREPARE = ", or use sg.pp.prepare (scgarage prepare)"
"""End of the messages about what it mends."""

_MAX_NUMBER_LABELS = 50
_N_EXAMPLES = 5


def validate_labels(
    adata: AnnData,
    labels_key: str,
    *,
    min_types: int = 2,
    min_cells_per_type: int = 2,
    argument: str = "labels_key",
) -> None:
    """Check that a column of ``obs`` holds cell types that can be worked with.

    Parameters
    ----------
    adata
        Data set.
    labels_key
        Column of ``obs``.
    min_types
        Smallest number of different labels.
    min_cells_per_type
        Smallest number of cells of each.
    argument
        What the user gave the column as, for the message.

    Raises
    ------
    InputError
        If the column is missing or holds measurements rather than labels; a label is missing or is the
        reserved ``"unsure"``; or there are too few types, or cells of a type.
    """
    if labels_key not in adata.obs:
        msg = f"adata.obs has no '{labels_key}'; pass {argument}= one of: {listed(_label_columns(adata))}"
        raise InputError(msg)
    labels = adata.obs[labels_key]
    missing = np.flatnonzero(labels.isna().to_numpy())
    if missing.size:
        msg = (
            f"adata.obs['{labels_key}'] has no label for {missing.size:,} of {adata.n_obs:,} cells (first: "
            f"'{adata.obs_names[missing[0]]}'); label them, or drop them: adata = "
            f"adata[adata.obs['{labels_key}'].notna()].copy(){OR_PREPARE}"
        )
        raise InputError(msg)
    _check_is_not_a_measurement(labels, labels_key, adata)
    sizes = labels.astype(str).value_counts()
    if UNSURE in sizes.index:
        msg = (
            f"adata.obs['{labels_key}'] holds the label '{UNSURE}' ({sizes[UNSURE]:,} cells), which scgarage "
            "reserves for synthetic cells without a clear type; rename it, or drop these cells"
        )
        raise InputError(msg)
    _check_sizes(sizes, labels_key, min_types=min_types, min_cells_per_type=min_cells_per_type)


def _check_is_not_a_measurement(labels: "pd.Series[Any]", labels_key: str, adata: AnnData) -> None:
    """Refuse a numeric column with fractions or very many values."""
    categories = labels.cat.categories if isinstance(labels.dtype, pd.CategoricalDtype) else labels
    if categories.dtype.kind not in "iuf":
        return
    values = np.unique(np.asarray(labels, dtype=np.float64))
    if np.array_equal(values, np.rint(values)) and values.size <= _MAX_NUMBER_LABELS:
        return
    others = [column for column in _label_columns(adata) if column != labels_key]
    msg = (
        f"adata.obs['{labels_key}'] holds {values.size:,} different numbers from {values[0]:g} to "
        f"{values[-1]:g}, which looks like a measurement; cell types are expected: pass labels_key= one of: "
        f"{listed(others)}, or turn it into text if these are labels"
    )
    raise InputError(msg)


def _check_sizes(sizes: "pd.Series[int]", labels_key: str, *, min_types: int, min_cells_per_type: int) -> None:
    """Refuse too few types, and types of too few cells."""
    if len(sizes) < min_types:
        msg = f"adata.obs['{labels_key}'] holds one label ({examples(sizes.index)}); at least {min_types} are expected"
        if len(sizes) != 1:
            msg = f"adata.obs['{labels_key}'] holds {len(sizes)} labels; at least {min_types} are expected"
        raise InputError(msg)
    small = sizes[sizes < min_cells_per_type]
    if len(small):
        named = ", ".join(f"'{label}' ({n})" for label, n in small.iloc[:_N_EXAMPLES].items())
        more = f" and {len(small) - _N_EXAMPLES:,} more" if len(small) > _N_EXAMPLES else ""
        msg = (
            f"{len(small):,} types in adata.obs['{labels_key}'] have fewer than {min_cells_per_type} cells: "
            f"{named}{more}; merge them with another type, or drop their cells"
        )
        raise InputError(msg)


def _label_columns(adata: AnnData) -> list[str]:
    """Return the columns of ``obs`` that hold text or categories."""
    return [str(name) for name, column in adata.obs.items() if column.dtype.kind not in "iufcmM"]
