"""What a study over seeds returns."""

import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, cast

import pandas as pd
from matplotlib.figure import Figure

from scgarage.biology.figure_file import figure_bytes
from scgarage.biology.loss_figure import loss_curves
from scgarage.biology.output import write_folder
from scgarage.biology.rank_blocks import rank_blocks
from scgarage.biology.seed_tables import mean_sd, to_latex, to_markdown
from scgarage.plotting.critical_difference import MIN_BLOCKS, MIN_METHODS, critical_difference, rank_test

__all__ = ["SeedStudy"]


@dataclass(frozen=True, eq=False)
class SeedStudy:
    """Runs with several seeds.

    Attributes
    ----------
    runs
        The table of the judge for each run, after ``data_set``, ``model`` and ``seed``.
    histories
        Training history of each run, after the same three columns.
    settings
        How it was made; plain values.
    """

    runs: pd.DataFrame
    histories: pd.DataFrame
    settings: dict[str, Any]

    @cached_property
    def _summary(self) -> pd.DataFrame:
        return mean_sd(self.runs)

    def summary(self) -> pd.DataFrame:
        """Return mean and sd, see :func:`scgarage.biology.mean_sd`."""
        return self._summary.copy()

    def markdown(self) -> str:
        """Return "mean ± sd" of all and of rare cells as a Markdown table."""
        return to_markdown(self._summary)

    def figure(self) -> Figure | None:
        """Return the loss curves, mean and range over seeds; ``None`` when no model has losses."""
        return loss_curves(self.histories)

    @cached_property
    def _ranks(self) -> pd.DataFrame | None:
        """Mean ranks by data set and seed; ``None`` for too few to test."""
        ranks = rank_blocks(self.runs)
        return ranks if len(ranks) >= MIN_BLOCKS and len(ranks.columns) >= MIN_METHODS else None

    def rank_figure(self) -> Figure | None:
        """Return the critical-difference diagram of the models; ``None`` for fewer than three of them."""
        return None if self._ranks is None else cast("Figure", critical_difference(self._ranks).figure)

    def sentences(self) -> list[str]:
        """Return what the standard deviations are over, and whether the order of the models is more than chance."""
        n_seeds = int(self.runs["seed"].nunique())
        over = "the same split, so they are those of the model alone" if self.settings["same_split"] else (
            "another split each, so they hold both the model's spread and that of the real cells"
        )  # fmt: skip
        text = [f"Mean and sd (n - 1) over {n_seeds} seeds with {over}."]
        if self._ranks is not None:
            text.append(
                f"{rank_test(self._ranks).sentence()} A block is a data set and seed, the rank in it a mean over the "
                "metrics; seeds share most of their cells, so this says nothing about other data sets."
            )
        return text

    def save(self, folder: str | Path, *, overwrite: bool = False) -> list[Path]:
        """Write runs, summaries and loss curves.

        Parameters
        ----------
        folder
            Folder for ``runs.csv``, ``mean_sd.csv``, ``mean_sd.md``, ``mean_sd.tex``, ``histories.csv`` and
            ``seeds.json``; when a model has losses ``losses.svg``, and for three models or more
            ``critical_difference.svg``.
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
            "runs.csv": self.runs.to_csv(index=False, lineterminator="\n"),
            "mean_sd.csv": self._summary.to_csv(index=False, lineterminator="\n"),
            "mean_sd.md": self.markdown(),
            "mean_sd.tex": to_latex(self._summary),
            "histories.csv": self.histories.to_csv(index=False, lineterminator="\n"),
            "seeds.json": json.dumps(record, indent=1) + "\n",
        }
        for name, figure in (("losses", self.figure()), ("critical_difference", self.rank_figure())):
            if figure is not None:
                files[f"{name}.svg"] = figure_bytes(figure)
        return write_folder(folder, files, overwrite=overwrite)
