"""Objectives and penalties from short texts, as settings and config files hold them."""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, Field, fields
from functools import partial
from typing import Any, TypeVar

from scgarage.errors import InputError
from scgarage.losses.penalties import PENALTIES, Penalty

__all__ = ["as_texts", "from_text", "penalties_named"]

T = TypeVar("T")

SEPARATOR = re.compile(r",(?![^\[]*\])")
"""A comma that is not inside square brackets."""


def from_text(text: object, registry: Mapping[str, Callable[..., T]], *, what: str) -> T:
    """Make a value from its name and perhaps settings.

    Parameters
    ----------
    text
        ``"name"``, ``"name:VALUE"`` for the first setting, or ``"name:FIELD=VALUE,FIELD=VALUE"``; a value is a number,
        a word, ``true``, ``false`` or a list in square brackets.
    registry
        What makes the values, by name.
    what
        What they are, for messages.

    Raises
    ------
    InputError
        For a name that is not in the registry, a setting that it does not have, or a value of the wrong type.

    Examples
    --------
    >>> from scgarage.losses import OBJECTIVES
    >>> from_text("gradient-penalty:weight=5,one_sided=true", PENALTIES, what="penalties")
    GradientPenalty(weight=5.0, norm=1.0, one_sided=True)
    >>> from_text("mmd:bandwidths=[1,2]", OBJECTIVES, what="objective").bandwidths
    (1, 2)
    """
    if not isinstance(text, str):  # settings come from files too
        msg = f"{what} is given by name, such as {next(iter(registry))!r}; found {text!r}"
        raise InputError(msg)
    name, _, rest = (part.strip() for part in text.partition(":"))
    if name not in registry:
        msg = f"{what} knows no {name!r}; available: {', '.join(map(repr, registry))}"
        raise InputError(msg)
    make = registry[name]
    known = _settings_of(make)
    settings = _settings(rest, known, text=text, what=what)
    return make(**settings)


def as_texts(said: str | Sequence[str]) -> tuple[str, ...]:
    """Return one text or several as a tuple, as settings keep them.

    Examples
    --------
    >>> as_texts("r1:1"), as_texts(["r1:1", "r2:1"])
    (('r1:1',), ('r1:1', 'r2:1'))
    """
    return (said,) if isinstance(said, str) else tuple(said)


def penalties_named(texts: Sequence[str]) -> tuple[Penalty, ...]:
    """Return the penalties of texts such as ``"r1:1"``; see :func:`from_text`."""
    return tuple(from_text(text, PENALTIES, what="penalties") for text in texts)


def _settings_of(make: Callable[..., Any]) -> dict[str, "Field[Any]"]:
    """Return the settings of a dataclass, or those that a partial one leaves open, without its state."""
    kind, given = (make.func, make.args) if isinstance(make, partial) else (make, ())
    known = [field for field in fields(kind) if field.init and field.name not in ("k", "multiplier")]  # type: ignore[arg-type]
    return {field.name: field for field in known[len(given) :]}


def _settings(rest: str, known: Mapping[str, "Field[Any]"], *, text: str, what: str) -> dict[str, Any]:
    if not rest:
        return {}
    pairs = [part.partition("=") for part in SEPARATOR.split(rest)]
    if len(pairs) == 1 and not pairs[0][1] and known:
        pairs = [(next(iter(known)), "=", pairs[0][0])]
    settings = {}
    for name, sign, value in ((name.strip(), sign, value) for name, sign, value in pairs):
        if not sign or name not in known:
            msg = f"{what} {text!r}: no setting {name!r}; it has: {', '.join(known) or 'none'}"
            raise InputError(msg)
        settings[name] = _typed(value.strip(), known[name], text=text, what=what)
    return settings


def _typed(written: str, field: "Field[Any]", *, text: str, what: str) -> Any:
    """Return what is written in the type of the setting's default."""
    default = None if field.default is MISSING else field.default
    try:
        value: Any = json.loads(written)
    except json.JSONDecodeError:
        value = written  # a word
    if isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if default is not None and type(value) is not type(default):
        msg = f"{what} {text!r}: {field.name} must be of type {type(default).__name__}; found {value!r}"
        raise InputError(msg)
    return value
