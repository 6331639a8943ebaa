"""A progress bar with an off switch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Report", "progress_bar"]


class Report(Protocol):
    """Called after each iteration with its number and a short text."""

    def __call__(self, step: int, text: str, /) -> None:
        """Show that ``step`` iterations are done."""


@contextmanager
def progress_bar(description: str, total: int, *, show: bool | None, start: int = 0) -> Iterator[Report]:
    """Yield a function that moves the bar.

    Parameters
    ----------
    description
        What is being done.
    total
        Number of iterations.
    show
        ``None`` shows a bar when standard error is a terminal, so that logs of batch jobs stay clean.
    start
        Iterations that are done already.
    """
    if show is None:
        show = sys.stderr is not None and sys.stderr.isatty()
    if not show:
        yield _silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    title, note = TextColumn("{task.description}"), TextColumn("{task.fields[text]}")
    columns = (title, BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), note)
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, completed=start, text="")
        yield lambda step, text, /: bar.update(task, completed=step, text=text)


def _silent(step: int, text: str, /) -> None:
    """Show nothing."""
