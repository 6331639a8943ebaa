"""Files: any expression format -> AnnData, and output that appears complete or not at all."""

from scgarage.io.atomic import atomic_output, check_output, read_whole
from scgarage.io.matrix import Matrix, as_matrix
from scgarage.io.reader import read
from scgarage.io.recovery import RecoveredCounts, counts_from_log_normalised
from scgarage.io.source import guard
from scgarage.io.values import describe_values, detect_value_kind, find_alternative
from scgarage.io.write import write_csv, write_h5ad

__all__ = [
    "Matrix", "RecoveredCounts", "as_matrix", "atomic_output", "check_output", "counts_from_log_normalised",
    "describe_values", "detect_value_kind", "find_alternative", "guard", "read", "read_whole", "write_csv",
    "write_h5ad",
]  # fmt: skip
