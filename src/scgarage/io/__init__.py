"""Files: any expression format -> AnnData, and output that appears complete or not at all."""

from scgarage.io.alternatives import find_alternative
from scgarage.io.atomic import atomic_output, check_output
from scgarage.io.matrix import Matrix, as_matrix
from scgarage.io.reader import read
from scgarage.io.recover_values import RecoveredCounts, counts_from_log_normalised
from scgarage.io.value_kind import describe_values, detect_value_kind
from scgarage.io.write import write_csv, write_h5ad

__all__ = [
    "Matrix",
    "RecoveredCounts",
    "as_matrix",
    "atomic_output",
    "check_output",
    "counts_from_log_normalised",
    "describe_values",
    "detect_value_kind",
    "find_alternative",
    "read",
    "write_csv",
    "write_h5ad",
]
