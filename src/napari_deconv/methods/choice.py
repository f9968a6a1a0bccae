"""`Choice`: what a method chose from the image itself, and `Trial`: a step on the way there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute

__all__ = ["Choice", "Trial"]


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
