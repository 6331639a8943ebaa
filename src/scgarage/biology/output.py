"""Several files of one analysis in a folder, each of which appears complete or not at all."""

from collections.abc import Mapping
from pathlib import Path

from scgarage.io import atomic_output, check_output

__all__ = ["write_folder"]


def write_folder(folder: str | Path, files: Mapping[str, str | bytes], *, overwrite: bool = False) -> list[Path]:
    """Write files into a folder; other files in it are left alone.

    Parameters
    ----------
    folder
        Folder, made when it does not exist.
    files
        Contents by name.
    overwrite
        Whether to replace existing files.

    Returns
    -------
    list of pathlib.Path
        The files.

    Raises
    ------
    OutputExistsError
        If one of the files exists and ``overwrite`` is false; none is written then.
    """
    paths = {name: Path(folder) / name for name in files}
    for path in paths.values():
        check_output(path, overwrite=overwrite)
    for name, path in paths.items():
        content = files[name]
        with atomic_output(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(content if isinstance(content, bytes) else content.encode())
    return list(paths.values())
