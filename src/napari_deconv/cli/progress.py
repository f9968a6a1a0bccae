"""The line on a terminal's standard error that shows how far a job is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

__all__ = ["Shown", "shown_progress", "tell_notice"]


class Shown(Protocol):
    """What can be shown of a job under way: the share that is done, and words on where it is."""

    @property
    def fraction(self) -> float:
        """The share that is done, in [0, 1]."""

    @property
    def words(self) -> str:
        """Where it is."""


@contextmanager
def shown_progress(what: str) -> Iterator[Callable[[Shown], None]]:
    """Give a function that shows each progress: words, share, time left; on a terminal only."""
    if not sys.stderr.isatty():
        yield lambda progress: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress as Line, TaskProgressColumn, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TextColumn("{task.fields[step]}"),
        TimeRemainingColumn(),
    )
    with Line(*columns, console=Console(stderr=True), transient=True) as line:
        task = line.add_task(what, total=1.0, step="starting")

        def show(progress: Shown) -> None:
            line.update(task, completed=progress.fraction, step=progress.words)

        yield show


def tell_notice(notice: str) -> None:
    """Say on standard error what had to be assumed."""
    print(f"note: {notice}", file=sys.stderr)
