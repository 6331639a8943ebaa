"""The evaluation space: principal components of real cells that are not compared with anything."""

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from scgarage.evaluation.cells import Cells, Index
from scgarage.preprocess import Components

__all__ = ["REFERENCE_LIMIT", "fit_space", "halve", "predict_labels"]

REFERENCE_LIMIT = 5_000
"""Cells that fit the components at most: enough for 50 of them, and small when made dense."""


def halve(labels: NDArray[np.str_], rng: np.random.Generator) -> tuple[Index, Index]:
    """Divide cells at random into a reference half and a holdout half, stratified by type.

    Parameters
    ----------
    labels
        Type of each test cell, (n_cells,).
    rng
        Source of the division.

    Returns
    -------
    tuple of numpy.ndarray
        Rows of the reference half and rows of the holdout half; the cells of a type, and all cells, differ
        by at most one between them.
    """
    shuffled = rng.permutation(len(labels))
    by_type = shuffled[np.argsort(labels[shuffled], kind="stable")]
    first = int(rng.integers(2))
    return by_type[first::2], by_type[1 - first :: 2]


def fit_space(reference: Cells, n_pcs: int, rng: np.random.Generator) -> Components:
    """Fit the judge's principal components on reference cells.

    Neither the training nor the compared cells take part: components fitted on training cells stretch along
    those very cells, and fresh real cells then look further from them than from each other.

    Parameters
    ----------
    reference
        Real cells of the test part; at most :data:`REFERENCE_LIMIT` of them are used.
    n_pcs
        Number of components; fewer where the cells or genes do not allow as many.
    rng
        Source of the subsample and of the randomised solver.
    """
    sample = reference.draw(REFERENCE_LIMIT, rng)
    return Components.fit(sample.log_expr, n_pcs, random_state=int(rng.integers(2**31)))


def predict_labels(
    known_points: NDArray[np.floating], known_labels: NDArray[np.str_], points: NDArray[np.floating]
) -> NDArray[np.str_]:
    """Label cells with a classifier trained on real cells.

    Parameters
    ----------
    known_points
        Principal components of real cells, (n_known, n_pcs).
    known_labels
        Their types, (n_known,).
    points
        Principal components of the cells to label, (n_cells, n_pcs).

    Returns
    -------
    numpy.ndarray
        The most probable type of each cell by class-balanced logistic regression, (n_cells,).
    """
    if len(np.unique(known_labels)) == 1:
        return np.repeat(known_labels[:1], len(points))
    model = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=1000))
    return np.asarray(model.fit(known_points, known_labels).predict(points), dtype=np.str_)
