"""From AnnData to what the audit compares: the same path for real and synthetic cells."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.evaluation.provenance import OTHER_SPLIT, origin_notes
from scgarage.evaluation.settings import rare_types
from scgarage.preprocess import Split, match_genes, value_kind
from scgarage.privacy.exact_copies import exact_copies
from scgarage.privacy.population import Population
from scgarage.schema import UNS_KEY, ValueKind

__all__ = ["MODELLED", "SEEDS", "Inputs", "as_split", "prepare"]

MODELLED = "scgarage_modelled"
"""Column of the synthetic cells' ``var`` that says which genes the generator made; the others are drawn at random
given the type, and would only hide copies."""

SEEDS = "seed_cells"
"""Entry of ``uns["scgarage"]`` with the names of the training cells that the generator was fed."""

SHARED = 0.05
"""Share of held-out cells that may equal training cells; more, and they were not held out."""


@dataclass(frozen=True)
class Inputs:
    """Everything that the checks are about.

    Attributes
    ----------
    synthetic, train, validation, test
        Cells; without held-out cells the last two are empty.
    groups
        Masks over the training cells: ``"all"``, and ``"rare"`` and ``"seeds"`` where there are any.
    value_kind
        What the values are.
    settings
        Keys and numbers that the record shows, plain values.
    notes
        What a reader should know first.
    other_split
        Whether the model was fitted on another split, so that held-out cells may be training cells.
    """

    synthetic: Population
    train: Population
    validation: Population
    test: Population
    groups: dict[str, NDArray[np.bool_]]
    value_kind: ValueKind
    settings: dict[str, Any]
    notes: tuple[str, ...]
    other_split: bool


def as_split(real: Split | AnnData, holdout: AnnData | None, labels_key: str | None, donor_key: str | None) -> Split:
    """Return the real cells as a :class:`~scgarage.preprocess.Split`.

    Raises
    ------
    InputError
        If a split comes with a holdout of its own beside it, or something else was given.
    """
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


def prepare(
    synthetic: AnnData,
    split: Split,
    *,
    labels_key: str | None,
    donor_key: str | None,
    seed_names: Sequence[str] | None,
    layer: str | None,
) -> Inputs:
    """Check the data and bring every part into the same form.

    Raises
    ------
    InputError
        If columns, genes or seed cells are missing, values are of other kinds, or the held-out cells are
        training cells.
    """
    keys = {"labels_key": labels_key or split.labels_key, "donor_key": donor_key or split.donor_key}
    synthetic = match_genes(synthetic, split.train.var_names, what="the synthetic cells")
    synthetic_layer = layer if layer in synthetic.layers else None
    kind = _shared_kind(value_kind(split.train, layer), value_kind(synthetic, synthetic_layer))
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


def _shared_kind(real: ValueKind, synthetic: ValueKind) -> ValueKind:
    for name, kind in (("real", real), ("synthetic", synthetic)):
        if kind not in {"counts", "log-normalised"}:
            msg = f"the {name} values are {kind}; the audit needs counts or log-normalised values (see layer=)"
            raise InputError(msg)
    if real != synthetic:
        msg = f"the real values are {real} and the synthetic ones {synthetic}; give both in the same form (layer=)"
        raise InputError(msg)
    return real


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
