"""What synthetic cells have to beat: nothing, weights and resampling of the real training cells.

Resampling works on log1p CP10k of the selected genes, before the principal components, so that every comparator
and every generator has the whole pipeline fitted on its own training set.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from scgarage.utility.loras import loras as loras_cells
from scgarage.utility.training_set import Comparator, TrainingSet

__all__ = ["COMPARATORS", "N_NEIGHBORS", "balanced_pca", "class_weights", "loras", "nothing", "ros", "smote"]

N_NEIGHBORS = 5
"""Neighbours of SMOTE and LoRAS, imbalanced-learn's default; fewer when a type has fewer other cells."""


def nothing(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:  # noqa: ARG001
    """Return the real training cells as they are."""
    return train


def balanced_pca(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:  # noqa: ARG001
    """Let every type count the same for the principal components, and leave the classifier alone."""
    return replace(train, balanced_pca=True)


def class_weights(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:  # noqa: ARG001
    """Let every type count the same for the principal components and for the classifier."""
    return replace(train, balanced_pca=True, balanced_classifier=True)


def ros(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:
    """Add exact copies of randomly drawn real cells (random oversampling)."""

    def draw(points: NDArray[np.float32], n_cells: int, seed: int) -> NDArray[np.float32]:
        return points[np.random.default_rng(seed).integers(len(points), size=n_cells)]

    return _resample(train, wanted, random_state, draw)


def smote(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:
    r"""Add cells between real cells and their neighbours of the same type, by imbalanced-learn.

    .. math:: \hat x = x_i + u \, (x_j - x_i), \quad u \sim U(0, 1)

    References
    ----------
    Chawla et al., SMOTE: synthetic minority over-sampling technique, 2002, doi:10.1613/jair.953.
    Lemaître et al., Imbalanced-learn, 2017, https://jmlr.org/papers/v18/16-365.html.
    """
    from imblearn.over_sampling import SMOTE

    augmented = train
    for code, n_cells in wanted.items():
        n_real = int((train.codes == code).sum())
        sampler = SMOTE(
            sampling_strategy={code: n_real + n_cells},
            k_neighbors=min(N_NEIGHBORS, n_real - 1),
            random_state=random_state,
        )
        joined, codes = sampler.fit_resample(train.log_expr, train.codes)
        augmented = augmented.with_added(joined[len(train.codes) :], codes[len(train.codes) :])
    return augmented


def loras(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:
    """Add convex combinations of noisy neighbours (:func:`scgarage.utility.loras.loras`)."""

    def draw(points: NDArray[np.float32], n_cells: int, seed: int) -> NDArray[np.float64]:
        return loras_cells(points, n_cells, n_neighbors=N_NEIGHBORS, random_state=seed)

    return _resample(train, wanted, random_state, draw)


def _resample(
    train: TrainingSet,
    wanted: Mapping[int, int],
    random_state: int,
    draw: Callable[[NDArray[np.float32], int, int], NDArray[np.floating]],
) -> TrainingSet:
    augmented = train
    for code, n_cells in wanted.items():
        # The seed belongs to the type, so that other types in ``wanted`` do not change its cells.
        seed = int(np.random.SeedSequence([random_state, code]).generate_state(1)[0])
        added = draw(train.rows(code), n_cells, seed)
        augmented = augmented.with_added(added, np.full(n_cells, code, dtype=np.intp))
    return augmented


COMPARATORS: dict[str, Comparator] = {
    "none": nothing,
    "balanced-pca": balanced_pca,
    "class-weights": class_weights,
    "ros": ros,
    "smote": smote,
    "loras": loras,
}
"""Comparators by name, in the order of tables."""
