"""Only the newest request counts; an older one is left at its next step; errors come back; nothing is told after the end."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from napari_deconv.running.newest import Newest


class Heard:
    """Collects what is told, and lets a test wait for it."""

    def __init__(self) -> None:
        self.results: list[tuple[int, Any]] = []
        self.event = threading.Event()

    def __call__(self, ticket: int, result: Any) -> None:
        self.results.append((ticket, result))
        self.event.set()

    def wait(self) -> None:
        assert self.event.wait(10)
        self.event.clear()


def test_what_was_not_begun_is_dropped() -> None:
    begun, gate, done, failed = threading.Event(), threading.Event(), Heard(), Heard()

    def work(value: int) -> list[int]:
        begun.set()
        assert gate.wait(10)
        return [value * value]

    newest = Newest(work, done, failed)
    newest.ask(1)
    assert begun.wait(10)
    newest.ask(2)
    ticket = newest.ask(3)
    assert newest.is_newest(ticket)
    gate.set()
    while (ticket, 9) not in done.results:
        done.wait()
    assert [result for _, result in done.results] == [1, 9]
    newest.close()
    assert failed.results == []


def test_an_error_comes_back_and_the_next_request_is_served() -> None:
    done, failed = Heard(), Heard()
    newest = Newest(lambda value: [1 / value], done, failed)
    ticket = newest.ask(0)
    failed.wait()
    assert failed.results[0][0] == ticket
    assert isinstance(failed.results[0][1], ZeroDivisionError)
    newest.ask(2)
    done.wait()
    assert done.results[-1][1] == 0.5
    newest.close()


def test_nothing_is_told_after_the_end() -> None:
    begun, gate, done, failed = threading.Event(), threading.Event(), Heard(), Heard()

    def work(value: int) -> list[int]:
        begun.set()
        gate.wait(10)
        return [value]

    newest = Newest(work, done, failed)
    newest.ask(1)
    assert begun.wait(10)
    newest.drop()
    threading.Timer(0.05, gate.set).start()
    newest.close()
    assert not newest._thread.is_alive()
    assert done.results == failed.results == []


def test_a_generator_is_left_at_its_next_step_and_closed() -> None:
    begun, gate, done, failed = threading.Event(), threading.Event(), Heard(), Heard()
    closed: list[str] = []

    def work(value: str) -> Iterator[str | None]:
        try:
            for step in range(1000):
                yield None if step == 1 else f"{value}{step}"
                begun.set()
                if value == "old" and step == 2:
                    assert gate.wait(10)
                if value == "new" and step == 2:
                    return
        finally:
            closed.append(value)

    newest = Newest(work, done, failed)
    newest.ask("old")
    assert begun.wait(10)
    ticket = newest.ask("new")
    gate.set()
    assert newest.wait(10)
    newest.close()
    assert closed == ["old", "new"]
    told = [result for _, result in done.results]
    assert told[-2:] == ["new0", "new2"]
    assert set(told) <= {"old0", "old2", "old3", "new0", "new2"}
    assert done.results[-1][0] == ticket
    assert failed.results == []
