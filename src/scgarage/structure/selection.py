"""The ways to select genes, by name."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.structure.cv2 import cv2_score
from scgarage.structure.fano import fano_score
from scgarage.structure.pca_loading import pca_loading_score

__all__ = ["SELECTIONS", "Selection", "choose_selections", "rank_genes", "select_genes"]

Selection: TypeAlias = Literal["cv2", "fano", "pca_loading", "all"]
"""How genes are selected; "all" means each way in turn."""

SELECTIONS: dict[str, Callable[..., NDArray[np.float64]]] = {
    "cv2": cv2_score,
    "fano": fano_score,
    "pca_loading": pca_loading_score,
}
"""Every way to score genes: log1p CP10k (n_cells, n_genes) in, scores (n_genes,) out, high ones selected."""


def select_genes(
    log_expr: sparse.csr_matrix | NDArray[np.floating[Any]], n_genes: int, *, selection: Selection = "cv2"
) -> NDArray[np.intp]:
    """Return the genes with the highest scores.

    Parameters
    ----------
    log_expr
        log1p CP10k, (n_cells, n_genes), of the cells to select on: in a comparison, training cells only.
    n_genes
        Number of genes wanted.
    selection
        ``"cv2"``, ``"fano"`` or ``"pca_loading"``.

    Returns
    -------
    numpy.ndarray
        Positions of the genes, best first, (n_selected,); fewer than asked for where fewer can be scored.

    Raises
    ------
    InputError
        If the selection is unknown, ``n_genes`` is below two or fewer than two genes can be scored.

    Examples
    --------
    >>> log_expr = np.log1p(np.random.default_rng(0).poisson(2.0, (50, 30)))
    >>> len(select_genes(log_expr, 10, selection="fano"))
    10
    """
    if n_genes < 2:
        msg = f"n_top_genes holds {n_genes}; expected at least 2, because one gene has no components"
        raise InputError(msg)
    if selection not in SELECTIONS:
        msg = f"selection is {selection!r}; expected one of: {', '.join(SELECTIONS)}"
        raise InputError(msg)
    return rank_genes(SELECTIONS[selection](log_expr))[:n_genes]


def rank_genes(score: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the genes that have a score (n_genes,), the highest first; ties keep the order of the genes.

    Raises
    ------
    InputError
        If fewer than two genes have a finite score.
    """
    ranked = np.argsort(-score, kind="stable")
    ranked = ranked[np.isfinite(score[ranked])]
    if len(ranked) < 2:
        msg = f"only {len(ranked)} genes vary and are expressed in enough cells; clustering needs at least 2"
        raise InputError(msg)
    return ranked


def choose_selections(selection: Selection, n_top_genes: int | Sequence[int]) -> list[tuple[str, int]]:
    """Return every combination of a selection and a number of genes that was asked for.

    Raises
    ------
    InputError
        If the selection is unknown or no number is given.
    """
    if selection != "all" and selection not in SELECTIONS:
        msg = f"selection is {selection!r}; expected one of: {', '.join(SELECTIONS)}, all"
        raise InputError(msg)
    numbers = [n_top_genes] if isinstance(n_top_genes, int) else sorted(set(n_top_genes))
    if not numbers:
        msg = "n_top_genes is empty; expected one or more numbers of genes, such as (100, 500)"
        raise InputError(msg)
    names = list(SELECTIONS) if selection == "all" else [selection]
    return [(name, number) for name in names for number in numbers]
