"""One restoration under way in a thread of its own, with its progress in the panel and in napari's activity dock."""

from __future__ import annotations

import time as clock
from collections.abc import Generator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from napari.qt.threading import GeneratorWorker, create_worker
from napari.utils import cancelable_progress
from qtpy.QtCore import QObject, QTimer, Signal

from ..image import Image, Region
from ..recipe import Recipe
from ..restore import restore

__all__ = ["Failure", "Job", "Step", "Worker", "steps"]

PAUSE = 0.1
"""Seconds between two reports of progress, so that a fast run does not flood the window."""
SURE = 0.05
"""Share of the job from which its time can be told while automatic choices, whose length nobody knows, are made."""
LOOK = 100
"""Milliseconds between two looks at the activity dock's cancel button."""


@dataclass(frozen=True)
class Step:
    """What the window is told of a run's progress."""

    fraction: float
    step: int
    steps: int
    block: int
    seconds_left: float | None
    stage: str = "restoring"

    @property
    def words(self) -> str:
        """Return ``iteration 3 of 30 · 12 s left``."""
        told = f"iteration {self.step} of {self.steps}" if self.steps > 1 else "computing"
        if self.stage == "recalling":
            told = f"earlier time points: {told}"
        elif self.stage != "restoring":
            told = f"{self.stage}: {self.step} tried"
        if self.seconds_left is None or (self.stage != "restoring" and self.fraction < SURE):
            return told
        return f"{told} · {in_time(self.seconds_left)} left"


@dataclass(frozen=True)
class Failure:
    """Why a run could not be done, in one sentence."""

    sentence: str


def in_time(seconds: float) -> str:
    """Return a duration as one reads it off a clock."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def steps(
    image: Image, recipe: Recipe, region: Region | None, device: str, memory: str
) -> Generator[Step, None, Image | Failure]:
    """Drain the one path: yield a `Step` now and then, return the restored image or a `Failure`."""
    told = 0.0
    try:
        with closing(restore(image, recipe, device=device, memory=memory, region=region)) as run:  # type: ignore[type-var]
            for progress in run:
                now = clock.perf_counter()
                if now - told > PAUSE or progress.fraction >= 1:
                    told = now
                    yield Step(
                        progress.fraction,
                        progress.step,
                        progress.steps,
                        progress.block,
                        progress.seconds_left,
                        progress.stage,
                    )
            return progress.estimate
    except (ValueError, OSError, ImportError) as error:
        return Failure(str(error))
    except MemoryError:
        return Failure(
            "There is not enough memory for this restoration: lower the memory in Preferences, or crop the image."
        )
    except RuntimeError as error:
        return Failure(f"The computation failed ({error}): choose another device in Preferences, or report it.")


class Worker(GeneratorWorker):  # type: ignore[misc]
    """A worker that closes its generator in its own thread as soon as it stops, so that nothing is kept."""

    def work(self) -> Any:
        """Drain the generator, and close it."""
        try:
            return super().work()
        finally:
            self._gen.close()


class Job(QObject):  # type: ignore[misc]
    """A run in a thread; one of ``finished``, ``failed`` and ``cancelled`` is the last that it says."""

    progressed = Signal(object)
    finished = Signal(object)
    failed = Signal(str)
    cancelled = Signal()

    def __init__(
        self,
        image: Image,
        recipe: Recipe,
        name: str,
        *,
        region: Region | None = None,
        device: str = "auto",
        memory: str = "auto",
    ) -> None:
        super().__init__()
        self._worker = create_worker(
            steps,
            image,
            recipe,
            region,
            device,
            memory,
            _worker_class=Worker,
            _start_thread=False,
            _ignore_errors=True,
        )
        self._worker.yielded.connect(self._on_step)
        self._worker.returned.connect(self._on_returned)
        self._worker.errored.connect(self._on_error)
        self._worker.aborted.connect(self._on_aborted)
        self._bar = cancelable_progress(total=100, desc=f"Restoring {name}")
        self._look = QTimer(self)
        self._look.timeout.connect(self._look_at_dock)

    def start(self) -> None:
        """Start the thread."""
        self._look.start(LOOK)
        self._worker.start()

    def cancel(self) -> None:
        """Ask the run to stop; it does at its next estimate."""
        self._worker.quit()

    def abandon(self) -> None:
        """Stop, and tell nobody: the window is going."""
        self.blockSignals(True)
        self.cancel()
        self._end()

    def _end(self) -> None:
        self._look.stop()
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def _look_at_dock(self) -> None:
        if self._bar is not None and self._bar.is_canceled:
            self.cancel()

    def _on_step(self, step: Step) -> None:
        more = round(100 * step.fraction) - self._bar.n if self._bar is not None else 0
        if more > 0:
            self._bar.update(more)
        self.progressed.emit(step)

    def _on_returned(self, result: Any) -> None:
        self._end()
        if isinstance(result, Failure):
            self.failed.emit(result.sentence)
        else:
            self.finished.emit(result)

    def _on_error(self, error: Exception) -> None:
        self._end()
        self.failed.emit(
            f"The restoration stopped with a fault of ours ({type(error).__name__}: {error}): please report it."
        )

    def _on_aborted(self) -> None:
        self._end()
        self.cancelled.emit()
