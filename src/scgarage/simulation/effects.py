"""By how much means differ: planted fold changes, donors, batches, and ways from one type to another."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.models import GenerativeModel
from scgarage.models.garage.rates import RateLaw
from scgarage.simulation.plan import EffectPlan, Plan
from scgarage.simulation.population import Population

LEAST_WEIGHT = 4.0
"""Degrees of freedom that the mean variance between donors of all genes is worth beside a gene's own."""


def plant(
    plan: Plan, types: Sequence[str], names: pd.Index, population: Population, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return log2 fold changes against the first group, (n_groups, n_types, n_genes)."""
    groups = () if plan.groups is None else plan.groups.names
    planted = np.zeros((max(len(groups), 1), max(len(types), 1), len(names)))
    for effect in plan.effects:
        kinds = np.arange(planted.shape[1])
        if effect.types is not None:
            kinds = np.array([types.index(name) for name in effect.types])
        genes = _genes(effect, names, population, kinds, rng)
        planted[groups.index(effect.group), kinds[:, None], genes] += _sizes(effect, len(genes), rng)
    return planted


def _genes(
    effect: EffectPlan, names: pd.Index, population: Population, kinds: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the numbers of the genes of an effect."""
    if isinstance(effect.genes, tuple):
        return np.asarray(names.get_indexer(pd.Index(effect.genes)), dtype=np.int64)
    mean = population.drawn.values[np.isin(population.types, kinds)].mean(axis=0).A1  # noqa: PD011
    possible, number = np.flatnonzero(mean >= effect.min_mean), round(effect.genes * len(names))
    if number > len(possible):
        msg = (
            f"plan: effects.genes is {effect.genes}, {number:,} genes, and {len(possible):,} have a mean count of at "
            f"least effects.min_mean = {effect.min_mean:g}; lower one of them"
        )
        raise InputError(msg)
    return np.sort(rng.choice(possible, number, replace=False))


def _sizes(effect: EffectPlan, n_genes: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Return the log2 fold changes of the genes of an effect."""
    sizes = np.broadcast_to(np.asarray(effect.log2_fold_change, dtype=np.float64), (n_genes,)).copy()
    if effect.distribution == "normal":
        sizes += effect.sd * rng.standard_normal(n_genes)
    elif effect.distribution == "gamma":
        shape = (sizes / effect.sd) ** 2
        sizes = rng.standard_gamma(shape) * sizes / shape
    if effect.up is not None:
        rises = rng.permutation(n_genes) < round(effect.up * n_genes)
        sizes = np.where(rises, np.abs(sizes), -np.abs(sizes))
    return np.clip(sizes, -10, 10)


def donor_effects(
    plan: Plan, model: GenerativeModel, law: RateLaw, n_units: int, n_types: int, n_genes: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return natural log effects of donors, with a mean factor of one, (n_units, n_types, n_genes)."""
    if plan.groups is None or not plan.groups.donor_sd:
        return np.zeros((n_units, n_types, n_genes))
    sd: Any = plan.groups.donor_sd
    if sd == "real":
        sd = between_batches(law, n_types, len(model.batches))
    shared = rng.standard_normal((n_units, 1, n_genes)) * np.sqrt(plan.groups.donor_shared)
    own = rng.standard_normal((n_units, n_types, n_genes)) * np.sqrt(1 - plan.groups.donor_shared)
    return np.asarray(sd * (shared + own) - np.square(sd) / 2)


def between_batches(law: RateLaw, n_types: int, n_batches: int) -> NDArray[np.float64]:
    r"""Return the standard deviation of each gene's log mean between the batches of a type, (n_genes,).

    .. math:: s_j^2 = \max\left(0, \frac{\sum_t \sum_b (\log m_{tbj} - \overline{\log m_{tj}})^2 - v_{tbj}}{\sum_t
       (B_t - 1)}\right), \qquad v_{tbj} \approx \frac{1 - 1 / B_t}{c_{tbj}}

    with the noise :math:`v` of a mean of :math:`c` counts, drawn to the mean over genes. Means of small strata are
    drawn to those of their type when the model is fitted, so this is rather too small than too large.
    """
    n_genes = law.share.shape[1]
    share = law.share.reshape(n_types, n_batches, n_genes).astype(np.float64)
    sizes = law.sizes.reshape(n_types, n_batches)
    usual = float(np.exp(np.log(law.totals).mean()))
    found, freedom = np.zeros(n_genes), np.zeros(n_genes)
    for kind in range(n_types):
        counts = sizes[kind][:, None] * usual * share[kind]
        good = counts > 10  # below, the log of a mean says little
        number = good.sum(axis=0)
        logs = np.where(good, np.log(np.maximum(share[kind], 1e-12)), 0.0)
        mean = logs.sum(axis=0) / np.maximum(number, 1)
        squares = np.where(good, (logs - mean) ** 2, 0.0).sum(axis=0)
        noise = np.where(good, 1 / np.maximum(counts, 1), 0.0).sum(axis=0) * (1 - 1 / np.maximum(number, 1))
        found += np.where(number > 1, squares - noise, 0.0)
        freedom += np.maximum(number - 1, 0)
    common = found.sum() / max(freedom.sum(), 1.0)
    variance = (found + LEAST_WEIGHT * common) / (freedom + LEAST_WEIGHT)
    return np.asarray(np.sqrt(np.maximum(variance, 0.0)))


def batch_effects(law: RateLaw, n_types: int, n_batches: int) -> NDArray[np.float64]:
    """Return natural log effects of batches on the means of types, (n_types, n_batches, n_genes).

    They are relative to the type's geometric mean over batches, each as its training cells count; a batch in which a
    type was not seen has what the model expects there.
    """
    logs = np.log(np.maximum(law.share.reshape(n_types, n_batches, -1).astype(np.float64), 1e-12))
    sizes = law.sizes.reshape(n_types, n_batches, 1).astype(np.float64)
    return np.asarray(
        logs - (sizes * logs).sum(axis=1, keepdims=True) / np.maximum(sizes.sum(axis=1, keepdims=True), 1)
    )


@dataclass(frozen=True)
class Ways:
    """Paths between types, and where on them cells are."""

    slopes: NDArray[np.float32]  # natural log change of each gene's mean along each path, (n_paths, n_genes)
    path: NDArray[np.int64]  # path of each cell, -1 for none, (n_cells,)
    time: NDArray[np.float64]  # how far along it each cell is, from 0 to 1, (n_cells,)
    pseudotime: NDArray[np.float64]  # the same from the start of all paths; NaN off them, (n_cells,)

    @classmethod
    def of(
        cls, plan: Plan, types: Sequence[str], population: Population, n_cells: int, n_batches: int,
        rng: np.random.Generator,
    ) -> "Ways | None":  # fmt: skip
        """Place the first ``n_cells`` cells on the paths of a plan; second cells of doublets stay where they are."""
        if plan.trajectory is None:
            return None
        ends = np.array([[types.index(name) for name in path] for path in plan.trajectory.paths])
        law, n_batches = population.law, max(n_batches, 1)
        logs = np.log(np.maximum(law.share.reshape(len(types), n_batches, -1).astype(np.float64), 1e-9))
        sizes = law.sizes.reshape(len(types), n_batches, 1).astype(np.float64)
        means = (sizes * logs).sum(axis=1) / np.maximum(sizes.sum(axis=1), 1)
        path, time = np.full(len(population.types), -1), np.zeros(len(population.types))
        for start in np.unique(ends[:, 0]):
            rows = np.flatnonzero(population.types[:n_cells] == start)
            path[rows] = rng.choice(np.flatnonzero(ends[:, 0] == start), len(rows))
            time[rows] = rng.random(len(rows))
        pseudotime = _steps(ends, len(types))[population.types] + time
        return cls((means[ends[:, 1]] - means[ends[:, 0]]).astype(np.float32), path, time, pseudotime)


def _steps(ends: NDArray[np.int64], n_types: int) -> NDArray[np.float64]:
    """Return the number of paths from where all begin to each type, (n_types,); NaN for types on none."""
    roots = np.setdiff1d(ends[:, 0], ends[:, 1])
    steps = np.full(n_types, np.nan)
    steps[roots if len(roots) else ends[:1, 0]] = 0.0
    for _ in range(n_types):
        for start, end in ends:
            if np.isnan(steps[end]) and not np.isnan(steps[start]):
                steps[end] = steps[start] + 1
    return steps
