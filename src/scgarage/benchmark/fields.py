"""Fields of a YAML file, read strictly: every error names the field, what was found and what was expected."""

from collections.abc import Mapping, Sequence
from typing import Any, NoReturn

from scgarage.errors import InputError

__all__ = ["REQUIRED", "Fields"]

REQUIRED: Any = object()
"""Stands for the default of a field that has to be there."""


class Fields:
    """One mapping of a YAML file; each field is taken once and what is left over is an error.

    Parameters
    ----------
    values
        What stands in the file.
    where
        Where it stands, for errors: ``"grid.yaml: data[0]"``.

    Raises
    ------
    InputError
        If ``values`` is no mapping.

    Examples
    --------
    >>> fields = Fields({"name": "blood"}, "grid.yaml: data[0]")
    >>> fields.text("name"), fields.text("layer", None)
    ('blood', None)
    """

    def __init__(self, values: Any, where: str) -> None:
        self.where = where
        if not isinstance(values, Mapping):
            self._refuse(where, values, "fields with names, such as 'name: blood'")
        self._left = dict(values)
        self._known: list[str] = []

    def path(self, name: str) -> str:
        """Return where a field stands."""
        return f"{self.where}.{name}" if ": " in self.where else f"{self.where}: {name}"

    def text(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a text that is not empty."""
        value = self._take(name, default)
        if value is not default and (not isinstance(value, str) or not value.strip()):
            self._refuse(self.path(name), value, "a text")
        return value

    def count(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a whole number of at least 1."""
        value = self._take(name, default)
        if value is not default and (not _is_whole(value) or value < 1):
            self._refuse(self.path(name), value, "a whole number of at least 1")
        return value

    def choice(self, name: str, choices: Sequence[str], default: Any = REQUIRED) -> Any:
        """Take one of some texts."""
        value = self._take(name, default)
        if value not in choices:
            self._refuse(self.path(name), value, f"one of: {', '.join(choices)}")
        return value

    def mapping(self, name: str, default: Any = REQUIRED) -> Any:
        """Take named values."""
        value = self._take(name, default)
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            self._refuse(self.path(name), value, "settings with names, such as 'n_factors: 20'")
        return dict(value)

    def items(self, name: str, default: Any = REQUIRED) -> Any:
        """Take a list with at least one entry."""
        value = self._take(name, default)
        if value is not default and (not isinstance(value, list) or not value):
            self._refuse(self.path(name), value, "a list with at least one entry")
        return value

    def seeds(self, name: str) -> tuple[int, ...]:
        """Take different whole numbers that are not negative."""
        values = self.items(name)
        wrong = [value for value in values if not _is_whole(value) or value < 0]
        if wrong or len(set(values)) < len(values):
            self._refuse(self.path(name), values, "different whole numbers from 0, such as [0, 1, 2]")
        return tuple(values)

    def end(self) -> None:
        """Refuse fields that nobody asked for.

        Raises
        ------
        InputError
            If there are any.
        """
        if self._left:
            unknown = ", ".join(map(repr, self._left))
            msg = f"{self.where} has no field {unknown}; it has: {', '.join(self._known)}"
            raise InputError(msg)

    def _take(self, name: str, default: Any) -> Any:
        self._known.append(name)
        if name not in self._left and default is REQUIRED:
            found = ", ".join(map(repr, self._left)) or "nothing"
            msg = f"{self.path(name)} is missing; found {found}"
            raise InputError(msg)
        return self._left.pop(name, default)

    def _refuse(self, where: str, value: Any, expected: str) -> NoReturn:
        msg = f"{where} is {value!r}; expected {expected}"
        raise InputError(msg)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
