"""Output that appears complete or not at all, whatever happens meanwhile, and folders read as a whole."""

import errno
import hashlib
import os
import platform
import re
import shutil
import signal
import sys
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, Self, TypeAlias, TypeVar

from scgarage.errors import InputError, OutputError, OutputExistsError

T = TypeVar("T")

Identity: TypeAlias = tuple[int, int, int]
"""Device, number and time of change: two files or folders that stood under one name differ in it."""


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
        raise _exists_already(path)


def _exists_already(path: str | Path) -> OutputExistsError:
    kind = "a directory" if Path(path).is_dir() else "a file"
    return OutputExistsError(
        f"{path} exists already ({kind}); choose another path or pass overwrite=True (--overwrite)"
    )


@contextmanager
def atomic_output(path: str | Path, *, overwrite: bool = False, replaces: str | None = None) -> Iterator[Path]:
    """Write a file or a directory so that it appears under its name only when complete.

    The block writes to a temporary path in the same directory. When the block ends, everything written is
    flushed to disk and renamed to ``path``. When it raises, the temporary output is removed and whatever
    was at ``path`` is left as it was. Missing parent directories are made. What a process that was killed left of an
    earlier write of the same name is removed first.

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
    OutputError
        If the system does not write, as when the disk is full.
    FileNotFoundError
        If the block ends without having written anything.

    Warns
    -----
    UserWarning
        If another process has written ``path`` meanwhile, and ``overwrite`` is true: the last one stays.

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
    temporary = final.with_name(f".{machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-{final.name}")
    with _whole_or_nothing(path, temporary):
        remove_abandoned(final)
        before = identity(final)
        yield temporary
        if not temporary.exists():
            msg = f"nothing was written for {path}"
            raise FileNotFoundError(msg)
        _flush(temporary)
        check_output(path, overwrite=overwrite)
        _check_same_kind(final, temporary)
        meanwhile = identity(final) not in (before, None)
        (_put_directory if temporary.is_dir() else _put_file)(temporary, final, overwrite=overwrite)
        _flush_entry(final.parent)
        if meanwhile:
            msg = f"another process wrote {path} at the same time; what this one wrote has replaced it"
            warnings.warn(msg, UserWarning, stacklevel=3)


@contextmanager
def _whole_or_nothing(path: str | Path, temporary: Path) -> Iterator[None]:
    """Make the folder of an output; when the block raises take it away again, and say why the system did not write."""
    parents = [folder for folder in temporary.parents if not folder.exists()]
    try:
        temporary.parent.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException as error:
        _remove(temporary)
        for folder in parents:
            with suppress(OSError):  # others have put something into it
                folder.rmdir()
        number = _why_not_written(error, temporary)
        if number is None:
            raise
        msg = f"{path} cannot be written: {os.strerror(number)}; nothing of it is left, and what was there before stays"
        raise OutputError(number, msg) from error
    else:
        _remove(temporary)


_FULL = {errno.ENOSPC, errno.EFBIG, getattr(errno, "EDQUOT", errno.ENOSPC)}


def _why_not_written(error: BaseException, temporary: Path) -> int | None:
    """Return the system's number for a write that failed, ``None`` for any other error."""
    if type(error).__name__ == "SafetensorError":  # holds the number in its text only
        found = re.search(r"(?:os error|code:) (\d+)", str(error))
        return None if found is None else int(found[1])
    if not isinstance(error, OSError) or isinstance(error, OutputError) or error.errno is None:
        return None
    mine = error.filename is None or str(temporary) in str(error.filename)
    return error.errno if mine or error.errno in _FULL else None


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


def identity(path: Path) -> Identity | None:
    """Return what tells apart files or folders that stand under one name one after the other; ``None`` for none."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_mtime_ns


def _put_file(temporary: Path, final: Path, *, overwrite: bool) -> None:
    """Put a file under its name in one step."""
    if not overwrite:
        try:
            os.link(temporary, final)  # unlike a renaming, it never replaces a file that appeared this moment
        except FileExistsError:
            raise _exists_already(final) from None
        except OSError:  # a file system without hard links
            temporary.replace(final)
        return
    if final.exists():
        shutil.copymode(final, temporary)
    temporary.replace(final)


def _put_directory(temporary: Path, final: Path, *, overwrite: bool) -> None:
    """Put a directory in the place of another in one step, or, where the system cannot, in two."""
    while True:
        try:
            temporary.rename(final)
        except OSError as error:
            if error.errno not in {errno.ENOTEMPTY, errno.EEXIST}:
                raise
        else:
            return
        check_output(final, overwrite=overwrite)
        if exchange(temporary, final):
            return  # the old one has the temporary name now
        aside = final.with_name(f".{machine()}-{os.getpid()}-{uuid.uuid4().hex[:8]}-old-{final.name}")
        try:
            final.rename(aside)
            temporary.rename(final)
        except FileNotFoundError:  # another process has just put it aside
            continue
        except OSError as error:
            if error.errno in {errno.ENOTEMPTY, errno.EEXIST}:  # and another one its own there
                continue
            aside.rename(final)
            raise
        finally:
            if final.exists():
                _remove(aside)
        return


def exchange(one: Path, other: Path) -> bool:
    """Swap the names of two directories in one step, where the system can: Linux, on most file systems."""
    if sys.platform != "linux":
        return False
    import ctypes

    swap = getattr(ctypes.CDLL(None, use_errno=True), "renameat2", None)
    here, both = -100, 2  # AT_FDCWD, RENAME_EXCHANGE
    return swap is not None and swap(here, os.fsencode(one), here, os.fsencode(other), both) == 0


OTHERS_ARE_DEAD_AFTER = 7 * 24 * 3600
"""Seconds without a change after which a temporary file of another machine is taken for abandoned."""


@cache
def machine() -> str:
    """Name, in 12 characters, what process numbers count within: host, boot and, in containers, name space."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii"))
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def remove_abandoned(final: Path) -> None:
    """Remove what writes of the same name have left whose processes are dead, and only that.

    Whether a process runs can be told on its own machine only. What another machine left on a shared file system, or
    an earlier version (which noted no process), goes when it has not been changed for a week.
    """
    for path, owner, number in _leftovers(final):
        if os.name == "posix" and owner == machine():
            dead = not _runs(int(number))
        else:
            dead = time.time() - _last_change(path) > OTHERS_ARE_DEAD_AFTER
        if dead:
            _remove(path)


def _leftovers(final: Path) -> Iterator[tuple[Path, str | None, str]]:
    """Find temporary names of an output, with machine and process number; an old folder only if there is a new one."""
    old = "(?:old-)?" if final.exists() else ""
    pattern = re.compile(rf"\.(?:([0-9a-f]{{12}})-(\d+)-)?[0-9a-f]{{8}}-{old}{re.escape(final.name)}")
    for path in list(final.parent.iterdir()):
        if found := pattern.fullmatch(path.name):
            yield path, found[1], found[2]


def _runs(number: int) -> bool:
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True


def _last_change(path: Path) -> float:
    """Return the latest time of change of a file, or of a folder and what is in it; now, when that is vanishing."""
    try:
        return max(entry.lstat().st_mtime for entry in (path, *path.rglob("*")))
    except OSError:
        return time.time()


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
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        with suppress(OSError):
            path.unlink(missing_ok=True)


class HeldSignals:
    """Keeps signals from interrupting a block; they come through when it ends, or when :meth:`deliver` is called.

    Only signals that something is done about are held, and only in the main thread, where Python handles them.

    Parameters
    ----------
    *numbers
        Signals to hold.

    Attributes
    ----------
    came
        Those that have come and were not delivered.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self.numbers = numbers
        self.came: list[int] = []
        self.handlers: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():
            handlers = {number: signal.getsignal(number) for number in self.numbers}
            self.handlers = {n: how for n, how in handlers.items() if how not in (signal.SIG_IGN, None)}
        for number in self.handlers:
            signal.signal(number, self._note)
        return self

    def _note(self, number: int, _: object) -> None:
        self.came.append(number)

    def __exit__(self, *_: object) -> None:
        for held, handler in self.handlers.items():
            signal.signal(held, handler)
        came, self.came = self.came, []
        for number in dict.fromkeys(came):
            signal.raise_signal(number)

    def deliver(self) -> None:
        """Let what came take effect now; hold again if that returns."""
        self.__exit__()
        self.__enter__()


READINGS, PAUSE = 200, 0.01


def read_whole(folder: Path, read: Callable[[Path], T]) -> T:
    """Read a folder that another process may replace meanwhile: again, until it stayed the same while it was read.

    Parameters
    ----------
    folder
        What :func:`atomic_output` wrote.
    read
        Reads it; what it raises counts only if nobody has replaced the folder meanwhile.

    Returns
    -------
    What ``read`` returned of one and the same folder.

    Raises
    ------
    InputError
        If the folder is replaced all the time.
    """
    for _ in range(READINGS):
        before = identity(folder)
        try:
            result = read(folder)
        except Exception:
            if not _put_aside(folder) and identity(folder) == before:
                raise
        else:
            if identity(folder) == before:
                return result
        time.sleep(PAUSE)
    msg = f"{folder} was replaced {READINGS} times while it was read; read it again when it is no longer written"
    raise InputError(msg)


def _put_aside(folder: Path) -> bool:
    """Say whether a folder is missing only because another process is about to put a new one in its place."""
    final = folder.resolve()
    if final.exists() or not final.parent.is_dir():
        return False
    end = f"-old-{final.name}"
    return any(path.name.startswith(".") and path.name.endswith(end) for path in final.parent.iterdir())
