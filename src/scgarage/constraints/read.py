"""Constraints from YAML and JSON files, from mappings and from Python."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from scgarage.constraints.coexpressed import CoExpressed
from scgarage.constraints.constraint import Constraint
from scgarage.constraints.exclusive import Exclusive
from scgarage.constraints.monotone import Monotone
from scgarage.constraints.non_negative import NonNegative
from scgarage.constraints.total import Total
from scgarage.errors import InputError

__all__ = ["KINDS", "read_constraints", "to_texts"]

KINDS: dict[str, type[Constraint]] = {
    kind.kind: kind for kind in (Exclusive, CoExpressed, Monotone, Total, NonNegative)
}
"""Kinds of constraints, by the word that stands for them in a file."""


def read_constraints(source: object) -> tuple[Constraint, ...]:
    """Make constraints from whatever says them.

    Parameters
    ----------
    source
        A YAML or JSON file with a list (or ``constraints:`` and a list); such a list; one mapping such as
        ``{"kind": "exclusive", "genes": ["CD3E", "CD19"]}``, also as JSON text; or :class:`Constraint` values.

    Returns
    -------
    The constraints, in their order.

    Raises
    ------
    InputError
        When a file cannot be read, or a kind or a field is unknown, missing or wrong.

    Examples
    --------
    >>> read_constraints([{"kind": "total", "genes": ["MT-CO1"], "upper": 2000}])[0].title
    'MT-CO1 at most 2000 cp10k'
    """
    if isinstance(source, Constraint):
        return (source,)
    if isinstance(source, str) and source.lstrip().startswith("{"):
        return read_constraints(_parsed(source, source))
    if isinstance(source, str | Path):
        return read_constraints(_file(Path(source)))
    if isinstance(source, Mapping):
        if set(source) == {"constraints"}:
            return read_constraints(source["constraints"])
        return (_constraint(source),)
    if isinstance(source, Sequence):
        return tuple(constraint for item in source for constraint in read_constraints(item))
    msg = f"constraints are a file, a list or mappings with 'kind'; found {type(source).__name__}"
    raise InputError(msg)


def to_texts(constraints: Sequence[Constraint]) -> tuple[str, ...]:
    """Return each constraint as JSON text, which :func:`read_constraints` reads back; defaults are left out.

    Examples
    --------
    >>> to_texts([Exclusive(genes=("A", "B"))])
    ('{"kind": "exclusive", "genes": ["A", "B"]}',)
    """
    texts = []
    for constraint in constraints:
        said = {
            field.name: getattr(constraint, field.name)
            for field in fields(constraint)
            if field.default is MISSING or getattr(constraint, field.name) != field.default
        }
        texts.append(json.dumps({"kind": constraint.kind, **said}))
    return tuple(texts)


def _constraint(said: Mapping[str, Any]) -> Constraint:
    settings = dict(said)
    name = settings.pop("kind", None)
    if name not in KINDS:
        msg = f"kind must be one of {', '.join(map(repr, KINDS))}; found {name!r} in {dict(said)}"
        raise InputError(msg)
    kind: Any = KINDS[name]
    known = {field.name: field for field in fields(kind)}
    unknown = [field for field in settings if field not in known]
    missing = [field for field, made in known.items() if made.default is MISSING and field not in settings]
    if unknown or missing:
        wrong = f"has no {', '.join(map(repr, unknown))}" if unknown else f"needs {', '.join(map(repr, missing))}"
        msg = f"{name}: {wrong}; its fields are: {', '.join(known)}"
        raise InputError(msg)
    weight = settings.get("weight", 1.0)
    if not isinstance(weight, int | float) or not weight >= 0:
        msg = f"{name}: weight must be a number of at least 0; found {weight!r}"
        raise InputError(msg)
    lists = {field: tuple(value) for field, value in settings.items() if isinstance(value, list)}
    made: Constraint = kind(**settings | lists)
    return made


def _file(path: Path) -> Any:
    if not path.is_file():
        msg = f"there is no file of constraints {path}; give a YAML or JSON file with a list of them"
        raise InputError(msg)
    return _parsed(path.read_text(encoding="utf-8"), str(path))


def _parsed(text: str, what: str) -> Any:
    import yaml  # type: ignore[import-untyped]

    try:
        content = yaml.safe_load(text)  # JSON is YAML too
    except yaml.YAMLError as error:
        msg = f"{what} is neither YAML nor JSON: {error}"
        raise InputError(msg) from error
    if not isinstance(content, Mapping | list) or not content:
        msg = f"{what} holds no constraints; expected a list of mappings with 'kind'"
        raise InputError(msg)
    return content
