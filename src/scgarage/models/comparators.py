"""What a generator must beat: copies, interpolation, independent genes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import counts_from_log_expr, log1p_cp10k
from scgarage.models.base import FitOptions, GenerativeModel, Learned, draw_by_type
from scgarage.models.copula import HurdleMarginals, NegativeBinomialMarginals
from scgarage.models.data import TrainingData, ValidationData
from scgarage.models.spec import Drawn, Wanted


@dataclass(frozen=True)
class KeptCells:
    """Real cells, sorted by type."""

    data: NDArray[np.float32]  # values as a CSR matrix
    indices: NDArray[np.int64]
    indptr: NDArray[np.int64]
    n_genes: NDArray[np.int64]  # number of genes, (1,)
    sizes: NDArray[np.int64]  # cells of each type, (n_types,)

    @classmethod
    def of(cls, values: sparse.csr_matrix, labels: NDArray[np.int64], n_types: int) -> tuple[Self, NDArray[np.int64]]:
        """Keep cells, CSR (n_cells, n_genes), of given types; return the order of the rows too."""
        order = np.argsort(labels, kind="stable")
        own = values[order]
        kept = cls(
            own.data.astype(np.float32),
            own.indices.astype(np.int64),
            own.indptr.astype(np.int64),
            np.array([own.shape[1]], dtype=np.int64),
            np.bincount(labels, minlength=n_types).astype(np.int64),
        )
        return kept, order

    def matrix(self) -> sparse.csr_matrix:
        """Return the values, CSR (n_cells, n_genes)."""
        shape = (len(self.indptr) - 1, int(self.n_genes[0]))
        return sparse.csr_matrix((self.data, self.indices, self.indptr), shape=shape)

    def pick(self, labels: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
        """Draw the row of a kept cell for each type number, ``(n_cells,)``, with replacement."""
        starts = np.cumsum(self.sizes) - self.sizes
        rows: NDArray[np.int64] = starts[labels] + rng.integers(self.sizes[labels])
        return rows


@dataclass(frozen=True)
class BootstrapConfig:
    """Settings of :class:`Bootstrap`.

    Attributes
    ----------
    kept
        Share of the molecules that a copy keeps; 1 copies exactly (ours).
    random_state
        Seed of the share that is put aside for validation.
    """

    kept: float = 0.9
    random_state: int = 0
    n_top_genes: ClassVar[int | None] = None
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if not 0 < self.kept <= 1:
            msg = f"kept is a share of molecules and must lie in (0, 1]; found {self.kept}"
            raise InputError(msg)


class Bootstrap(GenerativeModel):
    """The copy extreme: training cells drawn with replacement and thinned.

    Every molecule of a copied cell stays with probability ``kept``; library sizes are that much smaller, nothing is
    scaled up again. Of log-normalised values, which hold no molecules, every value above zero stays with that
    probability. Such cells look like real ones to every measure of fidelity and are no new cells: what detects
    copies must reject this model. Never share them as synthetic data.

    A saved model holds the training cells.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Bootstrap().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "bootstrap"
    Config: ClassVar[type[Any]] = BootstrapConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"cells": KeptCells}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:  # noqa: ARG002
        """Keep the training cells."""
        self.parts = {"cells": KeptCells.of(data.values, data.labels, len(data.types))[0]}
        return Learned()

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:  # noqa: ARG002
        """Copy and thin."""
        return draw_by_type(self, wanted, rng, lambda labels: self._cells(labels, rng))

    def _cells(self, labels: NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_matrix:
        cells: KeptCells = self.parts["cells"]
        copies = cells.matrix()[cells.pick(labels, rng)]
        if self.about["value_kind"] == "counts":
            copies.data = rng.binomial(copies.data.astype(np.int64), self.config.kept).astype(np.float32)
        else:
            copies.data = copies.data * (rng.random(len(copies.data)) < self.config.kept)
        copies.eliminate_zeros()
        return copies


@dataclass(frozen=True)
class SmoteConfig:
    """Settings of :class:`Smote`.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that neighbours are sought on; all genes are interpolated (ours; SMOTE: all genes).
    n_neighbors
        Neighbours that a cell may be mixed with, fewer in small types (SMOTE and imbalanced-learn: 5).
    random_state
        Seed of the share that is put aside for validation.
    """

    n_top_genes: int | None = None
    n_neighbors: int = 5
    random_state: int = 0
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}

    def __post_init__(self) -> None:
        if self.n_neighbors < 1:
            msg = f"n_neighbors must be at least 1; found {self.n_neighbors}"
            raise InputError(msg)


@dataclass(frozen=True)
class SmoteNeighbours:
    """What is kept about the training cells besides their expression."""

    # numbers of the nearest cells of the same type, (n_cells, n_neighbors); only the first n_found count
    rows: NDArray[np.int64]
    n_found: NDArray[np.int64]  # neighbours of each cell, (n_cells,)
    totals: NDArray[np.float64]  # library sizes, (n_cells,); ones where there are none


class Smote(GenerativeModel):
    r"""Cells between two neighbours of one type, on log1p CP10k.

    .. math:: x = x_i + u\,(x_j - x_i), \qquad u \sim U(0, 1)

    with a random cell :math:`i` of the type and one of its nearest neighbours :math:`j`. This is imbalanced-learn's
    rule; unlike oversampling it makes as many cells of any type as are asked for, of abundant types too. Back to counts
    by the library size on the geometric path between the two cells', rounded. Mixtures of two cells have fewer zeros
    and less variance than cells.

    A saved model holds the training cells.

    References
    ----------
    Chawla et al., JAIR 2002, doi:10.1613/jair.953.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Smote().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "smote"
    Config: ClassVar[type[Any]] = SmoteConfig
    parts_types: ClassVar[Mapping[str, type[Any]]] = {"cells": KeptCells, "neighbours": SmoteNeighbours}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:  # noqa: ARG002
        """Keep the training cells and find their neighbours."""
        from sklearn.neighbors import NearestNeighbors

        every = data.values if data.totals is None else log1p_cp10k(data.values)
        cells, order = KeptCells.of(every, data.labels, len(data.types))
        points = data.log_expr[order]
        rows = np.zeros((data.n_cells, self.config.n_neighbors), dtype=np.int64)
        found = np.zeros(data.n_cells, dtype=np.int64)
        for end, size in zip(np.cumsum(cells.sizes), cells.sizes, strict=True):
            own = np.arange(end - size, end)
            n_neighbors = min(self.config.n_neighbors, size - 1)
            rows[own, 0] = own  # a type with a single cell
            if n_neighbors:
                nearest = NearestNeighbors(n_neighbors=n_neighbors).fit(points[own])
                rows[own, :n_neighbors] = own[nearest.kneighbors(return_distance=False)]
            found[own] = max(n_neighbors, 1)
        totals = np.ones(data.n_cells) if data.totals is None else data.totals[order]
        self.parts = {"cells": cells, "neighbours": SmoteNeighbours(rows, found, totals)}
        return Learned()

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:  # noqa: ARG002
        """Mix each cell with a neighbour."""
        return draw_by_type(self, wanted, rng, lambda labels: self._cells(labels, rng))

    def _cells(self, labels: NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_matrix:
        cells, neighbours = self.parts["cells"], self.parts["neighbours"]
        first = cells.pick(labels, rng)
        second = neighbours.rows[first, rng.integers(neighbours.n_found[first])]
        shares = rng.random(len(labels))
        mixed = interpolate(cells.matrix(), first, second, shares)
        if self.about["value_kind"] != "counts":
            return mixed
        logs = np.log(neighbours.totals)
        totals = np.exp(logs[first] + shares * (logs[second] - logs[first]))
        return sparse.csr_matrix(counts_from_log_expr(mixed.toarray(), totals))


def interpolate(
    log_expr: sparse.csr_matrix, first: NDArray[np.int64], second: NDArray[np.int64], shares: NDArray[np.float64]
) -> sparse.csr_matrix:
    """Return cells at the given shares of the way from the first rows to the second ones, ``(n, n_genes)``."""
    return sparse.csr_matrix(sparse.diags(1 - shares) @ log_expr[first] + sparse.diags(shares) @ log_expr[second])


@dataclass(frozen=True)
class NBIndependentConfig:
    """Settings of :class:`NBIndependent`; there is nothing to tune.

    Attributes
    ----------
    random_state
        Seed of the share that is put aside for validation.
    """

    random_state: int = 0
    n_top_genes: ClassVar[int | None] = None
    PRESETS: ClassVar[Mapping[str, Mapping[str, Any]]] = {"published": {}, "tuned": {}}


class NBIndependent(GenerativeModel):
    """The null model: negative binomial genes, independent of each other given the type.

    Means and dispersions are those of the type, by maximum likelihood. Library sizes are not modelled: they come out
    as narrow as independent genes make them. Log-normalised values get the zero fraction and the quantiles of the type
    instead.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.NBIndependent().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> model.sample({"Dendritic": 5}).shape
    (5, 765)
    """

    name = "nb-independent"
    Config: ClassVar[type[Any]] = NBIndependentConfig

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts."""
        return {"marginals": NegativeBinomialMarginals if value_kind == "counts" else HurdleMarginals}

    def learn(self, data: TrainingData, validation: ValidationData | None, options: FitOptions) -> Learned:  # noqa: ARG002
        """Estimate the marginals."""
        kind = self.parts_for(data.value_kind)["marginals"]
        self.parts = {"marginals": kind.fit(data.values, data.labels, len(data.types))}
        return Learned()

    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:  # noqa: ARG002
        """Draw every gene by itself."""
        return draw_by_type(self, wanted, rng, lambda labels: self._cells(labels, rng))

    def _cells(self, labels: NDArray[np.int64], rng: np.random.Generator) -> sparse.csr_matrix:
        drawn: sparse.csr_matrix = self.parts["marginals"].draw(labels, slice(None), rng)
        return drawn
