"""Settings of a model: a frozen dataclass, made from single settings or from a file."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace
from typing import Any

from scgarage.errors import InputError

__all__ = ["config_from_values", "config_values", "make_config"]


def make_config(kind: type[Any], config: Any, settings: Mapping[str, Any], *, name: str) -> Any:
    """Return ``config`` (the defaults of ``kind`` when ``None``) with single settings replaced.

    Raises
    ------
    InputError
        For a setting that the model does not have.
    """
    known = [field.name for field in fields(kind)]
    unknown = sorted(set(settings) - set(known))
    if unknown:
        msg = f"{name} has no setting {', '.join(map(repr, unknown))}; it has: {', '.join(known)}"
        raise InputError(msg)
    return replace(config or kind(), **settings)


def config_values(config: Any) -> dict[str, Any]:
    """Return a config as JSON would hold it: tuples become lists."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(config).items()}


def config_from_values(kind: type[Any], values: Mapping[str, Any]) -> Any:
    """Rebuild a config from JSON, where tuples have become lists."""
    known = {field.name for field in fields(kind)}
    unknown = sorted(set(values) - known)
    if unknown:
        msg = f"the model file has settings this version does not know: {', '.join(unknown)}"
        raise InputError(msg)
    return kind(
        **{name: tuple(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for name, v in values.items()}
    )
