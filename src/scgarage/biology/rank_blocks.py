"""Mean rank of each model in each run, for tests of ranks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from scgarage.errors import InputError
from scgarage.metrics.metric import loss

__all__ = ["rank_blocks"]

COLUMNS = ("model", "metric", "group", "value", "score", "better")


def rank_blocks(
    runs: pd.DataFrame, *, blocks: Sequence[str] = ("data_set", "seed"), group: str = "all"
) -> pd.DataFrame:
    """Rank the models by each metric within each block, and average the ranks over the metrics.

    A block counts once, whatever the number of metrics: metrics of one run measure nearly the same and are not
    independent. Seeds of one data set share most of its cells; a test that takes them as independent blocks says how
    sure the order is *for these data sets*, not for others.

    Parameters
    ----------
    runs
        A row for each run and metric: the columns of ``blocks``, ``model``, ``metric``, ``group``, ``value``, ``score``
        and ``better``.
    blocks
        Columns that name a block.
    group
        Group of cells.

    Returns
    -------
    pandas.DataFrame
        Blocks by models, lower is better. Metrics for which a model of the block has no value or no score are left out
        of that block, blocks that lack a model are left out.

    Raises
    ------
    InputError
        If a column is missing.
    """
    missing = [name for name in (*blocks, *COLUMNS) if name not in runs]
    if missing:
        msg = f"the runs lack the columns {', '.join(missing)}"
        raise InputError(msg)
    held = runs[runs["group"] == group].dropna(subset=["value", "score"])
    losses = [loss(value, way) for value, way in zip(held["value"], held["better"], strict=True)]
    by = [*blocks, "metric"]
    table = held.assign(loss=np.asarray(losses, dtype=np.float64)).pivot_table(index=by, columns="model", values="loss")
    models = [name for name in dict.fromkeys(runs["model"]) if name in table]
    if set(runs["model"]) - set(models):  # one that failed in every block
        table = table.iloc[:0]
    ranks = table.dropna()[models].rank(axis=1)
    return ranks.groupby(level=list(blocks), sort=False).mean()
