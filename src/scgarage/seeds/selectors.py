"""Simple seed selectors: random, stratified, ranked by a score."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import anndata as ad
import numpy as np
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.cells import read_cells
from scgarage.io.matrix import Matrix
from scgarage.pp import balanced_components
from scgarage.seeds.quotas import CellTypes, Seeds, check_n_seeds, top_cells, top_per_type, type_quotas


def points_of(
    adata: ad.AnnData, use_rep: str | None, *, labels: NDArray[np.str_] | None = None, random_state: int = 0
) -> NDArray[np.floating]:
    """Return coordinates of the cells, shape ``(n_cells, n_dims)``."""
    if use_rep is None:
        log_expr = log_expression(adata)
        return balanced_components(log_expr, labels=labels, random_state=random_state).transform(log_expr)
    if use_rep not in adata.obsm:
        found = ", ".join(map(repr, adata.obsm)) or "none"
        msg = f"adata.obsm has no {use_rep!r}; compute it with sc.pp.pca(adata) or pass use_rep=, available: {found}"
        raise InputError(msg)
    return np.asarray(adata.obsm[use_rep])


def log_expression(adata: ad.AnnData) -> Matrix:
    """Return log1p CP10k from ``X``, shape ``(n_cells, n_genes)``."""
    cells = read_cells(adata)
    if cells.kind == "counts":
        msg = (
            "adata.X holds counts and log-normalised values are expected; "
            "normalise first: adata.X = sg.pp.log1p_cp10k(adata.X)"
        )
        raise InputError(msg)
    return cells.matrix


@dataclass(frozen=True)
class RandomSelector:
    """Cells drawn uniformly without replacement; needs no cell types.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types, for the diagnostics only; ``None`` goes without.
    rare_fraction, rare_threshold
        When a type is rare, for the diagnostics; see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    Examples
    --------
    >>> import numpy as np, anndata as ad
    >>> RandomSelector().select(ad.AnnData(np.zeros((10, 1))), 3)
    Seeds(3 of 10 cells)
    """

    labels_key: str | None = None
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        The scores are random numbers in [0, 1).

        Raises
        ------
        InputError
            When ``n`` is out of range or ``labels_key`` is given and missing.
        """
        check_n_seeds(adata, n)
        rng = np.random.default_rng(self.random_state)
        scores = rng.random(adata.n_obs)
        indices = top_cells(scores, n, rng)
        if self.labels_key is None:
            return Seeds(indices, scores)
        types = CellTypes.read(
            adata, self.labels_key, purpose="the diagnostics",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip
        return Seeds(indices, scores, types.describe(indices))


@dataclass(frozen=True)
class StratifiedSelector:
    """The quotas of :class:`scgarage.seeds.AttentionSelector`, filled at random.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed.

    Examples
    --------
    >>> import numpy as np, anndata as ad
    >>> adata = ad.AnnData(np.zeros((100, 1)))
    >>> adata.obs["cell_type"] = ["T"] * 97 + ["pDC"] * 3
    >>> seeds = StratifiedSelector(labels_key="cell_type").select(adata, 10)
    >>> adata.obs["cell_type"].iloc[seeds.indices].value_counts().to_dict()
    {'T': 9, 'pDC': 1}
    """

    labels_key: str | None = None
    power: float = 1.0
    rare_boost: float = 2.0
    minimum: int = 1
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        The scores are random numbers in [0, 1).

        Raises
        ------
        InputError
            When ``n`` is out of range or cell types are missing.
        """
        check_n_seeds(adata, n)
        types = CellTypes.read(
            adata, self.labels_key, purpose="stratified seeds",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip
        rng = np.random.default_rng(self.random_state)
        scores = rng.random(adata.n_obs)
        quotas = type_quotas(
            types.counts, n, power=self.power, rare_boost=self.rare_boost, rare=types.rare, minimum=self.minimum
        )
        indices = top_per_type(types.codes, scores, quotas, rng)
        return Seeds(indices, scores, types.describe(indices))


@dataclass(frozen=True)
class RankedSelector(ABC):
    """Cells by a score of their place among the others; with labels each type has its quota.

    Attributes
    ----------
    labels_key
        Column of ``obs`` with the cell types; ``None`` goes without, and the highest scores of all cells are taken.
    use_rep
        Slot of ``obsm`` that distances are taken in; ``None`` for components of ``X`` in which every type, or without
        labels every community, counts the same.
    power, rare_boost, minimum
        Quotas, see :func:`scgarage.seeds.type_quotas`.
    rare_fraction, rare_threshold
        When a type is rare, see :func:`scgarage.seeds.rare_types`.
    random_state
        Seed; orders equal scores.
    """

    labels_key: str | None = None
    use_rep: str | None = None
    power: float = 1.0
    rare_boost: float = 2.0
    minimum: int = 1
    rare_fraction: float = 0.05
    rare_threshold: int | None = None
    random_state: int = 0

    @abstractmethod
    def scores(
        self, points: NDArray[np.floating[Any]], groups: NDArray[np.int64], quotas: NDArray[np.int64]
    ) -> NDArray[np.float64]:
        """Return the score of each cell, shape ``(n_cells,)``; seeds are the highest of their group.

        Parameters
        ----------
        points
            Coordinates, shape ``(n_cells, n_dims)``.
        groups
            Number of the type of each cell, shape ``(n_cells,)``; all 0 without labels.
        quotas
            Seeds that each group will give, shape ``(n_groups,)``.
        """

    def select(self, adata: ad.AnnData, n: int) -> Seeds:
        """Pick ``n`` distinct cells; see :class:`scgarage.seeds.SeedSelector`.

        Raises
        ------
        InputError
            When ``n`` is out of range, ``labels_key`` or ``use_rep`` is given and missing, or ``X`` holds counts while
            components are to be fitted.
        """
        check_n_seeds(adata, n)
        types = self._types(adata)
        labels = None if types is None else types.names[types.codes]
        points = points_of(adata, self.use_rep, labels=labels, random_state=self.random_state)
        groups = np.zeros(adata.n_obs, dtype=np.int64) if types is None else types.codes
        quotas = np.array([n]) if types is None else self._quotas(types, n)
        scores = self.scores(points, groups, quotas)
        indices = top_per_type(groups, scores, quotas, np.random.default_rng(self.random_state))
        return Seeds(indices, scores, {} if types is None else types.describe(indices))

    def _types(self, adata: ad.AnnData) -> CellTypes | None:
        if self.labels_key is None:
            return None
        return CellTypes.read(
            adata, self.labels_key, purpose="quotas",
            rare_fraction=self.rare_fraction, rare_threshold=self.rare_threshold,
        )  # fmt: skip

    def _quotas(self, types: CellTypes, n: int) -> NDArray[np.int64]:
        return type_quotas(
            types.counts, n, power=self.power, rare_boost=self.rare_boost, rare=types.rare, minimum=self.minimum
        )
