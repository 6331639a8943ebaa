"""Cells of a fitted model in which a plan has come true, with the truth beside them."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError, examples
from scgarage.models import GenerativeModel, load
from scgarage.models.garage.rates import DrawsRates
from scgarage.models.persistence import pack
from scgarage.schema import SIMULATION, UNS_KEY
from scgarage.simulation.effects import Ways, batch_effects, donor_effects, plant
from scgarage.simulation.measurement import measure
from scgarage.simulation.plan import Plan
from scgarage.simulation.population import Population, Units, partners_of, populate
from scgarage.simulation.truth import (
    BATCHES,
    DONORS,
    PLANTED,
    REALISED,
    TRENDS,
    annotate,
    composition_of,
    contrasts_of,
    realised_fold_changes,
)  # fmt: skip


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
    plan. :func:`~scgarage.simulation.truth.truth` makes tables of it.

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
    >>> int((sg.truth(cells).genes["planted"] != 0).sum() / 10)  # of 765 genes, in each of 10 types
    76
    """
    if isinstance(model, str | Path):
        model = load(model)
    plan = Plan.of({} if plan is None else plan)
    _check(model, plan)
    units, rng = Units.of(plan.groups), np.random.default_rng([random_state, 15])
    population, shares = populate(model, plan, units, random_state, rng)
    n_cells, n_types = len(population.types), max(len(model.types), 1)
    partners = partners_of(model, plan, population, random_state, rng)
    every = population if partners is None else population.joined(partners[1])
    names = pd.Index(model.about["var_names"])
    planted = plant(plan, model.types, names, population, rng)
    donors = donor_effects(plan, model, every.law, len(units.group), n_types, len(names), rng)
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
    annotate(cells, model, plan, units, population, measured, partners)
    group_of = units.group[every.units]
    contrasts = contrasts_of(units, model.types)
    realised = realised_fold_changes(own, group_of, every.types, max(len(units.groups), 1), n_types)
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
        "composition": composition_of(units, model.types, population, shares),
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
