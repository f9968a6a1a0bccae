r"""Shapes that cells are made of, drawn anti-aliased on a voxel grid whose middle is the origin.

A `Blob` is an ellipsoid whose surface waves along its directions u = p / |p|, cut flat where it lies on the coverslip:

    r(u) = r_ellipsoid(u) * (1 + sum_k a_k sin(w_k . u + phase_k))

Its distance is the first-order one, |q| (|q| - 1 - waves) / |q / radii| with q = p / radii: exact on the surface of an ellipsoid.
Curves and spots are sums of Gaussians, each integrated over the voxels that it covers, so that a shift by a part of a
voxel is a shift by that part. Lengths are µm, tuples (z, y, x).

References
----------
Quilez, "Ellipsoid - bound SDF" (2008): the first-order distance to an ellipsoid.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import ndtr

__all__ = ["Array", "Blob", "box_around", "draw_balls", "draw_spots", "grow_curves", "make_texture", "place_axes"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Blob:
    """A warped ellipsoid.

    centre, radii : (z, y, x) µm.
    waves : (K, 5), each a wave vector (z, y, x), a phase and an amplitude as a share of the radius.
    floor : z in µm of the flat underside, where it is cut.
    """

    centre: Array
    radii: Array
    waves: Array
    floor: float = -math.inf

    @classmethod
    def grown(
        cls, centre: Array, radii: Array, rng: np.random.Generator, *, waviness: float, floor: float = -math.inf
    ) -> Blob:
        """Return a blob with five random waves whose amplitudes add to about ``waviness``."""
        vectors = rng.normal(size=(5, 3)) * np.linspace(1.0, 4.0, 5)[:, None]
        phases = rng.uniform(0, 2 * math.pi, 5)
        amplitudes = waviness * np.linspace(0.4, 0.1, 5)
        return cls(np.asarray(centre), np.asarray(radii), np.column_stack([vectors, phases, amplitudes]), floor)

    def moved(self, by: Array, phase: float = 0.0) -> Blob:
        """Return the blob moved (µm), its waves travelled on by a phase (radians)."""
        waves = self.waves.copy()
        waves[:, 3] += phase * np.where(np.arange(len(waves)) % 2, -1.0, 1.0)
        return replace(self, centre=self.centre + by, waves=waves)

    def distance(self, z: Array, y: Array, x: Array) -> Array:
        """Return the distance (µm) of points to the surface, negative inside; the coordinates broadcast."""
        p = [each - each.dtype.type(middle) for each, middle in zip((z, y, x), self.centre, strict=True)]
        length = np.sqrt(p[0] ** 2 + p[1] ** 2 + p[2] ** 2) + p[0].dtype.type(1e-6)
        waves = np.zeros_like(length)
        for wave in self.waves.astype(length.dtype):
            waves += wave[4] * np.sin((wave[0] * p[0] + wave[1] * p[1] + wave[2] * p[2]) / length + wave[3])
        radii = self.radii.astype(length.dtype)
        k0 = np.sqrt((p[0] / radii[0]) ** 2 + (p[1] / radii[1]) ** 2 + (p[2] / radii[2]) ** 2) + length.dtype.type(1e-6)
        k1 = np.sqrt((p[0] / radii[0] ** 2) ** 2 + (p[1] / radii[1] ** 2) ** 2 + (p[2] / radii[2] ** 2) ** 2)
        far: Array = k0 * (k0 - 1 - waves) / (k1 + length.dtype.type(1e-6))
        return far if math.isinf(self.floor) else _smooth_max(far, (self.floor - z).astype(far.dtype), 0.25)

    def distance_of(self, points: Array) -> Array:
        """Return the distances (N,) of points (N, 3)."""
        return self.distance(points[:, 0], points[:, 1], points[:, 2])

    def distance_and_outwards(self, points: Array) -> tuple[Array, Array]:
        """Return the distances (N,) of points (N, 3), and the unit vectors (N, 3) along which they grow."""
        step = 0.05
        moved = points + np.concatenate([np.zeros((1, 1, 3)), step * np.eye(3)[:, None]])  # (4, N, 3)
        here, *there = self.distance_of(moved.reshape(-1, 3)).reshape(4, -1)
        slope = (np.stack(there, axis=1) - here[:, None]) / step
        return here, slope / (np.linalg.norm(slope, axis=1, keepdims=True) + 1e-9)


def place_axes(shape: Shape, voxel: Voxel) -> tuple[Array, Array, Array]:
    """Return the voxel centres of each axis in µm, float32, broadcastable to (Z, Y, X); the grid's middle is 0."""
    z, y, x = ((np.arange(size) - (size - 1) / 2) * pitch for size, pitch in zip(shape, voxel, strict=True))
    return z.astype(np.float32)[:, None, None], y.astype(np.float32)[:, None], x.astype(np.float32)


def box_around(blob: Blob, margin: float, shape: Shape, voxel: Voxel) -> tuple[slice, slice, slice]:
    """Return the part of the grid that holds a blob and a margin (µm); it may be empty."""
    reach = blob.radii * (1 + np.abs(blob.waves[:, 4]).sum()) + margin
    box = []
    for middle, far, size, pitch in zip(blob.centre, reach, shape, voxel, strict=True):
        place = (np.array([middle - far, middle + far]) / pitch) + (size - 1) / 2
        box.append(slice(max(0, math.floor(place[0])), max(0, min(size, math.ceil(place[1]) + 1))))
    return box[0], box[1], box[2]


def draw_spots(points: Array, light: Array, sigma: float, shape: Shape, voxel: Voxel) -> Array:
    """Return Gaussian spots integrated over voxels, float32 (Z, Y, X): a spot well inside adds its ``light`` to the sum.

    points : (N, 3) µm; light : (N,); sigma : µm. On an axis of one voxel all light falls into it.
    """
    starts, shares = [], []
    for axis, (size, pitch) in enumerate(zip(shape, voxel, strict=True)):
        start, share = _shares_of_axis(points[:, axis], sigma, size, pitch)
        starts.append(start)
        shares.append(share)
    drawn = np.zeros(int(np.prod(shape)))
    for places, values in _spread(starts, shares, light, shape):
        drawn += np.bincount(places, values, minlength=drawn.size)
    return drawn.reshape(shape).astype(np.float32)


def _shares_of_axis(places: Array, sigma: float, size: int, pitch: float) -> tuple[Array, Array]:
    """Return the first voxel (N,) and the shares (N, width) of each spot along one axis."""
    if size == 1:
        return np.zeros(len(places), dtype=int), np.ones((len(places), 1))
    radius = max(1, math.ceil(3.5 * sigma / pitch))
    place = places / pitch + (size - 1) / 2
    start = np.floor(place + 0.5).astype(int) - radius
    edges = start[:, None] + np.arange(2 * radius + 2) - 0.5
    return start, np.diff(ndtr((edges - place[:, None]) * (pitch / sigma)), axis=1)


def _spread(starts: list[Array], shares: list[Array], light: Array, shape: Shape) -> Iterator[tuple[Array, Array]]:
    """Yield flat voxel numbers and their light, for a few thousand spots at a time; what lies outside is dropped."""
    width = math.prod(share.shape[1] for share in shares)
    at_once = max(1, 2_000_000 // width)
    for first in range(0, len(light), at_once):
        part = slice(first, first + at_once)
        z, y, x = (s[part, None] + np.arange(w.shape[1]) for s, w in zip(starts, shares, strict=True))
        values = shares[0][part, :, None, None] * shares[1][part, None, :, None] * shares[2][part, None, None, :]
        values = values * light[part, None, None, None]
        number = (z[:, :, None, None] * shape[1] + y[:, None, :, None]) * shape[2] + x[:, None, None, :]
        inside = ((z >= 0) & (z < shape[0]))[:, :, None, None] & ((y >= 0) & (y < shape[1]))[:, None, :, None]
        inside = inside & ((x >= 0) & (x < shape[2]))[:, None, None, :]
        yield number[inside], values[inside]


def draw_balls(points: Array, light: Array, diameter: float, shape: Shape, voxel: Voxel, fine: int = 7) -> Array:
    """Return uniform balls averaged over voxels, float32 (Z, Y, X): a ball well inside adds its ``light`` to the sum."""
    drawn = np.zeros(shape, dtype=np.float32)
    radius = [math.ceil(diameter / 2 / pitch) + 1 for pitch in voxel]
    for point, share in zip(points, light, strict=True):
        near = [round(p / v + (n - 1) / 2) for p, v, n in zip(point, voxel, shape, strict=True)]
        box = [slice(max(0, c - r), min(n, c + r + 1)) for c, r, n in zip(near, radius, shape, strict=True)]
        places = [
            (np.arange(s.start * fine, s.stop * fine) + 0.5) / fine - n / 2 for s, n in zip(box, shape, strict=True)
        ]
        z, y, x = (place * v - p for place, v, p in zip(places, voxel, point, strict=True))
        ball = z[:, None, None] ** 2 + y[:, None] ** 2 + x**2 <= (diameter / 2) ** 2
        parts = [part for s in box for part in (s.stop - s.start, fine)]
        whole = math.pi / 6 * diameter**3 / math.prod(voxel) * fine**3
        drawn[tuple(box)] += share * ball.reshape(parts).sum(axis=(1, 3, 5)) / whole
    return drawn


def make_texture(shape: Shape, voxel: Voxel, length: float, rng: np.random.Generator) -> Array:
    """Return Gaussian noise of zero mean and unit spread that is smooth over a length (µm), float32 (Z, Y, X).

    It is made with two samples a length and interpolated between them.
    """
    from scipy.ndimage import gaussian_filter

    factor = [max(1.0, length / 2 / pitch) if size > 1 else 1.0 for size, pitch in zip(shape, voxel, strict=True)]
    coarse = [math.ceil((size - 1) / by) + 1 for size, by in zip(shape, factor, strict=True)]
    widths = [length / (pitch * by) if n > 1 else 0.0 for n, pitch, by in zip(coarse, voxel, factor, strict=True)]
    noise = gaussian_filter(rng.standard_normal(coarse, dtype=np.float32), widths, mode="wrap")
    noise = (noise - noise.mean(dtype=np.float64)) / max(float(noise.std(dtype=np.float64)), 1e-9)
    for axis, (size, by) in enumerate(zip(shape, factor, strict=True)):
        places = np.arange(size) / by
        between = np.stack([np.interp(places, np.arange(coarse[axis]), row) for row in np.eye(coarse[axis])])
        noise = np.moveaxis(np.tensordot(between.astype(np.float32), noise, axes=(0, axis)), 0, axis)
    return np.ascontiguousarray(noise, dtype=np.float32)


def grow_curves(
    starts: Array,
    directions: Array,
    cell: Blob,
    avoid: Blob | None,
    rng: np.random.Generator,
    *,
    steps: int,
    step: float,
    bend: float,
) -> Array:
    """Return persistent random walks (steps, N, 3) in µm that stay inside a cell and outside its nucleus.

    bend : radians of direction lost in one step of ``step`` µm. Near a wall a curve turns along it.
    """
    places, heading = starts.copy(), directions / np.linalg.norm(directions, axis=1, keepdims=True)
    flat = np.array([0.2, 1.0, 1.0])
    walked = []
    for _ in range(steps):
        walked.append(places)
        heading = heading + bend * flat * rng.normal(size=heading.shape)
        heading = _turned(heading, places, cell, 0.35, inwards=True)
        if avoid is not None:
            heading = _turned(heading, places, avoid, 0.2, inwards=False)
        heading = heading / np.linalg.norm(heading, axis=1, keepdims=True)
        places = places + step * heading
    return np.stack(walked)


def _turned(heading: Array, places: Array, wall: Blob, room: float, *, inwards: bool) -> Array:
    """Return the headings without their part into a wall that is nearer than ``room`` (µm), and a push off it."""
    sign = 1.0 if inwards else -1.0
    distance, outward = wall.distance_and_outwards(places)
    too_near, outward = np.clip(1 + sign * distance / room, 0, 2), sign * outward
    into = np.clip((heading * outward).sum(axis=1), 0, None)
    return np.asarray(
        heading - ((into * np.minimum(too_near, 1) + 0.3 * too_near)[:, None]) * outward * (too_near > 0)[:, None]
    )


def _smooth_max(first: Array, second: Array, width: float) -> Array:
    """Return the larger of two, rounded where they meet over a width."""
    share = np.clip(0.5 + 0.5 * (first - second) / width, 0, 1).astype(first.dtype)
    return np.asarray(second + (first - second) * share + width * share * (1 - share), dtype=first.dtype)
