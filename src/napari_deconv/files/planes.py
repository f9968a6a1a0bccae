"""The planes of an image, one after another, so that a lazy image is never loaded whole."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..image import AXES, Image

__all__ = ["display_ranges", "five_axes", "planes", "slabs"]

Array = np.ndarray[Any, Any]
MOST = 2**25
"""Bytes of planes that are read at once, where a plane is not larger."""


def five_axes(image: Image) -> Any:
    """Return the image's array as (T, C, Z, Y, X): a view, with length 1 for the axes it lacks."""
    return image.data[tuple(slice(None) if axis in image.axes else None for axis in AXES)]


def slabs(image: Image, thickness: int | None = None) -> Iterator[tuple[int, int, slice, Array]]:
    """Yield (time, channel, z slice, pixels (Z, Y, X)) in the order of storage.

    ``thickness`` is the number of planes in memory at once; by default what the array's own chunks have, or fewer where planes are large.
    """
    data = five_axes(image)
    for time in range(data.shape[0]):
        for channel in range(data.shape[1]):
            for part in _depths(data, thickness):
                yield time, channel, part, np.asarray(data[time, channel, part])


def planes(image: Image, order: str = "TCZ") -> Iterator[Array]:
    """Yield every plane (Y, X); ``order`` names the axes from slowest to fastest: TCZ, or TZC as ImageJ has it."""
    if order == "TCZ":
        for _, _, _, slab in slabs(image):
            yield from slab
            del slab  # or it would lie beside the next one
        return
    data = five_axes(image)
    for time in range(data.shape[0]):
        for part in _depths(data, None):
            slab = np.asarray(data[time, :, part])  # (C, Z, Y, X)
            for depth in range(slab.shape[1]):
                yield from slab[:, depth]


def display_ranges(image: Image) -> list[tuple[float, float]]:
    """Return (lowest, highest) value a channel, for display; of a lazy image its middle plane is looked at."""
    data = five_axes(image)
    middle = slice(None) if not image.is_lazy else slice(data.shape[2] // 2, data.shape[2] // 2 + 1)
    times = slice(None) if not image.is_lazy else slice(0, 1)
    ranges = []
    for channel in range(data.shape[1]):
        values = np.asarray(data[times, channel, middle])
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            values = values[np.isfinite(values)]
        low, high = (float(values.min()), float(values.max())) if values.size else (0.0, 1.0)
        ranges.append((low, high if high > low else low + 1))
    return ranges


def _depths(data: Any, thickness: int | None) -> Iterator[slice]:
    """Yield slices of Z along the array's chunks, or of a given thickness."""
    depth = data.shape[2]
    most = max(1, MOST // max(1, data.dtype.itemsize * data.shape[3] * data.shape[4]))
    own = max(data.chunks[2]) if hasattr(data, "chunks") else depth
    each = min(own, most) if thickness is None else thickness
    sizes = [each] * -(-depth // each)
    start = 0
    for size in sizes:
        yield slice(start, min(start + int(size), depth))
        start += int(size)
