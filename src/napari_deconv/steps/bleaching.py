"""Bleaching: every time point brought to the light of the first.

A time point's light is its mean above the background. Either each is multiplied by what brings it to the first one's, or by what the
exponential a exp(-k t) that fits all of them says.

References
----------
Miura, "Bleach correction ImageJ plugin for compensating the photobleaching of time-lapse sequences", F1000Research 9 (2020) 1494.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np

from ..background import estimate_background
from ..image import Image
from ..settings import field
from .base import Step, each_volume, read_volume

__all__ = ["Bleaching"]

Array = np.ndarray[Any, Any]


class Bleaching(Step):
    """Light that fades over time, brought back."""

    title: ClassVar[str] = "Bleaching"
    summary: ClassVar[str] = (
        "Brings every time point to the light of the first; best after the method, which then sees the counts as they are."
    )
    reference: ClassVar[str] = "Miura 2020"
    order: ClassVar[int] = 20
    noise_notice: ClassVar[str] = "later time points are noisier than their counts say; put it after the method"
    measures: ClassVar[str] = "the mean brightness"

    kind: Literal["bleaching"] = "bleaching"
    course: Literal["exponential", "each"] = field(
        "exponential",
        title="Course",
        description="Exponential: the decay that fits all time points. Each: every time point is brought to the first one's light exactly.",
    )

    def apply(self, image: Image) -> Image:
        """Return the image with its light brought back; its background stays."""
        times = image.sizes.get("T", 1)
        if times < 2:
            raise ValueError("the image has one time point, so no bleaching can be seen: leave the step out")

        @cache
        def course(channel: int) -> tuple[Array, Array]:
            return _course(image, channel, exponential=self.course == "exponential")

        def brightened(volume: Array, time: int, channel: int) -> Array:
            factors, grounds = course(channel)
            return np.asarray((volume - grounds[time]) * factors[time] + grounds[time])

        return each_volume(image, brightened)


def _course(image: Image, channel: int, *, exponential: bool) -> tuple[Array, Array]:
    """Return the factor of each time point, and its background."""
    grounds, lights = [], []
    for time in range(image.sizes["T"]):
        volume = read_volume(image, time, channel)
        grounds.append(estimate_background(volume))
        lights.append(float(volume.mean(dtype=np.float64)) - grounds[-1])
    light, times = np.array(lights), np.arange(len(lights))
    if not (light > 0).all():
        raise ValueError(
            f"time point {int(light.argmin())} has no light above its background: choose the time points to restore, or leave bleaching out"
        )
    if exponential:
        slope = np.polyfit(times, np.log(light), 1, w=np.sqrt(light))[0]
        return np.asarray(np.exp(-slope * times)), np.array(grounds)
    return light[0] / light, np.array(grounds)
