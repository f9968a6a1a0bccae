"""Where a PSF has its peak and how wide it is: sub-pixel, in pixels or µm.

The full width at half maximum is measured on the line through the peak, interpolated by a cubic spline of its logarithm:

    1.0 |        _
    0.5 |----- /   \\ -----      width = right crossing - left crossing
    0.0 |____/       \\____
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

__all__ = ["find_core", "find_peak", "full_width", "measure_widths"]

FINE = 16
"""Points a pixel at which the spline of a profile is looked at."""
DARK = 1e-3
"""Share of the peak below which a profile is flat for the interpolation, which runs on its logarithm: exact for a Gaussian."""


def measure_widths(
    psf: np.ndarray[Any, Any], voxel: Sequence[float | None] = (None, None, None)
) -> tuple[float | None, float | None, float | None]:
    """Return the full widths at half maximum (z, y, x) of a PSF (Z, Y, X) without offset.

    Parameters
    ----------
    psf : (Z, Y, X); the lines go through the middle of what reaches half its peak (`find_core`).
    voxel : (z, y, x) µm; where it is None the width is in pixels.

    Returns
    -------
    tuple
        None for an axis of one pixel, or where the PSF does not fall to half its peak on both sides.
    """
    middle = [round(each) for each in find_core(psf)]
    widths: list[float | None] = []
    for axis, pitch in enumerate(voxel):
        line = psf[tuple(slice(None) if other == axis else middle[other] for other in range(3))]
        width = full_width(np.asarray(line, dtype=np.float64))
        widths.append(None if width is None else width * (pitch or 1.0))
    return widths[0], widths[1], widths[2]


def full_width(profile: np.ndarray[Any, Any]) -> float | None:
    """Return the full width at half maximum of a profile (N,) in pixels, or None where it has none."""
    from scipy.interpolate import CubicSpline

    if len(profile) < 3 or not profile.max() > 0:
        return None
    fine = np.linspace(0, len(profile) - 1, (len(profile) - 1) * FINE + 1)
    logarithm = np.log(np.maximum(profile, DARK * profile.max()))
    values = np.exp(CubicSpline(np.arange(len(profile)), logarithm)(fine))
    near = slice(max(0, (int(profile.argmax()) - 1) * FINE), (int(profile.argmax()) + 1) * FINE + 1)
    top = near.start + int(values[near].argmax())
    right = _crossing(values[top:], values[top] / 2)
    left = _crossing(values[top::-1], values[top] / 2)
    return None if left is None or right is None else float(left + right) / FINE


def _crossing(values: np.ndarray[Any, Any], level: float) -> float | None:
    """Return where falling values first cross a level, in steps from their start."""
    below = np.flatnonzero(values <= level)
    if not len(below):
        return None
    after = int(below[0])
    if after == 0:
        return 0.0
    high, low = float(values[after - 1]), float(values[after])
    return after - 1 + (high - level) / (high - low)


def find_core(psf: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """Return the centre of mass (z, y, x, pixels) of the piece around the brightest pixel that reaches half of it.

    Unlike the peak it is well defined for a flat-topped PSF, such as the picture of a bead larger than the resolution.
    """
    mask = core_mask(psf)
    light = np.where(mask, psf - psf.max() / 2, 0.0) + 1e-9 * mask
    z, y, x = (float((light * index).sum() / light.sum()) for index in np.indices(psf.shape, sparse=True))
    return z, y, x


def core_mask(psf: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which voxels (Z, Y, X) reach half the peak and hang together with it."""
    from scipy.ndimage import label

    pieces, _ = label(psf >= psf.max() / 2)
    mask: np.ndarray[Any, Any] = pieces == pieces.flat[int(np.argmax(psf))]
    return mask


def find_peak(psf: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """Return the sub-pixel peak (z, y, x) of a PSF (Z, Y, X) in pixels.

    On each axis a parabola is fitted to the logarithm of the pixels around the brightest that reach half of it (at least
    its two neighbours): exact for a Gaussian, and steady in noise because a wide peak has many such pixels.
    """
    brightest = [int(each) for each in np.unravel_index(int(np.argmax(psf)), psf.shape)]
    found = []
    for axis in range(3):
        line = psf[tuple(slice(None) if other == axis else brightest[other] for other in range(3))]
        found.append(_vertex(np.asarray(line, dtype=np.float64), brightest[axis]))
    return found[0], found[1], found[2]


def _vertex(line: np.ndarray[Any, Any], place: int) -> float:
    if not 0 < place < len(line) - 1 or line[place] <= 0:
        return float(place)
    radius = 1
    while (
        min(place - radius - 1, len(line) - 2 - place - radius) >= 0
        and min(line[place - radius - 1], line[place + radius + 1]) > line[place] / 2
    ):
        radius += 1
    steps = np.arange(-radius, radius + 1)
    values = line[place + steps]
    values = np.log(values) if values.min() > 0 else values
    bend, slope, _ = np.polyfit(steps, values, 2)
    offset = -slope / (2 * bend) if bend < 0 else 0.0
    return place + float(np.clip(offset, -radius, radius))
