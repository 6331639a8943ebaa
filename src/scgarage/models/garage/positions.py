"""Positions of cells among the factors: which guide new cells, and how those are moved."""

from dataclasses import dataclass, fields, replace
from typing import Self

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models.garage.strata import Strata
from scgarage.pp import Components, balanced_components, communities
from scgarage.seeds import SELECTORS, top_per_type

SMALLEST = 3
"""Clusters with fewer cells join the one their cells lie nearest to."""

FINER = (2.0, 4.0)
"""Multiples of the resolution at which islands are looked for."""

CLOSED = 0.7
"""Share of its cells' neighbours that an island holds itself (measured: 0.8 finds fewer rare types, 0.6 cuts more
of the abundant ones)."""

N_NEAREST = 14
"""Neighbours that are looked at."""


def cluster(log_expr: sparse.csr_matrix, *, resolution: float, random_state: int) -> NDArray[np.int64]:
    """Return Leiden clusters of cells, and islands within them, so that rare types have their own.

    Ordinary components are better here than components in which every cluster counts the same: these follow the noise
    of small clusters (measured, docs/research/log.md).
    """
    points = Components.fit(log_expr, 50, random_state=random_state).transform(log_expr)
    coarse, *finer = communities(
        points, (resolution, *(times * resolution for times in FINER)), random_state=random_state
    )
    near = _nearest(points)
    for candidates in finer:
        coarse = _with_islands(coarse, candidates, near)
    return _without_small(points, np.unique(coarse, return_inverse=True)[1])


def _nearest(points: NDArray[np.float32]) -> NDArray[np.int64]:
    from sklearn.neighbors import NearestNeighbors

    near: NDArray[np.int64] = (
        NearestNeighbors(n_neighbors=min(N_NEAREST, len(points) - 1)).fit(points).kneighbors(return_distance=False)
    )
    return near


def _with_islands(
    labels: NDArray[np.int64], candidates: NDArray[np.int64], near: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Give the candidates that are islands numbers of their own."""
    sizes = np.bincount(candidates)
    # A community smaller than the neighbourhood cannot fill it.
    looked_at = np.arange(near.shape[1]) < (sizes[candidates] - 1)[:, None]
    inside = ((candidates[near] == candidates[:, None]) & looked_at).sum(axis=1) / np.maximum(looked_at.sum(axis=1), 1)
    closed = np.bincount(candidates, weights=inside) / np.maximum(sizes, 1)
    island = (sizes >= SMALLEST) & (closed >= CLOSED)
    return np.where(island[candidates], labels.max() + 1 + candidates, labels)


def _without_small(points: NDArray[np.float32], labels: NDArray[np.int64]) -> NDArray[np.int64]:
    sizes = np.bincount(labels)
    large = np.flatnonzero(sizes >= SMALLEST)
    if not len(large):
        return np.zeros(len(labels), dtype=np.int64)
    centres = np.stack([points[labels == number].mean(axis=0) for number in large])
    lost = sizes[labels] < SMALLEST
    nearest = ((points[lost, None, :] - centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    result = np.searchsorted(large, labels)
    result[lost] = nearest
    return result


FEWEST = 3
"""Seeds of a stratum at least, where it has as many cells."""


def choose_seeds(
    codes: NDArray[np.int64],
    seeds: str,
    share: float,
    rng: np.random.Generator,
    *,
    log_expr: sparse.csr_matrix | None = None,
    random_state: int = 0,
) -> NDArray[np.int64]:
    """Return the rows of the seed cells."""
    if seeds == "all":
        return np.arange(len(codes))
    if seeds == "none":
        return np.empty(0, dtype=np.int64)
    if seeds != "stratified":
        return _by_score(codes, seeds, share, rng, log_expr=log_expr, random_state=random_state)
    chosen = []
    for code in np.unique(codes):
        own = rng.permutation(np.flatnonzero(codes == code))
        chosen.append(own[: max(FEWEST, round(share * len(own)))])
    return np.sort(np.concatenate(chosen))


def _by_score(
    codes: NDArray[np.int64],
    name: str,
    share: float,
    rng: np.random.Generator,
    *,
    log_expr: sparse.csr_matrix | None,
    random_state: int,
) -> NDArray[np.int64]:
    """Return the cells of each stratum with the highest score; the strata are the selector's types."""
    if log_expr is None:
        msg = f"seeds={name!r} are chosen by expression; pass log_expr="
        raise InputError(msg)
    _, strata, sizes = np.unique(codes, return_inverse=True, return_counts=True)
    quotas = np.minimum(sizes, np.maximum(FEWEST, np.rint(share * sizes).astype(np.int64)))
    labels = strata.astype(str)
    cells = ad.AnnData(log_expr, obs=pd.DataFrame({"stratum": labels}, index=np.arange(len(labels)).astype(str)))
    components = balanced_components(log_expr, labels=labels, random_state=random_state)
    cells.obsm["X_pca"] = components.transform(log_expr)
    settings = {"labels_key": "stratum", "use_rep": "X_pca", "random_state": random_state}
    settings |= {"power": 1.0, "rare_boost": 0.0, "minimum": FEWEST}
    kind = SELECTORS[name]
    known = {field.name for field in fields(kind)}  # type: ignore[arg-type]  # selectors are dataclasses
    selector = kind(**{key: value for key, value in settings.items() if key in known})
    # The quotas are applied here, since some selectors have none of their own.
    return np.sort(top_per_type(strata, selector.select(cells, int(quotas.sum())).scores, quotas, rng))


def at_most(codes: NDArray[np.int64], limit: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return the rows of at most ``limit`` cells; strata give up cells in proportion, but keep 200 each."""
    if len(codes) <= limit:
        return np.arange(len(codes))
    sizes = np.bincount(codes)
    share = limit / len(codes)
    kept = [
        rng.permutation(np.flatnonzero(codes == code))[: max(min(200, size), round(share * size))]
        for code, size in enumerate(sizes)
        if size
    ]
    return np.sort(np.concatenate(kept))


POOLED_CELLS = 20.0
"""Cells that the pooled local covariance is worth beside a cell's own neighbourhood."""

DEPTH_MARGIN = 0.2
"""How far outside the range of log library sizes of its stratum a cell may come to lie."""

ENOUGH = 20
"""Cells of a stratum from which the distribution of a dimension is taken as it is."""

FEW = 30
"""Cells of a stratum below which validation cells of other strata cannot vouch for how far its seeds must be moved."""

ENOUGH_TO_CORRELATE = 50
"""Cells of a stratum from which the covariance is taken."""

REFERENCE = 200
"""Positions drawn at least, so that their ranks say something."""

CHUNK = 4096
"""Positions drawn at a time."""


@dataclass(frozen=True)
class Latent:
    r"""Distribution of latent positions, the factors and the log library size of a cell.

    .. math:: x = m_k + \sqrt{1 - h^2} \, (x_k - m_k) + h \, e, \qquad e \sim N(0, \Sigma_k)

    with a seed cell :math:`x_k`, mean :math:`m_k` and covariance :math:`\Sigma_k` of its nearest neighbours in the same
    stratum, and the jitter :math:`h`; then stretched about the stratum's mean so that its variances are kept. At
    :math:`h = 1` a cell counts no more than any of its neighbours, in small strata no more than any cell of its type.
    Neighbourhoods keep types that are curved or fall into several states what they are. Covariances of small
    neighbourhoods are drawn to the average one, means are not drawn to other strata: that would move a rare type
    towards its relatives.
    """

    mean: NDArray[np.float32]  # mean of each stratum, (n_strata, n_dims)
    root: NDArray[np.float32]  # cholesky factor of the average covariance of neighbourhoods, (n_dims, n_dims)
    positions: NDArray[np.float32]  # positions of the training cells, (n_cells, n_dims)
    # rows of the neighbours of each cell in its stratum, itself first, (n_cells, n_neighbours); -1 where the stratum
    # has no more
    neighbours: NDArray[np.int32]
    seeds: NDArray[np.int64]  # rows of the seed cells, (n_seeds,)
    strata: NDArray[np.int64]  # stratum of each training cell, (n_cells,)
    middle: NDArray[np.float32]  # mean of the neighbourhood of each cell, (n_cells, n_dims)
    local: NDArray[np.float32]  # variances of the neighbourhood of each cell, (n_cells, n_dims)
    depth_range: NDArray[np.float32]  # smallest and largest log library size, (n_strata, 2)

    @classmethod
    def fit(
        cls,
        draws: NDArray[np.float32],
        codes: NDArray[np.int64],
        strata: Strata,
        *,
        seeds: NDArray[np.int64],
        n_neighbours: int,
    ) -> Self:
        """Estimate from draws of the training cells' positions."""
        from sklearn.neighbors import NearestNeighbors

        centre = draws.mean(axis=0, dtype=np.float64)
        mean = strata.expected_means(centre, codes)
        depth = np.tile([centre[:, -1].min(), centre[:, -1].max()], (len(mean), 1))
        neighbours = np.full((len(codes), n_neighbours), -1, dtype=np.int32)
        scale = np.maximum((centre - mean[codes]).std(axis=0), 1e-3)
        for code in np.unique(codes):
            rows = np.flatnonzero(codes == code)
            n_near = min(n_neighbours, len(rows))
            near = NearestNeighbors(n_neighbors=n_near).fit(centre[rows] / scale)
            neighbours[rows, :n_near] = rows[near.kneighbors(centre[rows] / scale)[1]]
            depth[code] = centre[rows, -1].min(), centre[rows, -1].max()
        f32 = np.float32
        empty = np.zeros_like(draws[-1])
        identity = np.eye(centre.shape[1], dtype=f32)
        plain = cls(
            mean.astype(f32), identity, draws[-1], neighbours, seeds, codes, empty, empty.copy(), depth.astype(f32)
        )
        return replace(plain, root=plain._describe_neighbourhoods())

    def _describe_neighbourhoods(self) -> NDArray[np.float32]:
        """Fill in means and variances; return the Cholesky factor of the mean covariance of all neighbourhoods."""
        n_dims = self.positions.shape[1]
        total, weight = np.zeros((n_dims, n_dims)), 0
        for start in range(0, len(self.positions), CHUNK):
            rows = np.arange(start, min(start + CHUNK, len(self.positions)))
            away, present, self.middle[rows] = self._neighbourhood(rows)
            n_near = present.sum(axis=1)
            self.local[rows] = (away**2).sum(axis=1) / np.maximum(n_near - 1, 1)[:, None]
            enough = n_near > 1
            scaled = away[enough] / np.sqrt(n_near[enough] - 1)[:, None, None]
            flat = scaled.reshape(-1, n_dims).astype(np.float64)
            total += flat.T @ flat
            weight += int(enough.sum())
        average = total / max(weight, 1) + 1e-6 * np.eye(n_dims)
        return np.linalg.cholesky(average).astype(np.float32)

    def _neighbourhood(
        self, rows: NDArray[np.int64]
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_], NDArray[np.float32]]:
        """Return the neighbours of some cells about their mean, which of them exist, and the means."""
        near = self.neighbours[rows]
        present = near >= 0
        points = np.where(present[..., None], self.positions[near], np.float32(0))
        middle = points.sum(axis=1) / present.sum(axis=1)[:, None].astype(np.float32)
        away = np.where(present[..., None], points - middle[:, None], np.float32(0))
        return away, present, middle

    def draw(
        self, codes: NDArray[np.int64], jitter: float, rng: np.random.Generator, *, jitter_of_few: float | None = None
    ) -> NDArray[np.float32]:
        """Draw a position for each stratum number (n_cells,): shape (n_cells, n_dims)."""
        positions = np.empty((len(codes), self.mean.shape[1]), dtype=np.float32)
        for code in np.unique(codes):
            wanted = np.flatnonzero(codes == code)
            own = self.seeds[self.strata[self.seeds] == code]
            everyone = np.flatnonzero(self.strata == code)
            if not len(everyone):
                positions[wanted] = self.mean[code] + self._noise(len(wanted), rng)
                continue
            asked = jitter_of_few if jitter_of_few is not None and len(everyone) < FEW else jitter
            pool, moved = (own, asked) if len(own) else (everyone, 1.0)
            # A few cells cannot say how they are distributed: more are drawn beside them.
            beside = max(REFERENCE - len(wanted), 0) if moved > 0 else 0
            starts = np.concatenate([_evenly(len(pool), n, rng) for n in (len(wanted), beside)])
            drawn = self.around(pool[starts], moved, rng)
            if moved > 0:
                drawn = self._matched(self._correlated(drawn, everyone), everyone)
            positions[wanted] = drawn[: len(wanted)]
        return self.within_depth(positions, codes)

    def _correlated(self, drawn: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        r"""Move positions so that mean and covariance are those of the training cells ``rows``.

        .. math:: x \mapsto \mu + A (x - \bar x), \qquad
           A = S^{-1/2} (S^{1/2} \Sigma S^{1/2})^{1/2} S^{-1/2}

        which moves them as little as possible (optimal transport between normal distributions), with the covariances
        :math:`S` of the positions and :math:`\Sigma` of the cells. Noise of neighbourhoods shortens the long axes.
        """
        if len(rows) < ENOUGH_TO_CORRELATE:
            return drawn
        goal, now = self.positions[rows].astype(np.float64), drawn.astype(np.float64)
        share = len(rows) / (len(rows) + goal.shape[1])  # of both alike, so that nothing changes where they agree
        root, inverse = _roots(_covariance(now, share))
        middle, _ = _roots(root @ _covariance(goal, share) @ root)
        moved = (now - now.mean(axis=0)) @ (inverse @ middle @ inverse) + goal.mean(axis=0)
        result: NDArray[np.float32] = moved.astype(np.float32)
        return result

    def _matched(self, drawn: NDArray[np.float32], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Give each dimension the distribution that it has among the training cells ``rows``, ranks unchanged."""
        if len(rows) < ENOUGH:
            return drawn
        # Every training value keeps the same weight: the largest library sizes carry the mean.
        levels = (drawn.argsort(axis=0).argsort(axis=0) + 0.5) / len(drawn) * len(rows) - 0.5
        levels = np.clip(levels, 0, len(rows) - 1)
        left = levels.astype(np.int64)
        part = (levels - left).astype(np.float32)
        known = np.sort(self.positions[rows], axis=0)
        low = np.take_along_axis(known, left, axis=0)
        high = np.take_along_axis(known, np.minimum(left + 1, len(rows) - 1), axis=0)
        result: NDArray[np.float32] = low + part * (high - low)
        return result

    def around(self, rows: NDArray[np.int64], jitter: float, rng: np.random.Generator) -> NDArray[np.float32]:
        """Return one jittered position for each of some training cells, (n_cells, n_dims)."""
        parts = [self._parts(rows[start : start + CHUNK], jitter, rng) for start in range(0, len(rows), CHUNK)]
        kept, noise = (np.concatenate(part) for part in zip(*parts, strict=True))
        if len(rows) > 1:
            noise = (noise - noise.mean(axis=0)) * np.float32(np.sqrt(len(rows) / (len(rows) - 1)))
        positions = kept + np.float32(jitter) * noise
        for code in np.unique(self.strata[rows]):
            mine = np.flatnonzero(self.strata[rows] == code)
            positions[mine] = self.mean[code] + self._stretch(code, jitter) * (positions[mine] - self.mean[code])
        return positions

    def _stretch(self, code: int, jitter: float) -> NDArray[np.float32]:
        """Return by how much each dimension must be stretched for the stratum to keep its variances."""
        rows = np.flatnonzero(self.strata == code)
        if len(rows) < 2:
            return np.ones(self.mean.shape[1], dtype=np.float32)
        n_near = (self.neighbours[rows] >= 0).sum(axis=1)
        share = ((n_near - 1) / (n_near - 1 + POOLED_CELLS))[:, None]
        pooled = (self.root**2).sum(axis=1)
        kept = self.middle[rows] + np.sqrt(1 - jitter**2) * (self.positions[rows] - self.middle[rows])
        drawn = kept.var(axis=0, ddof=1) + jitter**2 * (share * self.local[rows] + (1 - share) * pooled).mean(axis=0)
        wanted = self.positions[rows].var(axis=0, ddof=1)
        result: NDArray[np.float32] = np.sqrt(np.maximum(wanted / np.maximum(drawn, 1e-12), 1.0)).astype(np.float32)
        return result

    def _parts(
        self, rows: NDArray[np.int64], jitter: float, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Return what stays of the seeds, and the noise before it is weakened."""
        away, present, middle = self._neighbourhood(rows)
        n_near = present.sum(axis=1).astype(np.float32)
        weights = rng.standard_normal(present.shape, dtype=np.float32) / np.sqrt(np.maximum(n_near - 1, 1))[:, None]
        own = np.einsum("nk,nkd->nd", weights, away)
        share = ((n_near - 1) / (n_near - 1 + POOLED_CELLS))[:, None]
        noise = np.sqrt(share) * own + np.sqrt(1 - share) * self._noise(len(rows), rng)
        return middle + np.float32(np.sqrt(1 - jitter**2)) * (self.positions[rows] - middle), noise

    def _noise(self, n_cells: int, rng: np.random.Generator) -> NDArray[np.float32]:
        noise: NDArray[np.float32] = rng.standard_normal((n_cells, len(self.root)), dtype=np.float32) @ self.root.T
        return noise

    def within_depth(self, positions: NDArray[np.float32], codes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Keep log library sizes near the range seen in training."""
        low, high = self.depth_range[codes].T
        positions[:, -1] = np.clip(positions[:, -1], low - DEPTH_MARGIN, high + DEPTH_MARGIN)
        return positions

    def scale(self) -> NDArray[np.float32]:
        """Return the overall standard deviation of each dimension, (n_dims,)."""
        result: NDArray[np.float32] = np.maximum(self.positions.std(axis=0), 1e-3).astype(np.float32)
        return result


def _evenly(n_seeds: int, n_cells: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return ``n_cells`` seed numbers in which every seed occurs the same number of times, give or take one."""
    repeated = np.tile(np.arange(n_seeds), n_cells // n_seeds)
    rest = rng.permutation(n_seeds)[: n_cells % n_seeds]
    numbers: NDArray[np.int64] = rng.permutation(np.concatenate([repeated, rest]))
    return numbers


def _covariance(points: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Return the covariance with the correlations weakened to a share, which keeps it invertible."""
    covariance = np.cov(points, rowvar=False) + 1e-6 * np.eye(points.shape[1])
    result: NDArray[np.float64] = share * covariance + (1 - share) * np.diag(np.diag(covariance))
    return result


def _roots(matrix: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the symmetric square root of a positive definite matrix, and its inverse."""
    values, vectors = np.linalg.eigh(matrix)
    sizes = np.sqrt(np.maximum(values, 1e-12))
    return (vectors * sizes) @ vectors.T, (vectors / sizes) @ vectors.T
