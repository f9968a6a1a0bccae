"""What the camera and the lamp add: a dark frame taken off, uneven light divided out, both from files of one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ..image import Image
from ..settings import field
from .base import PREPARE, Step, each_volume

__all__ = ["DarkFrame", "FlatField"]

Array = np.ndarray[Any, Any]


class DarkFrame(Step):
    """The image of a closed shutter, taken off."""

    title: ClassVar[str] = "Dark frame"
    summary: ClassVar[str] = "Takes off what the camera shows with its shutter closed, pixel by pixel."
    order: ClassVar[int] = 1
    stages: ClassVar[tuple[str, ...]] = (PREPARE,)

    kind: Literal["dark-frame"] = "dark-frame"
    path: str = field(
        ...,
        title="File",
        min_length=1,
        description="An image of the closed shutter, the same for all planes or as many.",
    )

    def apply(self, image: Image) -> Image:
        """Return the image without it."""
        dark = Frames(self.path, "dark frame", image)
        return each_volume(image, lambda volume, _, channel: volume - dark.of(channel))


class FlatField(Step):
    """The image of an even field, divided out."""

    title: ClassVar[str] = "Flat field"
    summary: ClassVar[str] = "Divides by the image of an even field, so that uneven light and vignetting go."
    order: ClassVar[int] = 2
    stages: ClassVar[tuple[str, ...]] = (PREPARE,)
    noise_notice: ClassVar[str] = "pixels that are brightened keep the noise that they had"

    kind: Literal["flat-field"] = "flat-field"
    path: str = field(
        ..., title="File", min_length=1, description="An image of an even field, the same for all planes or as many."
    )
    dark: str = field(
        "",
        title="Dark frame",
        description="The file of a closed shutter, taken off image and flat field first; empty for none.",
    )

    def apply(self, image: Image) -> Image:
        """Return (image - dark) / (flat - dark), times the flat field's mean, so that counts stay counts."""
        flat = Frames(self.path, "flat field", image)
        dark = Frames(self.dark, "dark frame", image) if self.dark else None

        def even(volume: Array, _: int, channel: int) -> Array:
            light = flat.of(channel) - (dark.of(channel) if dark else 0)
            if not float(light.min()) > 0:
                raise ValueError(
                    f"the flat field {self.path} has pixels of {light.min():g} counts without the dark frame: "
                    "take another exposure, every pixel must have light"
                )
            return np.asarray((volume - (dark.of(channel) if dark else 0)) * (light.mean(dtype=np.float64) / light))

        return each_volume(image, even)


class Frames:
    """The calibration frames of a file, one for all channels or one for each, that fit an image.

    Raises
    ------
    ValueError, FileNotFoundError
        when there is no such file, or it does not fit.
    """

    def __init__(self, path: str, noun: str, image: Image) -> None:
        from ..files import read

        if not Path(path).exists():
            raise FileNotFoundError(f"there is no {noun} {path}: check the path")
        self._frames = read(path)
        (z, y, x), own = self._frames.spatial_shape, image.spatial_shape
        if (y, x) != own[1:] or z not in (1, own[0]):
            raise ValueError(
                f"the {noun} {path} has {z} × {y} × {x} pixels but the image has {' × '.join(map(str, own))}: "
                "use one that was taken with the same camera settings, before any crop"
            )
        self._count = self._frames.sizes.get("C", 1)
        if self._count not in (1, image.sizes.get("C", 1)):
            raise ValueError(
                f"the {noun} {path} has {self._count} channels: it must have one, or one for each of the image's"
            )
        if not all(np.isfinite(self.of(channel)).all() for channel in range(self._count)):
            raise ValueError(f"the {noun} {path} has pixels that are NaN or infinite: take another exposure")

    def of(self, channel: int) -> Array:
        """Return the frame of a channel (Z or 1, Y, X)."""
        return np.asarray(self._frames.block(0, channel if self._count > 1 else 0)).astype(np.float32)
