"""Estimates that are kept while a preview runs, within a bound of memory, to walk through afterwards; no window here."""

from __future__ import annotations

import threading
from bisect import bisect_left

from ..image import Image

__all__ = ["Kept"]

MOST = 2**28
"""Bytes of estimates that are kept."""


class Kept:
    """The estimates of one request by step. Beyond its bound every second one is let go, the newest never."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._by_step: dict[int, Image] = {}
        self._every = 1
        self.ticket = 0

    def add(self, ticket: int, step: int, image: Image) -> None:
        """Keep an estimate; the first of another request, or one that starts anew, lets all earlier ones go."""
        with self._lock:
            if ticket != self.ticket or (self._by_step and step < max(self._by_step)):
                self._by_step, self._every, self.ticket = {}, 1, ticket
            newest = max(self._by_step, default=0)
            if newest % self._every:
                del self._by_step[newest]
            self._by_step[step] = image
            while len(self._by_step) > 2 and self._bytes() > self._most:
                self._every *= 2
                self._by_step = {
                    each: kept for each, kept in self._by_step.items() if each % self._every == 0 or each == step
                }

    def clear(self) -> None:
        """Let everything go."""
        with self._lock:
            self._by_step, self._every, self.ticket = {}, 1, 0

    def steps(self) -> list[int]:
        """Return the steps that are kept, ascending."""
        with self._lock:
            return sorted(self._by_step)

    def nearest(self, step: int) -> tuple[int, Image] | None:
        """Return the kept step that lies nearest, and its estimate; None when there is none."""
        with self._lock:
            steps = sorted(self._by_step)
            if not steps:
                return None
            at = bisect_left(steps, step)
            near = min(steps[max(0, at - 1) : at + 1], key=lambda each: abs(each - step))
            return near, self._by_step[near]

    def _bytes(self) -> int:
        return sum(int(image.data.nbytes) for image in self._by_step.values())
