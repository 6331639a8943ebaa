"""What biology forbids or demands of cells, as a penalty of a generator and as a check of any cells."""

from scgarage.constraints.check import check_constraints
from scgarage.constraints.coexpressed import CoExpressed
from scgarage.constraints.constraint import Constraint
from scgarage.constraints.exclusive import Exclusive
from scgarage.constraints.monotone import Monotone
from scgarage.constraints.non_negative import NonNegative
from scgarage.constraints.penalty import ConstraintPenalty
from scgarage.constraints.read import KINDS, read_constraints, to_texts
from scgarage.constraints.total import Total

__all__ = [
    "KINDS",
    "CoExpressed",
    "Constraint",
    "ConstraintPenalty",
    "Exclusive",
    "Monotone",
    "NonNegative",
    "Total",
    "check_constraints",
    "read_constraints",
    "to_texts",
]
