"""What biology forbids or demands of cells, as a penalty of a generator and as a check of any cells."""

from scgarage.constraints.check import KINDS, ConstraintPenalty, check_constraints, read_constraints, to_texts
from scgarage.constraints.rules import CoExpressed, Constraint, Exclusive, Monotone, NonNegative, Total

__all__ = [
    "KINDS", "CoExpressed", "Constraint", "ConstraintPenalty", "Exclusive", "Monotone", "NonNegative", "Total",
    "check_constraints", "read_constraints", "to_texts",
]  # fmt: skip
