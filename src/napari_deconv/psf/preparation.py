"""Preparing a PSF that came from elsewhere: where its light comes from, on which voxel, in which box.

All functions take and return volumes (Z, Y, X) whose centre is ``shape // 2``, unless they say otherwise.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from .width import find_peak, measure_widths

__all__ = ["Centre", "FARTHEST", "SAME", "centred", "choose_centre", "off_centre", "resampled"]

Centre = Literal["auto", "middle", "peak", "centroid"]
SAME = 0.01
"""Voxel sizes that differ by less than this share count as the same."""
FARTHEST = 50.0
"""Voxel sizes that differ by more than this factor cannot both be in µm."""


def choose_centre(psf: np.ndarray[Any, Any], centre: Centre) -> tuple[float, float, float]:
    """Return where (z, y, x, pixels) the light of a PSF comes from.

    ``middle`` is ``shape // 2``; ``auto`` is that too, but of the two middles of an even axis it takes the one next to which the
    peak lies; ``peak`` is the brightest place to sub-pixel; ``centroid`` the centre of mass.
    """
    middle = [size // 2 for size in psf.shape]
    if centre == "peak":
        return find_peak(psf)
    if centre == "centroid":
        where = [float((psf * index).sum() / psf.sum()) for index in np.indices(psf.shape, sparse=True)]
    elif centre == "auto":
        peak = np.unravel_index(int(psf.argmax()), psf.shape)
        where = [float(m - (size % 2 == 0 and p == m - 1)) for size, m, p in zip(psf.shape, middle, peak, strict=True)]
    else:
        where = [float(each) for each in middle]
    return where[0], where[1], where[2]


def off_centre(psf: np.ndarray[Any, Any], where: Sequence[float]) -> tuple[float, float, float]:
    """Return how far (z, y, x, pixels) a PSF's peak lies from a place; 0 on an axis where that is too little to matter.

    A quarter of a pixel, or a tenth of the PSF's width where that is more, does not matter.
    """
    found = []
    for peak, own, width in zip(find_peak(psf), where, measure_widths(psf), strict=True):
        distance = peak - own
        found.append(distance if abs(distance) > max(0.25, 0.1 * (width or 0.0)) else 0.0)
    return found[0], found[1], found[2]


def centred(psf: np.ndarray[Any, Any], where: Sequence[float]) -> np.ndarray[Any, Any]:
    """Return the PSF in an odd box around a place, grown with zeros; a fraction of a pixel is interpolated (cubic)."""
    from scipy.ndimage import shift

    nearest = [math.floor(each + 0.5) for each in where]
    pads = []
    for size, centre in zip(psf.shape, nearest, strict=True):
        radius = max(centre, size - 1 - centre)
        pads.append((radius - centre, radius - (size - 1 - centre)))
    moved = np.pad(psf, pads)
    rest = [n - w for n, w in zip(nearest, where, strict=True)]
    if any(abs(each) > 1e-6 for each in rest):
        moves = [0.0 if size == 1 else each for size, each in zip(moved.shape, rest, strict=True)]
        moved = np.clip(shift(moved, moves, order=3), 0, None)
    return moved


def resampled(
    psf: np.ndarray[Any, Any], source: tuple[float | None, ...], target: tuple[float | None, ...]
) -> np.ndarray[Any, Any]:
    """Return the PSF on another voxel, its centre kept: cubic interpolation, averaged over each coarser voxel.

    Where either voxel is unknown, or both are the same within 1 %, the axis is left as it is.

    Raises
    ------
    ValueError
        when they differ so much that one of them cannot be in µm.
    """
    for axis, (own, wanted) in enumerate(zip(source, target, strict=True)):
        if own and wanted and psf.shape[axis] > 1 and abs(own / wanted - 1) > SAME:
            if not 1 / FARTHEST < own / wanted < FARTHEST:
                raise ValueError(
                    f"the PSF's voxel along {'ZYX'[axis]} is {own:g} µm but the image's is {wanted:g} µm: "
                    "one of them is not in µm, set psf.voxel or the image's voxel"
                )
            psf = _resampled_axis(psf, axis, wanted / own)
    return psf


def _resampled_axis(psf: np.ndarray[Any, Any], axis: int, factor: float) -> np.ndarray[Any, Any]:
    from scipy.interpolate import CubicSpline

    centre = psf.shape[axis] // 2
    radius = max(1, math.ceil(centre / factor))
    fine = max(1, math.ceil(factor)) * 2 + 1
    steps = (np.arange(-radius, radius + 1)[:, None] + (np.arange(fine) - fine // 2) / fine) * factor
    place = np.arange(-1, psf.shape[axis] + 1) - centre
    ends = [(1, 1) if other == axis else (0, 0) for other in range(psf.ndim)]
    spline = CubicSpline(place, np.pad(psf, ends), axis=axis, bc_type="natural")
    steps = np.clip(steps, place[0], place[-1])
    values = spline(steps.ravel())
    averaged = values.reshape(*psf.shape[:axis], len(steps), fine, *psf.shape[axis + 1 :]).mean(axis=axis + 1)
    clipped: np.ndarray[Any, Any] = np.clip(averaged, 0, None)
    return clipped
