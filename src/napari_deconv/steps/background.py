"""Background taken off: a constant, a rolling ball, or what changes only over large distances.

References
----------
Sternberg, "Biomedical image processing", Computer 16 (1983) 22-34, for the rolling ball.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..background import estimate_background
from ..image import Image
from ..settings import field
from .base import Step, each_volume, in_pixels

__all__ = ["ConstantBackground", "LargeScaleBackground", "RollingBall"]

Array = np.ndarray[Any, Any]

FINEST = 8
"""Pixels of a ball's radius on the coarser grid that it rolls on."""
KEPT = "the method takes the counts that are left for all the light there was: keep the level, or raise the recipe's background"


class ConstantBackground(Step):
    """A constant taken off every pixel."""

    title: ClassVar[str] = "Constant background"
    summary: ClassVar[str] = "Takes the same counts off every pixel."
    order: ClassVar[int] = 10
    noise_notice: ClassVar[str] = (
        "the method no longer knows of the noise of what is taken off; give it as the recipe's background instead"
    )
    measures: ClassVar[str] = "the background"

    kind: Literal["constant-background"] = "constant-background"
    counts: Annotated[float, Field(ge=-1e9, le=1e9)] | Literal["auto"] = field(
        "auto",
        title="Counts",
        unit="counts",
        description="What is taken off; auto takes the darkest neighbourhoods of each volume.",
    )

    def apply(self, image: Image) -> Image:
        """Return the image without it."""
        return each_volume(image, lambda volume, *_: volume - self._counts(volume))

    def _counts(self, volume: Array) -> float:
        return estimate_background(volume) if self.counts == "auto" else float(self.counts)


def kept_level() -> Any:
    """Return the field that both uneven backgrounds have."""
    return field(
        True,
        title="Keep the level",
        description="Leave the background's mean as a constant, so that the method still knows how noisy the pixels are.",
    )


class _Uneven(Step):
    """A background that changes from place to place, taken off."""

    measures: ClassVar[str] = "the mean background"

    keep_level: bool

    def apply(self, image: Image) -> Image:
        """Return the image without it, or with a constant in its place."""
        return each_volume(image, lambda volume, *_: self._flattened(volume, image))

    def notice(self) -> str:
        """Return what to say of it before the method: nothing while the level is kept."""
        return "" if self.keep_level else f"{self.title} before the method: {KEPT}"

    def _flattened(self, volume: Array, image: Image) -> Array:
        ground = np.stack([self.ground(plane, image) for plane in volume])
        level = float(ground.mean(dtype=np.float64)) if self.keep_level else 0.0
        return np.asarray(volume - ground + level)

    def ground(self, plane: Array, image: Image) -> Array:
        """Return the background of a plane (Y, X), found smoothed against noise and on a coarser grid where it is broad."""
        from skimage.transform import resize

        pixels = max(in_pixels(self.breadth, image)[1:])
        coarser = max(1, int(pixels / FINEST))
        shape = [max(1, -(-size // coarser)) for size in plane.shape]
        small = _smooth(resize(plane, shape, order=1, anti_aliasing=coarser > 1, preserve_range=True), 1.0)
        return np.asarray(resize(self.below(small, pixels / coarser), plane.shape, order=1, preserve_range=True))

    @property
    def breadth(self) -> float:
        """What is broader than this, in µm, is background."""
        raise NotImplementedError

    def below(self, plane: Array, pixels: float) -> Array:
        """Return the background of a smooth plane (Y, X); ``pixels`` is the breadth there."""
        raise NotImplementedError


class RollingBall(_Uneven):
    """What a ball that rolls under the image's surface reaches, plane by plane."""

    title: ClassVar[str] = "Rolling ball"
    summary: ClassVar[str] = "Takes off what is broader than a ball that rolls under the image, plane by plane."
    reference: ClassVar[str] = "Sternberg 1983"
    order: ClassVar[int] = 11

    kind: Literal["rolling-ball"] = "rolling-ball"
    radius: float = field(
        5.0,
        title="Radius",
        unit="µm",
        description="The ball's radius: larger than the largest thing that is to stay.",
        gt=0,
        le=1e4,
        slider="log",
        shown_min=0.5,
        shown_max=50,
    )

    keep_level: bool = kept_level()

    @property
    def breadth(self) -> float:
        """The radius."""
        return self.radius

    def below(self, plane: Array, pixels: float) -> Array:
        """Return the ball's reach."""
        from skimage.restoration import rolling_ball

        return np.asarray(rolling_ball(plane, radius=max(1.0, pixels)))


class LargeScaleBackground(_Uneven):
    """The lower envelope of a plane, smoothed over a large distance."""

    title: ClassVar[str] = "Large-scale background"
    summary: ClassVar[str] = "Takes off what changes only over large distances, such as haze or uneven stray light."
    order: ClassVar[int] = 12

    kind: Literal["large-scale-background"] = "large-scale-background"
    size: float = field(
        10.0,
        title="Size",
        unit="µm",
        description="What is broader than this counts as background.",
        gt=0,
        le=1e5,
        slider="log",
        shown_min=1,
        shown_max=100,
    )

    keep_level: bool = kept_level()

    @property
    def breadth(self) -> float:
        """The size."""
        return self.size

    def below(self, plane: Array, pixels: float) -> Array:
        """Return the opening over the size, smoothed by half of it."""
        from scipy.ndimage import grey_opening

        width = max(1, round(pixels))
        return _smooth(grey_opening(plane, size=(width, width), mode="nearest"), width / 2)


def _smooth(plane: Array, sigma: float) -> Array:
    from scipy.ndimage import gaussian_filter

    return np.asarray(gaussian_filter(np.asarray(plane, np.float32), sigma, mode="nearest"))
