"""The part that garage and flow share: marginals, factors, strata and how cells are decoded."""

import warnings
from abc import abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse, special

from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k
from scgarage.models.base import GenerativeModel
from scgarage.models.data import TrainingData, ValidationData, levels_of
from scgarage.models.garage.compiled import one_thread_each
from scgarage.models.garage.factors import Cells, Decoder, GibbsSettings
from scgarage.models.garage.marginals import Hurdle, PoissonMixture
from scgarage.models.garage.mixture import GRID, SHAPE
from scgarage.models.garage.positions import at_most, cluster
from scgarage.models.garage.rates import RateLaw, Structure
from scgarage.models.garage.redraw import DistanceFloor, Fingerprints, redraw
from scgarage.models.garage.strata import NO_PARENT, Depth, Strata
from scgarage.models.spec import Drawn, Wanted
from scgarage.pp import Components, communities

SMALLEST_GROUP = 10
"""Cells of a group at least: fewer say too little about thousands of genes."""


@dataclass(frozen=True)
class FactorConfig:
    """Settings of :class:`~scgarage.models.garage.factor_model.FactorModel`; *measured* means docs/research/log.md.

    Attributes
    ----------
    n_top_genes
        Highly variable genes that the clusters are found on when there are no labels; all genes are generated.
    n_factor_genes
        Genes that the factors are fitted on, those that vary most within types; the others are regressed on the factors
        (measured: 2000 are better than 1000 highly variable ones).
    n_factors
        Shared factors (measured: 10 are too few on blood, 40 bring nothing more).
    n_sweeps, n_kept
        Gibbs sweeps before the draws of the factors that are kept, and their number (measured: 25 are no better).
    ridge
        Precision of the loadings' prior, in cells (measured elsewhere).
    mean_prior
        Cells that the expected mean of a type is worth beside its own (measured: shrinking means harms rare types).
    batch_prior
        The same with batches, where the expected mean is that of the same type in other batches.
    rate_prior
        Cells that a gene's distribution of rates over all types is worth beside a type's own (measured: 5 to 20 alike).
    min_cells
        Genes seen in fewer training cells are drawn independently of the others.
    max_cells
        Cells that the factors are fitted on at most, rare types kept whole.
    resolution
        Leiden resolution of the clusters that stand in for types when there are no labels; islands within them have
        clusters of their own (measured: :mod:`scgarage.models.garage.positions`).
    smallest_group
        Training cells that a community of cells within a type must have to get marginals of its own, drawn to those of
        the type; ``None`` leaves types whole, as does ``batch_key`` (measured: 50 to 100 raise the coverage of coarse
        types a little and the nearness to training cells as well; 25 to 30 make small data leak).
    random_state
        Seed.
    """

    n_top_genes: int | None = 1000
    n_factor_genes: int | None = 2000
    n_factors: int = 20
    n_sweeps: int = 10
    n_kept: int = 6
    ridge: float = 10.0
    mean_prior: float = 0.1
    batch_prior: float = 3.0
    rate_prior: float = 5.0
    min_cells: int = 10
    max_cells: int = 10_000
    resolution: float = 2.0
    smallest_group: int | None = None
    random_state: int = 0

    def __post_init__(self) -> None:
        self._check_counts("n_factors", "n_kept", "max_cells", "min_cells")
        if self.smallest_group is not None and self.smallest_group < SMALLEST_GROUP:
            msg = f"smallest_group must be None or at least {SMALLEST_GROUP}; found {self.smallest_group}"
            raise InputError(msg)

    def _check_counts(self, *names: str) -> None:
        for name in names:
            if getattr(self, name) < 1:
                msg = f"{name} must be at least 1; found {getattr(self, name)}"
                raise InputError(msg)


def factor_genes(log_expr: sparse.csr_matrix, strata: NDArray[np.int64], n_genes: int | None) -> NDArray[np.int64]:
    """Return the genes whose log expression varies most within types."""
    if n_genes is None or n_genes >= log_expr.shape[1]:
        return np.arange(log_expr.shape[1])
    variation = np.zeros(log_expr.shape[1])
    for code in np.unique(strata):
        cells = log_expr[np.flatnonzero(strata == code)]
        sums = np.asarray(cells.sum(axis=0)).ravel()
        variation += np.asarray(cells.multiply(cells).sum(axis=0)).ravel() - sums**2 / cells.shape[0]
    return np.sort(np.argsort(-variation, kind="stable")[:n_genes])


N_VOTES = 5
"""Training cells of its type that say which group another cell belongs to."""


@dataclass(frozen=True)
class Groups:
    """Groups of training cells, and to which of them other cells belong; not kept after fitting."""

    parent: NDArray[np.int64]  # type that each group is part of, (n_groups,)
    codes: NDArray[np.int64]  # group of each training cell, (n_cells,)
    components: Components  # space in which cells are compared
    points: NDArray[np.float32]  # training cells there, (n_cells, n_components)

    @classmethod
    def find(
        cls,
        log_expr: sparse.csr_matrix,
        types: NDArray[np.int64],
        n_types: int,
        *,
        smallest: int,
        resolution: float,
        random_state: int,
    ) -> Self:
        """Divide types into Leiden communities of at least ``smallest`` cells."""
        components = Components.fit(log_expr, 50, random_state=random_state)
        points = components.transform(log_expr)
        found = 1 + communities(points, (resolution / 2,), random_state=random_state)[0]
        codes = np.empty(len(types), dtype=np.int64)
        parent: list[int] = []
        for kind in range(n_types):
            rows = np.flatnonzero(types == kind)
            parts = _divided(points[rows], found[rows], smallest)
            codes[rows] = len(parent) + parts
            parent += [kind] * (int(parts.max(initial=0)) + 1)
        return cls(np.asarray(parent, dtype=np.int64), codes, components, points)

    def assign(self, log_expr: sparse.csr_matrix, types: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the groups of other cells with known types, (n_cells,)."""
        from sklearn.neighbors import KNeighborsClassifier

        points, mine = self.components.transform(log_expr), self.parent[self.codes]
        codes = np.empty(len(types), dtype=np.int64)
        for kind in np.unique(types):
            asked, known = np.flatnonzero(types == kind), np.flatnonzero(mine == kind)
            votes = KNeighborsClassifier(min(N_VOTES, len(known))).fit(self.points[known], self.codes[known])
            codes[asked] = votes.predict(points[asked])
        return codes


def _divided(points: NDArray[np.float32], found: NDArray[np.int64], smallest: int) -> NDArray[np.int64]:
    """Return the groups of one type, from 0; small communities that are left over make one together or join others."""
    from sklearn.neighbors import KNeighborsClassifier

    names, sizes = np.unique(found, return_counts=True)
    large = names[(sizes >= smallest) & (names > 0)]
    groups = np.where(np.isin(found, large), found, 0)
    left = np.flatnonzero(groups == 0)
    if len(large) and 0 < len(left) < smallest:
        inside = np.flatnonzero(groups)
        groups[left] = KNeighborsClassifier(1).fit(points[inside], groups[inside]).predict(points[left])
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)


def divide(
    wanted: Wanted, strata: Strata, types: Sequence[str], batches: Sequence[str], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the number of the stratum of each cell to make.

    A plain number is divided in the proportions of the training cells, as exactly as whole numbers allow: drawing each
    cell's type at random would move the proportions by chance (measured: 0.2 x the floor of the sliced Wasserstein
    distance). The cells then come in random order. Numbers by type are divided among batches in the same way, and come
    type by type.
    """
    if isinstance(wanted, int):
        return rng.permutation(_repeat(np.arange(len(strata.sizes)), strata.sizes, wanted, rng))
    parts = []
    for key, number in wanted.items():
        name, batch = key if isinstance(key, tuple) else (key, None)
        groups = np.flatnonzero(strata.parent == types.index(name))
        chosen = np.arange(strata.n_batches) if batch is None else np.array([batches.index(batch)])
        codes = (groups[:, None] * strata.n_batches + chosen).ravel()
        if len(codes) == 1:
            parts.append(np.full(number, codes[0]))
            continue
        parts.append(_repeat(codes, strata.sizes[codes], number, rng))
    return np.concatenate(parts)


def _repeat(
    codes: NDArray[np.int64], sizes: NDArray[np.int64], number: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Repeat each code in proportion to its size; what whole numbers leave over is drawn at random."""
    exact = number * sizes / sizes.sum()
    counts = np.floor(exact).astype(np.int64)
    rest = exact - counts
    left = number - int(counts.sum())
    if left:
        counts[rng.choice(len(codes), size=left, replace=False, p=rest / rest.sum())] += 1
    return np.repeat(codes, counts)


N_SPREAD_GENES = 1000
"""Genes along whose axes the spread within types is measured, those that vary most within types."""

N_SPREAD_CELLS = 300
"""New cells of a type whose spread is measured."""

N_AXES = 10

ENOUGH_FOR_SPREAD = 12
"""Validation cells of a type from which its axes are found; a third as many axes at most."""

POOLED_CELLS = 100.0
"""Cells that the correction of all types together is worth beside a type's own."""

TRIED = 1.2
"""Stretch that is tried beside none; between and beyond, variances are linear in its square."""

STRETCHES = (0.8, 1.35)
"""Smallest and largest stretch."""


@dataclass(frozen=True)
class SpreadWithinTypes:
    r"""Variances of a type's cells along its own leading axes, new cells over real ones.

    .. math:: r_t = \frac{\sum_k \mathrm{Var}(a_k^T y)}{\sum_k \mathrm{Var}(a_k^T x)}

    with the axes :math:`a` of validation cells, which the model has not seen: along axes that were fitted to the very
    cells that are compared, training cells and cells made after them, these vary more than others do.
    """

    types: NDArray[np.int64]  # types with enough cells
    sizes: NDArray[np.int64]  # their training cells
    axes: list[NDArray[np.float32]]  # leading axes of each, (n_genes, n_axes)
    variances: NDArray[np.float64]  # of the training cells along them, summed over axes, (n_types,)

    @classmethod
    def fit(
        cls,
        unseen: NDArray[np.float32],
        unseen_types: NDArray[np.int64],
        real: NDArray[np.float32],
        types: NDArray[np.int64],
        rng: np.random.Generator,
    ) -> Self:
        """Find axes of the validation cells of each type, and variances of the training cells; log1p CP10k."""
        sizes, n_unseen = (np.bincount(codes[codes >= 0], minlength=types.max() + 1) for codes in (types, unseen_types))
        found = np.flatnonzero((sizes > 2) & (n_unseen[: len(sizes)] >= ENOUGH_FOR_SPREAD))
        axes = [_leading_axes(unseen[unseen_types == kind], int(rng.integers(2**31))) for kind in found]
        variances = [_along(real[types == kind], own) for kind, own in zip(found, axes, strict=True)]
        return cls(found, sizes[found], axes, np.asarray(variances))

    def ratios(self, made: NDArray[np.floating], types: NDArray[np.int64]) -> NDArray[np.float64]:
        """Return the ratio of each type, (n_types,), for new cells of given types."""
        found = [_along(made[types == kind], axes) for kind, axes in zip(self.types, self.axes, strict=True)]
        result: NDArray[np.float64] = np.asarray(found) / np.maximum(self.variances, 1e-12)
        return result

    def solve(self, plain: NDArray[np.float64], tried: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the stretch of each type at which its ratio would be one, small types drawn to what all types ask."""
        gain = (tried - plain) / (TRIED**2 - 1)
        own = (1 - plain) / np.maximum(gain, 0.1)
        together = np.average(own, weights=self.sizes)
        weight = self.sizes / (self.sizes + POOLED_CELLS)
        square = 1 + weight * own + (1 - weight) * together
        return np.clip(np.sqrt(np.maximum(square, 0.0)), *STRETCHES)


def _leading_axes(cells: NDArray[np.float32], random_state: int) -> NDArray[np.float32]:
    from sklearn.utils.extmath import randomized_svd

    n_axes = min(N_AXES, len(cells) // 3)
    centred = cells - cells.mean(axis=0)
    axes: NDArray[np.float32] = randomized_svd(centred, n_axes, n_iter=3, random_state=random_state)[2].T
    return axes


def _along(cells: NDArray[np.floating], axes: NDArray[np.float32]) -> float:
    """Return the sum of the variances of cells along axes."""
    return float((cells @ axes).var(axis=0, ddof=1).sum())


def warn_of_unseen(codes: NDArray[np.int64], strata: Strata, types: Sequence[str], batches: Sequence[str]) -> None:
    """Warn when cells of a stratum without training cells are about to be made."""
    wanted = np.unique(codes)
    unseen = strata.split(wanted[strata.sizes[wanted] == 0])
    named = ", ".join(f"{types[strata.parent[t]]} in {batches[b]}" for t, b in zip(*unseen, strict=True))
    if named:
        msg = f"no training cell shows {named}: made from the type in other batches and the batch's other types"
        warnings.warn(msg, UserWarning, stacklevel=4)


@dataclass(frozen=True)
class FactorFit:
    """What only fitting needs: draws of the positions of the training cells, and how they came about."""

    draws: NDArray[np.float32]  # factors and log library size, (n_draws, n_used, n_dims)
    rows: NDArray[np.int64]  # training cells that were used, (n_used,)
    codes: NDArray[np.int64]  # their strata, (n_used,)
    totals: NDArray[np.float64]  # their library sizes, (n_used,)
    selected: NDArray[np.int64]  # genes that the factors were fitted on
    labelled: bool  # whether the types are the user's, not clusters
    groups: Groups | None  # of cells within types, if asked for
    rng: np.random.Generator


N_CLOUD_CELLS = 2000
"""Positions that the mean and the covariance of a stratum's cloud are found from."""


class FactorModel(GenerativeModel):
    """Free marginals and shared factors; a subclass says where among the factors new cells lie."""

    Config: ClassVar[type[Any]] = FactorConfig
    needs_labels = False
    knows_batches = True
    makes_all_genes = True
    max_strength = 100.0
    parts_types: ClassVar[Mapping[str, type[Any]]] = {
        "strata": Strata,
        "depth": Depth,
        "decoder": Decoder,
        "fingerprints": Fingerprints,
        "floor": DistanceFloor,
    }

    @abstractmethod
    def positions(
        self, codes: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> NDArray[np.float32]:
        """Return a position for each stratum number (n_cells,): shape (n_cells, n_dims)."""

    def parts_for(self, value_kind: str) -> Mapping[str, type[Any]]:
        """Return the classes of the fitted parts; counts and log values have different marginals."""
        return dict(self.parts_types) | {"marginal": PoissonMixture if value_kind == "counts" else Hurdle}

    # ------------------------------------------------------------------ fitting
    @one_thread_each()
    def fit_factors(self, data: TrainingData) -> FactorFit:
        """Fit marginals and factors, and draw the positions of the training cells."""
        c = self.config
        rng = np.random.default_rng(c.random_state)
        types, labelled = data.labels, data.labels_key is not None
        if not labelled:
            types = cluster(data.log_expr, resolution=c.resolution, random_state=c.random_state)
        levels = levels_of(data.batch_names, len(data.batch_keys))
        n_types, parent, groups = int(types.max()) + 1, NO_PARENT, None
        if labelled and len(levels) == 1 and c.smallest_group is not None:
            groups = Groups.find(
                data.log_expr,
                types,
                n_types,
                smallest=c.smallest_group,
                resolution=c.resolution,
                random_state=c.random_state,
            )
            types, parent, n_types = groups.codes, groups.parent, len(groups.parent)
        strata = Strata.of(types, data.batches, n_types, len(levels), levels, parent)
        totals = np.ones(data.n_cells) if data.totals is None else data.totals
        codes = strata.code(types, data.batches)
        depth = Depth.fit(totals, codes, strata)
        cells = Cells(data.values, totals, codes, depth.standardise(totals, codes))
        self.parts = {"strata": strata, "depth": depth, "fingerprints": Fingerprints.of(data.values)}
        self.parts["marginal"] = marginal = self.parts_for(data.value_kind)["marginal"].fit(
            data.values.tocsc(),
            totals,
            cells.strata,
            depth=depth,
            prior_share=strata.expected_share(data.values, totals, cells.strata),
            mean_prior=c.mean_prior if strata.n_batches == 1 else c.batch_prior,
            weight_prior=c.rate_prior,
            parent=None if groups is None else strata.parent,
        )
        log_expr = data.values if data.totals is None else log1p_cp10k(data.values)
        selected = factor_genes(log_expr, codes, c.n_factor_genes)
        compared = np.flatnonzero(data.modelled)
        self.parts["floor"] = DistanceFloor.fit(log_expr, compared, types, random_state=c.random_state)
        rows = at_most(cells.strata, c.max_cells, rng)
        used = cells.take(rows)
        gibbs = GibbsSettings(c.n_factors, c.n_sweeps, c.n_kept, c.ridge, c.min_cells)
        self.parts["decoder"], draws = Decoder.fit(used, marginal, selected, gibbs, rng)
        sizes = np.broadcast_to(np.log(used.totals).astype(np.float32)[None, :, None], (len(draws), len(rows), 1))
        positions = np.concatenate([draws, sizes], axis=2)
        return FactorFit(positions, rows, used.strata, used.totals, selected, labelled, groups, rng)

    @one_thread_each()
    def calibrate(
        self, data: TrainingData, validation: ValidationData | None, fitted: FactorFit, positions: NDArray[np.float32]
    ) -> dict[str, float]:
        """Mend what sampling shows: library sizes, then spread within types; return the spread before and after.

        Positions are those of new cells in the strata ``fitted.codes``, (n_used, n_dims).
        """
        if data.totals is not None:
            made = self._decode(positions, fitted.codes, fitted.rng)
            sums, asked = made.sum(axis=1).A1.astype(np.float64), np.exp(positions[:, -1].astype(np.float64))
            self.parts["depth"] = self.parts["depth"].calibrated(asked, sums, fitted.codes)
        if validation is None or not fitted.labelled:
            return {}
        return self._calibrate_spread(data, validation, fitted, positions)

    def _calibrate_spread(
        self, data: TrainingData, validation: ValidationData, fitted: FactorFit, positions: NDArray[np.float32]
    ) -> dict[str, float]:
        """Let factors count more, or less, until new cells of a type vary as much along its axes as the real ones."""
        strata, log_expr = self.parts["strata"], log1p_cp10k if data.totals is not None else sparse.csr_matrix
        real = log_expr(data.values)
        genes = factor_genes(real, data.labels, N_SPREAD_GENES)
        unseen = log_expr(validation.values)[:, genes].toarray()
        types, rng = strata.parent[strata.split(fitted.codes)[0]], fitted.rng
        measure = SpreadWithinTypes.fit(unseen, validation.labels, real[fitted.rows][:, genes].toarray(), types, rng)
        if not len(measure.types):
            return {}
        plain, seed = self.parts["decoder"], int(rng.integers(2**31))
        shuffled = rng.permutation(len(types))
        rows = np.concatenate([shuffled[types[shuffled] == kind][:N_SPREAD_CELLS] for kind in measure.types])

        def ratios(stretch: NDArray[np.floating]) -> NDArray[np.float64]:
            every = np.full(int(strata.parent.max()) + 1, np.average(stretch, weights=measure.sizes), dtype=np.float32)
            every[measure.types] = stretch
            by_stratum = every[strata.parent[strata.split(np.arange(len(strata.sizes)))[0]]]
            self.parts["decoder"] = replace(plain, stretch=by_stratum)
            # The same random numbers each time, so that differences are those of the stretch.
            made = self._decode(positions[rows], fitted.codes[rows], np.random.default_rng(seed))
            shown = np.diff(made.indptr) > 0
            return measure.ratios(log_expr(made[shown])[:, genes].toarray(), types[rows][shown])

        before = ratios(np.ones(len(measure.types)))
        after = ratios(measure.solve(before, ratios(np.full(len(measure.types), TRIED))))
        means = (float(np.average(found, weights=measure.sizes)) for found in (before, after))
        return dict(zip(("spread_before", "spread"), means, strict=True))

    @one_thread_each()
    def encode(
        self, validation: ValidationData | None, fitted: FactorFit
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]] | None:
        """Return a draw of the positions of the validation cells whose stratum is known, and the strata."""
        if validation is None or not fitted.labelled:
            return None
        rows = np.flatnonzero((validation.labels >= 0) & (validation.batches >= 0))
        if not len(rows):
            return None
        strata = self.parts["strata"]
        types = validation.labels[rows]
        if fitted.groups is not None:
            types = fitted.groups.assign(validation.log_expr[rows], types)
        codes = strata.code(types, validation.batches[rows])
        totals = np.ones(len(rows)) if validation.totals is None else validation.totals[rows]
        cells = Cells(validation.values[rows], totals, codes, self.parts["depth"].standardise(totals, codes))
        draws = self.parts["decoder"].encode(cells, self.parts["marginal"], fitted.selected, n_kept=1, rng=fitted.rng)
        return np.concatenate([draws[0], np.log(totals).astype(np.float32)[:, None]], axis=1), codes

    # ------------------------------------------------------------------ sampling
    def draw(self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator) -> Drawn:
        """Draw cells by type and batch."""
        return self._draw(wanted, generator, rng, Structure())[0]

    def draw_rated(
        self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator, structure: Structure
    ) -> tuple[Drawn, RateLaw]:
        """Draw cells by type and batch, and say how their counts come from rates."""
        drawn, codes, positions = self._draw(wanted, generator, rng, structure)
        totals = np.exp(positions[:, -1].astype(np.float64))
        depth = self.parts["depth"]
        aimed_at = depth.aimed_at(totals, codes)
        marginal: PoissonMixture = self.parts["marginal"]
        law = RateLaw(
            strata=codes,
            totals=aimed_at,
            depth=marginal.depth.standardise(aimed_at, codes)[:, 0].astype(np.float64),
            share=marginal.share,
            slope=marginal.slope,
            weights=marginal.weights,
            grid=GRID,
            shape=np.full(marginal.share.shape, SHAPE, dtype=np.float32),
            sizes=self.parts["strata"].sizes,
        )
        return drawn, law

    @one_thread_each()
    def _draw(
        self, wanted: Wanted, generator: torch.Generator, rng: np.random.Generator, structure: Structure
    ) -> tuple[Drawn, NDArray[np.int64], NDArray[np.float32]]:
        """Draw cells; return them, their strata and their positions."""
        strata = self.parts["strata"]
        codes = divide(wanted, strata, self.types, self.batches, rng)
        warn_of_unseen(codes, strata, self.types, self.batches)
        decoder = self.parts["decoder"]
        if structure.strength is not None:
            decoder = decoder.strengthened(structure.strength)
        place = self._clouds(codes, generator, rng) if structure.homogeneous else self.positions
        positions = place(codes, generator, rng)

        def again(rows: NDArray[np.intp]) -> sparse.csr_matrix:
            positions[rows] = place(codes[rows], generator, rng)
            return self._decode(positions[rows], codes[rows], rng, decoder)

        values, refused = redraw(
            self._decode(positions, codes, rng, decoder),
            again,
            (self.parts["fingerprints"], self.parts["floor"]),
            log1p_cp10k if self.about["value_kind"] == "counts" else lambda values: values,
        )
        types, batches = strata.split(codes)
        drawn = Drawn(
            values,
            np.asarray(self.types)[strata.parent[types]] if self.types else None,
            batches=np.asarray(self.batches)[batches] if self.batches else None,
            about=refused,
        )
        return drawn, codes, positions

    def _clouds(
        self, codes: NDArray[np.int64], generator: torch.Generator, rng: np.random.Generator
    ) -> Callable[[NDArray[np.int64], torch.Generator, np.random.Generator], NDArray[np.float32]]:
        """Return what places cells as :meth:`positions` does, every stratum as one Gaussian cloud.

        Library sizes keep their own distribution.
        """
        clouds = {}
        for code in np.unique(codes):
            seen = self.positions(np.full(N_CLOUD_CELLS, code), generator, rng).astype(np.float64)
            centre, spread = seen.mean(axis=0), np.cov(seen.T) + 1e-9 * np.eye(seen.shape[1])
            clouds[code] = centre, np.linalg.cholesky(spread), np.sort(seen[:, -1])

        def place(
            codes: NDArray[np.int64],
            generator: torch.Generator,  # noqa: ARG001
            rng: np.random.Generator,
        ) -> NDArray[np.float32]:
            placed = np.empty((len(codes), len(next(iter(clouds.values()))[0])))
            for code in np.unique(codes):
                rows = np.flatnonzero(codes == code)
                centre, root, sizes = clouds[code]
                cells = centre + rng.standard_normal((len(rows), len(centre))) @ root.T
                level = special.ndtr((cells[:, -1] - centre[-1]) / np.linalg.norm(root[-1]))
                cells[:, -1] = np.interp(level * (len(sizes) - 1), np.arange(len(sizes)), sizes)
                placed[rows] = cells
            return placed.astype(np.float32)

        return place

    def _decode(
        self,
        positions: NDArray[np.float32],
        codes: NDArray[np.int64],
        rng: np.random.Generator,
        decoder: Decoder | None = None,
    ) -> sparse.csr_matrix:
        totals = np.exp(positions[:, -1].astype(np.float64))
        depth = self.parts["depth"].standardise(totals, codes)
        aimed_at = self.parts["depth"].aimed_at(totals, codes)
        decoded: sparse.csr_matrix = (decoder or self.parts["decoder"]).decode(
            positions[:, :-1], depth, aimed_at, codes, self.parts["marginal"], rng
        )
        return decoded
