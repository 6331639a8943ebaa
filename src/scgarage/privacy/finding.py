"""One row of the audit's table."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from scgarage.privacy.thresholds import THRESHOLDS

__all__ = ["COLUMNS", "Finding"]

COLUMNS = ("check", "group", "n_cells", "value", "low", "high", "floor", "threshold", "passed", "note")
"""Columns of the table."""

WIDE = "cannot say: the interval is too wide"


@dataclass(frozen=True)
class Finding:
    """What one check found in one group of cells.

    Attributes
    ----------
    check
        Key of ``THRESHOLDS``.
    group
        ``"all"``, ``"rare"``, ``"seeds"`` or ``"donors"``.
    n_cells
        Cells (or donors) behind the number: synthetic ones, or members of an attack.
    value, low, high
        Result and its 95 % interval; NaN when there is none.
    floor
        What fresh real cells have.
    obstacle
        Why the number may not be judged; empty when it may.
    note
        What else to know about it.
    """

    check: str
    group: str
    n_cells: int
    value: float = float("nan")
    low: float = float("nan")
    high: float = float("nan")
    floor: float = float("nan")
    obstacle: str = ""
    note: str = ""

    @property
    def passed(self) -> bool | None:
        """``True``, ``False``, or ``None`` where nothing can be said."""
        return None if self.obstacle else THRESHOLDS[self.check].judge(self.low, self.high)

    def row(self) -> dict[str, Any]:
        """Return the row of the table."""
        wide = WIDE if self.passed is None and not self.obstacle and not np.isnan(self.value) else ""
        words = [self.obstacle and f"cannot say: {self.obstacle}", wide, self.note]
        values: dict[str, Any] = {name: getattr(self, name) for name in COLUMNS if name not in {"threshold", "note"}}
        values |= {"threshold": THRESHOLDS[self.check].limit, "note": "; ".join(word for word in words if word)}
        return {name: values[name] for name in COLUMNS}
