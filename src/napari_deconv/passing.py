"""Generators that yield on the way and return a value at the end: what they yield passed on as something else, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import Any, TypeVar

__all__ = ["drained", "passed_on"]

Told = TypeVar("Told")
Said = TypeVar("Said")
Made = TypeVar("Made")


def passed_on(run: Generator[Told, None, Made], said: Callable[[Told], Said]) -> Generator[Said, None, Made]:
    """Yield what ``said`` makes of each that a generator yields, and return what it returns; closing this closes that."""
    with closing(run):
        while True:
            try:
                told = next(run)
            except StopIteration as finished:
                made: Made = finished.value
                return made
            yield said(told)


def drained(run: Generator[Any, None, Made]) -> Made:
    """Return what a generator returns."""
    while True:
        try:
            next(run)
        except StopIteration as finished:
            made: Made = finished.value
            return made
