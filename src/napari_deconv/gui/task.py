"""One piece of work in a thread of its own: its result or one sentence comes back to the window."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from .job import Failure, Worker

__all__ = ["LongTask", "Task"]


class Task(QObject):  # type: ignore[misc]
    """Work that is done once; ``done`` or ``failed`` is told at its end, neither after `let_go`."""

    done = Signal(object)
    failed = Signal(str)

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self._worker = self._made_worker(work)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_error)

    def _made_worker(self, work: Callable[[], Any]) -> Any:
        return create_worker(_tried, work, _start_thread=False, _ignore_errors=True)

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


class LongTask(Task):
    """Work that is a generator: each of its steps is told by ``progressed``, the last also by ``done``; it can be cancelled."""

    progressed = Signal(object)
    cancelled = Signal()

    def _made_worker(self, work: Callable[[], Generator[Any]]) -> Any:
        worker = create_worker(_drained, work, _start_thread=False, _ignore_errors=True, _worker_class=Worker)
        worker.yielded.connect(self._on_yielded)
        worker.aborted.connect(self._on_aborted)
        return worker

    def _on_yielded(self, step: Any) -> None:
        self.progressed.emit(step)

    def _on_aborted(self) -> None:
        self.cancelled.emit()

    def cancel(self) -> None:
        """Ask the work to stop; it does at its next step, and ``cancelled`` tells it."""
        self._worker.quit()

    def let_go(self) -> None:
        """Stop, and tell nobody: the window is going."""
        super().let_go()
        self.cancel()


def _drained(work: Callable[[], Generator[Any]]) -> Generator[Any, None, Any]:
    last: Any = None
    try:
        with closing(work()) as steps:
            for last in steps:
                yield last
    except (ValueError, OSError, ImportError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure("There is not enough memory for this: take a smaller image or a smaller PSF.")
    return last


def _tried(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except (ValueError, OSError, ImportError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure("There is not enough memory for this: take a smaller image or a smaller PSF.")
