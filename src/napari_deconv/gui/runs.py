"""Runs: the queue's entries restored one after the other, each in a thread of its own, its result placed beside its source."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QObject, Signal

from ..image import Image
from .job import Job, Step
from .preferences import engine
from .queue_model import Entry, Queue
from .results import place_result

__all__ = ["Runs"]


class Runs(QObject):  # type: ignore[misc]
    """Starts what waits. ``began``, ``progressed`` and ``ended`` tell of each entry; ``placed`` of its result's layer."""

    began = Signal(object)
    progressed = Signal(object, object)
    placed = Signal(object, object, object)
    ended = Signal(object)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.queue = Queue()
        self.job: Job | None = None

    @property
    def is_running(self) -> bool:
        """Whether an entry runs now."""
        return self.job is not None

    def add(self, entry: Entry) -> None:
        """Run an entry as soon as its turn comes."""
        self.queue.add(entry)
        self._go_on()

    def cancel(self) -> None:
        """Stop the entry that runs at its next estimate; the next one follows."""
        if self.job is not None:
            self.job.cancel()

    def cancel_all(self) -> None:
        """Let none of those that wait run, and stop the one that runs."""
        for entry in self.queue.waiting:
            self.queue.cancel(entry)
        self.cancel()

    def take_out(self, entry: Entry) -> None:
        """Cancel one entry, whether it waits or runs."""
        if not self.queue.cancel(entry) and entry is self.queue.running:
            self.cancel()

    def abandon(self) -> None:
        """Stop everything and tell nobody: the window is going."""
        self.blockSignals(True)
        self.queue.changed.disconnect()
        for entry in self.queue.waiting:
            self.queue.cancel(entry)
        job, self.job = self.job, None
        if job is not None:
            job.abandon()

    def _go_on(self) -> None:
        entry = self.queue.next()
        if entry is None:
            return
        if entry.image is None or entry.recipe is None:
            self._end(entry, "failed", entry.words)
            return
        several = len(self.queue.entries)
        name = f"{entry.name} ({self.queue.entries.index(entry) + 1} of {several})" if several > 1 else entry.name
        self.job = Job(entry.image, entry.recipe, name, region=entry.region, **engine())
        self.job.progressed.connect(lambda step: self._on_progress(entry, step))
        self.job.finished.connect(lambda result: self._on_finished(entry, result))
        self.job.failed.connect(lambda sentence: self._end(entry, "failed", sentence))
        self.job.cancelled.connect(lambda: self._end(entry, "cancelled", "Cancelled: nothing was changed."))
        self.job.start()
        self.began.emit(entry)

    def _on_progress(self, entry: Entry, step: Step) -> None:
        entry.words = step.words
        self.progressed.emit(entry, step)

    def _on_finished(self, entry: Entry, result: Image) -> None:
        record = result.history[-1]
        layer = place_result(self.viewer, entry.likeness, result, record["method"], replace=entry.replace)
        self.placed.emit(entry, layer, record)
        self._end(entry, "done", f"'{layer.name}' is there after {record['seconds']:.1f} s on {record['device']}.")

    def _end(self, entry: Entry, state: Any, words: str) -> None:
        self.job = None
        self.queue.settle(entry, state, words)
        if state == "failed":
            show_error(f"{entry.name}: {words}" if len(self.queue.entries) > 1 else words)
        self._go_on()
        self.ended.emit(entry)
