"""`Newest`: work in a thread of its own where only the newest request counts; an older one is left at its next step.

    ask 1  --- step --- step --x        (left: 3 came)
    ask 2              x                (dropped: 3 came before it was begun)
    ask 3                      step --- step --- ... --- last

No Qt here: results are handed to a callable, in the worker's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Iterable
from typing import Any

__all__ = ["Newest"]


class Newest:
    """Works on the newest request.

    Parameters
    ----------
    work : called in the worker's thread with what was asked for; gives the results one after the other. A generator is closed
        at its next step when something newer is asked for; None is a step that has no result.
    done : called there with the ticket and each result.
    fail : called there with the ticket and the error.
    name : the thread's.
    """

    def __init__(
        self,
        work: Callable[[Any], Iterable[Any]],
        done: Callable[[int, Any], None],
        fail: Callable[[int, Exception], None],
        name: str = "napari-deconv newest",
    ) -> None:
        self._work_on, self._done, self._fail = work, done, fail
        self._wake = threading.Condition()
        self._waiting: tuple[int, Any] | None = None
        self._newest = 0
        self._closed = False
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    def ask(self, value: Any) -> int:
        """Ask for work on a value; return the ticket that its results will carry."""
        with self._wake:
            self._newest += 1
            self._waiting = self._newest, value
            self._idle.clear()
            self._wake.notify()
            return self._newest

    def drop(self) -> None:
        """Drop what is waiting; what is under way is no longer the newest, and is left at its next step."""
        with self._wake:
            self._newest += 1
            self._waiting = None

    def is_newest(self, ticket: int) -> bool:
        """Whether a ticket is that of the newest request."""
        return ticket == self._newest

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing is under way or waiting; return whether that came in time."""
        return self._idle.wait(timeout)

    def close(self, timeout: float = 5.0) -> None:
        """End the thread at the next step of what is under way; nothing is told of it any more."""
        with self._wake:
            self._closed = True
            self._newest += 1
            self._waiting = None
            self._wake.notify()
        self._thread.join(timeout)

    def _work(self) -> None:
        while True:
            with self._wake:
                while self._waiting is None and not self._closed:
                    self._idle.set()
                    self._wake.wait()
                if self._closed or self._waiting is None:
                    self._idle.set()
                    return
                (ticket, value), self._waiting = self._waiting, None
            try:
                self._drain(ticket, self._work_on(value))
            except Exception as error:
                if not self._closed:
                    self._fail(ticket, error)

    def _drain(self, ticket: int, results: Iterable[Any]) -> None:
        """Hand on the results of a request while it is the newest; one that was reached meanwhile is handed on, too."""
        try:
            for result in results:
                if result is not None and not self._closed:
                    self._done(ticket, result)
                if not self.is_newest(ticket):
                    return
        finally:
            if isinstance(results, Generator):
                results.close()
