"""A slider's positions and the values that they stand for, evenly or by factors; no window here."""

from __future__ import annotations

import math
from typing import Any

from ..settings import Described

__all__ = ["STEPS", "at_position", "position"]

STEPS = 1000
"""Positions of a slider."""


def position(value: float, described: Described) -> int:
    """Return a slider's position for a value."""
    low, high = described.shown or (0.0, 1.0)
    if described.slider == "log":
        value, low, high = (math.log(max(each, 1e-300)) for each in (value, low, high))
    return round(STEPS * min(max((value - low) / (high - low), 0.0), 1.0))


def at_position(place: int, described: Described) -> Any:
    """Return the value at a slider's position: three digits, whole for an integer field."""
    low, high = described.shown or (0.0, 1.0)
    if place == 0 and described.slider == "log" and described.low == 0 and not described.low_open:
        return 0.0
    share = place / STEPS
    value = low * (high / low) ** share if described.slider == "log" else low + share * (high - low)
    return round(value) if described.type == "int" else float(f"{value:.3g}")
