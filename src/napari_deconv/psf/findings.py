"""`Specimen`: a PSF as it is examined, with what it will be used for; `Finding`: what is wrong with it, and how to mend it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field as attribute, replace
from functools import cached_property
from typing import Any

import numpy as np

from ..image import Image
from .base import Grid, fitted
from .floor import Floor, measure_floor, quieted
from .limits import Limits
from .optical import Optical, known_optics
from .width import find_core, find_peak, measure_widths

__all__ = ["Finding", "Mend", "Specimen", "difference", "listed"]

Pitch = tuple[float | None, float | None, float | None]


@dataclass(frozen=True, eq=False)
class Specimen:
    """One volume of a PSF under examination.

    pixels (Z, Y, X), float64, as they were stored; voxel (z, y, x) µm; whole: whether they were stored as whole numbers;
    grid: of the image that the PSF is for, None where there is none; model: the theoretical PSF of the known optics.
    """

    pixels: np.ndarray[Any, Any]
    voxel: Pitch = (None, None, None)
    whole: bool = False
    grid: Grid | None = None
    model: Optical | None = None

    @classmethod
    def of(cls, psf: Image, image: Image | None = None, channel: int = 0) -> Specimen:
        """Return one channel of a PSF, to be used for that channel of an image.

        Raises
        ------
        ValueError
            when the PSF holds no light at all.
        """
        own = channel if channel < psf.sizes.get("C", 1) else 0
        pixels = np.asarray(psf.block(0, own), dtype=np.float64)
        finite = pixels[np.isfinite(pixels)]
        if not finite.size or np.ptp(finite) == 0:
            what = "holds no number" if not finite.size else f"is {finite[0]:g} everywhere"
            raise ValueError(f"the PSF {what}: it shows no point of light, choose another file or layer")
        seen = (None if image is None else known_optics(image, min(channel, len(image.channels) - 1))) or known_optics(
            psf, own
        )
        return cls(pixels, psf.spacing, psf.dtype.kind in "biu", None if image is None else Grid.of(image), seen)

    def changed(self, pixels: np.ndarray[Any, Any], voxel: Pitch | None = None) -> Specimen:
        """Return the specimen with other pixels, and perhaps another voxel."""
        return replace(self, pixels=pixels, voxel=voxel or self.voxel, whole=False)

    @cached_property
    def floor(self) -> Floor:
        """The offset and the noise of the dark part."""
        return measure_floor(self.pixels)

    @cached_property
    def light(self) -> np.ndarray[Any, Any]:
        """The pixels without offset and noise, never negative: what the shape is judged by."""
        return quieted(self.pixels - self.offset, self.floor.noise)

    @cached_property
    def step(self) -> float:
        """The finest step between values that occur, 0 where they are not evenly spaced like whole numbers."""
        levels = np.unique(self.pixels)
        if not 1 < len(levels) <= 65536:
            return 0.0
        gaps = np.diff(levels)
        step = float(gaps.min())
        return step if np.abs(gaps / step - np.round(gaps / step)).max() < 1e-3 else 0.0

    @cached_property
    def offset(self) -> float:
        """The floor's offset where it is more than rounding to whole steps may bring."""
        return self.floor.offset if abs(self.floor.offset) > self.step else 0.0

    @cached_property
    def widths(self) -> tuple[float | None, float | None, float | None]:
        """Full widths at half maximum (z, y, x) in pixels; None where it has none."""
        return measure_widths(self.light)

    @cached_property
    def peak(self) -> tuple[float, float, float]:
        """The sub-pixel place of the peak, of the core where the top is flat."""
        peak, core = find_peak(self.light), find_core(self.light)
        flat = max(abs(a - b) for a, b in zip(peak, core, strict=True)) > 0.5
        return core if flat and self.is_flat_topped else peak

    @cached_property
    def is_flat_topped(self) -> bool:
        """Whether many voxels are as bright as the brightest, within a fiftieth."""
        z, y, x = (round(each) for each in find_core(self.light))
        return bool(self.light[z, y, x] > 0.9 * self.light.max())

    @cached_property
    def limits(self) -> Limits | None:
        """What theory says of the known optics' sharpness."""
        return None if self.model is None else Limits.of(self.model.microscope())


Mend = Callable[[Specimen], Specimen]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong with a PSF, or that only its owner can know.

    fault : a word for it, such as ``off-centre``.
    told : what is wrong, with its figures; effect : what it would do to a restoration; remedy : what mends it.
    mend : makes a mended specimen of the faulty one, and changes nothing; None where nothing but a better PSF helps.
    is_certain : whether it is wrong for sure; otherwise it is only to be looked at, and mended when it is asked for by name.
    error : how wrong the image of a point would be, relative RMS; None where that cannot be said.
    """

    fault: str
    told: str
    effect: str
    remedy: str
    mend: Mend | None = attribute(default=None, compare=False)
    is_certain: bool = True
    error: float | None = None

    @property
    def sentence(self) -> str:
        """What is wrong and what it does, in one sentence each."""
        share = "" if self.error is None else f" (the image of a point would be off by {self.error:.0%})"
        return f"{self.told}: {self.effect}{share}"

    def as_plain(self) -> dict[str, Any]:
        """Return JSON-able values."""
        return {
            "fault": self.fault,
            "told": self.told,
            "effect": self.effect,
            "remedy": self.remedy,
            "can_be_mended": self.mend is not None,
            "is_certain": self.is_certain,
            "error": None if self.error is None else round(self.error, 4),
        }


def difference(faulty: Specimen, mended: Specimen) -> float | None:
    """Return the RMS difference of two PSFs as they are, both of unit sum about their middles, relative to the second."""
    sizes = [max(a, b) | 1 for a, b in zip(faulty.pixels.shape, mended.pixels.shape, strict=True)]
    one, other = (fitted(each.pixels, tuple(sizes)) for each in (faulty, mended))
    if one.sum() <= 0 or other.sum() <= 0:
        return None
    one, other = one / one.sum(), other / other.sum()
    return float(np.sqrt(((one - other) ** 2).sum() / (other**2).sum()))


def listed(axes: dict[str, float], form: str = "g", unit: str = "") -> str:
    """Return ``z 0.2, y 0.1 µm``."""
    return ", ".join(f"{axis} {value:{form}}" for axis, value in axes.items()) + (f" {unit}" if unit else "")
