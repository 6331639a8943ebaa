"""Cells of a fitted model in which a plan has come true, with the truth beside them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

import anndata as ad
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError, examples
from scgarage.models import GenerativeModel
from scgarage.models.garage.rates import DrawsRates, RateLaw, Structure
from scgarage.models.persistence import pack
from scgarage.models.spec import Drawn
from scgarage.schema import SIMULATION, UNS_KEY
from scgarage.simulation.measurement import Measured, measure
from scgarage.simulation.plan import EffectPlan, GroupsPlan, Plan

PLANTED, REALISED, DONORS = "planted_log2_fold_change", "realised_log2_fold_change", "donor_log2_effect"
BATCHES, TRENDS = "batch_log2_effect", "trajectory_log2_change"
"""Slots of ``varm``."""

LEAST_WEIGHT = 4.0
"""Degrees of freedom that the mean variance between donors of all genes is worth beside a gene's own."""


@dataclass(frozen=True)
class Units:
    """Donors, or where there are none groups, that cells belong to."""

    groups: tuple[str, ...]  # names of the groups
    group: NDArray[np.int64]  # number of the group of each unit, (n_units,)
    donors: tuple[str, ...]  # name of each unit's donor; none without donors
    shares: NDArray[np.float64]  # share of the cells of each unit, (n_units,)

    @classmethod
    def of(cls, plan: GroupsPlan | None) -> Self:
        """Return the units of a plan; one without a name where it has no groups."""
        if plan is None:
            return cls((), np.zeros(1, dtype=np.int64), (), np.ones(1))
        n_each = max(plan.donors, 1)
        shares = np.array(
            [(plan.shares or dict.fromkeys(plan.names, 1 / len(plan.names)))[name] for name in plan.names]
        )
        names = [f"{name}_{number + 1}" for name in plan.names for number in range(plan.donors)]
        return cls(
            plan.names, np.repeat(np.arange(len(plan.names)), n_each), tuple(names),
            np.repeat(shares, n_each) / (n_each * shares.sum()),
        )  # fmt: skip


@dataclass(frozen=True)
class Population:
    """Cells as the model makes them, before anything is planted."""

    drawn: Drawn
    law: RateLaw
    types: NDArray[np.int64]  # number of the type of each cell, (n_cells,); 0 without types
    units: NDArray[np.int64]  # number of the unit of each cell, (n_cells,)

    def joined(self, other: "Population") -> "Population":
        """Return these cells and others below them."""
        values = sparse.csr_matrix(sparse.vstack([self.drawn.values, other.drawn.values]))  # noqa: PD011
        names = {
            name: np.concatenate([getattr(self.law, name), getattr(other.law, name)])
            for name in ("strata", "totals", "depth")
        }
        return Population(
            replace(self.drawn, values=values),
            replace(self.law, **names),
            np.concatenate([self.types, other.types]),
            np.concatenate([self.units, other.units]),
        )


def simulate(
    model: GenerativeModel | str | Path, plan: Plan | Mapping[str, Any] | str | Path | None = None, *,
    random_state: int = 0,
) -> ad.AnnData:  # fmt: skip
    """Make cells in which a plan is true, and which are as the model makes them in everything else.

    Effects are planted on the rates behind the counts: a count drawn for the training cells' depth and type is thinned,
    or gets further counts around the rate that is drawn for it, so that it is distributed as a count at the planted
    rate (:class:`scgarage.models.garage.rates.RateLaw`). Counts of genes and cells that nothing was planted for are the
    same bytes as without a plan.

    Parameters
    ----------
    model
        Fitted ``garage``, ``copula`` or ``flow``, on counts; or its folder.
    plan
        What shall be true: a :class:`~scgarage.simulation.Plan`, its dictionary or its YAML file; by default nothing.
    random_state
        Seed; model, plan and seed give the same bytes.

    Returns
    -------
    Synthetic cells as :meth:`~scgarage.models.GenerativeModel.sample` makes them, ``obs["source"]`` included. Writes
    ``obs["group"]``, ``obs["donor"]``, ``varm["planted_log2_fold_change"]`` and ``varm["realised_log2_fold_change"]``
    (a column for each group and type, named in ``uns["scgarage"]["simulation"]["contrasts"]``),
    ``varm["donor_log2_effect"]``, what the measurement did to each cell, and ``uns["scgarage"]["simulation"]`` with the
    plan. :func:`truth` makes tables of it.

    Raises
    ------
    InputError
        For a model that cannot, or a plan that names what is not there; the message names the field.

    Examples
    --------
    >>> import scgarage as sg
    >>> model = sg.models.Copula().fit(sg.datasets.pbmc68k(), labels_key="cell_type")
    >>> plan = {"cells": {"n": 200}, "groups": {"names": ["rest", "stim"]}, "effects": [{"group": "stim"}]}
    >>> cells = simulate(model, plan)
    >>> int((truth(cells).genes["planted"] != 0).sum() / 10)  # of 765 genes, in each of 10 types
    76
    """
    if isinstance(model, str | Path):
        from scgarage.models import load

        model = load(model)
    plan = Plan.of({} if plan is None else plan)
    _check(model, plan)
    units, rng = Units.of(plan.groups), np.random.default_rng([random_state, 15])
    population, shares = _populate(model, plan, units, random_state, rng)
    n_cells, n_types = len(population.types), max(len(model.types), 1)
    partners = _partners(model, plan, population, random_state, rng)
    every = population if partners is None else population.joined(partners[1])
    names = pd.Index(model.about["var_names"])
    planted = _plant(plan, model.types, names, population, rng)
    donors = _donor_effects(plan, model, every.law, len(units.group), n_types, len(names), rng)
    factors = (planted[units.group] * np.log(2) + donors)[:, :, None]  # (n_units, n_types, n_batches or 1, n_genes)
    batches = np.zeros((n_types, 1, len(names)))
    if plan.batches is not None:
        batches = batch_effects(every.law, n_types, len(model.batches))
        factors = factors + (plan.batches.strength - 1) * batches
    ways = Ways.of(plan, model.types, every, n_cells, len(model.batches), rng)
    counts, rates = _apply(plan, every, factors.astype(np.float32), ways, rng)
    own = sparse.csr_matrix(counts)
    sets = _sets(model, population, units)
    measured = measure(
        counts, rates, n_cells, None if partners is None else partners[0], plan.measurement, sets, rng
    )  # fmt: skip
    cells = model.as_cells(replace(population.drawn, values=measured.counts), random_state=random_state)
    _annotate(cells, model, plan, units, population, measured, partners)
    group_of = units.group[every.units]
    contrasts = _contrasts(units, model.types)
    realised = _realised(own, group_of, every.types, max(len(units.groups), 1), n_types)
    if len(contrasts):
        cells.varm[PLANTED] = planted[1:].reshape(-1, len(names)).T.astype(np.float32)
        cells.varm[REALISED] = realised[1:].reshape(-1, len(names)).T.astype(np.float32)
    if donors.any():
        cells.varm[DONORS] = (donors / np.log(2)).reshape(-1, len(names)).T.astype(np.float32)
    if ways is not None and plan.trajectory is not None:
        names_of_paths = [" -> ".join(path) for path in plan.trajectory.paths]
        cells.obs["pseudotime"] = ways.pseudotime[:n_cells]
        branch = np.asarray([*names_of_paths, ""], dtype=object)[ways.path[:n_cells]]
        cells.obs["branch"] = pd.Categorical(branch, categories=[*names_of_paths, ""])
        cells.varm[TRENDS] = (ways.slopes.T / np.log(2)).astype(np.float32)
    if plan.batches is not None:
        effects = plan.batches.strength * batches / np.log(2)
        cells.varm[BATCHES] = effects.reshape(-1, len(names)).T.astype(np.float32)
    cells.uns[UNS_KEY][SIMULATION] = {
        "batches": pd.DataFrame(
            [(kind, batch) for kind in model.types or ("all",) for batch in model.batches],
            columns=["type", "batch"],
            dtype=object,
        ).rename(index=str),
        "plan": plan.to_yaml(),
        "random_state": random_state,
        "model": _fingerprint(model),
        "contrasts": contrasts,
        "composition": _composition(units, model.types, population, shares),
    }
    return cells


def _check(model: GenerativeModel, plan: Plan) -> None:
    """Refuse models that know no rates, and names in the plan that the model does not know."""
    if not isinstance(model, DrawsRates):
        msg = (
            f"simulate needs a model that knows the rates behind its counts: garage, copula or flow; found {model.name}"
        )
        raise InputError(msg)
    if not model.is_fitted:
        msg = f"{model.name} is not fitted; call fit(adata, labels_key=...) first, or scgarage.load(path)"
        raise InputError(msg)
    if model.about["value_kind"] != "counts":
        msg = f"simulate needs a model fitted on counts; this one was fitted on {model.about['value_kind']} values"
        raise InputError(msg)
    _check_known("cells.types", plan.cells.types or (), model.types, "a type of the model")
    if plan.cells.batch is not None:
        _check_known("cells.batch", [plan.cells.batch], model.batches, "a batch of the model")
    genes = model.about["var_names"]
    for effect in plan.effects:
        _check_known("effects.types", effect.types or (), model.types, "a type of the model")
        _check_known("effects.genes", effect.genes if isinstance(effect.genes, tuple) else (), genes, "a gene")
    for part in plan.composition:
        _check_known("composition.shares", part.shares, model.types, "a type of the model")
    if (plan.composition or plan.concentration) and not model.types:
        msg = "plan: composition is set; allowed: with a model that was fitted with labels_key, this one knows no types"
        raise InputError(msg)
    if plan.correlations is not None:
        named = plan.correlations.genes
        _check_known("correlations.genes", () if named == "all" else named, genes, "a gene")
        if plan.correlations.strength > model.max_strength:
            found = plan.correlations.strength
            msg = f"plan: correlations.strength is {found}; allowed: 0 to {model.max_strength:g} with {model.name}"
            raise InputError(msg)
    if plan.trajectory is not None:
        ends = [name for path in plan.trajectory.paths for name in path]
        _check_known("trajectory.paths", ends, model.types, "a type of the model")
    if plan.batches is not None and len(model.batches) < 2:
        msg = "plan: batches is set; allowed: with a model fitted with batch_key, the column of the batches"
        raise InputError(msg)
    strata = model.parts.get("strata")
    if plan.cells.population == "homogeneous" and strata is not None and len(np.unique(strata.parent)) < strata.n_types:
        msg = "plan: cells.population is 'homogeneous'; allowed: with a model fitted without smallest_group"
        raise InputError(msg)
    if plan.groups is not None and plan.groups.donor_sd == "real" and len(model.batches) < 2:
        msg = "plan: groups.donor_sd is 'real'; allowed: with a model fitted with batch_key, the column of donors"
        raise InputError(msg)
    n_donors = 0 if plan.groups is None else len(plan.groups.names) * plan.groups.donors
    if plan.measurement.swaps and n_donors < 2 and (len(model.batches) < 2 or plan.cells.batch is not None):
        msg = "plan: measurement.swaps is set; allowed: with donors (groups.donors) or cells of several batches"
        raise InputError(msg)


def _check_known(name: str, found: Any, known: Sequence[str], what: str) -> None:
    unknown = sorted(set(found) - set(known))
    if unknown:
        msg = f"plan: {name} names {examples(unknown)}; expected {what}: {examples(known)}"
        raise InputError(msg)


def _draw(model: Any, wanted: Any, plan: Plan, seed: Any) -> tuple[Drawn, RateLaw, NDArray[np.int64]]:
    """Draw cells with their rates; return their type numbers too."""
    strength = None
    if plan.correlations is not None:
        strength = np.ones(len(model.about["var_names"]), dtype=np.float32)
        chosen: Any = slice(None)
        if plan.correlations.genes != "all":
            chosen = pd.Index(model.about["var_names"]).isin(plan.correlations.genes)
        strength[chosen] = plan.correlations.strength
    structure = Structure(plan.cells.population == "homogeneous", strength)
    generator = torch.Generator().manual_seed(seed)
    drawn, law = model.draw_rated(wanted, generator, np.random.default_rng(seed), structure)
    types = np.zeros(drawn.values.shape[0], dtype=np.int64)  # noqa: PD011
    if drawn.labels is not None:
        types = pd.Index(model.types).get_indexer(pd.Index(drawn.labels)).astype(np.int64)
    return drawn, law, types


def _populate(
    model: GenerativeModel, plan: Plan, units: Units, random_state: int, rng: np.random.Generator
) -> tuple[Population, NDArray[np.float64]]:
    """Draw cells and give each a unit; return them and the planned shares of types, (n_units, n_types)."""
    cells, n_units = plan.cells, len(units.shares)
    shares = np.array([model.about["type_counts"].get(name, 0) for name in model.types] or [1], dtype=np.float64)
    if cells.types is not None:
        shares = np.array([cells.types.get(name, 0.0) for name in model.types])
    by_unit = np.tile(shares / shares.sum(), (n_units, 1))
    if not plan.composition and plan.concentration is None:
        proportions = "train" if cells.types is None else cells.types
        wanted = model.request(cells.n, batch=cells.batch, proportions=proportions)  # type: ignore[arg-type]
        drawn, law, types = _draw(model, wanted, plan, random_state)
        own = rng.choice(n_units, cells.n, p=units.shares)
        if plan.batches is not None and plan.batches.confounding:
            own = _confounded(
                own, pd.Index(model.batches).get_indexer(pd.Index(np.asarray(drawn.batches))), plan, units, rng
            )
        return Population(drawn, law, types, own), by_unit
    by_unit = _shares_of_units(plan, model.types, units, by_unit, rng)
    numbers = rng.multinomial(rng.multinomial(cells.n, units.shares), by_unit)  # (n_units, n_types)
    asked = {name: int(number) for name, number in zip(model.types, numbers.sum(axis=0), strict=True)}
    drawn, law, types = _draw(model, model.request(asked, batch=cells.batch), plan, random_state)
    own = np.empty(cells.n, dtype=np.int64)
    for kind in range(len(model.types)):
        own[types == kind] = rng.permutation(np.repeat(np.arange(n_units), numbers[:, kind]))
    return Population(drawn, law, types, own), by_unit


def _confounded(
    own: NDArray[np.int64], batch: NDArray[np.int64], plan: Plan, units: Units, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Return the units with some cells moved to a donor of the group that their batch takes."""
    n_groups, n_each = len(units.groups), len(units.group) // len(units.groups)
    tied = (batch % n_groups) * n_each + rng.integers(n_each, size=len(own))
    moved = rng.random(len(own)) < (0.0 if plan.batches is None else plan.batches.confounding)
    return np.where(moved, tied, own)


def _shares_of_units(
    plan: Plan, types: Sequence[str], units: Units, by_unit: NDArray[np.float64], rng: np.random.Generator
) -> NDArray[np.float64]:
    """Return the shares of types in each unit, those of its group or a Dirichlet draw around them."""
    by_unit = by_unit.copy()
    for part in plan.composition:
        given = np.array([part.shares.get(name, np.nan) for name in types])
        rows = np.flatnonzero(units.group == units.groups.index(part.group))
        rest = np.where(np.isnan(given), by_unit[rows[0]], 0.0)
        left = 1 - np.nansum(given)
        if left > 1e-9 and not rest.sum():
            msg = f"plan: composition.shares of {part.group!r} add up to {1 - left:g}, and no other type has a share"
            raise InputError(msg)
        by_unit[rows] = np.where(np.isnan(given), rest / max(rest.sum(), 1e-300) * left, given)
        by_unit[rows] /= by_unit[rows].sum(axis=1, keepdims=True)
    if plan.concentration is None:
        return by_unit
    drawn = rng.standard_gamma(plan.concentration * by_unit)
    return np.asarray(drawn / np.maximum(drawn.sum(axis=1, keepdims=True), 1e-300))


def _partners(
    model: GenerativeModel, plan: Plan, population: Population, random_state: int, rng: np.random.Generator
) -> tuple[NDArray[np.int64], Population] | None:
    """Draw the second cells of doublets; return the rows of the first ones, and the cells."""
    share = plan.measurement.doublets
    rows = np.flatnonzero(rng.random(len(population.types)) < share)
    if not len(rows):
        return None
    wanted: Any = len(rows)
    sizes = np.bincount(population.types, minlength=max(len(model.types), 1)).astype(np.float64)
    kinds = rng.choice(len(sizes), len(rows), p=sizes / sizes.sum())
    if plan.measurement.heterotypic is not None:
        if (sizes > 0).sum() < 2 and plan.measurement.heterotypic > 0:
            found = plan.measurement.heterotypic
            msg = f"plan: measurement.heterotypic is {found}; allowed: 0, since all cells are of one type"
            raise InputError(msg)
        other = rng.random(len(rows)) < plan.measurement.heterotypic
        first = population.types[rows]
        kinds = first.copy()
        for kind in np.unique(first[other]):
            chosen = other & (first == kind)
            left = np.where(np.arange(len(sizes)) == kind, 0.0, sizes)
            kinds[chosen] = rng.choice(len(sizes), chosen.sum(), p=left / left.sum())
    if model.types:
        order = np.argsort(kinds, kind="stable")
        rows = rows[order]
        numbers = np.bincount(kinds, minlength=len(model.types))
        wanted = {name: int(number) for name, number in zip(model.types, numbers, strict=True) if number}
    asked = model.request(wanted, batch=plan.cells.batch)
    seed = int(np.random.default_rng([random_state, 16]).integers(2**31))
    drawn, law, types = _draw(model, asked, plan, seed)
    if model.types:  # cells of some models come in an order of their own
        back = np.empty(len(types), dtype=np.int64)
        back[np.argsort(np.sort(kinds), kind="stable")] = np.argsort(types, kind="stable")
        drawn, law, types = replace(drawn, values=drawn.values[back]), law.take(back), types[back]  # noqa: PD011
    return rows, Population(drawn, law, types, population.units[rows])


def _plant(
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


def _donor_effects(
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


def _apply(
    plan: Plan, population: Population, factors: NDArray[np.float32], ways: Ways | None, rng: np.random.Generator
) -> tuple[sparse.csr_matrix, NDArray[np.float32] | None]:
    """Return counts at the planted rates and depth, and the rates if they are kept."""
    m, n_cells = plan.measurement, len(population.types)
    scale = np.log(m.depth * m.capture) + m.capture_sd * rng.standard_normal(n_cells) - m.capture_sd**2 / 2
    if not m.expected and not factors.any() and not scale.any() and ways is None:
        return population.drawn.values, None  # noqa: PD011
    n_types, n_batches, n_genes = factors.shape[1:]
    classes = population.units * n_types + population.types
    if n_batches > 1:
        classes = classes * n_batches + population.law.strata % n_batches
    factors = factors.reshape(-1, n_genes)
    along: dict[str, Any] = {} if ways is None else {"slopes": ways.slopes, "paths": ways.path, "time": ways.time}
    return population.law.at(population.drawn.values, factors, classes, scale, rng, expected=m.expected, **along)


def _sets(model: GenerativeModel, population: Population, units: Units) -> NDArray[np.int64]:
    """Return the number of the donor, or of the batch, of each cell."""
    if units.donors or population.drawn.batches is None:
        return population.units
    return pd.Index(model.batches).get_indexer(pd.Index(population.drawn.batches)).astype(np.int64)


def _realised(
    counts: sparse.csr_matrix, group: NDArray[np.int64], types: NDArray[np.int64], n_groups: int, n_types: int
) -> NDArray[np.float64]:
    """Return log2 ratios of mean counts to the first group, (n_groups, n_types, n_genes); NaN without counts."""
    code = group * n_types + types
    members = sparse.csr_matrix(
        (np.ones(len(code)), (code, np.arange(len(code)))), shape=(n_groups * n_types, len(code))
    )
    sizes = np.bincount(code, minlength=n_groups * n_types)[:, None]
    mean = np.asarray((members @ counts).todense()) / np.maximum(sizes, 1)
    with np.errstate(divide="ignore"):
        logs = np.where(mean > 0, np.log2(np.maximum(mean, 1e-300)), np.nan).reshape(n_groups, n_types, -1)
    return np.asarray(logs - logs[:1])


def _annotate(
    cells: ad.AnnData, model: GenerativeModel, plan: Plan, units: Units, population: Population, measured: Measured,
    partners: tuple[NDArray[np.int64], Population] | None,
) -> None:  # fmt: skip
    """Write what is true of each cell."""
    if units.groups:
        cells.obs["group"] = pd.Categorical(
            np.asarray(units.groups)[units.group[population.units]], categories=units.groups
        )
    if units.donors:
        cells.obs["donor"] = pd.Categorical(np.asarray(units.donors)[population.units], categories=units.donors)
    if plan.measurement.doublets:
        doublet = np.zeros(cells.n_obs, dtype=bool)
        partner = np.full(cells.n_obs, "", dtype=object)
        if partners is not None:
            doublet[partners[0]] = True
            partner[partners[0]] = np.asarray(model.types or ("cell",), dtype=object)[partners[1].types]
        cells.obs["doublet"], cells.obs["doublet_partner"] = doublet, pd.Categorical(partner)
    for name, values in measured.obs.items():
        cells.obs[name] = values
    for name, layer in measured.layers.items():
        cells.layers[name] = layer
    if measured.profile is not None:
        cells.var["ambient_profile"] = measured.profile


def _contrasts(units: Units, types: Sequence[str]) -> pd.DataFrame:
    """Return group and type of the columns of the tables of fold changes."""
    rows = [(group, kind) for group in units.groups[1:] for kind in types or ("all",)]
    return pd.DataFrame(rows, columns=["group", "type"], dtype=object).rename(index=str)


def _composition(
    units: Units, types: Sequence[str], population: Population, shares: NDArray[np.float64]
) -> pd.DataFrame:
    """Return planned and realised shares of types of each unit."""
    n_units, kinds = len(units.group), list(types) or ["all"]
    numbers = np.zeros((n_units, len(kinds)), dtype=np.int64)
    np.add.at(numbers, (population.units, population.types), 1)
    table = pd.DataFrame(
        {
            "group": np.repeat(np.asarray(units.groups or ("all",), dtype=object)[units.group], len(kinds)),
            "donor": np.repeat(np.asarray(units.donors or [""] * n_units, dtype=object), len(kinds)),
            "type": np.asarray(kinds * n_units, dtype=object),
            "planned_share": shares.ravel(),
            "n_cells": numbers.ravel(),
        }
    )
    return table.rename(index=str)


def _fingerprint(model: Any) -> str:
    """Return a hash of everything that was fitted."""
    digest = hashlib.sha256()
    for name, part in sorted(model.parts.items()):
        for key, array in sorted(pack(part, name).items()):
            digest.update(key.encode())
            digest.update(np.ascontiguousarray(array).tobytes())
    for key, tensor in sorted(model.networks.state_dict().items()):
        digest.update(key.encode())
        digest.update(tensor.detach().cpu().numpy().tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Truth:
    """What is true of simulated cells, as tidy tables.

    Attributes
    ----------
    genes
        Planted and realised log2 fold change of each gene in each group and type, against the first group; realised is
        that of the cells' own counts before ambient RNA, swaps and drop-out.
    cells
        Group, donor and measurement of each cell.
    composition
        Planned share and number of cells of each type in each donor.
    donors
        Log2 effect of each donor on each gene in each type; empty without.
    batches
        Log2 effect of each batch on each gene in each type, where the plan says how strong; empty without.
    trends
        Log2 change of each gene's mean along each path, linear in the log; empty without.
    plan
        The plan.
    """

    genes: pd.DataFrame
    cells: pd.DataFrame
    composition: pd.DataFrame
    donors: pd.DataFrame
    batches: pd.DataFrame
    trends: pd.DataFrame
    plan: Plan

    def sentences(self) -> list[str]:
        """Return what was planted, in words."""
        said, measured = [], self.plan.measurement
        if len(self.genes):
            planted = self.genes[self.genes["planted"] != 0].groupby("group", sort=False)["gene"].nunique()
            groups = self.genes["group"].unique()
            said = [f"{group}: {planted.get(group, 0):,} genes with a planted fold change" for group in groups]
        if self.plan.groups is not None and self.plan.groups.donors:
            said.append(f"{self.composition['donor'].nunique()} donors, sd {self.plan.groups.donor_sd} between them")
        if "doublet" in self.cells:
            said.append(f"{int(self.cells['doublet'].sum()):,} doublets")
        if measured.ambient:
            said.append(f"ambient RNA: {self.cells['ambient_share'].mean():.1%} of the counts on average")
        return said or ["nothing was planted: cells as scgarage sample makes them"]


CELL_COLUMNS = (
    "group", "donor", "doublet", "doublet_partner", "ambient_share", "n_ambient", "n_swapped_in", "n_dropped",
    "pseudotime", "branch",
)  # fmt: skip


def truth(adata: ad.AnnData) -> Truth:
    """Return what is true of simulated cells, also after they were written and read.

    Raises
    ------
    InputError
        When :func:`simulate` did not make the cells.
    """
    record = adata.uns.get(UNS_KEY, {}).get(SIMULATION, {})
    if "plan" not in record:
        msg = "these cells carry no plan; make them with sg.simulate(model, plan), or read the file it was written to"
        raise InputError(msg)
    contrasts = record["contrasts"].reset_index(drop=True)
    composition = record["composition"].reset_index(drop=True)
    composition["share"] = composition["n_cells"] / composition.groupby(["group", "donor"])["n_cells"].transform("sum")
    units = composition[["group", "donor", "type"]]
    genes = _long(adata, contrasts, {"planted": PLANTED, "realised": REALISED})
    donors = _long(adata, units, {"log2_effect": DONORS}) if DONORS in adata.varm else units.iloc[:0]
    named = record["batches"].reset_index(drop=True)
    batches = _long(adata, named, {"log2_effect": BATCHES}) if BATCHES in adata.varm else named.iloc[:0]
    plan = Plan.from_yaml(str(record["plan"]))
    paths = [] if plan.trajectory is None else [" -> ".join(path) for path in plan.trajectory.paths]
    trends = _long(adata, pd.DataFrame({"branch": paths}), {"log2_change": TRENDS} if paths else {})
    kept = [name for name in CELL_COLUMNS if name in adata.obs]
    key = adata.uns[UNS_KEY].get("labels_key")
    cells = adata.obs[[*([key] if key in adata.obs else []), *kept]].copy()
    return Truth(genes, cells, composition, donors, batches, trends, plan)


def _long(adata: ad.AnnData, columns: pd.DataFrame, slots: Mapping[str, str]) -> pd.DataFrame:
    """Return tables of genes by columns as one row for each gene and column."""
    n_genes = adata.n_vars
    table = columns.loc[columns.index.repeat(n_genes)].reset_index(drop=True)
    table.insert(0, "gene", np.tile(adata.var_names.to_numpy(), len(columns)))
    for name, slot in slots.items():
        table[name] = np.asarray(adata.varm[slot]).T.ravel() if len(columns) else np.zeros(0)
    return table
