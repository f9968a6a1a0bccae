"""One piece of work in a thread of its own: its result or one sentence comes back to the window."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from .job import Failure

__all__ = ["Task"]


class Task(QObject):  # type: ignore[misc]
    """Work that is done once; ``done`` or ``failed`` is told at its end, neither after `let_go`."""

    done = Signal(object)
    failed = Signal(str)

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._worker = create_worker(_tried, work, _start_thread=False, _ignore_errors=True)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_error)

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def let_go(self) -> None:
        """Tell nobody: the window is going."""
        self.blockSignals(True)

    def _on_returned(self, result: Any) -> None:
        if isinstance(result, Failure):
            self.failed.emit(result.sentence)
        else:
            self.done.emit(result)

    def _on_error(self, error: Exception) -> None:
        self.failed.emit(f"This stopped with a fault of ours ({type(error).__name__}: {error}): please report it.")


def _tried(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (ValueError, OSError, ImportError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure("There is not enough memory for this: take a smaller image or a smaller PSF.")
