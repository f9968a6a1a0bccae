"""Hot and dead pixels: found where one pixel alone differs from all around it, and left out of the likelihood or replaced.

A microscope cannot show a single bright pixel: its neighbours get light, too. A pixel is hot when it is above the second brightest of
its eight neighbours in the plane (one of them may be hot as well) by more than noise explains, and more than twice as far above the
background; dead when it is below the second darkest likewise.
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..background import estimate_background
from ..image import Image
from ..noise import estimate_noise
from ..settings import field
from .base import LEFT_OUT, SATURATED, Step, each_volume

__all__ = ["HotPixels", "mark_saturated"]

Array = np.ndarray[Any, Any]
STEEP = 2.0
"""How many times as far from the background as its neighbours a pixel must be: no well-sampled point is so steep."""


class HotPixels(Step):
    """Single pixels that differ from all around them."""

    title: ClassVar[str] = "Hot and dead pixels"
    summary: ClassVar[str] = "Finds single pixels that no light could have made; the method then does without them."
    order: ClassVar[int] = 3

    kind: Literal["hot-pixels"] = "hot-pixels"
    which: Literal["both", "hot", "dead"] = field("both", title="Which", description="What is looked for.")
    threshold: float = field(
        6.0,
        title="Threshold",
        description="How many standard deviations of the noise a pixel must differ by.",
        ge=2,
        le=100,
        slider="linear",
        shown_min=3,
        shown_max=20,
    )
    handling: Literal["leave-out", "replace"] = field(
        "leave-out",
        title="Handling",
        description="Leave out: before the method, the likelihood does without them. Either way their neighbours' median is put in.",
    )

    def apply(self, image: Image) -> Image:
        """Return the image with their neighbours' median in their place."""

        def mended(volume: Array, *_: int) -> Array:
            found, around = self._found(volume), _neighbours(volume)
            return np.asarray(np.where(found, np.median(around, axis=0), volume))

        return each_volume(image, mended)

    def mark(self, marks: Image, image: Image) -> Image:
        """Return the marks with the found pixels among them, unless they are only to be replaced."""
        if self.handling == "replace":
            return marks

        def marked(volume: Array, time: int, channel: int) -> Array:
            return np.where(self._found(volume), LEFT_OUT, np.asarray(marks.block(time, channel)))

        return each_volume(image, marked, dtype=np.uint8)

    def _found(self, volume: Array) -> Array:
        """Return where they are (Z, Y, X)."""
        noise, ground = estimate_noise(volume), estimate_background(volume)
        around = np.sort(_neighbours(volume), axis=0)
        bright, dark = around[-2], around[1]
        found = np.zeros(volume.shape, bool)
        if self.which != "dead":
            beyond = volume - bright > self.threshold * np.sqrt(noise.variance(bright))
            found |= beyond & (volume - ground > STEEP * (bright - ground))
        if self.which != "hot":
            beyond = dark - volume > self.threshold * np.sqrt(noise.variance(dark))
            found |= beyond & (STEEP * (volume - ground) < dark - ground)
        return found


def mark_saturated(volume: Array, ceiling: float | None, ground: float) -> Array:
    """Return the marks of a volume (Z, Y, X): saturated pixels; one that stands alone among dark ones is hot, and left out.

    ceiling : counts from which a pixel is saturated, None where none is; ground : the background.
    """
    if ceiling is None or not (saturated := volume >= ceiling).any():
        return np.zeros(volume.shape, np.uint8)
    around = np.sort(_neighbours(volume), axis=0)[-2]
    alone = saturated & (volume - ground > STEEP * (around - ground))
    return np.where(alone, LEFT_OUT, np.where(saturated, SATURATED, 0)).astype(np.uint8)


def _neighbours(volume: Array) -> Array:
    """Return the eight neighbours in the plane of every pixel, (8, Z, Y, X); beyond the edge the edge goes on mirrored."""
    wide = np.pad(volume, ((0, 0), (1, 1), (1, 1)), mode="reflect" if min(volume.shape[1:]) > 1 else "edge")
    _, y, x = volume.shape
    return np.stack([wide[:, a : a + y, b : b + x] for a in range(3) for b in range(3) if (a, b) != (1, 1)])
