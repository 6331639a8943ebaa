"""Turn what a reader raises for a damaged or foreign file into one readable error."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scgarage.errors import InputError, ScgarageError

__all__ = ["check_not_empty", "reading"]


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
