"""`Choice`: what a method chose from the image itself, and `Trial`: a step on the way there."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field as attribute, replace

__all__ = ["Choice", "Trial", "counted"]


@dataclass(frozen=True)
class Trial:
    """One iteration of the trial: how far it is, at the most, and the held-out score."""

    step: int
    steps: int
    score: float


@dataclass(frozen=True)
class Choice:
    """An automatic value, one plain sentence why, the curve that it was read from, and values that were chosen with it."""

    name: str
    value: float
    why: str
    curve: tuple[float, ...] = ()
    others: Mapping[str, float] = attribute(default_factory=dict)


def counted(trials: Generator[Trial, None, Choice], before: int, steps: int) -> Generator[Trial, None, Choice]:
    """Pass on trials, counted after those before them out of so many at the most, and return their choice."""
    while True:
        try:
            trial = next(trials)
        except StopIteration as finished:
            choice: Choice = finished.value
            return choice
        yield replace(trial, step=min(before + trial.step, steps), steps=steps)
