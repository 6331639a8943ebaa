"""Cells as the model makes them before anything is planted, and the donors and groups that they belong to."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models import GenerativeModel
from scgarage.models.garage.rates import RateLaw, Structure
from scgarage.models.spec import Drawn
from scgarage.simulation.plan import GroupsPlan, Plan


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


def populate(
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


def partners_of(
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
