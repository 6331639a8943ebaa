"""What a reader should know about the cells before trusting any number."""

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from anndata import AnnData

from scgarage.preprocess import Split
from scgarage.schema import UNS_KEY

__all__ = ["origin_notes"]

PREDICTED = "the synthetic cells came without types; theirs were predicted by a classifier trained on real cells"

OTHER_SPLIT = (
    "the synthetic cells come from a model that was fitted on another split, so held-out cells may have "
    "been among its training cells"
)

SPLIT_KEYS = ("fingerprint", "random_state", "fractions", "donor_key")
"""Entries of a split's record that are the same only for the same parts."""


def origin_notes(synthetic: AnnData, split: Split, *, labelled: bool) -> list[str]:
    """Return notes about where the synthetic cells and their types come from.

    Warns
    -----
    UserWarning
        When the cells say that their model was fitted on another split.
    """
    about: Any = synthetic.uns.get(UNS_KEY)
    theirs = about.get("split") if isinstance(about, Mapping) else None
    notes = [] if labelled else [PREDICTED]
    if isinstance(theirs, Mapping) and "fingerprint" in theirs and not _same(theirs, split.record()):
        # To whoever called the public function, two frames above the caller of this one.
        warnings.warn(f"{OTHER_SPLIT}; judge with the split of the model", UserWarning, stacklevel=4)
        notes.insert(0, OTHER_SPLIT)
    return notes


def _same(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return all(np.array_equal(np.asarray(theirs.get(key)), np.asarray(ours.get(key))) for key in SPLIT_KEYS)
