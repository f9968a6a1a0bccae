"""`Preview`: the newest request is restored in the background, estimate by estimate; an older one is dropped at its next step.

    request 1  --- estimate --- estimate --x        (closed: a newer request came)
    request 2             ------------------ estimate --- estimate --- ... --- last

No Qt here: what is reached is handed to a callable, in the worker's thread.
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..image import Image, Region
from ..recipe import Recipe
from ..restore import Known, restore

__all__ = ["Preview", "Shown"]

PROVISIONAL = 12
"""Iterations that are shown while the automatic number is not known yet and none was chosen before."""
PAUSE = 0.04
"""Seconds between two estimates, unless another pause is asked for."""


@dataclass(frozen=True)
class Shown:
    """One estimate of a request: the region asked for, restored so far."""

    ticket: int
    image: Image
    step: int
    steps: int
    stage: str
    seconds: float
    is_last: bool


@dataclass(frozen=True)
class _Request:
    ticket: int
    image: Image
    region: Region
    recipe: Recipe


class Preview:
    """Restores the newest request in a thread of its own.

    Parameters
    ----------
    show : called in the worker's thread with each estimate.
    fail : called in the worker's thread with the ticket and the error.
    device, memory : as in `restore`.
    pause : seconds at least between two estimates that are handed on, the first and the last always.
    """

    def __init__(
        self,
        show: Callable[[Shown], None],
        fail: Callable[[int, Exception], None],
        *,
        device: str = "auto",
        memory: str | int = "auto",
        pause: float = PAUSE,
    ) -> None:
        self._show, self._fail = show, fail
        self._pause = pause
        self._running = {"device": device, "memory": memory}
        self._wake = threading.Condition()
        self._waiting: _Request | None = None
        self._newest = 0
        self._closed = False
        self._idle = threading.Event()
        self._idle.set()
        self._source: Any = None
        self._known = Known()
        self._settled: set[Any] = set()
        self._iterations = PROVISIONAL
        self._thread = threading.Thread(target=self._work, name="napari-deconv preview", daemon=True)
        self._thread.start()

    def request(self, image: Image, region: Region, recipe: Recipe) -> int:
        """Ask for a region of an image under a recipe; return the ticket that its estimates will carry."""
        with self._wake:
            self._newest += 1
            self._waiting = _Request(self._newest, image, region, recipe)
            self._idle.clear()
            self._wake.notify()
            return self._newest

    def cancel(self) -> None:
        """Drop whatever is under way or waiting."""
        with self._wake:
            self._newest += 1
            self._waiting = None

    def close(self, timeout: float = 5.0) -> None:
        """Stop the thread: at the next estimate of whatever is under way."""
        with self._wake:
            self._closed = True
            self._newest += 1
            self._waiting = None
            self._wake.notify()
        self._thread.join(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way or waiting; return whether that came in time."""
        return self._idle.wait(timeout)

    def is_newest(self, ticket: int) -> bool:
        """Whether a ticket is that of the newest request."""
        return ticket == self._newest

    def _work(self) -> None:
        while True:
            with self._wake:
                while self._waiting is None and not self._closed:
                    self._idle.set()
                    self._wake.wait()
                if self._closed:
                    self._idle.set()
                    return
                request, self._waiting = self._waiting, None
            if request is not None:
                self._serve(request)

    def _serve(self, request: _Request) -> None:
        if self._source is not request.image.data:
            self._source, self._known = request.image.data, Known()
            self._settled.clear()
        method = request.recipe.method
        key = (request.recipe, tuple(request.region.bounds.get("C", ())))
        try:
            if getattr(method, "iterations", None) == "auto" and key not in self._settled:
                quick = request.recipe.replace(method=method.provisional(self._iterations))
                self._drain(request, quick, is_provisional=True)
            if self._drain(request, request.recipe, is_provisional=False):
                self._settled.add(key)
        except Exception as error:
            if self.is_newest(request.ticket):
                self._fail(request.ticket, error)

    def _drain(self, request: _Request, recipe: Recipe, *, is_provisional: bool) -> bool:
        """Restore the request, handing estimates on; return whether it came to its end."""
        started, shown = clock.perf_counter(), 0.0
        steps = restore(request.image, recipe, region=request.region, known=self._known, **self._running)  # type: ignore[arg-type]
        try:
            for progress in steps:
                if not self.is_newest(request.ticket):
                    return False
                is_last = progress.is_result and not is_provisional
                now = clock.perf_counter()
                if progress.stage != "restoring" or (not is_last and shown and now - shown < self._pause):
                    continue
                shown = now
                self._show(
                    Shown(
                        request.ticket,
                        progress.estimate,
                        progress.step,
                        progress.steps,
                        "provisional" if is_provisional else progress.stage,
                        now - started,
                        is_last,
                    )
                )
                self._iterations = progress.steps
            return True
        finally:
            steps.close()
