"""Real cells plus synthetic cells of the rare types."""

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models import GenerativeModel
from scgarage.preprocess import expression_matrix, match_genes, validate_labels, value_kind
from scgarage.schema import COUNTS_LAYER, REAL, SOURCE_KEY, SYNTHETIC, UNS_KEY, probability_key

__all__ = ["augment", "cells_wanted"]


def cells_wanted(
    labels: pd.Series, min_cells: int, *, types: list[str] | None = None, rare_fraction: float = 0.05
) -> dict[str, int]:
    """Return how many synthetic cells each type needs to reach ``min_cells``.

    Parameters
    ----------
    labels
        Cell type of each real cell.
    min_cells
        Number of cells, real and synthetic together, that a type shall have.
    types
        Types to top up; by default the rare ones, those below ``rare_fraction`` of the cells.
    rare_fraction
        Share below which a type is rare.

    Raises
    ------
    InputError
        For unknown types or a ``min_cells`` below one.

    Examples
    --------
    >>> cells_wanted(pd.Series(["B"] * 98 + ["pDC"] * 2), 10)
    {'pDC': 8}
    """
    if min_cells < 1:
        msg = f"min_cells must be at least 1; found {min_cells}"
        raise InputError(msg)
    counts = labels.astype(str).value_counts()
    unknown = sorted(set(types or []) - set(counts.index))
    if unknown:
        msg = f"there are no real cells of {', '.join(map(repr, unknown))}; types: {', '.join(map(repr, counts.index))}"
        raise InputError(msg)
    chosen = counts.index[counts < rare_fraction * len(labels)] if types is None else types
    return {str(name): int(min_cells - counts[name]) for name in chosen if counts[name] < min_cells}


def augment(
    adata: ad.AnnData,
    model: GenerativeModel,
    *,
    min_cells: int = 100,
    labels_key: str | None = None,
    layer: str | None = None,
    types: list[str] | None = None,
    rare_fraction: float = 0.05,
    random_state: int = 0,
) -> ad.AnnData:
    """Add synthetic cells so that each rare type has at least ``min_cells`` cells.

    For training classifiers only. Synthetic cells are no new samples: never feed them to a statistical test
    (measured: with 100 synthetic cells a fifth of all genes is "significant" between two groups of one type). Real
    and synthetic cells are told apart by ``obs["source"]``.

    Parameters
    ----------
    adata
        Real cells to augment, with the values (counts or log-normalised) that the model was fitted on; not changed.
    model
        A fitted model. To judge what augmentation brings, fit it on training cells only and augment these.
    min_cells
        Number of cells, real and synthetic together, that each type shall reach.
    labels_key
        Column of ``obs`` with the types; the model's by default.
    layer
        Layer that holds the values; ``X`` by default.
    types, rare_fraction
        Types to top up; by default those below ``rare_fraction`` of the real cells.
    random_state
        Seed of the synthetic cells.

    Returns
    -------
    Real cells first, then synthetic ones, with the genes of the model: ``X`` and, for counts, ``layers["counts"]``;
    ``obs[labels_key]``, ``obs["source"]`` (``"real"`` or ``"synthetic"``) and, for synthetic cells, the columns that
    :meth:`GenerativeModel.sample` writes; other columns of real cells are kept and empty for synthetic ones.

    Raises
    ------
    InputError
        When genes or kinds of values differ from the model's.
    SamplingError
        When the model cannot make a type.
    """
    labels_key = labels_key or str(model.about.get("labels_key", ""))
    validate_labels(adata, labels_key, min_types=1, min_cells_per_type=1)
    real = _real_part(match_genes(adata, model.about["var_names"], what="the cells to augment"), model, layer)
    wanted = cells_wanted(adata.obs[labels_key], min_cells, types=types, rare_fraction=rare_fraction)
    real.uns[UNS_KEY] = {"augmented": {"min_cells": min_cells, "added": dict(wanted), "random_state": random_state}}
    if not wanted:
        return real
    synthetic = model.sample(wanted, random_state=random_state)
    if labels_key != model.about["labels_key"]:
        old = model.about["labels_key"]
        synthetic.obs = synthetic.obs.rename(
            columns={old: labels_key, probability_key(old): probability_key(labels_key)}
        )
    joined = ad.concat([real, synthetic], join="outer", merge="first")
    for key in (labels_key, SOURCE_KEY):
        joined.obs[key] = joined.obs[key].astype(str).astype("category")
    joined.uns[UNS_KEY] = real.uns[UNS_KEY] | {"model": synthetic.uns[UNS_KEY]}
    return joined


def _real_part(adata: ad.AnnData, model: GenerativeModel, layer: str | None) -> ad.AnnData:
    kind = value_kind(adata, layer)
    if kind != model.about["value_kind"]:
        msg = (
            f"the cells hold {kind} values, the model makes {model.about['value_kind']}; "
            "pass layer= with the values that the model was fitted on"
        )
        raise InputError(msg)
    if SOURCE_KEY in adata.obs and (adata.obs[SOURCE_KEY].astype(str) == SYNTHETIC).any():
        msg = f"adata.obs[{SOURCE_KEY!r}] says that some cells are synthetic already; augment the real cells only"
        raise InputError(msg)
    values = sparse.csr_matrix(expression_matrix(adata, layer), dtype=np.float32)
    real = ad.AnnData(values, obs=adata.obs.copy(), var=adata.var.copy())
    real.obs[SOURCE_KEY] = REAL
    if kind == "counts":
        real.layers[COUNTS_LAYER] = values.copy()
    return real
