"""What of a layer the canvas shows, as a region of its image: a plane, a slab, or the middle of a large view."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from ..image import Region

__all__ = ["ALL_PLANES", "MOST", "seen_region"]

MOST = 2**22
"""Voxels of a region at most: of a larger view its middle is taken."""
ALL_PLANES = -1


def seen_region(viewer: Any, layer: Any, axes: str, around: int = 0) -> Region | None:
    """Return the box of a layer that the canvas shows now, None where it shows nothing of it.

    Parameters
    ----------
    viewer, layer : napari's; the layer's corners are those of the last time that it was drawn.
    axes : one letter a dimension of the layer.
    around : planes above and below the current one that are taken along; `ALL_PLANES` takes all.
    """
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    low, high = _corners(layer)
    index = np.round(layer.world_to_data(np.asarray(viewer.dims.point)[-layer.ndim :])).astype(int)
    first = viewer.dims.ndim - layer.ndim
    shown = {axis - first for axis in viewer.dims.displayed}
    bounds: dict[str, tuple[int, int]] = {}
    for number, axis in enumerate(axes[: layer.ndim]):
        size = shape[number]
        start, stop = int(low[number]), int(high[number]) + 1
        if number not in shown:
            if not 0 <= index[number] < size:
                return None
            more = 0 if axis in "TC" else size if around == ALL_PLANES else around
            start, stop = int(index[number]) - more, int(index[number]) + more + 1
        bounds[axis] = (max(0, start), min(size, stop))
    if any(stop <= start for start, stop in bounds.values()):
        return None
    return Region(_bounded(bounds))


def _corners(layer: Any) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the first and the last pixel that are drawn, of the finest level."""
    low, high = np.asarray(layer.corner_pixels, dtype=float)
    if layer.multiscale:
        factors = np.asarray(layer.downsample_factors[layer.data_level])
        low, high = low * factors, (high + 1) * factors - 1
    return low, high


def _bounded(bounds: dict[str, tuple[int, int]]) -> dict[str, tuple[int, int]]:
    """Return the middle of a box that is too large, cut along y and x alike."""
    voxels = math.prod(stop - start for start, stop in bounds.values())
    if voxels <= MOST:
        return bounds
    share = math.sqrt(MOST / voxels)
    cut = dict(bounds)
    for axis in "YX":
        start, stop = bounds[axis]
        length = max(1, int((stop - start) * share))
        begin = start + (stop - start - length) // 2
        cut[axis] = (begin, begin + length)
    return cut
