"""`Choice`: what a method chose from the image itself, and `Trial`: a step on the way there."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass, field as attribute, replace
from typing import TypeVar

from ..passing import passed_on

__all__ = ["Choice", "Trial", "counted"]

Made = TypeVar("Made")


@dataclass(frozen=True)
class Trial:
    """One iteration of the trial: how far it is, at the most, and the held-out score."""

    step: int
    steps: int
    score: float


@dataclass(frozen=True)
class Choice:
    """An automatic value, one plain sentence why, the curve that it was read from, and values that were chosen with it.

    ``found`` is a PSF that was found with it, as `free_psf.pack` writes it, where there is one.
    """

    name: str
    value: float
    why: str
    curve: tuple[float, ...] = ()
    others: Mapping[str, float] = attribute(default_factory=dict)
    found: str = ""


def counted(trials: Generator[Trial, None, Made], before: int, steps: int) -> Generator[Trial, None, Made]:
    """Return trials passed on, counted after those before them out of so many at the most; they come to the same."""
    return passed_on(trials, lambda trial: replace(trial, step=min(before + trial.step, steps), steps=steps))
