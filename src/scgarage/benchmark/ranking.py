"""Means over seeds and the rank of each model, from the tidy table."""

import numpy as np
import pandas as pd

from scgarage.metrics.metric import loss

__all__ = ["mean_ranks", "summarise"]

GROUPS = ("all", "rare")
"""Groups of cells that a summary shows; single types stay in the table."""

_BY = ["data", "group", "metric"]


def summarise(results: pd.DataFrame) -> pd.DataFrame:
    r"""Average the evaluation over seeds and rank the models.

    The rank of a model among those of a data set is :math:`1 + |\{m : \ell_m < \ell\}|`, with
    :math:`\ell` the loss of the mean value: the value, its negative, or its distance to the target, whichever way the
    metric improves. Ranks say the order and nothing of the size of a difference.

    Parameters
    ----------
    results
        Result of :func:`scgarage.benchmark.collect`.

    Returns
    -------
    pandas.DataFrame
        One row for each data set, group (``"all"`` and ``"rare"``), metric and model: ``title``, ``better``,
        ``mean`` and ``sd`` (over seeds, ddof 1; NaN for one seed), means ``floor``, ``null`` and ``score``, ``n_seeds``
        with a value, and ``rank`` (1 is best; NaN without a value).
    """
    rows = results[(results["judge"] == "evaluation") & results["group"].isin(GROUPS)]
    table = (
        rows.groupby([*_BY, "model"], sort=False)
        .agg(
            title=("title", "first"),
            better=("better", "first"),
            mean=("value", "mean"),
            sd=("value", "std"),
            floor=("floor", "mean"),
            null=("null", "mean"),
            score=("score", "mean"),
            n_seeds=("value", "count"),
        )
        .reset_index()
    )
    if table.empty:
        return table.assign(rank=pd.Series(dtype=float))
    losses = [
        np.nan if np.isnan(mean) else loss(mean, way) for mean, way in zip(table["mean"], table["better"], strict=True)
    ]
    ranks = table.assign(loss=losses).groupby(_BY, sort=False)["loss"].rank(method="min")
    return table.assign(rank=ranks)


def mean_ranks(table: pd.DataFrame) -> pd.DataFrame:
    """Average the ranks over the metrics that say something.

    Those are the metrics for which every model of the data set has a rank and a score. There is no score where the
    null is as good as real cells: a good rank there is no merit.

    Parameters
    ----------
    table
        Result of :func:`summarise`.

    Returns
    -------
    pandas.DataFrame
        One row for each data set, group and model: ``mean_rank`` and ``n_metrics``, best first.
    """
    n_models = table.groupby("data")["model"].transform("nunique")
    scored = table["rank"].where(table["score"].notna())
    complete = table[scored.groupby([table[name] for name in _BY]).transform("count") == n_models]
    ranks = complete.groupby(["data", "group", "model"], sort=False)["rank"].agg(mean_rank="mean", n_metrics="count")
    return ranks.reset_index().sort_values(["data", "group", "mean_rank"], kind="stable", ignore_index=True)
