"""The figures of a report, each with caption and description, or with the reason why it is missing."""

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.report.picture import Drawing, Section, section
from scgarage.report.subject import Subject

__all__ = ["composition_picture", "embedding_picture", "embedding_table", "history_picture", "score_picture"]


def score_picture(subject: Subject) -> Section:
    """Draw the scores of all metrics."""
    return section("Scores", lambda: _scores(subject))


def embedding_table(subject: Subject) -> pd.DataFrame:
    """Return the UMAP of held-out and synthetic cells.

    Raises
    ------
    InputError
        When there are too few cells or their values cannot be compared.
    """
    settings = subject.settings
    return plotting.joint_embedding(
        subject.split.test,
        subject.synthetic,
        train=subject.split.train,
        labels_key=subject.labels_key,
        layer=subject.layer,
        n_top_genes=int(settings.get("n_top_genes", 1000)),
        n_pcs=int(settings.get("n_pcs", 50)),
        random_state=int(settings.get("random_state", 0)),
    )


def embedding_picture(subject: Subject, coordinates: pd.DataFrame) -> Section:
    """Draw the map as a still picture."""
    return section("The cells in one map", lambda: _embedding(subject, coordinates))


def composition_picture(subject: Subject) -> Section:
    """Draw the shares of the cell types."""
    return section("Cell types", lambda: _composition(subject))


def history_picture(subject: Subject) -> Section:
    """Draw the losses."""
    return section("Training", lambda: _history(subject))


def _figure_of(ax: Any) -> Figure:
    figure: Figure = ax.figure
    return figure


def _scores(subject: Subject) -> Drawing:
    ax = plotting.scores(subject.table)
    shown = subject.table[subject.table["group"].isin(("all", "rare")) & subject.table["score"].notna()]
    ordered = shown.sort_values("score")[["title", "score"]].to_numpy()
    (best, least), (worst, most) = ordered[0], ordered[-1]
    alt = (
        f"Dot plot of {len(shown)} scores. Nearest to real cells: {best} ({least:.2f}); "
        f"farthest: {worst} ({most:.2f}). The table below holds every number."
    )
    caption = (
        "0 is as good as real cells, 1 no better than noise; bars are one sd over the repeats. Scores beyond "
        "the axis are arrows with their number. Below 0 (green) a metric was better than real training cells "
        "were, by chance or by copying."
    )
    return _figure_of(ax), alt, caption


def _embedding(subject: Subject, coordinates: pd.DataFrame) -> Drawing:
    n_cells = len(coordinates) // 2
    cells = f"{n_cells:,} real held-out and {n_cells:,} synthetic cells"
    alt = f"UMAP of {cells}, coloured by source and by cell type."
    caption = (
        f"{cells}, drawn at random and embedded together (UMAP on principal components of the real cells). "
        "Good synthetic cells lie among the real ones, rare types included. Distances between clusters mean "
        "little in such a map; the metrics do not use it."
    )
    if not subject.labelled:
        caption += " The synthetic cells carry no cell types, so they have no panel by type."
    return plotting.embedding(coordinates, rare=subject.rare), alt, caption


def _composition(subject: Subject) -> Drawing:
    if "synthetic" not in subject.counts:
        key = "labels" if subject.labels_key is None else f"column {subject.labels_key!r}"
        msg = f"The synthetic cells carry no cell types (no {key}), so there is no composition to compare."
        raise InputError(msg)
    ax = plotting.composition(subject.counts, rare=subject.rare)
    shares = 100 * subject.counts / subject.counts.sum()
    alt = "Share of each cell type, real held-out against synthetic: " + "; ".join(
        f"{name} {real:.2g} % against {synthetic:.2g} %"
        for name, real, synthetic in shares[["real test", "synthetic"]].itertuples()
    )
    caption = "Share of each cell type among the cells with a label, and the number of cells."
    if not subject.labelled:
        caption += (
            " The synthetic cells carry no cell types: those shown were predicted for one sample of them by "
            "a classifier trained on real cells, which makes mistakes of its own."
        )
    return _figure_of(ax), alt + ".", caption


def _history(subject: Subject) -> Drawing:
    about = subject.about
    columns = about.get("history")
    if not columns or not len(columns.get("step", ())):
        msg = "The synthetic cells carry no training history."
        raise InputError(msg)
    best_step = about.get("best_step")
    figure = plotting.history(columns, best_step=None if best_step is None else int(best_step))
    alt = f"Loss curves over {int(np.nanmax(columns['step'])):,} steps."
    caption = "Losses, and the validation score (lower is better) by which the kept step was chosen."
    if not any(ax.get_title(loc="left") == "Validation score" for ax in figure.axes):
        caption = "Losses. No validation score was recorded, so the last step was kept."
    return figure, alt, caption
