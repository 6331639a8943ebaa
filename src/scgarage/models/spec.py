"""What users may ask a model to sample."""

from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, TypeGuard

import pandas as pd

from scgarage.errors import InputError

__all__ = ["SampleSpec", "parse_spec"]

_Bool: type[Any] = bool  # an Integral to Python, not to users

SampleSpec = int | Mapping[str, int] | pd.Series
"""A number of cells, or a number of cells for each type."""


def parse_spec(spec: SampleSpec, types: Sequence[str]) -> int | dict[str, int]:
    """Check a request and return it as a number, or as numbers above zero by type.

    Raises
    ------
    InputError
        For numbers that are not whole or below one, and for unknown types.
    """
    if _is_whole(spec):
        return _whole(spec, "the number of cells", smallest=1)
    if not isinstance(spec, Mapping | pd.Series):
        msg = f"ask for a number of cells or for a table type -> number; found {type(spec).__name__}"
        raise InputError(msg)
    unknown = [str(name) for name in spec.keys() if name not in types]  # noqa: SIM118  (a Series iterates over values)
    if unknown:
        msg = f"the model knows no type {', '.join(map(repr, unknown))}; its types: {', '.join(map(repr, types))}"
        raise InputError(msg)
    wanted = {str(name): _whole(number, f"the number of {name!r} cells", smallest=0) for name, number in spec.items()}
    wanted = {name: number for name, number in wanted.items() if number}
    if not wanted:
        msg = "the numbers of cells asked for add up to zero"
        raise InputError(msg)
    return wanted


def _whole(number: object, what: str, *, smallest: int) -> int:
    if not _is_whole(number) or int(number) < smallest:
        msg = f"{what} must be a whole number of at least {smallest}; found {number!r}"
        raise InputError(msg)
    return int(number)


def _is_whole(number: object) -> TypeGuard[Integral]:
    """Say whether something is a whole number."""
    return isinstance(number, Integral) and not isinstance(number, _Bool)
