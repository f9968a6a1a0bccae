"""How a result is shown and handed on: unsharp mask, local contrast, values brought to a range, the saturation of colours.

References
----------
Zuiderveld, "Contrast limited adaptive histogram equalization", Graphics Gems IV (1994) 474-485.
"""

from __future__ import annotations

from functools import cache
from typing import Any, ClassVar, Literal

import numpy as np
from pydantic import model_validator

from ..image import Image
from ..settings import field
from .base import FINISH, Step, each_volume, in_pixels, read_volume

__all__ = ["ColourSaturation", "LocalContrast", "Normalise", "UnsharpMask"]

Array = np.ndarray[Any, Any]
LUMA = (0.2126, 0.7152, 0.0722)
"""Shares of red, green and blue in brightness (Rec. 709)."""
LOOKED_AT = 2**22
"""Voxels of a channel that percentiles are taken from."""


class UnsharpMask(Step):
    """The image plus what its blurred copy lacks."""

    title: ClassVar[str] = "Unsharp mask"
    summary: ClassVar[str] = "Adds what a blurred copy lacks: edges look crisper, nothing is restored."
    order: ClassVar[int] = 40
    noise_notice: ClassVar[str] = (
        "it amplifies noise, and the PSF no longer tells what the image shows; put it after the method"
    )

    kind: Literal["unsharp-mask"] = "unsharp-mask"
    radius: float = field(
        0.3,
        title="Radius",
        unit="µm",
        description="Standard deviation of the blur.",
        gt=0,
        le=1000,
        slider="log",
        shown_min=0.05,
        shown_max=5,
    )
    amount: float = field(
        1.0, title="Amount", description="How much is added.", ge=0, le=10, slider="linear", shown_min=0, shown_max=3
    )

    def apply(self, image: Image) -> Image:
        """Return the sharpened image; the radius is in µm, so a coarse z is blurred by fewer planes."""
        from skimage.filters import unsharp_mask

        radius = [
            0.0 if size == 1 else own
            for size, own in zip(image.spatial_shape, in_pixels(self.radius, image), strict=True)
        ]
        return each_volume(
            image, lambda volume, *_: unsharp_mask(volume, radius=radius, amount=self.amount, preserve_range=True)
        )


class LocalContrast(Step):
    """Contrast-limited adaptive histogram equalisation."""

    title: ClassVar[str] = "Local contrast (CLAHE)"
    summary: ClassVar[str] = (
        "Evens contrast out between dim and bright regions, for the eye: intensities can no longer be compared."
    )
    reference: ClassVar[str] = "Zuiderveld 1994"
    order: ClassVar[int] = 41
    noise_notice: ClassVar[str] = (
        "its values are no longer counts of light, and the PSF does not hold for them; put it after the method"
    )
    measures: ClassVar[str] = "the range"

    kind: Literal["local-contrast"] = "local-contrast"
    size: float = field(
        5.0,
        title="Size",
        unit="µm",
        description="Side of the region within which contrast is evened out.",
        gt=0,
        le=1e4,
        slider="log",
        shown_min=0.5,
        shown_max=50,
    )
    limit: float = field(
        0.01,
        title="Limit",
        description="How far contrast may be raised: larger is stronger.",
        gt=0,
        le=1,
        slider="log",
        shown_min=0.001,
        shown_max=0.1,
    )

    def apply(self, image: Image) -> Image:
        """Return the image evened out, each volume within the range that it had."""
        from skimage.exposure import equalize_adapthist

        sizes = zip(image.spatial_shape, in_pixels(self.size, image), strict=True)
        box = tuple(max(1, min(size, round(own))) for size, own in sizes)

        def evened(volume: Array, *_: int) -> Array:
            low, span = float(volume.min()), float(np.ptp(volume))
            if span == 0:
                return volume
            flat = volume.shape[0] == 1
            unit = np.clip((volume - low) / span, 0, 1)
            even = equalize_adapthist(
                unit[0] if flat else unit, kernel_size=box[1:] if flat else box, clip_limit=self.limit
            )
            return np.asarray(even.reshape(volume.shape) * span + low)

        return each_volume(image, evened)


class Normalise(Step):
    """Two percentiles brought to 0 and to a value."""

    title: ClassVar[str] = "Normalise"
    summary: ClassVar[str] = "Brings two percentiles of each channel, over all time points, to 0 and to a value."
    order: ClassVar[int] = 50
    noise_notice: ClassVar[str] = (
        "its values are no longer counts; the recipe's background and saturation are in the new units"
    )
    measures: ClassVar[str] = "the percentiles"

    kind: Literal["normalise"] = "normalise"
    low: float = field(0.1, title="Low", unit="%", description="The percentile that becomes 0.", ge=0, lt=100)
    high: float = field(
        99.9, title="High", unit="%", description="The percentile that becomes the value.", gt=0, le=100
    )
    value: float = field(1.0, title="Value", description="What the high percentile becomes.", gt=0, le=1e9)

    @model_validator(mode="after")
    def _check_order(self) -> Normalise:
        if self.low >= self.high:
            raise ValueError(f"low is {self.low:g} % but high is {self.high:g} %: low must be less")
        return self

    def apply(self, image: Image) -> Image:
        """Return the image in the new units."""

        @cache
        def ends(channel: int) -> tuple[float, float]:
            times = image.sizes.get("T", 1)
            every = max(1, times * int(np.prod(image.spatial_shape)) // LOOKED_AT)
            seen = [read_volume(image, time, channel).ravel()[::every] for time in range(times)]
            low, high = np.percentile(np.concatenate(seen), [self.low, self.high])
            return float(low), float(high - low)

        def brought(volume: Array, _: int, channel: int) -> Array:
            low, span = ends(channel)
            return (volume - low) * (self.value / span if span > 0 else 1.0)

        return each_volume(image, brought)


class ColourSaturation(Step):
    """Colours made stronger or paler."""

    title: ClassVar[str] = "Colour saturation"
    summary: ClassVar[str] = "Makes the colours of an RGB image stronger or paler; its brightness stays."
    order: ClassVar[int] = 51
    stages: ClassVar[tuple[str, ...]] = (FINISH,)

    kind: Literal["colour-saturation"] = "colour-saturation"
    factor: float = field(
        1.3,
        title="Factor",
        description="0 is grey, 1 leaves the colours as they are, more makes them stronger.",
        ge=0,
        le=10,
        slider="linear",
        shown_min=0,
        shown_max=3,
    )

    def apply(self, image: Image) -> Image:
        """Return grey + factor × (colour - grey), never below 0 where the image is not."""
        if image.sizes.get("C", 1) != 3:
            raise ValueError(
                f"colour saturation needs the three channels red, green and blue, but the image has {image.sizes.get('C', 1)}: "
                "leave the step out"
            )

        def coloured(volume: Array, time: int, _: int) -> Array:
            grey = sum(read_volume(image, time, c) * share for c, share in enumerate(LUMA))
            return np.maximum(grey + self.factor * (volume - grey), np.minimum(volume, 0))

        return each_volume(image, coloured)
