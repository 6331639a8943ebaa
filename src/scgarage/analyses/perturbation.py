"""Perturbation transfer: stimulated cells of a type that was never seen stimulated."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import anndata as ad
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.analyses.shifts import (
    QUIET,
    column,
    distances,
    gene_means,
    make_garage,
    mean_shifts,
    random_parts,
    require_cells,
    shifted,
)
from scgarage.errors import InputError
from scgarage.io.cells import read_cells
from scgarage.pp import Components

PERTURBATION_METHODS = ("garage", "mean shift", "no change", "floor")
MIN_CELLS = 30
N_TOP = 100


def transfer_perturbation(
    adata: ad.AnnData,
    *,
    labels_key: str,
    condition_key: str,
    control: str,
    stimulated: str,
    types: Sequence[str] | None = None,
    layer: str | None = None,
    settings: Mapping[str, Any] | None = None,
    n_pcs: int = 20,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Leave out the stimulated cells of a type, predict them from the others, and compare; every type in turn.

    ``"garage"`` is fitted with the condition as batch and asked for the unseen type in the stimulated condition.
    ``"mean shift"`` adds to the control cells of the type the mean difference of the other types, every type counting
    the same. ``"no change"`` are the control cells, ``"floor"`` a third of the real stimulated cells of the type; all
    are compared with another third, in components of the last third. With the profile :math:`\bar x` of predicted and
    real stimulated and of control cells, log-fold changes are

    .. math:: \hat f = \bar x_{\hat s} - \bar x_{c_1}, \qquad f = \bar x_s - \bar x_{c_2}

    where the control cells :math:`c_1` were given to the model and :math:`c_2` were not, so that their noise is not
    counted as agreement.

    Parameters
    ----------
    adata
        Real cells, counts or log-normalised.
    labels_key, condition_key
        Columns of obs with the cell type and the condition.
    control, stimulated
        The two conditions.
    types
        Types to leave out in turn; by default all with at least 30 cells in both conditions.
    layer
        Layer that holds the values, instead of X.
    settings
        Settings of :class:`scgarage.models.Garage`.
    n_pcs
        Components, fitted to control and stimulated cells that are not compared.
    random_state
        Seed.

    Returns
    -------
    pandas.DataFrame
        A row for each type, method and metric: ``type``, ``method``, ``metric``, ``value``, ``n_cells``. Metrics:
        ``"correlation"`` of log-fold changes over all genes, ``"correlation_top"`` over the 100 genes that change
        most among the cells of the last third, ``"error"`` (root mean square over genes, log1p CP10k),
        ``"sliced_wasserstein"`` and ``"c2st_logistic"`` of the cells. The correlation of ``"no change"`` is that of
        nothing and is left out.

    Raises
    ------
    InputError
        If a column, condition or type is missing, or cells are too few.

    References
    ----------
    Lotfollahi, Wolf & Theis, scGen, Nature Methods 2019, doi:10.1038/s41592-019-0494-8. Simple baselines:
    Ahlmann-Eltze, Huber & Anders, Nature Methods 2025, doi:10.1038/s41592-025-02772-6.
    """
    labels, conditions = column(adata, labels_key), column(adata, condition_key)
    for name in (control, stimulated):
        require_cells(conditions == name, MIN_CELLS, f"condition {name!r} of {condition_key!r}")
    kept = np.isin(conditions, [control, stimulated])
    adata, labels, conditions = adata[kept], labels[kept], conditions[kept]
    enough = [
        name
        for name in np.unique(labels).tolist()
        if min(((labels == name) & (conditions == c)).sum() for c in (control, stimulated)) >= MIN_CELLS
    ]
    unknown = sorted(set(types or enough) - set(enough))
    if unknown or len(enough) < 2:
        msg = f"types={unknown}; expected types with {MIN_CELLS} cells in both conditions, two at least: {enough}"
        raise InputError(msg)
    expr = read_cells(adata, layer=layer).log_expr
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(types or enough):
        rng = np.random.default_rng([random_state, number])
        one = _LeftOut(adata, expr, labels, conditions, name=name, pair=(control, stimulated), rng=rng)
        made = one.predict(labels_key, condition_key, layer, make_garage(settings, random_state), random_state)
        rows += one.compare(made, n_pcs, random_state)
    return pd.DataFrame(rows)


class _LeftOut:
    """Cells when the stimulated cells of one type are left out."""

    def __init__(
        self,
        adata: ad.AnnData,
        expr: sparse.csr_matrix,
        labels: NDArray[np.str_],
        conditions: NDArray[np.str_],
        *,
        name: str,
        pair: tuple[str, str],
        rng: np.random.Generator,
    ) -> None:
        self.adata, self.expr, self.labels, self.conditions = adata, expr, labels, conditions
        self.name, self.pair = name, pair
        own = labels == name
        self.given, self.control = random_parts(own & (conditions == pair[0]), 2, rng)
        self.aside, self.floor, self.real = random_parts(own & (conditions == pair[1]), 3, rng)
        left_out = np.concatenate([self.control, self.aside, self.floor, self.real])
        self.train = np.setdiff1d(np.arange(len(labels)), left_out)

    def predict(
        self, labels_key: str, condition_key: str, layer: str | None, model: Any, random_state: int
    ) -> dict[str, sparse.csr_matrix]:
        """Return the stimulated cells of the type by each method, log1p CP10k."""
        model.fit(
            self.adata[self.train].copy(), labels_key=labels_key, batch_key=condition_key, layer=layer, options=QUIET
        )
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="no training cell shows", category=UserWarning)
            made = model.sample({self.name: len(self.real)}, batch=self.pair[1], random_state=random_state)
        others = self.train[self.labels[self.train] != self.name]
        _, overall = mean_shifts(self.expr[others], self.labels[others], self.conditions[others], self.pair)
        before = self.expr[self.given]
        return {
            "garage": read_cells(made).log_expr,
            "mean shift": shifted(before, self.labels[self.given], {}, overall),
            "no change": before,
            "floor": self.expr[self.floor],
        }

    def compare(self, made: dict[str, sparse.csr_matrix], n_pcs: int, random_state: int) -> list[dict[str, Any]]:
        """Return the metrics of each method."""
        real, start = self.expr[self.real], gene_means(self.expr[self.given])
        truth = gene_means(real) - gene_means(self.expr[self.control])
        change = np.abs(gene_means(self.expr[self.aside]) - gene_means(self.expr[self.control]))
        top = np.argsort(-change)[:N_TOP]
        space = Components.fit(
            sparse.vstack([self.expr[self.control], self.expr[self.aside]]), n_pcs, random_state=random_state
        )
        rows = []
        for method, cells in made.items():
            found = gene_means(cells) - start
            values = {"error": float(np.sqrt(np.mean((found - truth) ** 2)))}
            if method != "no change":
                values["correlation"] = float(np.corrcoef(found, truth)[0, 1])
                values["correlation_top"] = float(np.corrcoef(found[top], truth[top])[0, 1])
            values |= distances(real, cells, space, random_state=random_state)
            about = {"type": self.name, "method": method, "n_cells": cells.shape[0]}
            rows += [about | {"metric": metric, "value": value} for metric, value in values.items()]
        return rows
