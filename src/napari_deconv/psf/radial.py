r"""`RadialField`: rotational intensities as profiles over the radius, and their means over pixels, pinholes and rings.

A profile I (Z, R) is known at the radii 0, dr, 2 dr, …; whatever is linear in it, such as the mean of I(|x|) over a square
pixel or over a pinhole's disc, is one sparse matrix that depends on the geometry alone:

    out[z, p] = sum over q of w_q I(z, |x_pq|)        I between radii by cubic interpolation, even about 0

That `Bag` is made once, and applying it is a fraction of the cost of the pupil integral.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from .pupil import Pupil

__all__ = ["Bag", "RadialField", "gauss"]

Array = np.ndarray[Any, Any]


@dataclass(frozen=True, eq=False)
class Bag:
    """A sparse matrix (P, R), its rows one after the other: columns, weights, and where each row starts."""

    columns: Array
    weights: Array
    starts: Array

    @classmethod
    def of(cls, distances: Array, weights: Array, step: float, count: int) -> Bag:
        """Make the bag of sums over q of weights (Q,) times a profile of ``count`` radii, ``step`` apart, at distances (P, Q).

        Beyond its last radius the profile counts as flat.
        """
        from scipy.sparse import coo_array

        place = distances / step
        below = np.floor(place).astype(np.int64)
        t = place - below
        share = np.stack(
            [
                -t * (t - 1) * (t - 2) / 6,
                (t + 1) * (t - 1) * (t - 2) / 2,
                -(t + 1) * t * (t - 2) / 2,
                (t + 1) * t * (t - 1) / 6,
            ]
        )
        columns = np.minimum(np.abs(below + np.arange(-1, 3)[:, None, None]), count - 1)
        rows = np.broadcast_to(np.arange(len(distances))[None, :, None], columns.shape)
        shape = len(distances), count
        matrix = coo_array(((share * weights).ravel(), (rows.ravel(), columns.ravel())), shape=shape).tocsr()
        return cls(matrix.indices.astype(np.int64), matrix.data, matrix.indptr[:-1].astype(np.int64))

    def __call__(self, profile: Tensor) -> Tensor:
        """Return the sums (Z, P) of a profile (Z, R)."""
        import torch.autograd.forward_ad as forward

        value, slope = forward.unpack_dual(profile)  # type: ignore[no-untyped-call]
        if slope is None:
            return self._sums(value)
        both: Tensor = forward.make_dual(self._sums(value), self._sums(slope))  # type: ignore[no-untyped-call]
        return both  # it is linear; torch has no rule of its own for the slope

    def _sums(self, profile: Tensor) -> Tensor:
        import torch

        columns, starts = (torch.from_numpy(each).to(profile.device) for each in (self.columns, self.starts))
        weights = torch.from_numpy(self.weights).to(profile)
        rows = profile.T.contiguous()
        return torch.nn.functional.embedding_bag(columns, rows, starts, per_sample_weights=weights, mode="sum").T


@dataclass(frozen=True)
class RadialField:
    """Rotational intensities (Z, R) at ``count`` radii that are ``step`` µm apart."""

    step: float
    count: int
    points: int
    planes_at_once: ClassVar[int] = 1 << 30

    def intensity(self, pupil: Pupil, z: Tensor, dtype: Any) -> Tensor:
        """Return the pupil's intensity (Z, R)."""
        import torch

        return pupil.intensity(torch.arange(self.count, dtype=dtype, device=z.device) * self.step, z)

    def over_disc(self, intensity: Tensor, radius: float) -> Tensor:
        """Return the means over a disc of that radius (µm) around each point, such as a pinhole's."""
        points = self._points(radius)
        place, share = gauss(points)
        return _rings(self.step, self.count, tuple(radius * np.sqrt(place + 0.5)), tuple(share), 2 * points)(intensity)

    def over_rings(self, intensity: Tensor, radii: Sequence[float], shares: Sequence[float]) -> Tensor:
        """Return the sum of shares times the means over rings of those radii (µm) around each point."""
        return _rings(self.step, self.count, tuple(radii), tuple(shares), 2 * self._points(max(radii)))(intensity)

    def voxels(self, intensity: Tensor, shape: tuple[int, int], pitch: tuple[float, float]) -> Tensor:
        """Return the means over pixels, (Z, Y, X) of odd sizes with the axis in the middle pixel."""
        import torch

        half = shape[0] // 2 + 1, shape[1] // 2 + 1
        quadrant = _pixels(self.step, self.count, half, pitch, self.points)(intensity).reshape(-1, *half)
        y, x = (torch.arange(-(size // 2), size // 2 + 1, device=intensity.device).abs() for size in shape)
        return quadrant[:, :, x][:, y]

    def _points(self, reach: float) -> int:
        return 3 + math.ceil(reach / self.step / 4)


@lru_cache(maxsize=16)
def _pixels(step: float, count: int, shape: tuple[int, int], pitch: tuple[float, float], points: int) -> Bag:
    """Return the bag of the means over the pixels of a quadrant (Y, X) whose first pixel is centred on the axis."""
    place, share = gauss(points)
    y = (np.arange(shape[0])[:, None] + place) * pitch[0]  # (Y, points)
    x = (np.arange(shape[1])[:, None] + place) * pitch[1]
    distances = np.hypot(y[:, None, :, None], x[None, :, None, :]).reshape(shape[0] * shape[1], -1)
    return Bag.of(distances, np.outer(share, share).ravel(), step, count)


@lru_cache(maxsize=16)
def _rings(step: float, count: int, reach: tuple[float, ...], shares: tuple[float, ...], points: int) -> Bag:
    """Return the bag of the sum of shares times the means over rings around each of the profile's radii."""
    angle = (np.arange(points) + 0.5) * math.pi / points
    centre, radii = (np.arange(count) * step)[:, None, None], np.array(reach)[:, None]
    square = centre**2 + radii**2 - 2 * centre * radii * np.cos(angle)
    distances = np.sqrt(np.clip(square, 0, None)).reshape(count, -1)
    return Bag.of(distances, np.repeat(np.array(shares) / points, points), step, count)


@lru_cache(maxsize=64)
def gauss(points: int) -> tuple[Array, Array]:
    """Return Gauss-Legendre places in (-1/2, 1/2) and their weights, of sum 1."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    return nodes / 2, weights / 2
