"""Paired differences with intervals over splits and over data sets."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from scgarage.utility.fold_scores import COMPARATOR

__all__ = ["BEST", "MIN_SPLITS", "best_pipelines", "paired_difference", "split_values", "summarise"]

BEST = "best comparator"
ONE_TO_BEAT = ("balanced-pca", "shrunk-lda")
"""Comparator and pipeline that needed no synthetic cell and lost to none, measured before this package."""

LEVEL = 0.95
N_BOOTSTRAPS = 2000
MIN_SPLITS = 5
"""With fewer splits a bootstrap over them says nothing, and there is no interval."""
KEYS = ["setting", "pipeline", "metric"]


def split_values(table: pd.DataFrame) -> pd.DataFrame:
    """Average over the targets of a split.

    Parameters
    ----------
    table
        The tidy table.

    Returns
    -------
    pandas.DataFrame
        Index ``setting``, ``pipeline``, ``metric``, ``data_set``, ``split``; a column for each comparator and
        generator.
    """
    unit = [*KEYS, "data_set", "split"]
    return table.pivot_table(index=unit, columns="comparator", values="value", aggfunc="mean", sort=False)


def paired_difference(difference: "pd.Series[float]", *, random_state: int = 0) -> dict[str, float]:
    r"""Return the mean of paired differences with two intervals.

    .. math:: \bar\Delta = \frac1D \sum_d \frac1{S_d} \sum_s \Delta_{ds}

    Parameters
    ----------
    difference
        Differences :math:`\Delta_{ds}`, with the index levels ``data_set`` and ``split``.
    random_state
        Seed of the bootstrap.

    Returns
    -------
    dict
        ``difference``: the mean; ``low``, ``high``: 95 % percentile interval of 2,000 bootstraps of the splits
        inside each data set (NaN with fewer than 5); ``t_low``, ``t_high``: 95 % t interval over the means of
        the data sets (NaN with a single data set); ``n_splits``, ``n_data_sets`` and ``n_positive``, the number
        of data sets with a mean above 0. Splits share cells, so the bootstrap interval is too narrow; for new
        data the t interval is the honest one.
    """
    groups = [group.to_numpy() for _, group in difference.groupby(level="data_set", sort=False)]
    means = np.array([group.mean() for group in groups])
    low = high = t_low = t_high = np.nan
    if min(len(group) for group in groups) >= MIN_SPLITS:
        rng = np.random.default_rng(random_state)
        draws = [group[rng.integers(len(group), size=(N_BOOTSTRAPS, len(group)))].mean(axis=1) for group in groups]
        low, high = np.quantile(np.mean(draws, axis=0), [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    if len(means) > 1:
        half = stats.t.ppf((1 + LEVEL) / 2, len(means) - 1) * means.std(ddof=1) / np.sqrt(len(means))
        t_low, t_high = means.mean() - half, means.mean() + half
    return {
        "difference": float(means.mean()),
        "low": float(low),
        "high": float(high),
        "t_low": float(t_low),
        "t_high": float(t_high),
        "n_splits": min(len(group) for group in groups),
        "n_data_sets": len(means),
        "n_positive": int((means > 0).sum()),
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """Compare each generator with each comparator and with the best of them, pipeline by pipeline.

    Parameters
    ----------
    table
        The tidy table.

    Returns
    -------
    pandas.DataFrame
        One row for each setting, pipeline, metric, generator and comparator: their means over data sets, and
        what :func:`paired_difference` returns. In the rows ``against == "best comparator"`` the column
        ``comparator`` names the one with the highest mean of that setting, pipeline and metric. It is chosen with
        the same numbers, which favours the comparators.
    """
    kinds = table.drop_duplicates("comparator").set_index("comparator")["kind"]
    comparators = [str(name) for name in kinds.index[kinds == COMPARATOR]]
    generators = [str(name) for name in kinds.index[kinds != COMPARATOR]]
    rows: list[dict[str, Any]] = []
    for keys, values in split_values(table).groupby(level=KEYS, sort=False):
        means = _means(values)
        best = max(comparators, key=means.__getitem__)
        for generator in generators:
            about = dict(zip(KEYS, keys, strict=True)) | {"synthetic": generator, "kind": kinds[generator]}
            for against, comparator in [*((name, name) for name in comparators), (BEST, best)]:
                compared = {"against": against, "comparator": comparator}
                level = {"value": means[generator], "comparator_value": means[comparator]}
                rows.append(about | compared | level | paired_difference(values[generator] - values[comparator]))
    return pd.DataFrame(rows)


def best_pipelines(table: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Compare the best pipeline without synthetic cells with the best one with them.

    Parameters
    ----------
    table
        The tidy table.
    metric
        Name of a score.

    Returns
    -------
    pandas.DataFrame
        For each setting a row ``against == "best comparator"``: the pipeline and comparator with the highest
        mean, the pipeline and generator with the highest mean, and their paired difference. When class-balanced
        components with shrunk LDA took part, a second row compares the latter with these. The best of either
        side is chosen with the numbers that are shown, so the side with more contestants is favoured.
    """
    kinds = table.drop_duplicates("comparator").set_index("comparator")["kind"]
    rows: list[dict[str, Any]] = []
    for setting, group in table[table["metric"] == metric].groupby("setting", sort=False):
        wide = group.pivot_table(
            index=["data_set", "split"], columns=["comparator", "pipeline"], values="value", aggfunc="mean", sort=False
        )
        means = _means(wide)
        theirs = {pair: value for pair, value in means.items() if kinds[pair[0]] == COMPARATOR}
        ours = {pair: value for pair, value in means.items() if pair not in theirs}
        for against, rival in _rivals(theirs):
            row = {"setting": setting, "against": against, "comparator": rival[0], "comparator_pipeline": rival[1]}
            row["comparator_value"] = means[rival]
            if ours:
                best = max(ours, key=ours.__getitem__)
                row |= {"synthetic": best[0], "pipeline": best[1], "value": means[best]}
                row |= paired_difference(wide[best] - wide[rival])
            rows.append(row)
    return pd.DataFrame(rows)


def _rivals(means: dict[Any, float]) -> Iterator[tuple[str, Any]]:
    yield BEST, max(means, key=means.__getitem__)
    if ONE_TO_BEAT in means:
        yield " + ".join(ONE_TO_BEAT), ONE_TO_BEAT


def _means(values: pd.DataFrame) -> dict[Any, float]:
    """Return the mean over data sets of each column's mean in the data set, by column."""
    by_data_set = values.groupby(level="data_set").mean()
    return dict(zip(values.columns, by_data_set.mean().to_numpy(dtype=np.float64).tolist(), strict=True))
