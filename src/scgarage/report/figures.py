"""The figures of a report, each with caption and description, or with the reason why it is missing."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.evaluation import Evaluation
from scgarage.plotting.expression import counts_or_none, log_expression
from scgarage.preprocess import Split, match_genes
from scgarage.report.embed import data_uri
from scgarage.report.metric_table import rare_types
from scgarage.schema import UNS_KEY

__all__ = ["Picture", "Section", "Subject", "picture_sections", "score_picture"]


@dataclass(frozen=True)
class Picture:
    """A figure as it stands in the report; ``width`` is in pixels of a page, 96 to an inch."""

    source: str
    width: int
    alt: str
    caption: str


@dataclass(frozen=True)
class Section:
    """A heading with a picture, or with the reason why there is none."""

    title: str
    picture: Picture | None
    reason: str = ""


@dataclass(frozen=True)
class Subject:
    """What the figures are drawn from.

    Attributes
    ----------
    synthetic
        Synthetic cells with the genes of the training cells, in their order.
    split
        The real cells.
    labels_key
        Column with the cell types, or ``None`` when the real cells have none.
    table, settings
        Those of the evaluation.
    rare
        Names of the rare types.
    counts
        Numbers of cells by type and part, labels predicted by the judge if the synthetic cells have none.
    """

    synthetic: ad.AnnData
    split: Split
    labels_key: str | None
    table: pd.DataFrame
    settings: dict[str, Any]
    rare: list[str]
    counts: pd.DataFrame

    @classmethod
    def of(cls, evaluation: Evaluation) -> "Subject":
        """Collect what the figures need from an evaluation."""
        split, settings = evaluation.split, evaluation.settings
        key = settings.get("labels_key") or split.labels_key
        synthetic = match_genes(evaluation.synthetic, split.train.var_names)
        parts = {"real train": split.train, "real test": split.test, "synthetic": synthetic}
        counts = pd.DataFrame() if key is None else plotting.type_counts(parts, key)
        predicted = settings.get("type_counts", {}).get("synthetic")
        if predicted and len(counts) and "synthetic" not in counts:
            counts = counts.assign(synthetic=pd.Series(predicted).reindex(counts.index).fillna(0).astype(np.int64))
        rare = list(settings.get("rare_types", rare_types(evaluation.table)))
        return cls(synthetic, split, key, evaluation.table, settings, rare, counts)

    @property
    def labelled(self) -> bool:
        """Whether the synthetic cells carry cell types."""
        return self.labels_key is not None and self.labels_key in self.synthetic.obs

    @property
    def layer(self) -> str | None:
        """Layer with the values that were judged."""
        return self.settings.get("layer")


def score_picture(subject: Subject) -> Section:
    """Draw the scores of all metrics."""
    return _section("Scores", lambda: _scores(subject))


def picture_sections(subject: Subject) -> list[Section]:
    """Draw everything that looks at the cells, in the order of the report."""
    return [
        _section("The cells in one map", lambda: _embedding(subject)),
        _section("Composition", lambda: _composition(subject)),
        _section("Gene moments", lambda: _gene_moments(subject)),
        _section("Library sizes", lambda: _library_size(subject)),
        _section("Training", lambda: _history(subject)),
    ]


def _section(title: str, draw: Callable[[], tuple[Figure, str, str]]) -> Section:
    try:
        figure, alt, caption = draw()
    except InputError as error:
        return Section(title, None, reason=str(error))
    return Section(title, Picture(data_uri(figure), round(96 * figure.get_figwidth()), alt, caption))


def _figure_of(ax: Any) -> Figure:
    figure: Figure = ax.figure
    return figure


def _scores(subject: Subject) -> tuple[Figure, str, str]:
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


def _embedding(subject: Subject) -> tuple[Figure, str, str]:
    settings = subject.settings
    coordinates = plotting.joint_embedding(
        subject.split.test,
        subject.synthetic,
        train=subject.split.train,
        labels_key=subject.labels_key,
        layer=subject.layer,
        n_top_genes=int(settings.get("n_top_genes", 1000)),
        n_pcs=int(settings.get("n_pcs", 50)),
        random_state=int(settings.get("random_state", 0)),
    )
    n_cells = len(coordinates) // 2
    cells = f"{n_cells:,} real held-out and {n_cells:,} synthetic cells"
    alt = f"UMAP of {cells}, coloured by source and by cell type."
    caption = (
        f"{cells}, drawn at random and embedded together (UMAP on principal components of the real cells). "
        "Good synthetic cells lie among the real ones, rare types included. Distances between clusters mean "
        "little in such a map; the metrics above do not use it."
    )
    if not subject.labelled:
        caption += " The synthetic cells carry no cell types, so they have no panel by type."
    return plotting.embedding(coordinates, rare=subject.rare), alt, caption


def _composition(subject: Subject) -> tuple[Figure, str, str]:
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


def _gene_moments(subject: Subject) -> tuple[Figure, str, str]:
    parts = (subject.split.test, subject.synthetic, subject.split.train)
    real, synthetic, train = (log_expression(part, subject.layer) for part in parts)
    figure = plotting.gene_moments(real, synthetic, train=train)
    truth, made = plotting.moments(real), plotting.moments(synthetic)
    error = (made - truth).abs().mean()
    alt = (
        f"Scatter plots of {len(truth):,} genes, synthetic against real. Mean absolute difference: mean "
        f"{error['mean']:.2g}, variance {error['variance']:.2g}, zero fraction {error['zero_fraction']:.2g}."
    )
    caption = (
        f"One dot a gene ({len(truth):,} genes), log1p CP10k. ρ is Spearman's rank correlation, |Δ| the "
        "absolute difference; in grey the same for real training cells."
    )
    return figure, alt, caption


def _library_size(subject: Subject) -> tuple[Figure, str, str]:
    real, synthetic = (counts_or_none(part, subject.layer) for part in (subject.split.test, subject.synthetic))
    if real is None or synthetic is None:
        lacking = "real" if real is None else "synthetic"
        msg = f"The {lacking} cells hold no counts, so their library sizes are not known."
        raise InputError(msg)
    medians = [f"{np.median(plotting.genes_detected(counts)):,.0f}" for counts in (real, synthetic)]
    alt = (
        f"Histograms of counts and of genes per cell. Median genes detected: real {medians[0]}, synthetic {medians[1]}."
    )
    caption = "Real held-out against synthetic cells; dashed lines are medians."
    return plotting.library_size(real, synthetic), alt, caption


def _history(subject: Subject) -> tuple[Figure, str, str]:
    about = subject.synthetic.uns.get(UNS_KEY, {})
    columns = about.get("history")
    if not columns:
        msg = "The synthetic cells carry no training history."
        raise InputError(msg)
    best_step = about.get("best_step")
    figure = plotting.history(columns, best_step=None if best_step is None else int(best_step))
    alt = f"Loss curves over {int(np.nanmax(columns['step'])):,} steps."
    caption = "Losses, and the validation score (lower is better) by which the kept step was chosen."
    if not any(ax.get_title(loc="left") == "Validation score" for ax in figure.axes):
        caption = "Losses. No validation score was recorded, so the last step was kept."
    return figure, alt, caption
