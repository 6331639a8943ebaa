"""What is true of simulated cells: where the file keeps it, and tidy tables of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models import GenerativeModel
from scgarage.schema import SIMULATION, UNS_KEY
from scgarage.simulation.measurement import Measured
from scgarage.simulation.plan import Plan
from scgarage.simulation.population import Population, Units

PLANTED, REALISED, DONORS = "planted_log2_fold_change", "realised_log2_fold_change", "donor_log2_effect"
BATCHES, TRENDS = "batch_log2_effect", "trajectory_log2_change"
"""Slots of ``varm``."""

CELL_COLUMNS = (
    "group", "donor", "doublet", "doublet_partner", "ambient_share", "n_ambient", "n_swapped_in", "n_dropped",
    "pseudotime", "branch",
)  # fmt: skip


def realised_fold_changes(
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


def annotate(
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


def contrasts_of(units: Units, types: Sequence[str]) -> pd.DataFrame:
    """Return group and type of the columns of the tables of fold changes."""
    rows = [(group, kind) for group in units.groups[1:] for kind in types or ("all",)]
    return pd.DataFrame(rows, columns=["group", "type"], dtype=object).rename(index=str)


def composition_of(
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
            said.append(f"{self.composition['donor'].nunique()} donors{self._between_donors()}")
        if "doublet" in self.cells:
            said.append(f"{int(self.cells['doublet'].sum()):,} doublets")
        if measured.ambient:
            said.append(f"ambient RNA: {self.cells['ambient_share'].mean():.1%} of the counts on average")
        return said or ["nothing was planted: cells as scgarage sample makes them"]

    def _between_donors(self) -> str:
        if not len(self.donors):
            return ", the same means in all of them"
        spread = self.donors.groupby(["gene", "type"], sort=False)["log2_effect"].std().median()
        return f", whose log2 means of a gene differ by {spread:.2f} (median standard deviation)"


def truth(adata: ad.AnnData) -> Truth:
    """Return what is true of simulated cells, also after they were written and read.

    Raises
    ------
    InputError
        When :func:`scgarage.simulate` did not make the cells.
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
