"""Settings of a model, given on the command line or in a config file, checked against the model's types."""

from typing import TYPE_CHECKING, Any

from scgarage.errors import InputError

if TYPE_CHECKING:
    from scgarage.models import GenerativeModel

__all__ = ["make_model"]


def make_model(name: str, params: dict[str, Any] | None) -> "GenerativeModel":
    """Return an unfitted model.

    Raises
    ------
    InputError
        When there is no such model, it has no such setting, or a value has the wrong type.
    """
    from jsonargparse import ArgumentError, ArgumentParser

    from scgarage.models import model_class

    kind = model_class(name)
    given = params or {}
    kind(**{key: value for key, value in given.items() if key not in kind.Config.__dataclass_fields__})  # names first
    parser = ArgumentParser(exit_on_error=False)
    parser.add_class_arguments(kind.Config)
    try:
        checked = parser.parse_object(dict(given))
    except ArgumentError as error:
        msg = f"--params of {name}: {error}"
        raise InputError(msg) from error
    return kind(**{key: checked[key] for key in given})
