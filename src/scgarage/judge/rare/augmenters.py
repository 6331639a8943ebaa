"""What may be added to real rare cells: nothing, weights, copies, interpolations, a generator's cells."""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Self, TypeAlias

import anndata as ad
import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse
from sklearn.neighbors import NearestNeighbors

from scgarage.errors import InputError, listed
from scgarage.io.cells import (
    COUNTS,
    as_text,
    expression_matrix,
    match_genes,
    read_cells,
    validate_expression,
    validate_labels,
)
from scgarage.io.matrix import row_sums
from scgarage.io.source import guard
from scgarage.pp import Components
from scgarage.schema import ValueKind

MIN_CELLS = 4
"""Types of fewer cells are left out: two must train and two test."""


@dataclass(frozen=True, eq=False)
class RealCells:
    """Real cells of one data set."""

    adata: AnnData  # the cells with their values, as generators are given them
    log_expr: sparse.csr_matrix  # log1p CP10k of all genes, CSR, (n_cells, n_genes)
    types: NDArray[np.str_]  # names of the types, sorted
    codes: NDArray[np.intp]  # number of each cell's type, (n_cells,)
    labels_key: str  # column of obs with the types
    layer: str | None  # layer with the values, or None for X
    value_kind: ValueKind  # what the values are

    @classmethod
    def of(
        cls, adata: AnnData, *, labels_key: str, layer: str | None = None, max_cells: int = 4000, random_state: int = 0
    ) -> Self:
        """Check and normalise real cells."""
        adata = guard(adata)
        labels = validate_labels(adata, labels_key, min_cells_per_type=1)
        kind = validate_expression(adata, layer, warn_silent_genes=False)
        rows = np.arange(adata.n_obs)
        if adata.n_obs > max_cells:
            rows = np.sort(np.random.default_rng(random_state).choice(adata.n_obs, max_cells, replace=False))
        rows = rows[_common(labels[rows], labels_key)]
        kept = adata[rows].copy()
        types, codes = np.unique(labels[rows], return_inverse=True)
        log_expr = read_cells(kept, layer=layer, kind=kind).log_expr
        return cls(kept, log_expr, types, codes, labels_key, layer, kind)


def _common(labels: NDArray[np.str_], labels_key: str) -> NDArray[np.bool_]:
    """Return which cells are of a type with enough cells."""
    names, numbers, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if (counts < MIN_CELLS).any():
        small = ", ".join(f"'{name}' ({n})" for name, n in zip(names, counts, strict=True) if n < MIN_CELLS)
        msg = f"adata.obs['{labels_key}']: types of fewer than {MIN_CELLS} cells are left out: {small}"
        warnings.warn(msg, UserWarning, stacklevel=4)
    return np.asarray(counts[numbers] >= MIN_CELLS)


N_COMPONENTS = 100
"""Principal components of shrunk LDA; the other pipelines use the first 30."""


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Cells with types, as a classifier sees them."""

    log_expr: NDArray[np.float32]  # log1p CP10k of the selected genes, float32, (n_cells, n_genes)
    codes: NDArray[np.intp]  # number of each cell's type, (n_cells,)
    n_types: int  # number of types, with or without training cells
    balanced_pca: bool = False  # whether every type counts the same for the principal components
    balanced_classifier: bool = False  # whether every type counts the same for the classifier

    @cached_property
    def components(self) -> Components:
        """Principal components fitted on these cells, added ones included."""
        labels = self.codes.astype(np.str_) if self.balanced_pca else None
        return Components.fit(self.log_expr, N_COMPONENTS, labels=labels)

    def rows(self, code: int) -> NDArray[np.float32]:
        """Return the cells of one type, (n_cells_of_type, n_genes)."""
        return np.asarray(self.log_expr[self.codes == code])

    def with_added(self, log_expr: NDArray[np.floating], codes: NDArray[np.intp]) -> Self:
        """Return these cells followed by others."""
        joined = np.concatenate([self.log_expr, log_expr.astype(np.float32)])
        return replace(self, log_expr=joined, codes=np.concatenate([self.codes, codes]))


Comparator: TypeAlias = Callable[[TrainingSet, Mapping[int, int], int], TrainingSet]
"""Real training cells, cells wanted of each type (by its number) and a seed in; a training set out."""


Augmenter: TypeAlias = Callable[[AnnData, dict[str, int], int], AnnData]
"""Real training cells, synthetic cells wanted of each type and a seed in; synthetic cells out, with the same genes,
the same kind of values and the same column of types. Everything that is learned is learned inside, from these
cells: ``lambda train, wanted, seed: MyModel(random_state=seed).fit(train).sample(wanted)``."""


def make_cells(
    augmenter: Augmenter,
    real: RealCells,
    rows: NDArray[np.intp],
    wanted: Mapping[int, int],
    *,
    needed: NDArray[np.intp],
    random_state: int,
) -> tuple[sparse.csr_matrix, NDArray[np.intp]]:
    """Call a generator on some of the real cells and check and normalise what it returns."""
    names = {str(real.types[code]): n_cells for code, n_cells in wanted.items()}
    made = augmenter(real.adata[rows].copy(), names, random_state)
    if real.labels_key not in made.obs:
        msg = f"the synthetic cells have no obs['{real.labels_key}']; found: {listed(made.obs.columns)}"
        raise InputError(msg)
    made = match_genes(made, real.adata.var_names, what="the synthetic cells")
    layer = real.layer if real.layer in made.layers else None
    labels = as_text(made.obs[real.labels_key])
    usable = np.isin(labels, list(names)) & (row_sums(expression_matrix(made, layer)) > 0)
    codes = np.searchsorted(real.types, labels[usable])
    missing = real.types[np.setdiff1d(needed, codes)]
    if len(missing):
        msg = f"the generator made no cell of {listed(missing)}; asked for {names}"
        raise InputError(msg)
    cells = read_cells(made[usable].copy(), layer=layer)
    if cells.kind != real.value_kind:
        msg = f"the synthetic values are {cells.kind}, the real ones {real.value_kind}; both must be the same"
        raise InputError(msg)
    return cells.log_expr, codes


def poisson_by_type(labels_key: str, *, layer: str | None = None) -> Augmenter:
    r"""Return a generator without a model: Poisson counts around the mean profile of each type.

    .. math:: c_j \sim \mathrm{Poisson}(L \, p_{tj}), \quad p_{tj} = \frac{\sum_{i: type(i) = t} c_{ij}}
        {\sum_{i: type(i) = t} L_i}

    The library size :math:`L` is that of a random cell of the type. Genes are independent given type and library
    size. A generator that does not beat this one owes nothing to what it learned beyond the mean of a type.

    Parameters
    ----------
    labels_key
        Column of ``obs`` with the types.
    layer
        Layer with the counts; ``X`` by default.

    Returns
    -------
    Augmenter
        The synthetic counts are in ``X`` (and ``layer``), float32 CSR.

    Raises
    ------
    InputError
        By the generator, if the training values are no counts or a type has no training cell.
    """

    def sample(train: AnnData, wanted: dict[str, int], random_state: int) -> AnnData:
        counts = read_cells(train, layer=layer, accept=COUNTS).csr
        rng = np.random.default_rng(random_state)
        labels = as_text(train.obs[labels_key])
        if absent := sorted(set(wanted) - set(labels)):
            msg = f"there are no training cells of {listed(absent)}"
            raise InputError(msg)
        blocks = [_poisson(counts[labels == name], n_cells, rng) for name, n_cells in wanted.items()]
        made = sparse.csr_matrix(sparse.vstack(blocks), dtype=np.float32)
        obs = pd.DataFrame({labels_key: np.repeat(list(wanted), list(wanted.values()))})
        obs.index = obs.index.map("synthetic_{}".format)
        layers = {} if layer is None else {layer: made.copy()}
        return ad.AnnData(made, obs=obs, var=train.var[[]].copy(), layers=layers)

    return sample


def _poisson(counts: sparse.csr_matrix, n_cells: int, rng: np.random.Generator) -> sparse.csr_matrix:
    totals = row_sums(counts)
    profile = np.asarray(counts.sum(axis=0), dtype=np.float64).ravel() / totals.sum()
    expressed = np.flatnonzero(profile)
    drawn = rng.poisson(rng.choice(totals, size=n_cells)[:, None] * profile[expressed])
    columns = sparse.csr_matrix(drawn, dtype=np.float32)
    return sparse.csr_matrix(
        (columns.data, expressed[columns.indices], columns.indptr), shape=(n_cells, counts.shape[1])
    )


def loras(
    points: NDArray[np.floating], n_cells: int, *, n_neighbors: int = 5, noise: float = 0.005, random_state: int = 0
) -> NDArray[np.float64]:
    r"""Make cells of one type as convex combinations of shadow samples (localised random affine shadowsampling).

    .. math::
        \hat x = \sum_{m=1}^{M} w_m \, (x_{j_m} + \epsilon_m), \quad
        w \sim \mathrm{Dirichlet}(1, \dots, 1), \quad \epsilon_m \sim N(0, \sigma^2 I)

    :math:`x_{j_1}, \dots, x_{j_M}` are a random cell of the type and its nearest neighbours in the type, and
    :math:`x_{j_m} + \epsilon_m` their shadow samples. Against the paper two things are simpler: each neighbour
    gives exactly one shadow sample to a combination, drawn afresh rather than from a stored pool, and the
    weights are uniform on the simplex.

    Parameters
    ----------
    points
        Real cells of the type, (n_real, n_dims), for example log1p CP10k.
    n_cells
        Number of cells to make.
    n_neighbors
        Neighbours besides the cell itself; at most ``n_real - 1`` are used.
    noise
        Standard deviation of the shadow samples, :math:`\sigma`, in units of ``points``; the default is the
        paper's.
    random_state
        Seed.

    Returns
    -------
    numpy.ndarray
        New cells, (n_cells, n_dims), float64, in units of ``points``.

    Raises
    ------
    InputError
        If there are fewer than two real cells or an argument is out of range.

    References
    ----------
    Bej et al., LoRAS: an oversampling approach for imbalanced datasets, Machine Learning 2021,
    doi:10.1007/s10994-020-05913-4.

    Examples
    --------
    >>> corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    >>> bool((loras(corners, 50, noise=0.0).sum(axis=1) <= 1).all())
    True
    """
    if len(points) < 2 or n_neighbors < 1 or n_cells < 0 or noise < 0:
        msg = (
            "LoRAS needs at least 2 real cells, n_neighbors >= 1, n_cells >= 0 and noise >= 0; found "
            f"{len(points)}, {n_neighbors}, {n_cells} and {noise}"
        )
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    n_combined = min(n_neighbors + 1, len(points))
    neighbours = NearestNeighbors(n_neighbors=n_combined).fit(points).kneighbors(points, return_distance=False)
    chosen = neighbours[rng.integers(len(points), size=n_cells)]
    weights = rng.dirichlet(np.ones(n_combined), size=n_cells)
    made = np.zeros((n_cells, points.shape[1]))
    for member in range(n_combined):
        shadow = points[chosen[:, member]] + rng.normal(0.0, noise, size=made.shape)
        made += weights[:, [member]] * shadow
    return made


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


def add_loras(train: TrainingSet, wanted: Mapping[int, int], random_state: int) -> TrainingSet:
    """Add convex combinations of noisy neighbours (:func:`scgarage.judge.rare.augmenters.loras`)."""

    def draw(points: NDArray[np.float32], n_cells: int, seed: int) -> NDArray[np.float64]:
        return loras(points, n_cells, n_neighbors=N_NEIGHBORS, random_state=seed)

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
    "loras": add_loras,
}
"""Comparators by name, in the order of tables."""
