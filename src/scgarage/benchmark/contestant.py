"""An unfitted model from the settings of a grid, checked before anything runs."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.models import GenerativeModel

__all__ = ["make_contestant"]


def make_contestant(
    model: str, params: Mapping[str, Any], seed: int = 0, *, where: str = "models"
) -> "GenerativeModel":
    """Return an unfitted model.

    Parameters
    ----------
    model
        Name in ``scgarage.models.MODELS`` or ``OPTIONAL_MODELS``.
    params
        Settings that differ from its defaults.
    seed
        Its ``random_state``.
    where
        Where the settings stand, for errors.

    Raises
    ------
    InputError
        If there is no such model, it has no such setting, a value has the wrong type, or ``random_state`` is among
        the settings.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    from scgarage.models import MODELS, OPTIONAL_MODELS

    known = MODELS | OPTIONAL_MODELS
    if model not in known:
        msg = f"{where}.model is {model!r}; expected one of: {', '.join(known)}"
        raise InputError(msg)
    if "random_state" in params:
        msg = f"{where}.params has random_state; it comes from the seeds of the grid, leave it out"
        raise InputError(msg)
    kind = known[model]
    fields = kind.Config.__dataclass_fields__
    if unknown := [name for name in params if name not in fields]:
        msg = f"{where}.params has {unknown[0]!r}, which {model} has not; it has: {', '.join(fields)}"
        raise InputError(msg)
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind.Config)
    try:
        checked = parser.parse_object(dict(params))
    except ArgumentError as error:
        msg = f"{where}.params: {error}"
        raise InputError(msg) from error
    return kind(**{name: checked[name] for name in params}, random_state=seed)
