"""Names of the AnnData slots that scgarage reads and writes, in one place."""

from typing import Literal, TypeAlias

ValueKind: TypeAlias = Literal["counts", "log-normalised", "scaled", "unknown"]
"""What the values of an expression matrix are."""

UNS_KEY = "scgarage"
"""Slot of ``uns`` that holds everything scgarage writes about a data set."""

COUNTS_LAYER = "counts"
"""Layer that holds integer counts."""

SOURCE_KEY = "source"
"""Column of ``obs`` that tells real from synthetic cells."""

REAL = "real"
SYNTHETIC = "synthetic"

UNSURE = "unsure"
"""Label of a synthetic cell that no cell type explains with enough probability."""


def probability_key(labels_key: str) -> str:
    """Return the ``obs`` column that holds the probability of each synthetic cell's label."""
    return f"{labels_key}_probability"
