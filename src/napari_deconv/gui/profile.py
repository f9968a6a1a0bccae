"""Line profiles: what lies under a line in a layer, and how wide its peak is; no window here.

The width at half maximum is read between the two places, left and right of the peak, where the profile crosses half way from
its floor to its peak, by straight lines between samples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Profile", "profile_of", "width_at_half"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Profile:
    """Values along a line: distance from its start in world units (µm where the layer says so), value, and the peak's width."""

    name: str
    distance: Array
    value: Array
    width: float | None


def profile_of(layer: Any, start: Array, stop: Array) -> Profile:
    """Return the profile of an image layer between two points of the world (nD), sampled twice a pixel.

    Raises
    ------
    ValueError
        when the line has no length, or the layer is RGB or multiscale.
    """
    if layer.rgb or layer.multiscale:
        raise ValueError(f"'{layer.name}' is RGB or a pyramid: a profile needs a layer of plain numbers.")
    length = float(np.linalg.norm(stop - start))
    if length == 0:
        raise ValueError("The line has no length: drag one of its ends.")
    ends = np.array([layer.world_to_data(point[-layer.ndim :]) for point in (start, stop)])
    count = int(np.clip(2 * np.abs(ends[1] - ends[0]).max() + 1, 2, 4096))
    share = np.linspace(0, 1, count)
    value = _interpolated(layer.data, ends[0] + share[:, None] * (ends[1] - ends[0]))
    distance = share * length
    return Profile(layer.name, distance, value, width_at_half(distance, value))


def _interpolated(data: Any, points: Array) -> Array:
    """Return the values of an array at fractional indices (n, ndim), linearly; only the box around them is read."""
    from scipy.ndimage import map_coordinates

    shape = np.asarray(data.shape)
    low = np.clip(np.floor(points.min(axis=0)).astype(int), 0, shape - 1)
    high = np.clip(np.ceil(points.max(axis=0)).astype(int) + 1, low + 1, shape)
    box = np.asarray(data[tuple(slice(a, b) for a, b in zip(low, high, strict=True))], dtype=np.float32)
    values: Array = map_coordinates(box, (points - low).T, order=1, mode="nearest")
    return values


def width_at_half(distance: Array, value: Array) -> float | None:
    """Return the full width at half maximum of a profile's highest peak; None where a side does not come down to it."""
    floor, peak = float(np.quantile(value, 0.05)), int(value.argmax())
    half = floor + (float(value[peak]) - floor) / 2
    below = value < half
    left = np.flatnonzero(below[:peak])
    right = np.flatnonzero(below[peak:])
    if value[peak] <= floor or not left.size or not right.size:
        return None
    a, b = int(left[-1]), peak + int(right[0])
    begin = distance[a] + (half - value[a]) / (value[a + 1] - value[a]) * (distance[a + 1] - distance[a])
    end = distance[b - 1] + (value[b - 1] - half) / (value[b - 1] - value[b]) * (distance[b] - distance[b - 1])
    return float(end - begin)
