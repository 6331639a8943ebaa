"""What scgarage raises, and how messages name what was found."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

Entry = TypeVar("Entry")


class ScgarageError(Exception):
    """Base of every error that scgarage raises on purpose; the command line shows it without a traceback."""


class InputError(ScgarageError, ValueError):
    """The data or an argument cannot be used as it is."""


class OutputExistsError(ScgarageError, FileExistsError):
    """An output path exists and overwriting it was not asked for."""


class OutputError(ScgarageError, OSError):
    """An output cannot be written, for example because the disk is full."""

    def __str__(self) -> str:
        return str(self.strerror)


class SamplingError(ScgarageError, RuntimeError):
    """A fitted model cannot produce the cells that were asked for."""


class TrainingError(ScgarageError, RuntimeError):
    """A training went wrong, for example because a loss is not finite."""


class MissingExtraError(ScgarageError, ImportError):
    """An optional dependency is needed and not installed."""


_N_EXAMPLES = 5


def listed(names: Iterable[object]) -> str:
    """Quote all names, in their order."""
    return ", ".join(f"'{name}'" for name in names) or "(there are none)"


def examples(names: Iterable[object]) -> str:
    """Quote the first five names."""
    every = list(names)
    return listed(every[:_N_EXAMPLES]) + (", ..." if len(every) > _N_EXAMPLES else "")


def check_numbers(*, minimum: int = 1, **numbers: int) -> None:
    """Refuse numbers below a minimum, by the name of their argument."""
    for name, number in numbers.items():
        if number < minimum:
            msg = f"{name} is {number}; expected at least {minimum}"
            raise InputError(msg)


def chosen_entries(registry: Mapping[str, Entry], names: Sequence[str] | None, argument: str) -> dict[str, Entry]:
    """Return the entries asked for, all by default, in the order of the registry."""
    unknown = [name for name in names or () if name not in registry]
    if unknown or (names is not None and not len(names)):
        msg = f"{argument} holds {unknown}; expected names among: {', '.join(registry)}"
        raise InputError(msg)
    return {name: entry for name, entry in registry.items() if names is None or name in names}


@contextmanager
def reading(path: Path, expected: str) -> Iterator[None]:
    """Turn any error of the block into an InputError that names the path and what was expected there."""
    try:
        yield
    except (ScgarageError, MemoryError):
        raise
    except Exception as error:
        reason = (str(error).strip().splitlines() or [""])[0][:200]
        msg = (
            f"{path} cannot be read as {expected} ({type(error).__name__}: {reason}); the file may be "
            "incomplete, or of another format than its name says"
        )
        raise InputError(msg) from error


def check_not_empty(path: Path) -> None:
    """Refuse a file without any content."""
    if path.is_file() and path.stat().st_size == 0:
        msg = f"{path} is empty (0 bytes)"
        raise InputError(msg)
