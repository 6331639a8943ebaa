"""What the analysis of leakage returns."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from scgarage.biology.figure_file import figure_bytes
from scgarage.biology.leakage_figure import NO_SEEDS, PANELS, leakage_figure
from scgarage.biology.output import write_folder

__all__ = ["LEAKAGE_COLUMNS", "LeakageAnalysis"]

LEAKAGE_COLUMNS = (
    "leakage", "selector", "seed", "family", "metric", "title", "group", "value", "floor", "null", "score", "note",
)  # fmt: skip
"""Columns of the table, in order."""

MIN_SEEDS = 3


@dataclass(frozen=True, eq=False)
class LeakageAnalysis:
    """Fidelity, rare cells and privacy by leakage, selector and seed.

    Attributes
    ----------
    table
        One row for each run and number: ``leakage``, ``selector`` (``"none"`` for leakage 0), ``seed``, ``family``
        (``"fidelity"``, ``"rare"``, ``"privacy"``, or ``"failed"``), ``metric``, ``title``, ``group``, ``value``,
        ``floor``, ``null``, ``score`` and ``note``; missing where the judge or the audit has none.
    settings
        How it was made; plain values.
    """

    table: pd.DataFrame
    settings: dict[str, Any]

    def trends(self) -> pd.DataFrame:
        """Return how each number goes with leakage.

        Returns
        -------
        pandas.DataFrame
            A row for each selector, metric and group: ``selector``, ``family``, ``metric``, ``group``, ``n_runs``,
            ``without_seeds`` and ``at_most`` (mean values at leakage 0 and at the largest one) and ``spearman`` (of
            value and leakage over runs; missing for fewer than three values or a constant). Leakage 0 counts for every
            selector.
        """
        measured = self.table[self.table["family"] != "failed"]
        shared = measured[measured["selector"] == NO_SEEDS]
        named = [name for name in dict.fromkeys(measured["selector"]) if name != NO_SEEDS]
        rows = []
        for selector in named:
            runs = pd.concat([shared, measured[measured["selector"] == selector]])
            for (family, metric, group), held in runs.groupby(["family", "metric", "group"], sort=False):
                about = {"selector": selector, "family": family, "metric": metric, "group": group}
                rows.append(about | _trend(held.dropna(subset="value")))
        columns = ["selector", "family", "metric", "group", "n_runs", "without_seeds", "at_most", "spearman"]
        return pd.DataFrame(rows, columns=columns)

    def sentences(self) -> list[str]:
        """Return what the numbers of the figure say, in words, and what they do not."""
        trends, text = self.trends(), []
        for (metric, group), (title, _) in PANELS.items():
            held = trends[(trends["metric"] == metric) & (trends["group"] == group)]
            parts = [
                f"{row['selector']} {row['without_seeds']:.3g} to {row['at_most']:.3g}" for _, row in held.iterrows()
            ]
            if parts:
                text.append(f"{title}, from no seed cells to the largest leakage: {'; '.join(parts)}.")
        failed = self.table[self.table["family"] == "failed"]
        if len(failed):
            text.append(f"{len(failed)} runs failed; see their notes.")
        if self.settings["n_seeds"] < MIN_SEEDS:
            text.append(f"With {self.settings['n_seeds']} seed(s) of the model no difference between runs is shown.")
        text.append(
            f"The model was trained for at most {self.settings['params'].get('n_iterations', 20_001)} iterations. A "
            "generator far from real cells copies none of them: a low memorisation share then does not speak for it."
        )
        return text

    def save(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write tables, settings with sentences, and the figure.

        Parameters
        ----------
        folder
            Folder for ``leakage.csv``, ``trends.csv``, ``leakage.json`` and ``leakage.svg``.
        overwrite
            Whether to replace existing files.

        Returns
        -------
        list of pathlib.Path
            The files.

        Raises
        ------
        OutputExistsError
            If a file exists and ``overwrite`` is false.
        """
        record = {"sentences": self.sentences(), "settings": self.settings}
        files: dict[str, str | bytes] = {
            "leakage.csv": self.table.to_csv(index=False, lineterminator="\n"),
            "trends.csv": self.trends().to_csv(index=False, lineterminator="\n"),
            "leakage.json": json.dumps(record, indent=1) + "\n",
            "leakage.svg": figure_bytes(leakage_figure(self.table)),
        }
        return write_folder(folder, files, overwrite=overwrite)


def _trend(runs: pd.DataFrame) -> dict[str, float]:
    shares, values = runs["leakage"].to_numpy(dtype=np.float64), runs["value"].to_numpy(dtype=np.float64)
    nothing = float("nan")
    if not len(runs):
        return {"n_runs": 0, "without_seeds": nothing, "at_most": nothing, "spearman": nothing}
    usable = len(runs) >= 3 and np.ptp(shares) > 0 and np.ptp(values) > 0
    at_zero, at_most = values[shares == 0], values[shares == shares.max()]
    return {
        "n_runs": len(runs),
        "without_seeds": float(at_zero.mean()) if len(at_zero) else nothing,
        "at_most": float(at_most.mean()),
        "spearman": float(spearmanr(shares, values).statistic) if usable else nothing,
    }
