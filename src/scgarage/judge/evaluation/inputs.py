"""Real and synthetic cells made comparable: labels, genes, values, where they come from."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray

from scgarage.errors import InputError
from scgarage.io.cells import USABLE, as_text, match_genes, obs_column, read_cells
from scgarage.judge.evaluation.cells import Cells, NormalNull, NullGenerator, PoissonNull, rare_types
from scgarage.pp import Split
from scgarage.schema import UNS_KEY, UNSURE, ValueKind

PARTS = ("train", "validation", "test")

ONE_TYPE = "cell"
"""Type of all cells where no types are known."""

GAPS = "obs[{key!r}] of the real cells has missing values; fill or drop those cells"


def choose_labels_key(split: Split, labels_key: str | None) -> str:
    """Return the column of ``obs`` with the types: the one asked for, or else the split's own."""
    key = labels_key or split.labels_key
    if key is None:
        columns = ", ".join(map(repr, split.train.obs))
        msg = f"the split has no labels_key; pass labels_key= one of: {columns}"
        raise InputError(msg)
    return key


def real_column(cells: AnnData, key: str, *, argument: str = "labels_key") -> NDArray[np.str_]:
    """Return a complete column of the real cells' ``obs`` as strings."""
    absent = f"the real cells' obs has no {{key!r}}; pass {argument}= one of: {{columns}}"
    return obs_column(cells, key, absent=absent, gaps=GAPS)


def real_labels(split: Split, key: str | None) -> dict[str, NDArray[np.str_]]:
    """Return the types of the cells of each part; without a column they are all :data:`ONE_TYPE`."""
    parts = {name: getattr(split, name) for name in PARTS}
    if key is None:
        return {name: np.full(cells.n_obs, ONE_TYPE) for name, cells in parts.items()}
    return {name: real_column(cells, key) for name, cells in parts.items()}


def synthetic_labels(
    synthetic: AnnData, key: str | None, real: Mapping[str, NDArray[np.str_]]
) -> NDArray[np.str_] | None:
    """Return the types of synthetic cells, a missing one as "unsure"; ``None`` where only the real cells have types."""
    if key is None:
        return np.full(synthetic.n_obs, ONE_TYPE)
    if key not in synthetic.obs:
        return None
    found = as_text(synthetic.obs[key])
    types = np.unique(np.concatenate(list(real.values())))
    if not np.isin(found, [*types, UNSURE]).any():
        msg = (
            f"no label of the synthetic cells is a real type: found {_first(found)}, expected "
            f"{_first(types)}; rename them, or drop the column to have types predicted"
        )
        raise InputError(msg)
    return found


def _first(labels: NDArray[np.str_]) -> str:
    return ", ".join(map(repr, np.unique(labels)[:5].tolist()))


PREDICTED = "the synthetic cells came without types; theirs were predicted by a classifier trained on real cells"

OTHER_SPLIT = (
    "the synthetic cells come from a model that was fitted on another split, so held-out cells may have "
    "been among its training cells"
)

SPLIT_KEYS = ("fingerprint", "random_state", "fractions", "donor_key")
"""Entries of a split's record that are the same only for the same parts."""


def origin_notes(synthetic: AnnData, split: Split, *, labelled: bool) -> list[str]:
    """Return notes about where the synthetic cells and their types come from."""
    about: Any = synthetic.uns.get(UNS_KEY)
    theirs = about.get("split") if isinstance(about, Mapping) else None
    notes = [] if labelled else [PREDICTED]
    if isinstance(theirs, Mapping) and "fingerprint" in theirs and not _same(theirs, split.record()):
        # To whoever called the public function, two frames above the caller of this one.
        warnings.warn(f"{OTHER_SPLIT}; judge with the split of the model", UserWarning, stacklevel=4)
        notes.insert(0, OTHER_SPLIT)
    return notes


def _same(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> bool:
    return all(np.array_equal(np.asarray(theirs.get(key)), np.asarray(ours.get(key))) for key in SPLIT_KEYS)


@dataclass(frozen=True)
class Inputs:
    """Everything that is the same in all repeats."""

    train: Cells  # log expression of all genes, types and library sizes
    validation: Cells
    test: Cells
    synthetic: Cells
    labelled: bool  # whether the synthetic cells came with types; if not, all of theirs are "unsure" here
    null: NullGenerator  # generator of independent genes, fitted on train
    n_top_genes: int  # highly variable genes to compare, which each repeat selects on its reference cells
    labels_key: str | None  # column of obs with the types; None when there is none, and all cells are then of one type
    value_kind: ValueKind  # what real and synthetic values were
    rare_types: tuple[str, ...]  # types of less than 5 % of the training cells, rarest first
    notes: tuple[str, ...]  # what a reader should know before trusting any number

    def narrowed(self, genes: NDArray[np.integer[Any]]) -> Self:
        """Return the same with some of the genes, numbers (n_selected,)."""
        parts = {name: getattr(self, name).narrowed(genes) for name in (*PARTS, "synthetic", "null")}
        return replace(self, **parts)


def comparison_inputs(
    synthetic: AnnData, split: Split, *, labels_key: str | None, layer: str | None, n_top_genes: int
) -> Inputs:
    """Check the data and normalise every part the same way."""
    key = labels_key or split.labels_key
    real = real_labels(split, key)
    given = synthetic_labels(synthetic, key, real)
    notes = origin_notes(synthetic, split, labelled=given is not None)
    if key is None:
        notes.append("The real cells have no types (labels_key=): nothing is said about types")
    synthetic = match_genes(synthetic, split.train.var_names, what="the synthetic cells")
    train, made = read_cells(split.train, layer=layer), read_cells(synthetic, layer=layer, or_x=True)
    kind = shared_kind(train.kind, made.kind)
    null: NullGenerator
    if train.totals is not None:
        null = PoissonNull.fit(train.csr, train.totals, real["train"])
    else:
        null = NormalNull.fit(train.csr, real["train"])
    parts = {name: read_cells(getattr(split, name), layer=layer, kind=kind) for name in PARTS}
    return Inputs(
        **{name: Cells(part.log_expr, real[name], part.totals) for name, part in parts.items()},
        synthetic=Cells(made.log_expr, np.full(synthetic.n_obs, UNSURE) if given is None else given, made.totals),
        labelled=given is not None,
        null=null,
        n_top_genes=n_top_genes,
        labels_key=key,
        value_kind=kind,
        rare_types=rare_types(real["train"]),
        notes=tuple(notes),
    )


REMEDY = (
    "give both as counts (layer=, or sg.pp.recover_counts) or normalise the counts with sc.pp.normalize_total and "
    "sc.pp.log1p"
)


def shared_kind(real: ValueKind, synthetic: ValueKind, *, who: str = "judge", remedy: str = REMEDY) -> ValueKind:
    """Return the kind of both, or say that they differ or cannot be compared."""
    for name, kind in (("real", real), ("synthetic", synthetic)):
        if kind not in USABLE:
            msg = f"the {name} values are {kind}; the {who} needs counts or log-normalised values (see layer=)"
            raise InputError(msg)
    if real != synthetic:
        msg = f"the real values are {real} and the synthetic ones {synthetic}; {remedy}"
        raise InputError(msg)
    return real
