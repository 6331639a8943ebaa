"""A progress bar with an off switch."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Report", "progress_bar"]


class Report(Protocol):
    """Called after each iteration with its number and a short text."""

    def __call__(self, step: int, text: str, /) -> None: ...


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
    if not (sys.stderr.isatty() if show is None else show):
        yield lambda step, text, /: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(), TextColumn("{task.fields[text]}")
    )  # fmt: skip
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(description, total=total, completed=start, text="")
        yield lambda step, text, /: bar.update(task, completed=step, text=text)
