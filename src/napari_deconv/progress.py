"""`Progress`: one step of a restoration under way, and the estimate it has reached."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field as attribute
from typing import Any

from .image import Image

__all__ = ["Progress"]


@dataclass(frozen=True)
class Progress:
    """One step of a restoration.

    fraction : share of the whole job that is done, in [0, 1].
    step, steps : the method's step within the current block, and how many there are.
    block : which piece (channel × time × tile), from 1.
    seconds : since the start; seconds_left : expected, None at first.
    figures : the method's own figures of this step.
    is_result : whether this is the last one, which carries the whole result.
    stage : ``restoring``; ``choosing`` while automatic choices are made on a part of the image; ``checking`` while a border of tiles
        is restored again with twice the halo; ``recalling`` while earlier time points are gone over for what they hand on.
    """

    fraction: float
    step: int
    steps: int
    block: int
    seconds: float
    figures: Mapping[str, float]
    make: Any = attribute(repr=False)
    stage: str = "restoring"
    is_result: bool = False

    @property
    def estimate(self) -> Image:
        """The current block so far as an `Image`; the last progress carries the whole result. Read it before going on."""
        made: Image = self.make()
        return made

    @property
    def words(self) -> str:
        """Where it is, for a line on a terminal."""
        return f"{self.stage}, iteration {self.step} of {self.steps}, block {self.block}"

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds until the end."""
        return self.seconds * (1 - self.fraction) / self.fraction if self.fraction > 0 else None
