"""Training and validation cells as arrays, and batches of several columns."""

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import (
    USABLE,
    as_text,
    expression_matrix,
    match_genes,
    read_cells,
    validate_expression,
    validate_labels,
)
from scgarage.io.matrix import row_sums
from scgarage.io.values import find_knee
from scgarage.pp import select_hvg
from scgarage.schema import UNS_KEY, ValueKind

SEPARATOR = " | "
"""Stands between the values in the name of a combination."""

MAX_COMBINATIONS = 64
"""Combinations up to which those without a training cell are modelled too; each costs memory for types x genes."""


def columns_of(batch_key: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns of a batch.

    Examples
    --------
    >>> columns_of("donor"), columns_of(["donor", "condition"]), columns_of(None)
    (('donor',), ('donor', 'condition'), ())
    """
    if batch_key is None:
        return ()
    return (batch_key,) if isinstance(batch_key, str) else tuple(map(str, batch_key))


def joined(obs: pd.DataFrame, columns: Sequence[str]) -> "pd.Series[str]":
    """Return the name of each cell's batch: the value of one column, or the values of several side by side."""
    values = obs[list(columns)].astype(str)
    if len(columns) == 1:
        return values[columns[0]]
    for column in columns:
        if values[column].str.contains(SEPARATOR, regex=False).any():
            msg = f"adata.obs['{column}'] has values with {SEPARATOR!r}, which stands between columns; rename them"
            raise InputError(msg)
    return values.agg(SEPARATOR.join, axis=1)


def combinations(obs: pd.DataFrame, columns: Sequence[str]) -> tuple[str, ...]:
    """Return the names of all batches: combinations that occur, and the others too where they are few.

    Examples
    --------
    >>> obs = pd.DataFrame({"donor": ["a", "a", "b"], "state": ["rest", "stim", "rest"]})
    >>> combinations(obs, ["donor", "state"])
    ('a | rest', 'a | stim', 'b | rest', 'b | stim')
    """
    seen = sorted(set(joined(obs, columns)))
    values = [sorted(set(obs[column].astype(str))) for column in columns]
    if len(columns) < 2 or np.prod([len(each) for each in values]) > MAX_COMBINATIONS:
        return tuple(seen)
    return tuple(SEPARATOR.join(names) for names in product(*values))


def split_up(names: Sequence[str], columns: Sequence[str]) -> pd.DataFrame:
    """Return the value of each column in batches of the given names.

    Examples
    --------
    >>> split_up(["a | rest", "b | rest"], ["donor", "state"])["donor"].tolist()
    ['a', 'b']
    """
    parts = [[name] for name in names] if len(columns) == 1 else [name.split(SEPARATOR) for name in names]
    return pd.DataFrame(parts, columns=list(columns), dtype=object)


def levels_of(names: Sequence[str], n_columns: int) -> NDArray[np.int64]:
    """Return the number of each column's value in each batch, (n_batches, n_columns)."""
    if not names:
        return np.zeros((1, 1), dtype=np.int64)
    values = split_up(names, [str(number) for number in range(max(n_columns, 1))])
    levels: NDArray[np.int64] = values.apply(lambda column: pd.factorize(column)[0]).to_numpy(dtype=np.int64)
    return levels


def batch_name(batch: str | Mapping[str, str], columns: Sequence[str], names: Sequence[str]) -> str:
    """Return the name of the batch that a user asks for, by its name or by a value for every column."""
    if isinstance(batch, Mapping):
        if set(batch) != set(columns):
            known = ", ".join(columns) or "none"
            msg = f"batch= names the columns {', '.join(batch)}; the model was fitted with: {known}"
            raise InputError(msg)
        batch = SEPARATOR.join(str(batch[column]) for column in columns)
    if batch not in names:
        listed = ", ".join(map(repr, names)) or "none, it was fitted without batch_key"
        msg = f"the model knows no batch {batch!r}; its batches: {listed}"
        raise InputError(msg)
    return batch


@dataclass(frozen=True)
class TrainingData:
    """Validated training cells."""

    values: sparse.csr_matrix  # what the user gave, counts or log-normalised, all genes, CSR (n_cells, n_all_genes)
    log_expr: sparse.csr_matrix  # log1p CP10k of the modelled genes, CSR (n_cells, n_genes)
    modelled: NDArray[np.bool_]  # mask of the modelled genes, shape (n_all_genes,)
    labels: NDArray[np.int64]  # number of the type of each cell, shape (n_cells,)
    types: tuple[str, ...]  # names of the types, in the order of their numbers
    totals: NDArray[np.float64] | None  # library sizes, shape (n_cells,); None unless value_kind is "counts"
    value_kind: ValueKind  # "counts" or "log-normalised"
    # column of obs the types came from; None when the cells have no labels, types is then empty and all labels are 0
    labels_key: str | None
    var: pd.DataFrame  # annotation of all genes
    split: dict[str, Any] = field(default_factory=dict)  # record of the split that the cells came from, if any
    dataset: str | None = None  # name of the data set, if it has one
    names: tuple[str, ...] = ()  # names of the cells
    # columns of obs whose combinations are the batches; none if the model is not to know them
    batch_keys: tuple[str, ...] = ()
    # number of the batch of each cell, shape (n_cells,); all 0 without batch_keys
    batches: NDArray[np.int64] = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    batch_names: tuple[str, ...] = ()  # names of the batches, in the order of their numbers; some may have no cell

    @property
    def n_cells(self) -> int:
        """Number of training cells."""
        return int(self.values.shape[0])

    def label_names(self) -> NDArray[np.str_]:
        """Return the type of each cell by name."""
        return np.asarray(self.types)[self.labels]


@dataclass(frozen=True)
class ValidationData:
    """Held-out cells that decide when training stops."""

    values: sparse.csr_matrix  # as in :class:TrainingData
    log_expr: sparse.csr_matrix
    totals: NDArray[np.float64] | None
    # numbers of types and batches, shape (n_cells,); -1 where the training cells have no such one
    labels: NDArray[np.int64]
    batches: NDArray[np.int64]


def training_data(
    adata: ad.AnnData,
    *,
    labels_key: str | None,
    layer: str | None,
    n_top_genes: int | None,
    batch_key: str | Sequence[str] | None = None,
) -> TrainingData:
    """Validate training cells and bring them into the models' form."""
    kind = validate_expression(adata, layer)
    knee = find_knee(row_sums(expression_matrix(adata, layer))) if kind == "counts" else None
    if knee is not None:
        warnings.warn(knee.sentence, UserWarning, stacklevel=3)
    names = None
    if labels_key is not None:
        names = validate_labels(adata, labels_key, min_cells_per_type=1)
        adata = _without_single_cells(adata, labels_key, names)
        names = validate_labels(adata, labels_key)
    batch_keys = columns_of(batch_key)
    for column in batch_keys:
        validate_labels(adata, column, min_types=1, min_cells_per_type=1, argument="batch_key")
    cells = read_cells(adata, layer=layer, kind=kind)
    modelled = select_hvg(cells.log_expr, n_top_genes)
    about = adata.uns.get(UNS_KEY, {})
    labels, types = _codes(names, adata.n_obs)
    batch_names = combinations(adata.obs, batch_keys) if batch_keys else ()
    return TrainingData(
        values=cells.csr,
        log_expr=cells.log_expr[:, np.flatnonzero(modelled)],
        modelled=modelled,
        labels=labels,
        types=types,
        totals=cells.totals,
        value_kind=cells.kind,
        labels_key=labels_key,
        var=adata.var.copy(),
        split=dict(about.get("split", {})),
        dataset=str(about["dataset"]) if "dataset" in about else None,
        names=tuple(adata.obs_names.astype(str)),
        batch_keys=batch_keys,
        batches=_batch_numbers(adata, batch_keys, batch_names),
        batch_names=batch_names,
    )


def _without_single_cells(adata: ad.AnnData, labels_key: str, labels: NDArray[np.str_]) -> ad.AnnData:
    """Leave out the cells that are the only ones of their type."""
    names, sizes = np.unique(labels, return_counts=True)
    single = names[sizes == 1]
    if not len(single) or len(single) == len(sizes):
        return adata
    msg = (
        f"adata.obs['{labels_key}']: types with one training cell are left out, and cells of them cannot be made: "
        f"{', '.join(single)}"
    )
    warnings.warn(msg, UserWarning, stacklevel=4)
    return adata[~np.isin(labels, single)].copy()


def _codes(labels: NDArray[np.str_] | None, n_cells: int) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return the number of each cell's type and the types; all 0 and none without labels."""
    if labels is None:
        return np.zeros(n_cells, dtype=np.int64), ()
    types, codes = np.unique(labels, return_inverse=True)
    return codes.astype(np.int64), tuple(types.tolist())


def _numbers(cells: ad.AnnData, key: str | None, names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the number of each cell's category among known ones, -1 for others."""
    if key is None or key not in cells.obs:
        return np.full(cells.n_obs, 0 if key is None else -1, dtype=np.int64)
    return np.asarray(pd.Index(names).get_indexer(pd.Index(as_text(cells.obs[key]))), dtype=np.int64)


def _batch_numbers(cells: ad.AnnData, columns: Sequence[str], names: tuple[str, ...]) -> NDArray[np.int64]:
    """Return the number of each cell's batch, -1 for one that is not known, 0 without batches."""
    if not columns or not set(columns) <= set(cells.obs):
        return np.full(cells.n_obs, -1 if columns else 0, dtype=np.int64)
    return np.asarray(pd.Index(names).get_indexer(pd.Index(joined(cells.obs, columns))), dtype=np.int64)


def validation_data(adata: ad.AnnData, data: TrainingData, *, layer: str | None) -> ValidationData:
    """Bring validation cells into the form of the training cells."""
    adata = match_genes(adata, data.var.index, what="the validation cells")
    cells = read_cells(adata, layer=layer, accept=USABLE)
    if cells.kind != data.value_kind:
        msg = f"training cells hold {data.value_kind} and validation cells {cells.kind} values; use the same for both"
        raise InputError(msg)
    return ValidationData(
        values=cells.csr,
        log_expr=cells.log_expr[:, np.flatnonzero(data.modelled)],
        totals=cells.totals,
        labels=_numbers(adata, data.labels_key, data.types),
        batches=_batch_numbers(adata, data.batch_keys, data.batch_names),
    )


def hold_out(
    adata: ad.AnnData, keys: Sequence[str | None], fraction: float, *, random_state: int, smallest: int = 20
) -> tuple[ad.AnnData, ad.AnnData | None]:
    """Take a share of the cells for validation, stratified by ``keys``, none of groups below ``smallest``."""
    if not 0 <= fraction < 1:
        msg = f"validation= as a share of the cells must lie in [0, 1); found {fraction}"
        raise InputError(msg)
    rng = np.random.default_rng(random_state)
    columns = [adata.obs[key].astype(str) for key in keys if key is not None]
    labels = pd.concat(columns, axis=1).agg("\t".join, axis=1).to_numpy() if columns else np.zeros(adata.n_obs)
    held: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        cells = np.flatnonzero(labels == label)
        if len(cells) >= smallest:
            held.append(rng.permutation(cells)[: round(fraction * len(cells))])
    chosen = np.concatenate(held) if held else np.empty(0, dtype=np.int64)
    if len(chosen) < 10:
        return adata, None
    mask = np.zeros(adata.n_obs, dtype=bool)
    mask[chosen] = True
    return adata[~mask], adata[mask]


def type_counts(data: TrainingData) -> dict[str, int]:
    """Return the number of training cells of each type; empty without types."""
    if not data.types:
        return {}
    return dict(zip(data.types, np.bincount(data.labels, minlength=len(data.types)).tolist(), strict=True))
