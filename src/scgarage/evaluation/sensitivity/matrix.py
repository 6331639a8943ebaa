"""Which metric sees which defect."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.evaluation.labels import choose_labels_key
from scgarage.evaluation.run import evaluate
from scgarage.evaluation.sensitivity.catalogue import DEFECTS, ONE_BATCH, Defect
from scgarage.metrics.metric import loss
from scgarage.preprocess import Split, value_kind

__all__ = ["FLAGGED", "blind_metrics", "sensitivity_matrix"]

FLAGGED = 3.0
"""A metric sees a defect when value and floor differ by more than as many standard deviations."""

ROUNDING = 1e-9
"""Differences and deviations up to this are rounding errors."""


def sensitivity_matrix(
    split: Split,
    *,
    labels_key: str | None = None,
    batch_key: str | None = None,
    defects: Mapping[str, Defect] | None = None,
    metrics: Sequence[str] | None = None,
    n_repeats: int = 5,
    n_top_genes: int = 1000,
    max_cells: int = 1000,
    random_state: int = 0,
) -> pd.DataFrame:
    r"""Judge training cells with known defects and say how clearly each metric sees each of them.

    .. math:: z = \frac{\ell(v) - \ell(f)}{\sqrt{\mathrm{sd}(v)^2 + \mathrm{sd}(f)^2}}

    with the mean value :math:`v` and floor :math:`f` over the repeats, their standard deviations, and
    :math:`\ell` the value itself, its negative where higher is better, or the distance to the target.

    Parameters
    ----------
    split
        Real cells with counts in ``X``.
    labels_key
        Column of ``obs`` with the types; the split's own by default.
    batch_key
        Column of ``obs`` with the batches; adds the defect "one batch".
    defects
        Defects by name; :data:`DEFECTS` by default.
    metrics
        Names from ``scgarage.metrics.METRICS``; those of the full profile by default.
    n_repeats, n_top_genes, max_cells, random_state
        As for :func:`~scgarage.evaluation.evaluate`; the seed is that of the defects, too.

    Returns
    -------
    pandas.DataFrame
        z, defects as rows and metrics as columns; ``"name [rare]"`` is the row of all rare types together and
        ``"name [worst type]"`` the largest z of a single rare type. Above :data:`FLAGGED` a metric sees the
        defect, and infinite z are differences without any noise. NaN where there are too few cells to say.

    Raises
    ------
    InputError
        If the values are not counts, or the split cannot be judged.
    """
    kind = value_kind(split.train, None)
    if kind != "counts":
        msg = f"X of the real cells is {kind}; defects are made from counts, put them into X"
        raise InputError(msg)
    key = choose_labels_key(split, labels_key)
    chosen = dict(DEFECTS if defects is None else defects)
    if batch_key is not None:
        chosen["one batch"] = Defect(partial(ONE_BATCH.function, batch_key=batch_key), ONE_BATCH.seen_by)
    rows = {}
    for name, defect in chosen.items():
        spoilt = defect.function(split.train, key, random_state=random_state)
        spoilt.uns = {}  # What the training cells say of their origin does not hold for these.
        result = evaluate(
            spoilt, split, labels_key=key, metrics=metrics, n_repeats=n_repeats, n_top_genes=n_top_genes,
            max_cells=max_cells, random_state=random_state,
        )  # fmt: skip
        rows[name] = _deviations(result.table)
    return pd.DataFrame.from_dict(rows, orient="index")


def blind_metrics(matrix: pd.DataFrame, *, threshold: float = FLAGGED) -> list[str]:
    """Return the columns of a sensitivity matrix that see no defect.

    Parameters
    ----------
    matrix
        What :func:`sensitivity_matrix` returns.
    threshold
        z above which a defect is seen.

    Returns
    -------
    list of str
        Names of columns, in their order.
    """
    return [str(name) for name in matrix.columns[~(matrix > threshold).any(axis=0)]]


def _deviations(table: pd.DataFrame) -> dict[str, float]:
    """Return z for all cells, for the rare types together and for the rare type that stands out most."""
    numbered = table.assign(z=[_deviation(row) for _, row in table.iterrows()])
    found: dict[str, float] = {}
    for name, rows in numbered.groupby("metric", sort=False):
        by_group = rows.set_index("group")["z"]
        single = by_group.drop(["all", "rare"], errors="ignore")
        found[str(name)] = float(by_group["all"])
        if "rare" in by_group:
            found |= {f"{name} [rare]": float(by_group["rare"]), f"{name} [worst type]": float(single.max())}
    return found


def _deviation(row: "pd.Series[Any]") -> float:
    """Return z; without any noise a difference is infinite and none is 0."""
    better = str(row["better"])
    difference = loss(row["value"], better) - loss(row["floor"], better)
    noise = float(np.hypot(*np.nan_to_num([row["value_sd"], row["floor_sd"]])))
    if noise > ROUNDING:
        return float(difference / noise)
    return float(np.copysign(np.inf, difference)) if abs(difference) > ROUNDING else float(difference)
