"""What the analyses' commands share."""

from pathlib import Path

from scgarage.cli.options import check_outputs
from scgarage.cli.output import say
from scgarage.errors import InputError

__all__ = ["check_folder", "say_files"]


def check_folder(out: str, *names: str, overwrite: bool) -> None:
    """Refuse a folder that is a file, or files that exist, before any work is done."""
    if Path(out).is_file():
        msg = f"--out {out} is a file; expected a folder, made when it does not exist"
        raise InputError(msg)
    check_outputs(*(Path(out) / name for name in names), overwrite=overwrite)


def say_files(paths: list[Path]) -> None:
    """Name the files that were written."""
    say(f"files: {', '.join(path.name for path in paths)} in {paths[0].parent}")
