"""One training under way in a thread of its own; what it says reaches the window in signals, nothing is computed here."""

from __future__ import annotations

import shutil
import time as clock
from collections.abc import Generator
from contextlib import closing
from typing import Any

from napari.qt.threading import create_worker
from qtpy.QtCore import QObject, Signal

from ..learned.shelf import KeptModel, keep
from .job import Failure, Worker
from .train_model import Order

__all__ = ["TrainJob", "trained"]

PAUSE = 0.1
"""Seconds between two reports; a judgement is always reported."""


def trained(order: Order, device: str) -> Generator[Any, None, KeptModel | Failure]:
    """Drain the trainer: yield its progress now and then, return the finished model on the user's shelf, or a `Failure`."""
    from ..learned.train import train
    from ..running.device import choose_device

    told, file = 0.0, None
    try:
        source, dims = order.make()
        run = train(
            order.training, source, order.folder, resume=order.goes_on, device=str(choose_device(device)), dims=dims,
            told=f"the Train panel, {source.name}",
        )  # fmt: skip
        with closing(run):
            for progress in run:
                file = progress.file or file
                now = clock.perf_counter()
                if now - told > PAUSE or progress.crop is not None:
                    told = now
                    yield progress
        assert file is not None
        kept = keep(file, order.name)
        shutil.rmtree(order.folder)
        return kept
    except (ValueError, OSError, ImportError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure("There is not enough memory for this training: take smaller patches or batches.")
    except RuntimeError as error:
        return Failure(f"The training failed ({error}): choose another device in Preferences, or report it.")


class TrainJob(QObject):  # type: ignore[misc]
    """A training in a thread; one of ``finished``, ``failed`` and ``paused`` is the last that it says."""

    progressed = Signal(object)
    finished = Signal(object)
    failed = Signal(str)
    paused = Signal()

    def __init__(self, order: Order, device: str = "auto") -> None:
        super().__init__()
        self.order = order
        self._has_told = False
        self._worker = create_worker(
            trained, order, device, _worker_class=Worker, _start_thread=False, _ignore_errors=True
        )
        self._worker.yielded.connect(self.progressed.emit)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_error)
        self._worker.finished.connect(self._on_finished)

    def start(self) -> None:
        """Start the thread."""
        self._worker.start()

    def pause(self) -> None:
        """Ask the training to stop at its next step; what it has learned is kept."""
        self._worker.quit()

    def abandon(self) -> None:
        """Pause, and tell nobody: the window is going."""
        self.blockSignals(True)
        self.pause()

    def _on_finished(self) -> None:
        """Tell of a pause only now: the trainer is closed, and what it has learned is on the disk."""
        if not self._has_told:
            self.paused.emit()

    def _on_returned(self, result: Any) -> None:
        self._has_told = True
        if isinstance(result, Failure):
            self.failed.emit(result.sentence)
        else:
            self.finished.emit(result)

    def _on_error(self, error: Exception) -> None:
        self._has_told = True
        self.failed.emit(
            f"The training stopped with a fault of ours ({type(error).__name__}: {error}): please report it."
        )
