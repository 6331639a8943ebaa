"""What every imputer offers, and the cells and conditions it is given."""

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, fields, replace
from importlib.metadata import version
from typing import Any, ClassVar, Self

import anndata as ad
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.io.cells import TARGET_SUM, USABLE, library_size, match_genes, read_cells
from scgarage.pp import Components, recover_counts, select_hvg
from scgarage.pp.graph import leiden, neighbour_adjacency
from scgarage.schema import UNS_KEY, ValueKind


@dataclass(frozen=True)
class Cells:
    """Validated cells."""

    log_expr: sparse.csr_matrix  # log1p CP10k without stored zeros, CSR (n_cells, n_genes)
    types: NDArray[np.str_] | None  # cell type of each cell, shape (n_cells,), or None
    batches: NDArray[np.str_] | None  # batch (sequencing technology) of each cell, shape (n_cells,), or None
    value_kind: ValueKind  # what the user gave, "counts" or "log-normalised"
    # counts, CSR (n_cells, n_genes), for methods that work on counts; else None
    counts: sparse.csr_matrix | None = None
    # library size of each cell over all genes, shape (n_cells,), or None like counts
    totals: NDArray[np.float64] | None = None

    def on_genes(self, genes: NDArray[np.int64]) -> "Cells":
        """Return the same cells with some of the genes."""
        counts = None if self.counts is None else sparse.csr_matrix(self.counts[:, genes])
        return replace(self, log_expr=sparse.csr_matrix(self.log_expr[:, genes]), counts=counts)

    def required_counts(self) -> sparse.csr_matrix:
        """Return the counts, CSR float32 ``(n_cells, n_genes)``, of cells that were prepared with them."""
        if self.counts is None:
            msg = "these cells were prepared without counts; set needs_counts = True in the imputer's class"
            raise InputError(msg)
        return sparse.csr_matrix(self.counts, dtype=np.float32)

    def unit(self) -> NDArray[np.float64]:
        """Return what one count is worth before the logarithm, shape ``(n_cells,)``: CP10k, or the scale as given."""
        counts, totals = self.required_counts(), np.maximum(np.asarray(self.totals, dtype=np.float64), 1)
        if self.value_kind == "counts":
            return TARGET_SUM / totals
        rows = np.repeat(np.arange(len(totals)), np.diff(self.log_expr.indptr))
        level = np.bincount(rows, weights=np.expm1(self.log_expr.data.astype(np.float64)), minlength=len(totals))
        counted = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
        return np.where(counted > 0, level / np.maximum(counted, 1), TARGET_SUM / totals)


def cells_to_impute(
    adata: ad.AnnData,
    *,
    labels_key: str | None,
    batch_key: str | None,
    layer: str | None,
    needs_counts: bool = False,
    like: ValueKind | None = None,
) -> Cells:
    """Validate cells and normalise them."""
    read = read_cells(adata, layer=layer, labels_key=labels_key, batch_key=batch_key, accept=USABLE)
    if like not in (None, read.kind):
        msg = f"the fit saw {like} and these cells hold {read.kind}; use the same for both"
        raise InputError(msg)
    log_expr = sparse.csr_matrix(read.log_expr, copy=True)
    log_expr.sum_duplicates()
    log_expr.eliminate_zeros()
    counts = totals = None
    if needs_counts:
        counts = read.csr if read.kind == "counts" else read_cells(recover_counts(adata, layer=layer)).csr
        totals = library_size(counts)
    return Cells(log_expr, read.labels, read.batches, read.kind, counts, totals)


@dataclass(frozen=True)
class Conditions:
    """What the networks are told about a cell besides its expression."""

    types: tuple[str, ...]  # known names, sorted; empty when there are none
    batches: tuple[str, ...]
    # principal components, and centre of each cluster in them, when Leiden clusters stand in for missing types
    components: Components | None = None
    centres: NDArray[np.float32] | None = None

    @classmethod
    def fit(cls, cells: Cells, *, n_components: int = 30, random_state: int = 0) -> Self:
        """Learn the names; without types, cluster the cells."""
        batches = () if cells.batches is None else tuple(np.unique(cells.batches).tolist())
        if cells.types is not None:
            return cls(tuple(np.unique(cells.types).tolist()), batches)
        components = Components.fit(cells.log_expr, n_components, random_state=random_state)
        points = components.transform(cells.log_expr)
        clusters = leiden(neighbour_adjacency(points), random_state=random_state)
        centres = np.stack([points[clusters == number].mean(axis=0) for number in range(int(clusters.max()) + 1)])
        return cls(tuple(f"cluster_{number}" for number in range(len(centres))), batches, components, centres)

    @property
    def n_columns(self) -> int:
        """Number of columns of :meth:`encode`."""
        return len(self.types) + len(self.batches)

    def encode(self, cells: Cells) -> NDArray[np.float32]:
        """Return the conditions of cells, types first, float32 ``(n_cells, n_columns)`` of zeros and ones."""
        columns = [np.eye(len(self.types), dtype=np.float32)[self._type_codes(cells)]]
        if self.batches and cells.batches is not None:
            columns.append(np.eye(len(self.batches), dtype=np.float32)[self.batch_codes(cells.batches)])
        return np.concatenate(columns, axis=1)

    def codes(self, cells: Cells) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return numbers of type and batch, int64 ``(n_cells,)`` each; without batches the second are zeros."""
        types = self._type_codes(cells).astype(np.int64)
        if not self.batches or cells.batches is None:
            return types, np.zeros_like(types)
        return types, self.batch_codes(cells.batches)

    def batch_codes(self, batches: NDArray[np.str_]) -> NDArray[np.int64]:
        """Return the number of the batch of each cell, int64 ``(n_cells,)``."""
        return _codes(batches, self.batches, "batch").astype(np.int64)

    def _type_codes(self, cells: Cells) -> NDArray[np.intp]:
        if self.components is None or self.centres is None:
            return _codes(np.asarray([]) if cells.types is None else cells.types, self.types, "cell type")
        points = self.components.transform(cells.log_expr)
        # |x - c|^2 without its first part, which is the same for all centres
        scores = np.square(self.centres).sum(axis=1) - 2 * points @ self.centres.T
        return np.asarray(scores.argmin(axis=1))


def _codes(values: NDArray[np.str_], known: tuple[str, ...], noun: str) -> NDArray[np.intp]:
    unknown = sorted(set(values.tolist()) - set(known))
    if unknown:
        found = ", ".join(map(repr, unknown[:5]))
        msg = f"the fit saw no {noun} {found}; it saw: {', '.join(map(repr, known))}; fit with these cells too"
        raise InputError(msg)
    return np.searchsorted(np.asarray(known), values)


IMPUTED = "imputed"
"""Layer that holds imputed expression, log1p CP10k."""

IMPUTED_SD = "imputed_sd"
"""Layer that holds the standard deviation of imputed expression, over repeats or of the posterior."""


@dataclass(frozen=True)
class ImputerConfig:
    """Settings that all imputers have.

    Attributes
    ----------
    n_top_genes
        Highly variable genes to impute; the other genes keep what was observed. ``None`` imputes all.
    keep_observed
        Leave observed values that are not zero as they are.
    zero_chance
        A zero is filled only where what would be imputed makes a zero at most this likely; 1 fills every zero, and
        brings false differences (chosen on pbmc4k: docs/imputation.md).
    random_state
        Seed of everything that is drawn.
    """

    n_top_genes: int | None = 2000
    keep_observed: bool = True
    zero_chance: float = 0.1
    random_state: int = 0


@dataclass(frozen=True)
class Filled:
    """What a method says about the imputed genes.

    Attributes
    ----------
    mean
        Expression, log1p CP10k, float32 ``(n_cells, n_genes)``; values below zero count as zero.
    sd
        Standard deviation over repeats or of the posterior, same shape; ``None`` for a method that has neither.
    """

    mean: NDArray[np.float32]
    sd: NDArray[np.float32] | None = None


class Imputer(ABC):
    """Base of all imputers.

    A subclass names itself, brings a ``Config`` and writes :meth:`learn` and :meth:`fill`.

    Parameters
    ----------
    config
        Settings; the defaults of ``Config`` when left out.
    **settings
        Single settings, in place of those of ``config``.

    Raises
    ------
    InputError
        For a setting that the method does not have, or one that is out of range.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Any]] = ImputerConfig
    uses_labels: ClassVar[bool] = False
    needs_counts: ClassVar[bool] = False

    def __init__(self, config: Any = None, **settings: Any) -> None:
        known = [field.name for field in fields(self.Config)]
        unknown = sorted(set(settings) - set(known))
        if unknown:
            msg = f"{self.name} has no setting {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
            raise InputError(msg)
        self.config = replace(config or self.Config(), **settings)
        if not 0 < self.config.zero_chance <= 1:
            msg = f"zero_chance must lie above 0 and at most at 1; found {self.config.zero_chance}"
            raise InputError(msg)
        self.about: dict[str, Any] = {}

    # ------------------------------------------------------------------ what a subclass writes
    @abstractmethod
    def learn(self, cells: Cells) -> dict[str, Any]:
        """Learn from cells with the imputed genes only; return plain values worth recording."""

    @abstractmethod
    def fill(self, cells: Cells) -> Filled:
        """Return expression of all entries of the imputed genes."""

    # ------------------------------------------------------------------ what users call
    @property
    def is_fitted(self) -> bool:
        """Whether the imputer has learned from cells."""
        return bool(self.about)

    def fit(
        self,
        adata: ad.AnnData,
        *,
        labels_key: str | None = None,
        batch_key: str | None = None,
        layer: str | None = None,
        genes_key: str | None = None,
    ) -> Self:
        """Learn from cells.

        Parameters
        ----------
        adata
            Cells, counts or log-normalised, ``(n_cells, n_genes)``; not changed.
        labels_key
            Column of ``obs`` with the cell types, for methods that use them.
        batch_key
            Column of ``obs`` with the batch or sequencing technology, for methods that use it.
        layer
            Layer that holds the values; ``X`` by default.
        genes_key
            Boolean column of ``var`` with the genes to impute, in place of the ``n_top_genes`` most variable ones.

        Returns
        -------
        The imputer itself.

        Raises
        ------
        InputError
            For data or arguments that cannot be used.
        TrainingError
            When training diverges.
        """
        cells = cells_to_impute(
            adata, labels_key=labels_key, batch_key=batch_key, layer=layer, needs_counts=self.needs_counts
        )
        if min(adata.shape) < 3:
            msg = f"imputation learns from other cells and genes; found {adata.n_obs} cells and {adata.n_vars} genes"
            raise InputError(msg)
        self._genes = self._choose_genes(adata, cells, genes_key)
        learned = self.learn(cells.on_genes(self._genes))
        self._var_names = adata.var_names.copy()
        self._keys = {"labels_key": labels_key, "batch_key": batch_key, "layer": layer}
        self.about = {
            "method": self.name,
            "version": version("scgarage"),
            "parameters": asdict(self.config),
            "n_cells": adata.n_obs,
            "n_genes": len(self._genes),
            "value_kind": cells.value_kind,
            "scale": "log1p CP10k" if cells.value_kind == "counts" else "as given (log-normalised)",
        }
        self.about |= self._keys | learned
        return self

    def transform(self, adata: ad.AnnData) -> ad.AnnData:
        """Impute cells: those of the fit, or others with the same genes.

        Parameters
        ----------
        adata
            Cells with the genes, layer and columns of the fit; not changed.

        Returns
        -------
        A copy, genes in the order of the fit, in which ``X`` is what it was. It has besides

        - ``layers["imputed"]``: log1p CP10k, CSR float32; genes that were not imputed hold what was observed;
        - ``layers["imputed_sd"]``: standard deviation, over repeats or of the posterior, on the same scale, CSR
          float32, 0 for observed values that were kept; missing for methods that do not know how sure they are;
        - ``var["scgarage_imputed"]``: which genes were imputed;
        - ``uns["scgarage"]["imputation"]``: method, settings, scale, and ``filled``, the share of the zeros of the
          imputed genes that got a value.

        Raises
        ------
        InputError
            When the imputer is not fitted, or genes, kind of values or columns differ from the fit.
        """
        if not self.is_fitted:
            msg = f"{self.name} is not fitted; call fit(adata) first"
            raise InputError(msg)
        adata = match_genes(adata, self._var_names, what="the cells to impute")
        cells = cells_to_impute(adata, **self._keys, needs_counts=self.needs_counts, like=self.about["value_kind"])
        part = cells.on_genes(self._genes)
        filled = self.fill(part)
        made = adata.copy()
        own = [f"layers['{name}']" for name in (IMPUTED, IMPUTED_SD) if name in made.layers]
        if own and "imputation" not in made.uns.get(UNS_KEY, {}):
            msg = f"{' and '.join(own)} held other values and are replaced by imputed ones; rename them to keep them"
            warnings.warn(msg, UserWarning, stacklevel=2)
        others = cells.log_expr
        filled = self._cut(filled, part.log_expr, others)
        made.layers[IMPUTED] = self._widen(self._keep(filled.mean, part.log_expr, part.log_expr.data), others)
        if filled.sd is not None:
            sd = self._keep(filled.sd, part.log_expr, 0.0)
            made.layers[IMPUTED_SD] = self._widen(sd, sparse.csr_matrix(others * 0))
        made.var["scgarage_imputed"] = np.isin(np.arange(made.n_vars), self._genes)
        about = self.about | {"filled": share_filled(filled.mean, part.log_expr)}
        made.uns[UNS_KEY] = dict(made.uns.get(UNS_KEY, {})) | {"imputation": writable(about)}
        return made

    def _choose_genes(self, adata: ad.AnnData, cells: Cells, genes_key: str | None) -> NDArray[np.int64]:
        if genes_key is None:
            return np.flatnonzero(select_hvg(cells.log_expr, self.config.n_top_genes))
        if genes_key not in adata.var or adata.var[genes_key].dtype != bool or adata.var[genes_key].sum() < 3:
            msg = f"genes_key={genes_key!r} must be a column of adata.var that is True for at least 3 genes, else False"
            raise InputError(msg)
        return np.flatnonzero(adata.var[genes_key].to_numpy())

    def _cut(self, filled: Filled, imputed: sparse.csr_matrix, observed: sparse.csr_matrix) -> Filled:
        """Leave zeros as they are where what is imputed does not make them unlikely."""
        stays = filled.mean >= _least_values(observed, self.config.zero_chance)[:, None]
        stays[np.repeat(np.arange(imputed.shape[0]), np.diff(imputed.indptr)), imputed.indices] = True
        return Filled(filled.mean * stays, None if filled.sd is None else filled.sd * stays)

    def _keep(self, values: NDArray[np.float32], observed: sparse.csr_matrix, kept: Any) -> NDArray[np.float32]:
        """Put ``kept`` where something was observed, if that is wanted; nothing is below zero."""
        values = np.maximum(values, 0, dtype=np.float32)
        if self.config.keep_observed:
            rows = np.repeat(np.arange(observed.shape[0]), np.diff(observed.indptr))
            values[rows, observed.indices] = kept
        return values

    def _widen(self, values: NDArray[np.float32], others: sparse.csr_matrix) -> sparse.csr_matrix:
        """Return all genes: ``values`` for the imputed ones, ``others`` for the rest."""
        rest = np.setdiff1d(np.arange(others.shape[1]), self._genes)
        joined = sparse.hstack([sparse.csr_matrix(values), others[:, rest]], format="csr", dtype=np.float32)
        wide = sparse.csr_matrix(joined[:, np.argsort(np.concatenate([self._genes, rest]))])
        wide.sort_indices()
        return wide

    def __repr__(self) -> str:
        state = f"fitted on {self.about['n_cells']} cells" if self.is_fitted else "not fitted"
        return f"{type(self).__name__}({state})"


def _least_values(log_expr: sparse.csr_matrix, zero_chance: float) -> NDArray[np.float32]:
    r"""Return the mean of log1p CP10k over Poisson counts that are zero with a given chance, ``(n_cells,)``.

    .. math:: t_i = \sum_c \frac{\lambda^c e^{-\lambda}}{c!} \log(1 + s_i c), \qquad \lambda = -\log(p_0)

    where one count is worth :math:`s_i`, known from the smallest value of the cell; 0 for a cell without values.
    """
    from scipy.stats import poisson

    smallest = np.zeros(log_expr.shape[0])
    some = np.flatnonzero(np.diff(log_expr.indptr))
    smallest[some] = np.minimum.reduceat(log_expr.data, log_expr.indptr[some])
    expected = -np.log(zero_chance)
    counts = np.arange(int(poisson.isf(1e-9, expected)) + 1)
    values = np.log1p(np.expm1(smallest)[:, None] * counts) @ poisson.pmf(counts, expected)
    return np.asarray(values, dtype=np.float32)


def chunks(n_cells: int, size: int = 1024) -> Iterator[slice]:
    """Yield slices of at most ``size`` cells."""
    return (slice(start, min(start + size, n_cells)) for start in range(0, n_cells, size))


def share_filled(imputed: NDArray[np.float32], observed: sparse.csr_matrix) -> float:
    """Return the share of the zeros of ``observed`` that are none in ``imputed``; both ``(n_cells, n_genes)``."""
    rows = np.repeat(np.arange(observed.shape[0]), np.diff(observed.indptr))
    n_seen = int((imputed[rows, observed.indices] > 0).sum())
    return float((int((imputed > 0).sum()) - n_seen) / max(imputed.size - observed.nnz, 1))


def writable(values: dict[str, Any]) -> dict[str, Any]:
    """Leave out ``None`` (absent means not set) and turn sequences into arrays, as h5ad wants."""
    kept = {name: value for name, value in values.items() if value is not None}
    return {
        name: writable(value)
        if isinstance(value, dict)
        else np.asarray(value)
        if isinstance(value, Sequence) and not isinstance(value, str)
        else value
        for name, value in kept.items()
    }
