"""Training, held-out and synthetic cells as the audit sees them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import log1p_cp10k, match_genes, read_cells
from scgarage.judge.evaluation.cells import rare_types
from scgarage.judge.evaluation.comparison import REFERENCE_LIMIT, halve
from scgarage.judge.evaluation.inputs import OTHER_SPLIT, origin_notes, real_column, shared_kind
from scgarage.judge.privacy.copies import exact_copies
from scgarage.pp import Components, Split, select_hvg
from scgarage.schema import UNS_KEY, ValueKind

Rows = NDArray[np.integer[Any]]
"""Row numbers of cells."""


@dataclass(frozen=True)
class Population:
    """Values, types and donors of some cells."""

    values: sparse.csr_matrix  # counts or log1p CP10k of the genes that the generator modelled, CSR (n_cells, n_genes)
    totals: NDArray[np.float64] | None  # counts of each cell over all genes, (n_cells,); None for log-normalised values
    labels: NDArray[np.str_]  # type of each cell, (n_cells,); one and the same where types are not known
    donors: NDArray[np.str_] | None = None  # donor of each cell, (n_cells,), or None

    def __len__(self) -> int:
        return int(self.values.shape[0])

    def take(self, rows: Rows) -> "Population":
        """Return the cells of the given rows, in that order."""
        return replace(
            self,
            values=self.values[rows],
            totals=None if self.totals is None else self.totals[rows],
            labels=self.labels[rows],
            donors=None if self.donors is None else self.donors[rows],
        )

    def join(self, other: "Population") -> "Population":
        """Return these cells and then the others."""
        return Population(
            sparse.csr_matrix(sparse.vstack([self.values, other.values], format="csr")),
            None if self.totals is None or other.totals is None else np.concatenate([self.totals, other.totals]),
            np.concatenate([self.labels, other.labels]),
            None if self.donors is None or other.donors is None else np.concatenate([self.donors, other.donors]),
        )

    def log_expr(self, genes: NDArray[np.intp] | None = None) -> sparse.csr_matrix:
        """Return log1p CP10k of all or some genes, float32; a cell without counts stays all zero."""
        values = self.values if genes is None else self.values[:, genes]
        if self.totals is None:
            return values.astype(np.float32)
        return log1p_cp10k(values, totals=np.maximum(self.totals, 1.0))

    @classmethod
    def read(
        cls,
        cells: AnnData,
        genes: NDArray[np.intp],
        *,
        layer: str | None,
        counts: bool,
        labels_key: str | None = None,
        donor_key: str | None = None,
    ) -> "Population":
        """Take values of some genes, types and donors from an AnnData."""
        read = read_cells(cells, layer=layer, kind="counts" if counts else "log-normalised")
        return cls(
            read.csr[:, genes],
            read.totals,
            np.full(cells.n_obs, "cell") if labels_key is None else real_column(cells, labels_key),
            None if donor_key is None else real_column(cells, donor_key, argument="donor_key"),
        )


N_TOP_GENES = 1000
"""Highly variable genes of the reference cells that the components are made of."""


@dataclass(frozen=True)
class Space:
    """Genes and components."""

    genes: NDArray[np.intp]  # numbers of the selected genes, (n_selected,)
    components: Components  # components of log1p CP10k of those genes

    @classmethod
    def fit(cls, reference: Population, n_pcs: int, rng: np.random.Generator) -> Self:
        """Select genes and fit components on reference cells, at most ``REFERENCE_LIMIT`` of them."""
        sample = reference.take(rng.permutation(len(reference))[:REFERENCE_LIMIT])
        genes = np.flatnonzero(select_hvg(sample.log_expr(), N_TOP_GENES))
        components = Components.fit(sample.log_expr(genes), n_pcs, random_state=int(rng.integers(2**31)))
        return cls(genes, components)

    def points(self, cells: Population) -> NDArray[np.float64]:
        """Return the components of cells, float64 (n_cells, n_pcs)."""
        return self.components.transform(cells.log_expr(self.genes)).astype(np.float64)


@dataclass(frozen=True)
class Division:
    """Held-out cells, divided."""

    reference: Population  # real cells that fit the components and calibrate the attacks
    attacked: Population  # real cells that the model has not seen and that the attacks must not take for members
    donors_differ: bool  # whether no donor is on two sides; then donors and not cells are what is resampled


def divide(train: Population, validation: Population, test: Population, rng: np.random.Generator) -> Division | None:
    """Divide held-out cells into a reference and attacked cells."""
    differ = _differ(train, test)
    halves = _halve_donors(test, rng) if differ else halve(test.labels, rng)
    reference, attacked = (test.take(rows) for rows in halves)
    if len(validation):
        reference = reference.join(validation)
    return Division(reference, attacked, differ) if len(reference) and len(attacked) else None


def match(
    members: NDArray[np.str_], non_members: NDArray[np.str_], *, n_cells: int, rng: np.random.Generator
) -> tuple[Rows, Rows]:
    """Draw as many members as non-members of every type."""
    # Shuffled first, so that every type loses its share when there are more than n_cells pairs.
    orders = [rng.permutation(len(labels)) for labels in (members, non_members)]
    pairs: list[list[Rows]] = [[], []]
    for label in np.intersect1d(members, non_members):
        rows = [order[labels[order] == label] for order, labels in zip(orders, (members, non_members), strict=True)]
        n_pairs = min(map(len, rows))
        for side, chosen in zip(pairs, rows, strict=True):
            side.append(chosen[:n_pairs])
    if not pairs[0]:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    first, second = (np.concatenate(side) for side in pairs)
    kept = rng.permutation(len(first))[:n_cells]
    return first[kept], second[kept]


def _differ(train: Population, test: Population) -> bool:
    if train.donors is None or test.donors is None:
        return False
    return not np.intersect1d(train.donors, test.donors).size


def _halve_donors(test: Population, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Divide whole donors; an odd one is attacked."""
    names = rng.permutation(np.unique(test.donors))  # type: ignore[arg-type]
    reference = np.isin(test.donors, names[: len(names) // 2])  # type: ignore[arg-type]
    return np.flatnonzero(reference), np.flatnonzero(~reference)


MODELLED = "scgarage_modelled"
"""Column of the synthetic cells' ``var`` that says which genes the generator made; the others are drawn at random
given the type, and would only hide copies."""

SEEDS = "seed_cells"
"""Entry of ``uns["scgarage"]`` with the names of the training cells that the generator was fed."""

SHARED = 0.05
"""Share of held-out cells that may equal training cells; more, and they were not held out."""


@dataclass(frozen=True)
class Inputs:
    """Everything that the checks are about."""

    synthetic: Population  # cells; without held-out cells the last two are empty
    train: Population
    validation: Population
    test: Population
    # masks over the training cells: "all", and "rare" and "seeds" where there are any
    groups: dict[str, NDArray[np.bool_]]
    value_kind: ValueKind  # what the values are
    settings: dict[str, Any]  # keys and numbers that the record shows, plain values
    notes: tuple[str, ...]  # what a reader should know first
    other_split: bool  # whether the model was fitted on another split, so that held-out cells may be training cells


def as_split(real: Split | AnnData, holdout: AnnData | None, labels_key: str | None, donor_key: str | None) -> Split:
    """Return the real cells as a :class:`~scgarage.pp.Split`."""
    if isinstance(real, Split):
        if holdout is not None:
            msg = "a Split has its own held-out cells; leave holdout= out, or pass split.train instead of the split"
            raise InputError(msg)
        return real
    if not isinstance(real, AnnData):
        msg = f"the real cells are a {type(real).__name__}; expected a Split or the training cells as AnnData"
        raise InputError(msg)
    empty = real[:0].copy()
    if holdout is not None:
        holdout = match_genes(holdout, real.var_names, what="the held-out cells")
    return Split(real, empty, empty if holdout is None else holdout, labels_key=labels_key, donor_key=donor_key)


def audit_inputs(
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None,
    donor_key: str | None,
    seed_names: Sequence[str] | None,
    layer: str | None,
) -> Inputs:
    """Check the data and bring every part into the same form."""
    keys = {"labels_key": labels_key or split.labels_key, "donor_key": donor_key or split.donor_key}
    synthetic = match_genes(synthetic, split.train.var_names, what="the synthetic cells")
    synthetic_layer = layer if layer in synthetic.layers else None
    kinds = read_cells(split.train, layer=layer).kind, read_cells(synthetic, layer=synthetic_layer).kind
    kind = shared_kind(*kinds, who="audit", remedy="give both in the same form (layer=)")
    modelled, genes = _modelled(synthetic)
    counts = kind == "counts"
    parts = {
        name: Population.read(getattr(split, name), genes, layer=layer, counts=counts, **keys)
        for name in ("train", "validation", "test")
    }
    _check_held_out(parts["train"], parts["test"])
    origin = origin_notes(synthetic, split, labelled=True) if split.fingerprint else []
    groups, notes = _groups(parts["train"], split.train, synthetic, seed_names, labelled=keys["labels_key"] is not None)
    return Inputs(
        synthetic=Population.read(synthetic, genes, layer=synthetic_layer, counts=counts),
        **parts,
        groups=groups,
        value_kind=kind,
        settings={name: key for name, key in keys.items() if key is not None}
        | {f"n_{name}": len(part) for name, part in parts.items()}
        | {"n_synthetic": synthetic.n_obs, "n_genes": len(genes), "value_kind": kind, "n_genes_file": synthetic.n_vars},
        notes=(*origin, *modelled, *notes),
        other_split=OTHER_SPLIT in origin,
    )


def _modelled(synthetic: AnnData) -> tuple[list[str], NDArray[np.intp]]:
    """Return the genes to audit, and a note when they are not all."""
    if MODELLED not in synthetic.var or not synthetic.var[MODELLED].astype(bool).any():
        return [], np.arange(synthetic.n_vars)
    genes = np.flatnonzero(synthetic.var[MODELLED].astype(bool))
    if len(genes) == synthetic.n_vars:
        return [], genes
    note = f"only the {len(genes):,} genes that the generator modelled are compared; the others are drawn at random"
    return [note], genes


def _check_held_out(train: Population, test: Population) -> None:
    shared = int((exact_copies(test.values, train.values) >= 0).sum())
    if shared > SHARED * max(len(test), 1):
        msg = (
            f"{shared:,} of the {len(test):,} held-out cells have the values of a training cell, so they were "
            "not held out; give cells that the model has not seen"
        )
        raise InputError(msg)


def _groups(
    train: Population, cells: AnnData, synthetic: AnnData, seed_names: Sequence[str] | None, *, labelled: bool
) -> tuple[dict[str, NDArray[np.bool_]], list[str]]:
    """Return masks over the training cells, and notes about groups that cannot be looked at."""
    groups, notes = {"all": np.ones(len(train), dtype=np.bool_)}, []
    if not labelled:
        notes.append("no labels_key: members and non-members are not matched by type, rare types are not looked at")
    else:
        rare = np.isin(train.labels, rare_types(train.labels))
        groups |= {"rare": rare} if rare.any() else {}
    seeds = _seeds(cells, synthetic, seed_names)
    if seeds is None:
        notes.append("the seed cells of the generator, if it has any, are not known (seed_names=)")
    elif seeds.any():
        groups["seeds"] = seeds
    return groups, notes


def _seeds(cells: AnnData, synthetic: AnnData, seed_names: Sequence[str] | None) -> NDArray[np.bool_] | None:
    """Return which training cells are seeds; ``None`` when nobody says."""
    about: Any = synthetic.uns.get(UNS_KEY)
    recorded = about.get(SEEDS) if isinstance(about, Mapping) else None
    names = recorded if seed_names is None else seed_names
    if names is None:
        return None
    wanted = {str(name) for name in np.asarray(names).ravel()}
    unknown = sorted(wanted - set(cells.obs_names.astype(str)))
    if unknown:
        where = "seed_names" if seed_names is not None else f"uns['{UNS_KEY}']['{SEEDS}']"
        msg = (
            f"{where} has {len(unknown)} of {len(wanted)} names that no training cell has (first: {unknown[0]!r}); "
            "expected obs_names of the cells that the model was trained on"
        )
        raise InputError(msg)
    return np.asarray(cells.obs_names.astype(str).isin(wanted), dtype=np.bool_)
