"""From AnnData to what the judge compares: the same path for real and synthetic cells."""

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.evaluate.cells import Cells
from scgarage.evaluate.null import NormalNull, NullGenerator, PoissonNull
from scgarage.preprocess import (
    Split,
    expression_matrix,
    log1p_cp10k,
    match_genes,
    select_hvg,
    value_kind,
)
from scgarage.preprocess.normalise import library_size
from scgarage.schema import UNS_KEY, UNSURE, ValueKind

__all__ = ["RARE_SHARE", "Inputs", "prepare"]

RARE_SHARE = 0.05
"""A type is rare when its share of the training cells is smaller."""

PREDICTED = (
    "the synthetic cells came without types; theirs were predicted by a classifier trained on real cells"
)


@dataclass(frozen=True)
class Inputs:
    """Everything that is the same in all repeats.

    Attributes
    ----------
    train, validation, test, synthetic
        Log expression of the genes selected on train, and types.
    labelled
        Whether the synthetic cells came with types; if not, all of theirs are "unsure" here.
    null
        Generator of independent genes, fitted on train.
    labels_key
        Column of ``obs`` with the types.
    value_kind
        What real and synthetic values were.
    rare_types
        Types of less than :data:`RARE_SHARE` of the training cells, rarest first.
    notes
        What a reader should know before trusting any number.
    """

    train: Cells
    validation: Cells
    test: Cells
    synthetic: Cells
    labelled: bool
    null: NullGenerator
    labels_key: str
    value_kind: ValueKind
    rare_types: tuple[str, ...]
    notes: tuple[str, ...]


def prepare(
    synthetic: AnnData, split: Split, *, labels_key: str | None, layer: str | None, n_top_genes: int
) -> Inputs:
    """Check the data, select genes on train and normalise every part the same way.

    Parameters
    ----------
    synthetic
        Synthetic cells with the genes of the real ones, in any order.
    split
        Real cells.
    labels_key
        Column of ``obs`` with the types; the split's own by default.
    layer
        Layer with the values; ``X`` by default. Synthetic cells without that layer are read from ``X``.
    n_top_genes
        Number of genes to select.

    Raises
    ------
    InputError
        If labels or genes are missing, if the values are neither counts nor log-normalised, or if real and
        synthetic values are of different kinds.
    """
    key = _labels_key(split, labels_key)
    synthetic = match_genes(synthetic, split.train.var_names, what="the synthetic cells")
    synthetic_layer = layer if layer in synthetic.layers else None
    kind = _shared_kind(value_kind(split.train, layer), value_kind(synthetic, synthetic_layer))
    values = _csr(split.train, layer)
    genes = np.flatnonzero(select_hvg(log1p_cp10k(values) if kind == "counts" else values, n_top_genes))
    labels = {name: _labels(getattr(split, name), key) for name in ("train", "validation", "test")}
    parts = {
        name: Cells(_log_expr(getattr(split, name), layer, genes, kind), labels[name]) for name in labels
    }
    null: NullGenerator
    if kind == "counts":
        null = PoissonNull.fit(values[:, genes], library_size(values), labels["train"])
    else:
        null = NormalNull.fit(values[:, genes], labels["train"])
    return Inputs(
        **parts,
        synthetic=Cells(
            _log_expr(synthetic, synthetic_layer, genes, kind), _synthetic_labels(synthetic, key, labels)
        ),
        labelled=key in synthetic.obs,
        null=null,
        labels_key=key,
        value_kind=kind,
        rare_types=_rare_types(labels["train"]),
        notes=tuple(_split_notes(synthetic, split) + ([] if key in synthetic.obs else [PREDICTED])),
    )


def _labels_key(split: Split, labels_key: str | None) -> str:
    key = labels_key or split.labels_key
    if key is None:
        msg = f"the split has no labels_key; pass labels_key= one of: {', '.join(map(repr, split.train.obs))}"
        raise InputError(msg)
    return key


def _shared_kind(real: ValueKind, synthetic: ValueKind) -> ValueKind:
    for name, kind in (("real", real), ("synthetic", synthetic)):
        if kind not in {"counts", "log-normalised"}:
            msg = (
                f"the {name} values are {kind}; the judge needs counts or log-normalised values (see layer=)"
            )
            raise InputError(msg)
    if real != synthetic:
        msg = (
            f"the real values are {real} and the synthetic ones {synthetic}; give both as counts (layer=, or "
            "sg.pp.recover_counts) or normalise the counts with sc.pp.normalize_total and sc.pp.log1p"
        )
        raise InputError(msg)
    return real


def _csr(cells: AnnData, layer: str | None) -> sparse.csr_matrix:
    return sparse.csr_matrix(expression_matrix(cells, layer))


def _log_expr(
    cells: AnnData, layer: str | None, genes: NDArray[np.intp], kind: ValueKind
) -> sparse.csr_matrix:
    """Return log1p CP10k of some genes; the library sizes are those over all genes."""
    values = _csr(cells, layer)
    if kind == "counts":
        return log1p_cp10k(values[:, genes], totals=library_size(values))
    return values[:, genes].astype(np.float32)


def _labels(cells: AnnData, key: str) -> NDArray[np.str_]:
    if key not in cells.obs:
        columns = ", ".join(map(repr, cells.obs.columns)) or "none"
        msg = f"the real cells' obs has no {key!r}; pass labels_key= one of: {columns}"
        raise InputError(msg)
    if cells.obs[key].isna().any():
        msg = f"obs[{key!r}] of the real cells has missing values; fill or drop those cells"
        raise InputError(msg)
    return np.asarray(cells.obs[key].astype(str), dtype=np.str_)


def _synthetic_labels(synthetic: AnnData, key: str, real: dict[str, NDArray[np.str_]]) -> NDArray[np.str_]:
    """Return the labels of synthetic cells; a missing one, or a missing column, is "unsure"."""
    if key not in synthetic.obs:
        return np.full(synthetic.n_obs, UNSURE)
    labels = synthetic.obs[key].astype(object).where(synthetic.obs[key].notna(), UNSURE)
    found = np.asarray(labels.astype(str), dtype=np.str_)
    types = np.unique(np.concatenate(list(real.values())))
    if not np.isin(found, [*types, UNSURE]).any():
        msg = (
            f"no label of the synthetic cells is a real type: found {_first(found)}, expected {_first(types)}"
            "; rename them, or drop the column to have types predicted"
        )
        raise InputError(msg)
    return found


def _first(labels: NDArray[np.str_]) -> str:
    return ", ".join(map(repr, np.unique(labels)[:5].tolist()))


def _rare_types(labels: NDArray[np.str_]) -> tuple[str, ...]:
    types, counts = np.unique(labels, return_counts=True)
    rare = counts < RARE_SHARE * len(labels)
    order = np.argsort(counts[rare], kind="stable")
    return tuple(str(name) for name in types[rare][order])


def _split_notes(synthetic: AnnData, split: Split) -> list[str]:
    """Warn when the synthetic cells say that their model was trained on another split."""
    about: Any = synthetic.uns.get(UNS_KEY, {})
    theirs, ours = about.get("split", {}), split.record()
    keys = ("fingerprint", "random_state", "fractions", "donor_key")
    same = all(np.array_equal(np.asarray(theirs.get(key)), np.asarray(ours.get(key))) for key in keys)
    if "fingerprint" not in theirs or same:
        return []
    note = (
        "the synthetic cells come from a model that was fitted on another split, so held-out cells may have "
        "been among its training cells"
    )
    warnings.warn(f"{note}; evaluate with the split that the model was fitted on", UserWarning, stacklevel=4)
    return [note]
