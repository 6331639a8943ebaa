"""Output that appears complete or not at all."""

import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from scgarage.errors import OutputExistsError

__all__ = ["atomic_output", "check_output"]


def check_output(path: str | Path, *, overwrite: bool) -> None:
    """Refuse an output path that exists, before any work is done for it.

    Parameters
    ----------
    path
        File or directory that is to be written.
    overwrite
        Whether something may be there already.

    Raises
    ------
    OutputExistsError
        If ``path`` exists and ``overwrite`` is false.
    """
    if os.path.lexists(path) and not overwrite:
        kind = "a directory" if Path(path).is_dir() else "a file"
        msg = f"{path} exists already ({kind}); choose another path or pass overwrite=True (--overwrite)"
        raise OutputExistsError(msg)


@contextmanager
def atomic_output(path: str | Path, *, overwrite: bool = False, replaces: str | None = None) -> Iterator[Path]:
    """Write a file or a directory so that it appears under its name only when complete.

    The block writes to a temporary path in the same directory. When the block ends, everything written is
    flushed to disk and renamed to ``path``. When it raises, the temporary output is removed and whatever
    was at ``path`` is left as it was. Missing parent directories are made.

    Parameters
    ----------
    path
        File or directory that is to be written. A symbolic link is followed.
    overwrite
        Whether an existing file or directory is replaced. A directory is replaced as a whole: nothing
        of the old one stays.
    replaces
        Name of a file that an existing directory must contain to be replaced, as proof that it is an older
        output of the same kind and not a folder of other things. An empty directory is always replaced.

    Yields
    ------
    Path that does not exist yet, with the same suffixes as ``path``; the block makes a file or a directory there.

    Raises
    ------
    OutputExistsError
        If ``path`` exists and ``overwrite`` is false, or if it may not be replaced.
    FileNotFoundError
        If the block ends without having written anything.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with atomic_output(Path(folder) / "table.txt") as temporary:
    ...         _ = temporary.write_text("complete")
    ...     (Path(folder) / "table.txt").read_text()
    'complete'
    """
    check_output(path, overwrite=overwrite)
    final = Path(path).resolve()
    _check_replaceable(final, replaces)
    final.parent.mkdir(parents=True, exist_ok=True)
    token = uuid.uuid4().hex[:8]
    temporary = final.with_name(f".{token}-{final.name}")
    try:
        yield temporary
        if not temporary.exists():
            msg = f"nothing was written for {path}"
            raise FileNotFoundError(msg)
        _flush(temporary)
        check_output(path, overwrite=overwrite)
        _check_same_kind(final, temporary)
        if temporary.is_dir():
            _replace_directory(temporary, final, aside=final.with_name(f".{token}-old-{final.name}"))
        else:
            if final.exists():
                shutil.copymode(final, temporary)
            temporary.replace(final)
        _flush_entry(final.parent)
    finally:
        _remove(temporary)


def _check_replaceable(final: Path, replaces: str | None) -> None:
    """Refuse to replace a directory that is not an older output of the same kind."""
    if replaces is None or not final.is_dir() or (final / replaces).exists() or not any(final.iterdir()):
        return
    msg = f"{final} is a folder of other files (it has no '{replaces}') and is not replaced; choose another path"
    raise OutputExistsError(msg)


def _check_same_kind(final: Path, temporary: Path) -> None:
    """Refuse to replace a file by a directory or the reverse."""
    if final.exists() and final.is_dir() != temporary.is_dir():
        kinds = ("a directory", "a file") if final.is_dir() else ("a file", "a directory")
        msg = f"{final} is {kinds[0]} and the output is {kinds[1]}; choose another path"
        raise OutputExistsError(msg)


def _replace_directory(temporary: Path, final: Path, *, aside: Path) -> None:
    """Put a directory in the place of another, which comes back when that fails."""
    if not final.exists():
        temporary.rename(final)
        return
    final.rename(aside)
    try:
        temporary.rename(final)
    except OSError:
        aside.rename(final)
        raise
    _remove(aside)


def _flush(path: Path) -> None:
    """Wait until the contents of a file, or of all files of a directory, are on disk."""
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    for file in files:
        with file.open("rb") as handle:
            os.fsync(handle.fileno())


def _flush_entry(directory: Path) -> None:
    """Wait until the renaming is on disk, where the system can say so."""
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
