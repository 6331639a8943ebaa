"""The figures of the report and their captions."""

import base64
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.artist import Artist
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy import sparse

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.io.cells import library_size
from scgarage.plotting import SOURCE_COLOURS, type_colours
from scgarage.pp import Components, select_hvg
from scgarage.report.subject import Subject
from scgarage.schema import REAL, SYNTHETIC, UNSURE

DPI = 192
"""Twice the 96 dots to an inch of a web page, for sharp screens."""

COLOURS = 256
"""Colours of a PNG: figures have few, and a file with a palette is a third of the size."""

SVG_LIMIT = 60_000
"""Bytes of an SVG up to which nobody looks whether a PNG were smaller."""

SVG_SETTINGS: dict[Any, Any] = {"svg.fonttype": "path", "svg.hashsalt": "scgarage"}
"""Outlines for text, as a reader's fonts have other widths; a fixed salt for the same bytes every time."""


def data_uri(figure: Figure) -> str:
    """Return the figure as a ``data:`` URI: SVG, or PNG at twice a screen's resolution if that is smaller."""
    svg = None if figure.findobj(_is_rasterised) else _svg(figure)
    if svg is not None and len(svg) <= SVG_LIMIT:
        return _uri("image/svg+xml", svg)
    png = _png(figure)
    if svg is not None and len(svg) <= len(png):
        return _uri("image/svg+xml", svg)
    return _uri("image/png", png)


def _is_rasterised(artist: Artist) -> bool:
    return bool(artist.get_rasterized())


def _uri(kind: str, content: bytes) -> str:
    return f"data:{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _svg(figure: Figure) -> bytes:
    buffer = BytesIO()
    with rc_context(SVG_SETTINGS):
        figure.savefig(buffer, format="svg", dpi=DPI, metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _png(figure: Figure) -> bytes:
    figure.set_dpi(DPI)
    canvas = FigureCanvasAgg(figure)
    canvas.draw()  # type: ignore[no-untyped-call]
    pixels = np.asarray(canvas.buffer_rgba())  # type: ignore[no-untyped-call]
    image = Image.fromarray(pixels).convert("RGB")
    buffer = BytesIO()
    image.quantize(COLOURS, dither=Image.Dither.NONE).save(buffer, format="png", optimize=True)
    return buffer.getvalue()


Drawing = tuple[Figure, str, str]
"""Figure, description for those who cannot see it, and caption."""


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


def section(title: str, draw: Callable[[], Drawing]) -> Section:
    """Draw a figure; what the data do not allow becomes the reason why it is missing."""
    try:
        figure, alt, caption = draw()
    except InputError as error:
        return Section(title, None, reason=str(error))
    return Section(title, Picture(data_uri(figure), round(96 * figure.get_figwidth()), alt, caption))


STEPS = 4000
"""Places along the longer side: more than a screen has, and short numbers in the file."""


def map_data(coordinates: pd.DataFrame, rare: Collection[str] = (), *, random_state: int = 0) -> dict[str, Any]:
    """Return the map as plain values that fit into the page."""
    shuffled = coordinates.sample(frac=1, random_state=random_state)
    places = shuffled[["umap1", "umap2"]].to_numpy(dtype=np.float64)
    places -= places.min(axis=0)
    places *= STEPS / max(float(places.max()), 1e-9)
    width, height = np.maximum(places.max(axis=0).round(), 1).astype(int).tolist()
    source = (shuffled["source"] == SYNTHETIC).to_numpy()
    known = shuffled["cell_type"] if "cell_type" in shuffled else pd.Series(None, index=shuffled.index, dtype=object)
    labels = known.astype(object).where(known.notna(), None).to_numpy()
    names = _by_abundance(labels, source)
    codes = {name: code for code, name in enumerate(names)}
    kinds = np.array([-1 if label is None else codes[str(label)] for label in labels], dtype=int)
    colours = type_colours(names)
    return {
        "x": places[:, 0].round().astype(int).tolist(),
        "y": places[:, 1].round().astype(int).tolist(),
        "source": source.astype(int).tolist(),
        "type": kinds.tolist(),
        "width": width,
        "height": height,
        "sources": [
            {"name": name, "colour": SOURCE_COLOURS[name], "cells": int((source == is_synthetic).sum())}
            for name, is_synthetic in ((REAL, False), (SYNTHETIC, True))
        ],
        "types": [
            {
                "name": name,
                "colour": colours[name],
                "rare": name in rare,
                "real": int(((kinds == code) & ~source).sum()),
                "synthetic": int(((kinds == code) & source).sum()),
            }
            for name, code in codes.items()
        ],
    }


def _by_abundance(
    labels: "np.ndarray[Any, np.dtype[np.object_]]", source: "np.ndarray[Any, np.dtype[np.bool_]]"
) -> list[str]:
    """Return the types by number of real cells, then of all; "unsure" last."""
    table = pd.DataFrame({"label": [None if label is None else str(label) for label in labels], "real": ~source})
    counted = table.dropna().groupby("label")["real"].agg(["sum", "size"])
    names = [str(name) for name in counted.sort_values(["sum", "size"], ascending=False, kind="stable").index]
    return sorted(names, key=lambda name: name == UNSURE)


def score_picture(subject: Subject) -> Section:
    """Draw the scores of all metrics."""
    return section("Scores", lambda: _scores(subject))


def embedding_table(subject: Subject) -> pd.DataFrame:
    """Return the UMAP of held-out and synthetic cells."""
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


MAP_GENES = 60
"""Genes of the correlation maps: more are not seen on a page."""

MAP_CELLS = 1_000
"""Cells of a side that the correlations are computed from at most."""


def gene_pictures(subject: Subject) -> list[Section]:
    """Draw everything about genes, in the order of the report."""
    return [
        section("Gene moments", lambda: _moments(subject)),
        section("Mean and variance", lambda: _mean_variance(subject)),
        section("Library sizes", lambda: _library_size(subject)),
        section("Quantiles", lambda: _quantiles(subject)),
        section("Gene correlations", lambda: _correlations(subject)),
    ]


def _moments(subject: Subject) -> Drawing:
    real, synthetic, train = (subject.log_expr[part] for part in ("test", "synthetic", "train"))
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


def _mean_variance(subject: Subject) -> Drawing:
    real, synthetic = subject.raw["test"], subject.raw["synthetic"]
    counted = real is not None and synthetic is not None
    if real is None or synthetic is None:
        real, synthetic = subject.log_expr["test"], subject.log_expr["synthetic"]
    figure = plotting.mean_variance(real, synthetic, counts=counted)
    unit = "counts" if counted else "log1p CP10k"
    alt = f"Variance and fraction of zeros against the mean {unit} of {real.shape[1]:,} genes, real and synthetic."
    caption = f"One dot a gene and source, {unit}. The two clouds should lie on each other"
    return (
        figure,
        alt,
        f"{caption}; the line is where Poisson noise alone would put them." if counted else f"{caption}.",
    )


def _both_counts(subject: Subject) -> tuple[sparse.csr_matrix, sparse.csr_matrix]:
    real, synthetic = subject.raw["test"], subject.raw["synthetic"]
    if real is None or synthetic is None:
        lacking = "real" if real is None else "synthetic"
        msg = f"The {lacking} cells hold no counts, so their library sizes are not known."
        raise InputError(msg)
    return real, synthetic


def _library_size(subject: Subject) -> Drawing:
    real, synthetic = _both_counts(subject)
    medians = [f"{np.median(plotting.genes_detected(counts)):,.0f}" for counts in (real, synthetic)]
    alt = (
        f"Histograms of counts and of genes per cell. Median genes detected: real {medians[0]}, synthetic {medians[1]}."
    )
    caption = "Real held-out against synthetic cells; dashed lines are medians."
    return plotting.library_size(real, synthetic), alt, caption


def _quantiles(subject: Subject) -> Drawing:
    quantities = {}
    if all(counts is not None for counts in subject.raw.values()):
        quantities["log10 counts per cell"] = _of_each(subject.raw, lambda counts: np.log10(_totals(counts)))
        quantities["Genes detected per cell"] = _of_each(subject.raw, plotting.genes_detected)
    quantities["Non-zero log1p CP10k"] = _of_each(subject.log_expr, lambda matrix: matrix.data[matrix.data > 0])
    alt = f"QQ plots, synthetic against real held-out cells, of: {', '.join(quantities)}."
    caption = (
        "100 quantiles, from the lowest to the highest half percent. On the line: equal distributions. Above it "
        "the synthetic values are larger than the real ones of the same rank. In grey real training cells."
    )
    return plotting.quantiles(quantities), alt, caption


def _correlations(subject: Subject) -> Drawing:
    variance = plotting.moments(subject.log_expr["train"])["variance"].to_numpy()
    genes = np.argsort(-variance, kind="stable")[:MAP_GENES]
    rng = np.random.default_rng(int(subject.settings.get("random_state", 0)))
    # As many cells on every side: the noise of few cells counts as a difference.
    n_cells = min(MAP_CELLS, *(matrix.shape[0] for matrix in subject.log_expr.values()))
    names = {"test": "Real held-out", "synthetic": "Synthetic", "train": "Real training (floor)"}
    found = {
        title: plotting.rank_correlations(_draw_genes(subject.log_expr[part], n_cells, rng)[:, genes].toarray())
        for part, title in names.items()
    }
    above = np.triu_indices(len(genes), 1)
    errors = {name: np.abs(found[name] - found["Real held-out"])[above].mean() for name in list(found)[1:]}
    alt = (
        f"Heat maps of the Spearman correlations of {len(genes)} genes. Mean absolute difference to held-out cells: "
        f"synthetic {errors['Synthetic']:.3f}, real training cells {errors['Real training (floor)']:.3f}."
    )
    caption = (
        f"The {len(genes)} genes that vary most among the training cells, in the order that clusters the real "
        f"held-out cells; {n_cells:,} cells of each source, log1p CP10k. Blocks are genes that go together. What "
        "training cells differ by is sampling noise."
    )
    return plotting.gene_correlations(found), alt, caption


def _of_each(
    parts: Mapping[str, Any], take: Callable[[Any], NDArray[np.floating]]
) -> tuple[NDArray[np.floating], NDArray[np.floating], NDArray[np.floating]]:
    real, synthetic, train = (take(parts[name]) for name in ("test", "synthetic", "train"))
    return real, synthetic, train


def _totals(counts: sparse.csr_matrix) -> NDArray[np.floating]:
    totals = library_size(counts)
    return np.asarray(totals[totals > 0])


def _draw_genes(matrix: sparse.csr_matrix, n_cells: int, rng: np.random.Generator) -> sparse.csr_matrix:
    return matrix[np.sort(rng.choice(matrix.shape[0], n_cells, replace=False))]


MARKER_ROWS = 36
"""Genes that the dot plot has room for."""

PANELS = 20
"""Types whose fold changes are drawn at most."""

FEWEST = 5
"""Cells of a type in every part with which its means are drawn."""


def type_pictures(subject: Subject) -> list[Section]:
    """Draw marker genes and fold changes."""
    return [section("Marker genes", lambda: _markers(subject)), section("Fold changes", lambda: _fold_changes(subject))]


def confusion_picture(subject: Subject) -> Section:
    """Draw the confusion matrices, or say why not."""
    return section("Confusion matrix", lambda: _confusion(subject))


NOT_BY_TYPE = (
    "Numbers by type stand here when the report is made from the object that sg.evaluate returned, or from the JSON "
    "file that scgarage evaluate --out evaluation.json wrote, with all metrics of a profile; a CSV file holds none."
)
"""Stands where the evaluation holds no number of single types."""


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


def _confusion(subject: Subject) -> Drawing:
    if subject.labels_key is None:
        msg = "The real cells carry no cell types, so there is none to mistake."
        raise InputError(msg)
    if not subject.confusion:
        raise InputError(NOT_BY_TYPE)
    order = [str(name) for name in subject.counts.index if name in subject.confusion["Synthetic"].columns]
    has_unsure = any((table.loc[UNSURE] > 0).any() for table in subject.confusion.values())
    rows = [*order, UNSURE] if has_unsure else order
    tables = {name: table.loc[rows, order] for name, table in subject.confusion.items()}
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


MAX_CELLS = 1_000
"""Cells of a side that landmarks are chosen from at most."""

N_DIMS = 10


def topology_pictures(subject: Subject) -> list[Section]:
    """Draw the persistence diagram; nothing without the packages of the extra ``topology``."""
    if find_spec("ripser") is None or find_spec("persim") is None:
        return []
    return [section("Topology", lambda: _topology(subject))]


def _topology(subject: Subject) -> Drawing:
    rng = np.random.default_rng(int(subject.settings.get("random_state", 0)))
    genes = np.flatnonzero(select_hvg(subject.log_expr["train"], int(subject.settings.get("n_top_genes", 1000))))
    parts = {name: _draw_topology(matrix[:, genes], rng) for name, matrix in subject.log_expr.items()}
    # One half of the test cells fits the components, the other is compared: as the judge does.
    middle = parts["test"].shape[0] // 2
    if middle < 2 * N_DIMS:
        msg = f"There are {parts['test'].shape[0]} held-out cells, too few to compare their topology."
        raise InputError(msg)
    space = Components.fit(parts["test"][:middle], N_DIMS)
    points = {name: space.transform(cells) for name, cells in (parts | {"test": parts["test"][middle:]}).items()}
    found = plotting.persistence(points["test"], points["synthetic"], train=points["train"], n_dims=N_DIMS)
    distances = plotting.persistence_distances(found)
    figure = plotting.persistence_diagram(found, distances=distances).figure
    if not isinstance(figure, Figure):
        msg = "The diagram was drawn into a part of another figure."
        raise InputError(msg)
    said = "; ".join(
        f"{kind} {row['bottleneck']:.2f} (floor {row['bottleneck_floor']:.2f})" for kind, row in distances.iterrows()
    )
    caption = (
        "Birth and death of the loops, and deaths of the connected components (left), of up to 150 landmark cells of "
        f"each source in {N_DIMS} components, farthest first. A loop far above the diagonal is a hole in the data that "
        "lasts; those near it are noise. The floor is real training against real held-out cells."
    )
    return figure, f"Persistence diagram of real and synthetic cells. Bottleneck distances: {said}.", caption


def _draw_topology(matrix: sparse.csr_matrix, rng: np.random.Generator) -> sparse.csr_matrix:
    return matrix[rng.permutation(matrix.shape[0])[:MAX_CELLS]]
