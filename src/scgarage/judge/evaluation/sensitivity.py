"""Which metric sees which defect: real cells, damaged on purpose, before the judge."""

# ruff: noqa: ARG001  (every defect has the same signature)

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import as_text, read_cells
from scgarage.judge.evaluation.cells import RARE_SHARE
from scgarage.judge.evaluation.inputs import choose_labels_key
from scgarage.judge.evaluation.run import evaluate
from scgarage.metrics.metric import loss
from scgarage.pp import Split

JITTER = 0.9
"""Share of the counts that a jittered copy keeps."""

DROPPED = 0.2
"""Share of the non-zero counts that extra dropout sets to 0."""

VARIANCE_KEPT = 0.7
"""Share of the variance within a type that shrinking keeps."""

Counts = sparse.csr_matrix
Dense = NDArray[np.float64]


def copies(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells themselves: nothing is wrong but that the model has seen them."""
    return _with_counts(cells, _counts(cells))


def jittered_copies(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with 10 % of their counts lost at random: copies that no exact search finds."""
    return _with_counts(cells, _thinned(_counts(cells), JITTER, np.random.default_rng(random_state)))


def half_depth(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half of their counts lost at random."""
    return _with_counts(cells, _thinned(_counts(cells), 0.5, np.random.default_rng(random_state)))


def double_depth(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with every count doubled: nothing but the library size changes."""
    return _with_counts(cells, _counts(cells) * 2)


def dropout(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with 20 % of their non-zero counts set to 0, whatever their size."""
    counts = _counts(cells)
    counts.data = counts.data * (np.random.default_rng(random_state).random(len(counts.data)) >= DROPPED)
    return _with_counts(cells, counts)


def averaged(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return half the counts of each cell plus half those of another cell of its type."""
    rng = np.random.default_rng(random_state)
    labels = as_text(cells.obs[labels_key])
    order = np.arange(len(labels))
    for name in np.unique(labels):
        members = np.flatnonzero(labels == name)
        order[members] = np.roll(rng.permutation(members), 1)
    counts = _counts(cells)
    return _with_counts(cells, _thinned(counts, 0.5, rng) + _thinned(counts[order], 0.5, rng))


def merged_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with those of two common types mixed, half of one and half of the other each."""
    rng = np.random.default_rng(random_state)
    counts, labels = _counts(cells), as_text(cells.obs[labels_key])
    names, sizes, profiles = _profiles(counts, labels)
    first = int(np.argmax(sizes))
    common = sizes >= RARE_SHARE * len(labels)
    common[np.argsort(-sizes, kind="stable")[:2]] = True
    second = int(np.argmax(np.where(common, _distance(profiles, first), -1)))
    rows, others = (np.flatnonzero(labels == names[number]) for number in (first, second))
    partners = np.concatenate([rng.choice(others, len(rows)), rng.choice(rows, len(others))])
    return _with_counts(cells, _mixed(counts, np.concatenate([rows, others]), partners, rng))


def merged_rare_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half the counts of rare ones from cells of the common type most like them."""
    rng = np.random.default_rng(random_state)
    counts, labels = _counts(cells), as_text(cells.obs[labels_key])
    names, sizes, profiles = _profiles(counts, labels)
    rare = sizes < RARE_SHARE * len(labels)
    rare[np.argmin(sizes)] |= not rare.any()
    rows, partners = [], []
    for number in np.flatnonzero(rare):
        nearest = int(np.argmin(np.where(rare, np.inf, _distance(profiles, int(number)))))
        rows.append(np.flatnonzero(labels == names[number]))
        partners.append(rng.choice(np.flatnonzero(labels == names[nearest]), len(rows[-1])))
    return _with_counts(cells, _mixed(counts, np.concatenate(rows), np.concatenate(partners), rng))


def permuted_genes(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with the counts of each gene permuted within each type: no gene knows of another."""
    rng = np.random.default_rng(random_state)
    return _within_types(cells, labels_key, lambda counts: rng.permuted(counts, axis=0))


def independent_genes(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return independent Poisson counts with the means of each cell's type."""
    rng = np.random.default_rng(random_state)
    return _within_types(cells, labels_key, lambda counts: rng.poisson(counts.mean(axis=0), counts.shape))


def shrunken_variance(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    r"""Return counts moved towards the mean of their type until 30 % of the variance is gone.

    .. math:: c' = \mu_t + \sqrt{0.7} \, (c - \mu_t)

    rounded up or down at random, so that means stay; the rounding gives rare counts some variance back.
    """
    rng = np.random.default_rng(random_state)

    def shrink(counts: Dense) -> Dense:
        means = counts.mean(axis=0)
        moved = means + np.sqrt(VARIANCE_KEPT) * (counts - means)
        return np.asarray(np.floor(moved + rng.random(moved.shape)))

    return _within_types(cells, labels_key, shrink)


def _within_types(cells: AnnData, labels_key: str, change: Callable[[Dense], NDArray[np.number]]) -> AnnData:
    """Change the dense counts of each type."""
    counts, labels = _counts(cells), as_text(cells.obs[labels_key])
    rows = [np.flatnonzero(labels == name) for name in np.unique(labels)]
    changed = [sparse.csr_matrix(change(counts[members].toarray()).astype(np.float32)) for members in rows]
    return _with_counts(cells, sparse.vstack(changed).tocsr()[np.argsort(np.concatenate(rows))])


def _profiles(counts: Counts, labels: NDArray[np.str_]) -> tuple[NDArray[np.str_], NDArray[np.int64], Dense]:
    """Return names, numbers of cells and log1p CP10k of the summed counts of the types."""
    names, codes = np.unique(labels, return_inverse=True)
    sums = sparse.csr_matrix((np.ones(len(codes)), (codes, np.arange(len(codes))))) @ counts
    profiles = np.log1p(1e4 * sums.toarray() / np.maximum(sums.sum(axis=1).A1, 1)[:, None])
    return names, np.bincount(codes), profiles


def _distance(profiles: Dense, number: int) -> Dense:
    """Return how far the types are from one of them, 0 for itself."""
    return np.asarray(np.linalg.norm(profiles - profiles[number], axis=1))


def _mixed(counts: Counts, rows: NDArray[np.intp], partners: NDArray[np.intp], rng: np.random.Generator) -> Counts:
    """Replace half the counts of some cells by half those of others."""
    mixed = _thinned(counts[rows], 0.5, rng) + _thinned(counts[partners], 0.5, rng)
    kept = np.setdiff1d(np.arange(counts.shape[0]), rows)
    stacked: Counts = sparse.vstack([mixed, counts[kept]]).tocsr()[np.argsort(np.concatenate([rows, kept]))]
    return stacked


def _thinned(counts: Counts, share: float, rng: np.random.Generator) -> Counts:
    """Keep each single count with the given probability."""
    thinned = counts.copy()
    thinned.data = rng.binomial(counts.data.astype(np.int64), share).astype(np.float64)
    return thinned


def _counts(cells: AnnData) -> Counts:
    return read_cells(cells, kind="counts").csr.astype(np.float64)


def _with_counts(cells: AnnData, counts: Counts) -> AnnData:
    matrix = sparse.csr_matrix(counts, dtype=np.float32)
    matrix.eliminate_zeros()
    return AnnData(matrix, obs=cells.obs.copy(), var=cells.var.copy())


MISLABELLED = 0.3
"""Share of the cells that get the label of another cell."""

REMOVED = 0.7
"""Share of the commonest type that skewed proportions lack."""


def lost_rare_type(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells without the commonest rare type; without the rarest type where none is rare."""
    shares = cells.obs[labels_key].astype(str).value_counts(normalize=True)
    rare = shares[shares < RARE_SHARE]
    lost = (rare if len(rare) else shares.iloc[-1:]).index[0]
    return cells[(cells.obs[labels_key].astype(str) != lost).to_numpy()].copy()


def skewed_proportions(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells without 70 % of those of the commonest type."""
    labels = cells.obs[labels_key].astype(str)
    common = np.flatnonzero((labels == labels.mode()[0]).to_numpy())
    removed = np.random.default_rng(random_state).permutation(common)[: round(REMOVED * len(common))]
    return cells[np.setdiff1d(np.arange(cells.n_obs), removed)].copy()


def mislabelled(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with the labels of 30 % of them permuted; the proportions stay."""
    rng = np.random.default_rng(random_state)
    labels = cells.obs[labels_key].astype(str).to_numpy(dtype=object)
    chosen = rng.permutation(len(labels))[: round(MISLABELLED * len(labels))]
    labels[chosen] = labels[rng.permutation(chosen)]
    changed = cells.copy()
    changed.obs[labels_key] = labels
    return changed


def mislabelled_rare_types(cells: AnnData, labels_key: str, *, random_state: int = 0) -> AnnData:
    """Return the cells with half of the rare ones and as many common ones having swapped their labels."""
    rng = np.random.default_rng(random_state)
    labels = cells.obs[labels_key].astype(str).to_numpy(dtype=object)
    shares = cells.obs[labels_key].astype(str).value_counts(normalize=True)
    names = shares.index[shares < RARE_SHARE] if (shares < RARE_SHARE).any() else shares.index[-1:]
    is_rare = np.isin(labels.astype(str), names)
    rare = rng.permutation(np.flatnonzero(is_rare))[: max(1, int(is_rare.sum()) // 2)]
    common = rng.choice(np.flatnonzero(~is_rare), len(rare), replace=False)
    labels[rare], labels[common] = labels[common], labels[rare]
    changed = cells.copy()
    changed.obs[labels_key] = labels
    return changed


def one_batch(cells: AnnData, labels_key: str, *, batch_key: str, random_state: int = 0) -> AnnData:
    """Return the cells of the largest batch only."""
    batches = cells.obs[batch_key].astype(str)
    return cells[(batches == batches.mode()[0]).to_numpy()].copy()


@dataclass(frozen=True)
class Defect:
    """One way in which cells can be wrong."""

    # (cells, labels_key, *, random_state) -> AnnData: real cells with counts in, spoilt ones out
    function: Callable[..., AnnData]
    seen_by: tuple[str, ...]  # metrics meant for it, by registry name


DEFECTS: dict[str, Defect] = {
    "copies": Defect(copies, ("memorisation_share",)),
    "jittered copies": Defect(jittered_copies, ("memorisation_share",)),
    "rare type lost": Defect(lost_rare_type, ("types_present", "rare_retention")),
    "types merged": Defect(merged_types, ("c2st_forest", "lfc_slope", "label_fidelity", "type_wasserstein_2")),
    "rare types merged": Defect(
        merged_rare_types, ("type_wasserstein_2", "type_sliced_wasserstein", "label_fidelity", "lfc_slope")
    ),
    "rare types mislabelled": Defect(
        mislabelled_rare_types,
        ("type_wasserstein_2", "label_fidelity", "lfc_slope", "lfc_correlation", "marker_overlap", "rare_retention"),
    ),
    "proportions skewed": Defect(skewed_proportions, ("type_proportion_tv",)),
    "genes permuted within types": Defect(
        permuted_genes, ("gene_correlation_error", "type_spread", "c2st_forest_genes", "recall")
    ),
    "variance shrunk": Defect(shrunken_variance, ("type_spread", "gene_variance_error", "c2st_forest_genes")),
    "cells averaged": Defect(
        averaged, ("gene_correlation_error", "type_spread", "c2st_forest_genes", "gene_wasserstein")
    ),
    "depth halved": Defect(half_depth, ("library_size_error", "zero_fraction_error")),
    "depth doubled": Defect(double_depth, ("library_size_error",)),
    "extra dropout": Defect(dropout, ("zero_fraction_error", "gene_mean_error", "gene_wasserstein")),
    "types mislabelled": Defect(mislabelled, ("label_fidelity", "lfc_slope", "marker_overlap", "type_wasserstein_2")),
    "independent genes": Defect(
        independent_genes, ("gene_correlation_error", "library_size_error", "c2st_forest", "mmd2")
    ),
}
"""Defects by name. All are made from training cells, which the floor is made from too: what is not spoilt looks
real. They are therefore copies as well, and ``memorisation_share`` sees most of them."""

ONE_BATCH = Defect(one_batch, ("c2st_forest", "sliced_wasserstein", "mmd2", "type_spread"))
"""Needs ``batch_key=``; :func:`~scgarage.judge.evaluation.sensitivity.sensitivity_matrix` adds it where it is given."""


FLAGGED = 3.0
"""A metric sees a defect when value and floor differ by more than as many standard deviations."""

ROUNDING = 1e-9
"""Differences and deviations up to this are rounding errors."""


def sensitivity_matrix(
    split: Split,
    *,
    labels_key: str | None = None,
    batch_key: str | None = None,
    defects: Mapping[str, Defect] | None = None,
    metrics: Sequence[str] | None = None,
    n_repeats: int = 5,
    n_top_genes: int = 1000,
    max_cells: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Judge training cells with known defects and say how clearly each metric sees each of them.

    .. math:: z = \frac{\ell(v) - \ell(f)}{\sqrt{\mathrm{sd}(v)^2 + \mathrm{sd}(f)^2}}

    with the mean value :math:`v` and floor :math:`f` over the repeats, their standard deviations, and
    :math:`\ell` the value itself, its negative where higher is better, or the distance to the target.
    """
    kind = read_cells(split.train).kind
    if kind != "counts":
        msg = f"X of the real cells is {kind}; defects are made from counts, put them into X"
        raise InputError(msg)
    key = choose_labels_key(split, labels_key)
    chosen = dict(DEFECTS if defects is None else defects)
    if batch_key is not None:
        chosen["one batch"] = Defect(partial(ONE_BATCH.function, batch_key=batch_key), ONE_BATCH.seen_by)
    rows = {}
    for name, defect in chosen.items():
        spoilt = defect.function(split.train, key, random_state=random_state)
        spoilt.uns = {}  # What the training cells say of their origin does not hold for these.
        result = evaluate(
            spoilt, split, labels_key=key, metrics=metrics, n_repeats=n_repeats, n_top_genes=n_top_genes,
            max_cells=max_cells, random_state=random_state,
        )  # fmt: skip
        rows[name] = _deviations(result.table)
    return pd.DataFrame.from_dict(rows, orient="index")


def blind_metrics(matrix: pd.DataFrame, *, threshold: float = FLAGGED) -> list[str]:
    """Return the columns of a sensitivity matrix that see no defect."""
    return [str(name) for name in matrix.columns[~(matrix > threshold).any(axis=0)]]


def _deviations(table: pd.DataFrame) -> dict[str, float]:
    """Return z for all cells, for the rare types together and for the rare type that stands out most."""
    numbered = table.assign(z=[_deviation(row) for _, row in table.iterrows()])
    found: dict[str, float] = {}
    for name, rows in numbered.groupby("metric", sort=False):
        by_group = rows.set_index("group")["z"]
        single = by_group.drop(["all", "rare"], errors="ignore")
        found[str(name)] = float(by_group["all"])
        if "rare" in by_group:
            found |= {f"{name} [rare]": float(by_group["rare"]), f"{name} [worst type]": float(single.max())}
    return found


def _deviation(row: "pd.Series[Any]") -> float:
    """Return z; without any noise a difference is infinite and none is 0."""
    better = str(row["better"])
    difference = loss(row["value"], better) - loss(row["floor"], better)
    noise = float(np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]])))
    if noise > ROUNDING:
        return float(difference / noise)
    return float(np.copysign(np.inf, difference)) if abs(difference) > ROUNDING else float(difference)
