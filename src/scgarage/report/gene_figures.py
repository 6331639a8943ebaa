"""Figures of genes and of counts per cell."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage import plotting
from scgarage.errors import InputError
from scgarage.preprocess import library_size
from scgarage.report.picture import Drawing, Section, section
from scgarage.report.subject import Subject

__all__ = ["gene_pictures"]

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
        title: plotting.rank_correlations(_draw(subject.log_expr[part], n_cells, rng)[:, genes].toarray())
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


def _draw(matrix: sparse.csr_matrix, n_cells: int, rng: np.random.Generator) -> sparse.csr_matrix:
    return matrix[np.sort(rng.choice(matrix.shape[0], n_cells, replace=False))]
