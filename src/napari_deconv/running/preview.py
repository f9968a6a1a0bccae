"""`Preview`: the newest request is restored in the background, estimate by estimate; an older one is left at its next step.

No Qt here: what is reached is handed to a callable, in the thread of `Newest`.
"""

from __future__ import annotations

import time as clock
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from ..image import Image, Region
from ..recipe import Recipe
from ..restore import Known, restore
from .newest import Newest

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
        self._running: dict[str, Any] = {"device": device, "memory": memory}
        self._source: Any = None
        self._known = Known()
        self._settled: set[Any] = set()
        self._iterations = PROVISIONAL
        self._newest = Newest(self._serve, self._hand_on, self._hand_error_on, name="napari-deconv preview")

    def request(self, image: Image, region: Region, recipe: Recipe) -> int:
        """Ask for a region of an image under a recipe; return the ticket that its estimates will carry."""
        return self._newest.ask(_Request(image, region, recipe))

    def cancel(self) -> None:
        """Drop whatever is under way or waiting."""
        self._newest.drop()

    def close(self, timeout: float = 5.0) -> None:
        """Stop the thread: at the next estimate of whatever is under way."""
        self._newest.close(timeout)

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way or waiting; return whether that came in time."""
        return self._newest.wait(timeout)

    def is_newest(self, ticket: int) -> bool:
        """Whether a ticket is that of the newest request."""
        return self._newest.is_newest(ticket)

    def _hand_on(self, ticket: int, shown: Shown) -> None:
        if self.is_newest(ticket):
            self._show(replace(shown, ticket=ticket))

    def _hand_error_on(self, ticket: int, error: Exception) -> None:
        if self.is_newest(ticket):
            self._fail(ticket, error)

    def _serve(self, request: _Request) -> Iterator[Shown | None]:
        """Yield the estimates of a request: while its automatic number is not known, those of a provisional one first."""
        if self._source is not request.image.data:
            self._source, self._known = request.image.data, Known()
            self._settled.clear()
        method = request.recipe.method
        key = (request.recipe, tuple(request.region.bounds.get("C", ())))
        if getattr(method, "iterations", None) == "auto" and key not in self._settled:
            quick = request.recipe.replace(method=method.provisional(self._iterations))
            yield from self._restore(request, quick, is_provisional=True)
        yield from self._restore(request, request.recipe, is_provisional=False)
        self._settled.add(key)

    def _restore(self, request: _Request, recipe: Recipe, *, is_provisional: bool) -> Iterator[Shown | None]:
        """Yield the estimates that are to be shown, and None for those between."""
        started, shown = clock.perf_counter(), 0.0
        steps = restore(request.image, recipe, region=request.region, known=self._known, **self._running)
        with closing(steps):
            for progress in steps:
                is_last = progress.is_result and not is_provisional
                now = clock.perf_counter()
                if progress.stage != "restoring" or (not is_last and shown and now - shown < self._pause):
                    yield None
                    continue
                shown = now
                stage = "provisional" if is_provisional else progress.stage
                yield Shown(0, progress.estimate, progress.step, progress.steps, stage, now - started, is_last)
                self._iterations = progress.steps
