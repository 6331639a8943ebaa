"""From AnnData to what the judge compares: the same path for real and synthetic cells."""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from anndata import AnnData
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.evaluation.cells import Cells
from scgarage.evaluation.labels import real_labels, synthetic_labels
from scgarage.evaluation.null import NormalNull, NullGenerator, PoissonNull
from scgarage.evaluation.provenance import origin_notes
from scgarage.evaluation.settings import rare_types
from scgarage.preprocess import (
    Split,
    expression_matrix,
    log1p_cp10k,
    match_genes,
    value_kind,
)
from scgarage.preprocess.normalise import library_size
from scgarage.schema import UNSURE, ValueKind

__all__ = ["Inputs", "prepare"]

PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Inputs:
    """Everything that is the same in all repeats.

    Attributes
    ----------
    train, validation, test, synthetic
        Log expression of all genes, types and library sizes.
    labelled
        Whether the synthetic cells came with types; if not, all of theirs are "unsure" here.
    null
        Generator of independent genes, fitted on train.
    n_top_genes
        Highly variable genes to compare, which each repeat selects on its reference cells.
    labels_key
        Column of ``obs`` with the types; ``None`` when there is none, and all cells are then of one type.
    value_kind
        What real and synthetic values were.
    rare_types
        Types of less than 5 % of the training cells, rarest first.
    notes
        What a reader should know before trusting any number.
    """

    train: Cells
    validation: Cells
    test: Cells
    synthetic: Cells
    labelled: bool
    null: NullGenerator
    n_top_genes: int
    labels_key: str | None
    value_kind: ValueKind
    rare_types: tuple[str, ...]
    notes: tuple[str, ...]

    def narrowed(self, genes: NDArray[np.integer[Any]]) -> Self:
        """Return the same with some of the genes, numbers (n_selected,)."""
        parts = {name: getattr(self, name).narrowed(genes) for name in (*PARTS, "synthetic", "null")}
        return replace(self, **parts)


def prepare(synthetic: AnnData, split: Split, *, labels_key: str | None, layer: str | None, n_top_genes: int) -> Inputs:
    """Check the data and normalise every part the same way.

    Parameters
    ----------
    synthetic
        Synthetic cells with the genes of the real ones, in any order.
    split
        Real cells.
    labels_key
        Column of ``obs`` with the types; the split's own by default. Without either all cells are of one type.
    layer
        Layer with the values; ``X`` by default. Synthetic cells without that layer are read from ``X``.
    n_top_genes
        Highly variable genes to compare; recorded, and selected in every repeat.

    Raises
    ------
    InputError
        If labels or genes are missing, if the values are neither counts nor log-normalised, or if real and
        synthetic values are of different kinds.
    """
    key = labels_key or split.labels_key
    real = real_labels(split, key)
    given = synthetic_labels(synthetic, key, real)
    notes = origin_notes(synthetic, split, labelled=given is not None)
    if key is None:
        notes.append("The real cells have no types (labels_key=): nothing is said about types")
    synthetic = match_genes(synthetic, split.train.var_names, what="the synthetic cells")
    synthetic_layer = layer if layer in synthetic.layers else None
    kind = _shared_kind(value_kind(split.train, layer), value_kind(synthetic, synthetic_layer))
    values = _csr(split.train, layer)
    null: NullGenerator
    if kind == "counts":
        null = PoissonNull.fit(values, library_size(values), real["train"])
    else:
        null = NormalNull.fit(values, real["train"])
    return Inputs(
        **{name: _cells(getattr(split, name), layer, kind, real[name]) for name in PARTS},
        synthetic=_cells(
            synthetic, synthetic_layer, kind, np.full(synthetic.n_obs, UNSURE) if given is None else given
        ),
        labelled=given is not None,
        null=null,
        n_top_genes=n_top_genes,
        labels_key=key,
        value_kind=kind,
        rare_types=rare_types(real["train"]),
        notes=tuple(notes),
    )


def _shared_kind(real: ValueKind, synthetic: ValueKind) -> ValueKind:
    for name, kind in (("real", real), ("synthetic", synthetic)):
        if kind not in {"counts", "log-normalised"}:
            msg = f"the {name} values are {kind}; the judge needs counts or log-normalised values (see layer=)"
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


def _cells(cells: AnnData, layer: str | None, kind: ValueKind, labels: NDArray[np.str_]) -> Cells:
    """Return log1p CP10k."""
    values = _csr(cells, layer)
    if kind == "counts":
        totals = library_size(values)
        return Cells(log1p_cp10k(values, totals=totals), labels, totals)
    return Cells(values.astype(np.float32), labels)
