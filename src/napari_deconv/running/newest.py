"""`Newest`: work in a thread of its own where only the newest request counts; what was asked before and not begun is dropped.

    ask 1  --- done 1
    ask 2       x                (dropped: 3 came before it was begun)
    ask 3            --- done 3

No Qt here: results are handed to a callable, in the worker's thread.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

__all__ = ["Newest"]


class Newest:
    """Works on the newest request.

    Parameters
    ----------
    work : called in the worker's thread with what was asked for.
    done : called there with the ticket and the result.
    fail : called there with the ticket and the error.
    """

    def __init__(
        self, work: Callable[[Any], Any], done: Callable[[int, Any], None], fail: Callable[[int, Exception], None]
    ) -> None:
        self._work_on, self._done, self._fail = work, done, fail
        self._wake = threading.Condition()
        self._waiting: tuple[int, Any] | None = None
        self._newest = 0
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="napari-deconv newest", daemon=True)
        self._thread.start()

    def ask(self, value: Any) -> int:
        """Ask for work on a value; return the ticket that its result will carry."""
        with self._wake:
            self._newest += 1
            self._waiting = self._newest, value
            self._wake.notify()
            return self._newest

    def drop(self) -> None:
        """Drop what is waiting; what is under way is no longer the newest."""
        with self._wake:
            self._newest += 1
            self._waiting = None

    def is_newest(self, ticket: int) -> bool:
        """Whether a ticket is that of the newest request."""
        return ticket == self._newest

    def close(self, timeout: float = 5.0) -> None:
        """End the thread after what is under way; nothing is told of it any more."""
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
                    self._wake.wait()
                if self._closed or self._waiting is None:
                    return
                (ticket, value), self._waiting = self._waiting, None
            try:
                result = self._work_on(value)
            except Exception as error:
                if not self._closed:
                    self._fail(ticket, error)
            else:
                if not self._closed:
                    self._done(ticket, result)
