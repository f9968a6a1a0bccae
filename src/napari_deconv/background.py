"""What of an image is not the object: the background, and the figures of a volume that a restoration needs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field as attribute
from functools import cached_property
from typing import Any, Literal

import numpy as np

from .noise import Noise, estimate_noise

__all__ = ["VolumeFigures", "estimate_background", "find_ceiling", "find_ground", "measure_volume", "measured_voxels"]

MEND = "replace them, for example by their neighbours' median"
MOST = 2**22
"""Voxels that a measurement looks at; a larger volume is sampled evenly."""
LEAST, COST = 2**18, 32
"""Voxels that are looked at however little memory there is, and bytes that each takes."""
BAND = 64
"""Rows that are looked at together where a plane is larger."""
MOST_FOR_NOISE = 2**21
"""Voxels that the noise is measured from, sampled likewise."""
LITTLE = 0.06
"""Share of the image that must be dark for it to be background."""
FEW = 0.02
"""Share of darkest blocks that are not trusted one by one (and at least eight)."""
CAMERA_TOPS = tuple(float(2**bits - 1) for bits in (8, 10, 11, 12, 13, 14, 15, 16))
SEVERAL = 3
"""Pixels at the end of a camera's range that make an image saturated; fewer may be chance."""
HALF = 0.317
"""Share of a normal distribution's lower half that lies more than a standard deviation below its centre."""
ROUNDS = 3
"""Times that the noise is taken at the background found so far: first at the darkest block, which says too little."""
PARTS = 32
"""Steps of a block's noise in which its background is looked for."""


@dataclass(frozen=True)
class VolumeFigures:
    """Figures of one whole volume, shared by all its tiles.

    background : counts; lift : counts added to image and background alike, so that negative camera noise stays information;
    scale : a robust maximum above the background; level : the mean above the background;
    ceiling : counts from which a pixel is saturated, None where none is; saturated : the share of pixels that are;
    volume : what was measured, as it was read; dark : the share of it that is as dark as the background that was found.
    """

    background: float
    lift: float
    scale: float
    level: float
    ceiling: float | None = None
    saturated: float = 0.0
    volume: Any = attribute(default=None, repr=False, compare=False)
    dark: float = 1.0

    @cached_property
    def noise(self) -> Noise:
        """The noise model, in the counts that were read."""
        sample = _sampled(self.volume, MOST_FOR_NOISE)
        return estimate_noise(sample, None if self.ceiling is None else sample < self.ceiling)

    @property
    def notices(self) -> tuple[str, ...]:
        """What to say of the figures: that nothing may be background, where next to nothing is as dark as what was found."""
        if self.dark >= LITTLE:
            return ()
        return (
            f"only {self.dark:.0%} of the image is as dark as {self.background:.4g} counts: nothing in it may be plain background, "
            "which is then lower; give the mean of an image without light (background)",
        )


def measure_volume(
    volume: Any,
    background: float | Literal["auto"],
    saturation: float | Literal["auto", "none"] = "none",
    most: int = MOST,
) -> VolumeFigures:
    """Return the figures of a volume (Z, Y, X).

    saturation : counts from which a pixel is not trusted, ``none``, or ``auto`` to find where the camera's range ended.
    most : voxels that are looked at.

    Raises
    ------
    ValueError
        when it holds NaN or infinity.
    """
    sample = _sampled(volume, most)
    bad = int(np.count_nonzero(~np.isfinite(sample)))
    if bad:
        raise ValueError(f"the image has pixels that are NaN or infinite ({bad} found): {MEND}")
    ground, share_dark = find_ground(sample) if background == "auto" else (float(background), 1.0)
    below = sample[sample < min(0.0, ground)]
    lift = float(3 * np.sqrt(np.mean(np.square(below, dtype=np.float64)))) if below.size else 0.0
    light = float(sample.mean(dtype=np.float64)) - ground
    peak = _quantile(sample, 0.999) - ground
    scale = max(peak, light, float(np.ptp(sample)) * 1e-3)
    ceiling = find_ceiling(sample) if saturation == "auto" else None if saturation == "none" else float(saturation)
    share = float(np.mean(sample >= ceiling)) if ceiling is not None else 0.0
    return VolumeFigures(ground, lift, scale, max(light, 0.0), ceiling, share, volume, share_dark)


def measured_voxels(budget: int) -> int:
    """Return the voxels that a measurement may look at within a budget (bytes)."""
    return min(MOST, max(LEAST, budget // COST))


def find_ceiling(volume: np.ndarray[Any, Any]) -> float | None:
    """Return the counts at which a volume (Z, Y, X) is saturated, or None.

    It is where several pixels reach its maximum, and that is the end of a camera's range: 2^bits - 1 counts.
    """
    top = float(volume.max())
    if top not in CAMERA_TOPS or int(np.count_nonzero(volume == top)) < SEVERAL:
        return None
    return top if float(volume.min()) < top / 2 else None


def estimate_background(volume: np.ndarray[Any, Any]) -> float:
    """Return the background of a volume (Z, Y, X) in counts, see `find_ground`."""
    return find_ground(volume)[0]


def find_ground(volume: np.ndarray[Any, Any]) -> tuple[float, float]:
    """Return the counts of the darkest neighbourhoods of a volume (Z, Y, X).

    The volume is averaged over small blocks. Whatever share of them is plain background, its lower half is the lower
    half of a normal distribution whose width follows from the noise, F(b - s) / F(b) = 0.317 at its centre b; light only
    adds blocks above. The lowest b that reaches this ratio is taken (`_lowest_centre`): where the noise is small or nothing is plain
    background, that is the darkest block. A constant image has no background. With it goes the share of blocks that are as dark, within
    two such widths: where it is small, what was found is the darkest light rather than the background.
    """
    if np.ptp(volume) == 0:
        return 0.0, 1.0
    size = [min(length, 2 if axis == 0 else 4) for axis, length in enumerate(volume.shape)]
    whole = volume[tuple(slice(0, length - length % step) for length, step in zip(volume.shape, size, strict=True))]
    shape = [part for length, step in zip(whole.shape, size, strict=True) for part in (length // step, step)]
    blocks = np.sort(whole.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float64), axis=None)
    few = min(len(blocks) - 1, max(8, int(FEW * len(blocks))))
    darkest = float(blocks[few])
    noise, ground, width = estimate_noise(volume), darkest, 0.0
    for _ in range(ROUNDS):
        width = float(noise.variance(ground) / np.prod(size)) ** 0.5
        ground = _lowest_centre(blocks, darkest, width) if width > 0 else darkest
    return ground, float(np.mean(np.abs(blocks - ground) <= 2 * width + 1e-6 * abs(ground)))


def _lowest_centre(blocks: np.ndarray[Any, Any], darkest: float, width: float) -> float:
    """Return the lowest b, not below the darkest block that is trusted, where F(b - s) / F(b) = 0.317 of sorted blocks of noise ``width``.

    F is smoothed by a normal distribution as wide as the noise, so that s = sqrt(2) width: a few blocks that happen to lie close together
    at the dark end would reach the ratio too early, and the first of many chances is taken. From the darkest on F can grow 50 times at
    most, and a third of it lies within s of every b below the one sought, so that a span of a few s holds it.
    """
    from scipy.ndimage import gaussian_filter1d

    steps = (np.arange(-8 * PARTS, 10 * PARTS) + 0.5) / PARTS
    count = gaussian_filter1d(np.searchsorted(blocks, darkest + steps * width).astype(float), PARTS, mode="nearest")
    ratio = np.interp(steps - 2**0.5, steps, count) / np.maximum(count, 1e-9)
    enough = np.flatnonzero((ratio >= HALF) & (steps >= 0))
    return darkest + float(steps[enough[0]]) * width if len(enough) else darkest


def _quantile(values: np.ndarray[Any, Any], share: float) -> float:
    """Return a quantile, interpolated in double precision, so that counts times any factor have it times that factor."""
    place = share * (values.size - 1)
    low = int(place)
    near = np.partition(values, (low, min(low + 1, values.size - 1)), axis=None)[low : low + 2].astype(np.float64)
    return float(near[0] + (place - low) * (near[-1] - near[0]))


def _sampled(volume: Any, most: int) -> np.ndarray[Any, Any]:
    """Return the volume as floats, or where it is large every n-th plane of it, and of large planes every n-th band of rows, as planes."""
    every = max(1, math.ceil(math.prod(volume.shape) / most))
    planes = volume[:: min(every, volume.shape[0])]
    step = math.ceil(BAND * math.prod(planes.shape) / most)
    if step <= BAND:
        return np.asarray(planes).astype(np.float32, copy=False)
    rows = planes.shape[1]
    bands = [np.asarray(planes[:, start : start + BAND]) for start in range(0, max(1, rows - BAND + 1), step)]
    return np.concatenate(bands).astype(np.float32, copy=False)
