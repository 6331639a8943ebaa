"""What happened during training, as one tidy table."""

from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
import pandas as pd

__all__ = ["History"]


class History:
    """Mean losses since the last record, and validation scores, by iteration.

    Values added with :meth:`add` are averaged until the next :meth:`record`; columns that were not measured
    at a step are ``NaN`` there.
    """

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []
        self._pending: defaultdict[str, list[float]] = defaultdict(list)

    def add(self, values: Mapping[str, float]) -> None:
        """Keep values for the mean of the next record."""
        for name, value in values.items():
            self._pending[name].append(value)

    def record(self, step: int, values: Mapping[str, float] | None = None) -> None:
        """Close the current window at iteration ``step``; ``values`` are written as they are."""
        means = {name: float(np.mean(seen)) for name, seen in self._pending.items()}
        self._pending.clear()
        self._rows.append({"step": step} | means | dict(values or {}))

    def frame(self) -> pd.DataFrame:
        """Return the table: ``step`` first, one column per value, one row per record."""
        return pd.DataFrame(self._rows, columns=None if self._rows else ["step"])

    def state(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {"rows": self._rows, "pending": dict(self._pending)}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Undo :meth:`state`."""
        history = cls()
        history._rows = [dict(row) for row in state["rows"]]
        history._pending.update({name: list(seen) for name, seen in state["pending"].items()})
        return history
