"""How many cells of which type and batch a request asks for, and cells as they come out of a model."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from numbers import Integral
from typing import Any, Literal, TypeGuard, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import sparse

from scgarage.errors import InputError
from scgarage.models.data import batch_name


@dataclass(frozen=True)
class Drawn:
    """Cells drawn from a model."""

    values: sparse.csr_matrix  # counts or log-normalised values of all genes, CSR (n_cells, n_all_genes)
    labels: NDArray[np.str_] | None  # type of each cell, shape (n_cells,), strings; None from a model without types
    probability: NDArray[np.float64] | None = None  # probability of the label where a classifier gave it, else None
    # batch of each cell, shape (n_cells,), strings; None from a model without batches
    batches: NDArray[np.str_] | None = None
    about: dict[str, int] = field(default_factory=dict)  # numbers about this draw that the cells shall carry


_Bool: type[Any] = bool  # an Integral to Python, not to users

SampleSpec = int | Mapping[str, int] | pd.Series | pd.DataFrame
"""A number of cells; a number for each type; or a table of numbers, types by batches."""

Proportions = Literal["train", "balanced"] | Mapping[str, float]
"""How a plain number of cells is divided among types."""

Wanted = int | dict[str, int] | dict[tuple[str, str], int]
"""A request that was checked: a number, numbers above zero by type, or by type and batch."""


def parse_spec(
    spec: SampleSpec,
    types: Sequence[str],
    *,
    batches: Sequence[str] = (),
    batch_columns: Sequence[str] = (),
    batch: str | Mapping[str, str] | None = None,
    proportions: Proportions = "train",
    type_counts: Mapping[str, int] | None = None,
) -> Wanted:
    """Check a request and bring it into one of three forms."""
    if batch is not None:
        batch = batch_name(batch, batch_columns, batches)
    if isinstance(spec, pd.DataFrame):
        return _table(spec, types, batches, batch)
    if _is_whole(spec):
        number = _whole(spec, "the number of cells", smallest=1)
        if proportions == "train" and batch is None:
            return number
        if proportions == "train" and type_counts:
            total = sum(type_counts.values())
            proportions = {name: n / total for name, n in type_counts.items()}
        wanted = _divide(number, proportions, types)
    else:
        wanted = _by_type(spec, types)
    return wanted if batch is None else {(name, batch): n for name, n in wanted.items()}


def _by_type(spec: SampleSpec, types: Sequence[str]) -> dict[str, int]:
    if not isinstance(spec, Mapping | pd.Series):
        msg = f"ask for a number of cells or for a table type -> number; found {type(spec).__name__}"
        raise InputError(msg)
    _check_names(spec.keys(), types, "type")
    _check_unique(pd.Index(spec.keys()), "types")
    wanted = {str(name): _whole(number, f"the number of {name!r} cells", smallest=0) for name, number in spec.items()}
    return _positive(wanted)


def _table(
    spec: pd.DataFrame, types: Sequence[str], batches: Sequence[str], batch: str | None
) -> dict[tuple[str, str], int]:
    if batch is not None:
        msg = f"the table names its batches; leave batch={batch!r} out"
        raise InputError(msg)
    _check_names(spec.index, types, "type")
    _check_names(spec.columns, batches, "batch")
    _check_unique(spec.index, "types")
    _check_unique(spec.columns, "batches")
    return _positive(
        {
            (str(name), str(column)): _whole(
                spec.loc[name, column], f"the number of {name!r} cells in {column!r}", smallest=0
            )
            for name in spec.index
            for column in spec.columns
        }
    )


def _divide(number: int, proportions: Proportions, types: Sequence[str]) -> dict[str, int]:
    """Divide a number of cells among types by largest remainders."""
    if isinstance(proportions, str):
        if not types:
            msg = "a model without cell types makes them in the proportions of the training cells, in all batches"
            raise InputError(msg)
        if proportions != "balanced":
            msg = f"proportions={proportions!r}: expected 'train', 'balanced' or a share for each type"
            raise InputError(msg)
        proportions = dict.fromkeys(types, 1 / len(types))
    _check_names(proportions, types, "type")
    shares = pd.Series(dict(proportions), dtype=float)
    if not (shares >= 0).all() or not abs(shares.sum() - 1) < 1e-6:
        msg = f"proportions must be shares of at least 0 that add up to 1; found {shares.to_dict()}"
        raise InputError(msg)
    shares /= shares.sum()
    numbers = (shares * number).astype(int)
    rest = (shares * number - numbers).sort_values(ascending=False, kind="stable").index[: number - numbers.sum()]
    numbers[rest] += 1
    return _positive({str(name): int(n) for name, n in numbers.items()})


_Key = TypeVar("_Key")


def _positive(wanted: dict[_Key, int]) -> dict[_Key, int]:
    kept = {key: number for key, number in wanted.items() if number}
    if not kept:
        msg = "the numbers of cells asked for add up to zero"
        raise InputError(msg)
    return kept


def _check_names(names: Iterable[object], known: Sequence[str], what: str) -> None:
    unknown = [str(name) for name in names if name not in known]
    if unknown:
        listed = ", ".join(map(repr, known)) or "none"
        msg = f"the model knows no {what} {', '.join(map(repr, unknown))}; it knows: {listed}"
        raise InputError(msg)


def _check_unique(names: pd.Index, what: str) -> None:
    if not names.is_unique:
        msg = f"{what} are named more than once: {', '.join(map(repr, names[names.duplicated()].unique()))}"
        raise InputError(msg)


def _whole(number: object, what: str, *, smallest: int) -> int:
    if not _is_whole(number) or int(number) < smallest:
        msg = f"{what} must be a whole number of at least {smallest}; found {number!r}"
        raise InputError(msg)
    return int(number)


def _is_whole(number: object) -> TypeGuard[Integral]:
    """Say whether something is a whole number."""
    return isinstance(number, Integral) and not isinstance(number, _Bool)
