"""Figures of what tells the types apart."""

import numpy as np
import pandas as pd

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.report.picture import Drawing, Section, section
from scgarage.report.subject import Subject
from scgarage.report.type_judgement import TypeJudgement
from scgarage.schema import UNSURE

__all__ = ["confusion_picture", "type_pictures"]

MARKER_ROWS = 36
"""Genes that the dot plot has room for."""

PANELS = 20
"""Types whose fold changes are drawn at most."""

FEWEST = 5
"""Cells of a type in every part with which its means are drawn."""


def type_pictures(subject: Subject) -> list[Section]:
    """Draw marker genes and fold changes."""
    return [
        section("Marker genes", lambda: _markers(subject)),
        section("Fold changes", lambda: _fold_changes(subject)),
    ]


def confusion_picture(subject: Subject, judged: TypeJudgement | None, reason: str = "") -> Section:
    """Draw the confusion matrices, or say why not."""
    return section("Confusion matrix", lambda: _confusion(subject, judged, reason))


def _types(subject: Subject) -> list[str]:
    if not subject.labelled:
        msg = "The synthetic cells carry no cell types, so genes cannot be compared by type."
        raise InputError(msg)
    types = subject.shared_types(FEWEST)
    if len(types) < 2:
        msg = f"Fewer than two types have at least {FEWEST} cells in every part."
        raise InputError(msg)
    return types


def _left_out(subject: Subject, types: list[str]) -> str:
    others = [str(name) for name in subject.counts.index if name not in types and name != UNSURE]
    return f" Not shown, for want of cells or room: {', '.join(others)}." if others else ""


def _markers(subject: Subject) -> Drawing:
    types = _types(subject)[: MARKER_ROWS // 2]
    n_per_type = min(3, MARKER_ROWS // len(types))
    # Chosen on training cells, so neither of the two sides that are compared has a say.
    train = (subject.log_expr["train"], subject.labels["train"])
    chosen = plotting.top_markers(*train, types, n_per_type=n_per_type)
    genes = [gene for found in chosen for gene in found]
    names = subject.split.train.var_names[genes]
    parts = {"Real held-out cells": "test", "Synthetic cells": "synthetic"}
    tables: tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]] = ({}, {})
    for title, part in parts.items():
        cells, labels = subject.log_expr[part][:, genes], subject.labels[part]
        for table, summarise in zip(tables, (plotting.type_means, plotting.shares_expressing), strict=True):
            table[title] = pd.DataFrame(summarise(cells, labels, types).T, index=names, columns=types)
    figure = plotting.markers(*tables, groups=[len(found) for found in chosen])
    alt = f"Dot plots of {len(genes)} marker genes of {len(types)} types, real held-out beside synthetic cells."
    caption = (
        f"The {n_per_type} genes that set each type apart most among the training cells (Welch's t). Good synthetic "
        f"cells repeat the pattern on the left.{_left_out(subject, types)}"
    )
    return figure, alt, caption


def _fold_changes(subject: Subject) -> Drawing:
    types = _types(subject)
    rare = [name for name in types if name in subject.rare]
    common = [name for name in types if name not in rare]
    types = common[: max(PANELS - len(rare), 0)] + rare[:PANELS]
    changes = {
        part: plotting.log_fold_changes(subject.log_expr[part], subject.labels[part], types)
        for part in ("test", "synthetic", "train")
    }
    figure = plotting.fold_changes(changes["test"], changes["synthetic"], types, train=changes["train"])
    n_genes = changes["test"].shape[1]
    alt = f"Scatter plots of log2 fold changes of {n_genes:,} genes, one panel for each of {len(types)} types."
    caption = (
        "One dot a gene; each type against all others. A cloud flatter than the line means that differences between "
        "types are too small. In brackets the slope of real training cells: noise pulls it below 1, the more the "
        "fewer cells a type has. These slopes are of all cells; those in the tables are of as many cells on every "
        f"side.{_left_out(subject, types)}"
    )
    return figure, alt, caption


def _confusion(subject: Subject, judged: TypeJudgement | None, reason: str) -> Drawing:
    if judged is None:
        raise InputError(reason)
    order = [str(name) for name in subject.counts.index if name in judged.confusion["Synthetic"].columns]
    has_unsure = any((table.loc[UNSURE] > 0).any() for table in judged.confusion.values())
    rows = [*order, UNSURE] if has_unsure else order
    tables = {name: table.loc[rows, order] for name, table in judged.confusion.items()}
    right = {
        name: np.trace(table.loc[order].to_numpy()) / max(table.to_numpy().sum(), 1) for name, table in tables.items()
    }
    words = "; ".join(f"{name.lower()} {share:.0%}" for name, share in right.items())
    figure = plotting.confusion(tables)
    alt = f"Confusion matrices. Share of cells whose label the classifier confirms: {words}."
    caption = (
        "A classifier of real cells (class-balanced logistic regression on principal components of the reference half) "
        "gives a type to every cell; rows are shares of the cells with a label, in percent. "
        f"Confirmed: {words}. Synthetic cells should be mistaken as often as "
        "real ones: more often means blurred types, less often types that are too far apart."
    )
    if not subject.labelled:
        caption += " The labels of the synthetic cells were themselves predicted, so they agree by construction."
    return figure, alt, caption
