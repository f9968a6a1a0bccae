"""What of an image is not the object: the background, and the figures of a volume that a restoration needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

__all__ = ["VolumeFigures", "estimate_background", "measure_volume"]

MEND = "replace them, for example by their neighbours' median"
MOST = 2**24
"""Voxels that a measurement looks at; a larger volume is sampled evenly."""


@dataclass(frozen=True)
class VolumeFigures:
    """Figures of one whole volume, shared by all its tiles.

    background : counts; lift : counts added to image and background alike, so that negative camera noise stays information;
    scale : a robust maximum above the background; level : the mean above the background.
    """

    background: float
    lift: float
    scale: float
    level: float


def measure_volume(volume: Any, background: float | Literal["auto"]) -> VolumeFigures:
    """Return the figures of a volume (Z, Y, X).

    Raises
    ------
    ValueError
        when it holds NaN or infinity.
    """
    sample = _sampled(volume)
    bad = int(np.count_nonzero(~np.isfinite(sample)))
    if bad:
        raise ValueError(f"the image has {bad} pixels that are NaN or infinite: {MEND}")
    ground = estimate_background(sample) if background == "auto" else float(background)
    below = sample[sample < min(0.0, ground)]
    lift = float(3 * np.sqrt(np.mean(np.square(below, dtype=np.float64)))) if below.size else 0.0
    light = float(sample.mean(dtype=np.float64)) - ground
    peak = float(np.quantile(sample, 0.999)) - ground
    scale = max(peak, light, float(np.ptp(sample)) * 1e-3)
    return VolumeFigures(ground, lift, scale, max(light, 0.0))


def estimate_background(volume: np.ndarray[Any, Any]) -> float:
    """Return the counts of the darkest neighbourhoods of a volume (Z, Y, X).

    The volume is averaged over small blocks, so that noise averages out, and the darkest hundredth of the blocks is
    taken: the mean of a block can only be too high by light, hardly too low by noise. A constant image has none.
    """
    if np.ptp(volume) == 0:
        return 0.0
    size = [min(length, 2 if axis == 0 else 4) for axis, length in enumerate(volume.shape)]
    whole = volume[tuple(slice(0, length - length % step) for length, step in zip(volume.shape, size, strict=True))]
    shape = [part for length, step in zip(whole.shape, size, strict=True) for part in (length // step, step)]
    blocks = whole.reshape(shape).mean(axis=(1, 3, 5), dtype=np.float64)
    return float(np.quantile(blocks, 0.01))


def _sampled(volume: Any) -> np.ndarray[Any, Any]:
    """Return the volume, or every n-th plane of it when it is large, as floats."""
    every = max(1, int(np.ceil(np.prod(volume.shape, dtype=float) / MOST)))
    planes = np.asarray(volume[:: min(every, volume.shape[0])])
    return planes.astype(np.float32, copy=False)
