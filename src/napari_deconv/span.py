"""`Span`: all numbers between two, of which a search tries some."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Span"]


@dataclass(frozen=True)
class Span:
    """All numbers from ``low`` to ``high``, evenly on a logarithmic scale unless ``low`` is not positive or ``is_log`` is False."""

    low: float
    high: float
    is_log: bool = True
    is_whole: bool = False

    def at(self, place: float) -> float | int:
        """Return the number at a place in [0, 1]."""
        if self.is_log and self.low > 0:
            value = self.low * (self.high / self.low) ** place
        else:
            value = self.low + (self.high - self.low) * place
        return round(value) if self.is_whole else float(f"{value:.4g}")

    def place(self, value: float) -> float:
        """Return where a number lies, in [0, 1]."""
        if self.is_log and self.low > 0:
            place = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            place = (value - self.low) / (self.high - self.low)
        return min(max(place, 0.0), 1.0)

    def values(self, count: int) -> tuple[float | int, ...]:
        """Return so many numbers, evenly spread, the ends among them."""
        return tuple(dict.fromkeys(self.at(number / max(1, count - 1)) for number in range(count)))
