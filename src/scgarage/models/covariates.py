"""Several columns of ``obs`` as one batch: every combination of their values."""

from collections.abc import Mapping, Sequence
from itertools import product

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from scgarage.errors import InputError

__all__ = [
    "MAX_COMBINATIONS",
    "SEPARATOR",
    "batch_name",
    "columns_of",
    "combinations",
    "joined",
    "levels_of",
    "split_up",
]

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
    """Return the name of each cell's batch: the value of one column, or the values of several side by side.

    Raises
    ------
    InputError
        When a value holds the text that stands between them.
    """
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
    """Return the name of the batch that a user asks for, by its name or by a value for every column.

    Raises
    ------
    InputError
        When a column is missing or unknown, or there is no such batch.
    """
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
