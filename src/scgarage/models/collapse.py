"""What the monitor of mode collapse found at the weights that were kept."""

from typing import Any

import numpy as np
import pandas as pd

from scgarage.training.collapse import MONITORED
from scgarage.training.collapse_advice import collapse_advice

__all__ = ["diagnosis"]


def diagnosis(history: pd.DataFrame, best_step: int) -> dict[str, Any]:
    """Return the monitored numbers at the kept step and advice; empty when nothing was measured there.

    Parameters
    ----------
    history
        History of the training, with the columns of the monitor.
    best_step
        Step whose weights were kept.
    """
    if MONITORED[0] not in history:
        return {}
    rows = history.loc[history["step"] == best_step, list(MONITORED)].dropna(how="all")
    if rows.empty:
        return {}
    kept = {name.removeprefix("monitor/"): float(rows[name].iloc[-1]) for name in MONITORED}
    numbers = {name: value for name, value in kept.items() if np.isfinite(value)}
    return {**numbers, "advice": collapse_advice(numbers)}
