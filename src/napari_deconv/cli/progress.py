"""The line on a terminal's standard error that shows how far a restoration is."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..progress import Progress

__all__ = ["shown_progress", "tell_notice"]


@contextmanager
def shown_progress(what: str) -> Iterator[Callable[[Progress], None]]:
    """Give a function that shows each progress: iteration, share, time left; on a terminal only."""
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

        def show(progress: Progress) -> None:
            step = f"{progress.stage}, iteration {progress.step} of {progress.steps}, block {progress.block}"
            line.update(task, completed=progress.fraction, step=step)

        yield show


def tell_notice(notice: str) -> None:
    """Say on standard error what had to be assumed."""
    print(f"note: {notice}", file=sys.stderr)
