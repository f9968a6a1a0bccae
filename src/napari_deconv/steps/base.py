"""`Step`: what is done to an image before or after the method, as frozen settings; volume by volume, when a volume is asked for.

image -> prepare: step, step, … -> method -> finish: step, step, … -> result
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np

from ..image import AXES, Image, Region
from ..settings import Settings

__all__ = [
    "FINISH",
    "PREPARE",
    "Change",
    "LEFT_OUT",
    "SATURATED",
    "Step",
    "each_volume",
    "in_pixels",
    "lazily",
    "read_volume",
]

PREPARE, FINISH = "prepare", "finish"
SATURATED, LEFT_OUT = 1, 2
"""Marks of pixels whose counts are the least that they can be, and of pixels that tell nothing."""
MEND = "replace them, for example by their neighbours' median"

Array = np.ndarray[Any, Any]
Change = Callable[[Array, int, int], Array]
"""What a step does to a volume (Z, Y, X), float32, of a time point and channel."""


class Step(Settings):
    """Frozen settings and what they do to an image; nothing is computed before it is asked for.

    A subclass has a field ``kind``, fields with title, description and bounds, the class attributes below, and `apply`.
    """

    title: ClassVar[str] = ""
    summary: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    order: ClassVar[int] = 100
    stages: ClassVar[tuple[str, ...]] = (PREPARE, FINISH)
    """Where it may stand: before the method, after it, or both."""
    is_last: ClassVar[bool] = False
    """Whether no step may follow it."""
    noise_notice: ClassVar[str] = ""
    """Before the method, what it does to counts whose noise the method relies on; empty where that is harmless."""
    measures: ClassVar[str] = ""
    """What it measures of all that it is given, so that a part is changed otherwise than the whole; empty where it measures nothing."""

    @classmethod
    def kind_name(cls) -> str:
        """Say how messages call it."""
        return f"step {cls.model_fields['kind'].default}" if "kind" in cls.model_fields else "step"

    def apply(self, image: Image) -> Image:
        """Return the changed image, its volumes computed when they are asked for.

        Raises
        ------
        ValueError, OSError
            in one sentence with the remedy, when the step does not fit the image.
        """
        raise NotImplementedError

    def mark(self, marks: Image, image: Image) -> Image:
        """Return where pixels are not to be trusted (`SATURATED` or `LEFT_OUT`) after this step of an image, from where they were not before."""
        return marks

    def moved(self, region: Region, image: Image) -> Region:
        """Return where a box of the image lies in what the step makes of it."""
        return region

    @classmethod
    def part_notice(cls) -> str:
        """Return what to say of it where only a part is finished, such as a preview; empty when it gives the same there."""
        said = (
            f"{cls.title} measures {cls.measures} of what is shown: a run of the whole image may come out differently"
        )
        return said if cls.measures else ""

    def notice(self) -> str:
        """Return what to say of it before the method, empty when there is nothing."""
        return f"{self.title} before the method: {self.noise_notice}" if self.noise_notice else ""


def each_volume(
    image: Image, change: Change, shape: tuple[int, int, int] | None = None, dtype: Any = np.float32
) -> Image:
    """Return the image with every volume changed when it is asked for; ``shape`` (Z, Y, X) where that changes too.

    Raises
    ------
    ValueError
        when a volume is asked for that holds NaN or infinity.
    """

    def changed(time: int, channel: int) -> Array:
        return np.asarray(change(read_volume(image, time, channel), time, channel)).astype(dtype, copy=False)

    return lazily(image, changed, shape or image.spatial_shape, dtype)


def lazily(image: Image, make: Callable[[int, int], Array], shape: tuple[int, int, int], dtype: Any) -> Image:
    """Return the image with the volumes (Z, Y, X) of this shape that are made, by time point and channel, when they are asked for."""
    import dask
    import dask.array as da

    lazy = dask.delayed(make, pure=False, traverse=False)
    sizes = image.sizes
    volumes = [
        [da.from_delayed(lazy(time, channel), shape, dtype) for channel in range(sizes.get("C", 1))]
        for time in range(sizes.get("T", 1))
    ]
    whole = da.stack([da.stack(channels) for channels in volumes])
    return image.replace(data=whole[tuple(slice(None) if axis in image.axes else 0 for axis in AXES)])


def read_volume(image: Image, time: int, channel: int) -> Array:
    """Return a volume (Z, Y, X) as float32.

    Raises
    ------
    ValueError
        when it holds NaN or infinity.
    """
    volume = np.asarray(image.block(time, channel)).astype(np.float32, copy=False)
    bad = int(np.count_nonzero(~np.isfinite(volume)))
    if bad:
        raise ValueError(f"the image has pixels that are NaN or infinite ({bad} found): {MEND}")
    return volume


def in_pixels(length: float, image: Image) -> tuple[float, float, float]:
    """Return a length in µm as (z, y, x) pixels; of an image whose voxel nobody knows, the length is in pixels."""
    z, y, x = (length / (pitch or 1.0) for pitch in image.spacing)
    return z, y, x
