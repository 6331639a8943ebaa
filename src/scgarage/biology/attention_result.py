"""What the analysis of attention returns."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from scgarage.biology.marker_tests import ALL_CELLS, WITHIN_TYPE
from scgarage.biology.output import write_folder

__all__ = ["AttentionAnalysis"]

SIGNIFICANT = 0.05


@dataclass(frozen=True, eq=False)
class AttentionAnalysis:
    """Tables about the cells that attention selects.

    Attributes
    ----------
    types
        Result of :func:`scgarage.biology.type_enrichment`, with ``recall`` (share of the type's cells that are
        selected), ``chance``, and ``n_published`` and ``recall_published``, the same for the published code.
    markers
        Results of :func:`scgarage.biology.marker_tests`, over ``"all cells"`` and ``"within type"``.
    positive_rates
        Results of :func:`scgarage.biology.positive_rates`, the same.
    explanations
        Result of :func:`scgarage.biology.compare_explanations`.
    cells
        A row for each cell: type, scores, and whether it is in the top or bottom group or published selection.
    settings
        How it was made; plain values.
    """

    types: pd.DataFrame
    markers: pd.DataFrame
    positive_rates: pd.DataFrame
    explanations: pd.DataFrame
    cells: pd.DataFrame
    settings: dict[str, Any]

    def sentences(self) -> list[str]:
        """Return what the tables say, in words."""
        return [self._rare(), *self._enriched(), *self._marked(), *self._trivial(), self._published(), *self._limits()]

    def text(self) -> str:
        """Return sentences and the two short tables as plain text, for a terminal."""
        shown = [
            table.to_string(index=False, float_format="{:.3g}".format, na_rep="-")
            for table in (self.types, self.explanations)
        ]
        return "\n\n".join(["\n".join(self.sentences()), *shown])

    def save(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write the tables as CSV and settings and sentences as JSON.

        Parameters
        ----------
        folder
            Folder for ``types.csv``, ``markers.csv``, ``positive_rates.csv``, ``explanations.csv``, ``cells.csv`` and
            ``attention.json``.
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
        settings = {"sentences": self.sentences(), "settings": self.settings}
        files = {
            f"{name}.csv": getattr(self, name).to_csv(index=name == "cells", lineterminator="\n")
            for name in ("types", "markers", "positive_rates", "explanations", "cells")
        }
        files["attention.json"] = json.dumps(_finite(settings), indent=1, allow_nan=False) + "\n"
        return write_folder(folder, files, overwrite=overwrite)

    def _row(self, score: str) -> dict[str, Any]:
        held = self.explanations[self.explanations["score"] == score]
        return {str(key): value for key, value in held.iloc[0].items()}

    def _rare(self) -> str:
        row, n_rare = self._row("attention"), self.settings["n_rare_cells"]
        if not n_rare:
            return "No type is rare, so the analysis says nothing about rare cells; see --rare-fraction."
        recall, low, high = (row[name] for name in ("recall_highest", "chance_low", "chance_high"))
        side = "more than" if recall > high else "fewer than" if recall < low else "not shown to differ from"
        return (
            f"The {self.settings['n_selected']} cells with the highest attention hold {recall:.0%} of "
            f"the {n_rare} rare cells: {side} chance, which gives {row['chance']:.0%} "
            f"[{low:.0%}, {high:.0%}]."
        )

    def _enriched(self) -> list[str]:
        text = []
        for word, side in {"more": True, "less": False}.items():
            ratio = self.types["odds_ratio"] > 1 if side else self.types["odds_ratio"] < 1
            named = self.types.loc[ratio & (self.types["q_value"] < SIGNIFICANT)]
            rows = [f"{row['type']}{' (rare)' if row['rare'] else ''}" for _, row in named.iterrows()]
            if rows:
                text.append(f"Types {word} frequent in the top group than in the bottom one: {', '.join(rows)}.")
        return text or ["No type is shown to be more frequent in one of the two groups."]

    def _marked(self) -> list[str]:
        text = []
        for scope in (ALL_CELLS, WITHIN_TYPE):
            held = self.markers[self.markers["scope"] == scope]
            found = held[held["q_value"] < SIGNIFICANT]
            if len(held):
                higher = int((found["log2_fold_change"] > 0).sum())
                lower = int((found["log2_fold_change"] < 0).sum())
                text.append(
                    f"Markers, {scope}: of {len(held)}, {higher} are higher and {lower} lower in the top group; "
                    f"median log2 fold change {held['log2_fold_change'].median():+.2f}."
                )
        return text

    def _trivial(self) -> list[str]:
        table = self.explanations[~self.explanations["score"].isin(["attention", "published code"])]
        known = table.dropna(subset="spearman_with_attention")
        parts = [f"{row['score']} {row['spearman_with_attention']:+.2f}" for _, row in known.iterrows()]
        text = [f"Rank correlation of attention with what needs no network: {', '.join(parts)}."] if parts else []
        constant = table.loc[table["spearman_with_attention"].isna(), "score"].tolist()
        if constant:
            text.append(f"The same for all cells by construction, so it explains nothing: {', '.join(constant)}.")
        if self.settings["n_rare_cells"]:
            recalls = table.melt("score", ["recall_highest", "recall_lowest"]).dropna(subset="value")
            best = recalls.sort_values("value", kind="stable").iloc[-1]
            end = str(best["variable"]).removeprefix("recall_")
            text.append(f"Of these, the {end} {best['score']} finds most rare cells: {best['value']:.0%}.")
        return text

    def _published(self) -> str:
        row = self._row("published code")
        rare = f" and holds {row['recall_highest']:.0%} of the rare cells" if self.settings["n_rare_cells"] else ""
        return (
            "The published code (a reconstruction) ranks by row numbers: its selection follows the order of the file. "
            f"It shares {row['overlap_with_attention']:.0%} of its cells with that of attention{rare}."
        )

    def _limits(self) -> list[str]:
        text = [
            "Fold changes over all cells mix a type's share with its expression; within types they do not. Tests take "
            "cells as independent, which cells of one donor are not."
        ]
        if self.settings["markers_from"] == "these very cells":
            text.append("Markers were found in the very cells that are compared.")
        return text


def _finite(value: Any) -> Any:
    """Turn numbers that JSON does not know into ``None``."""
    if isinstance(value, dict):
        return {str(key): _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value
