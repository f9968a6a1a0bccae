r"""Total variation: the slope of an object summed over its volume, in units of its finest voxel.

Its gradient is - div( grad x / |grad x| ), with forward differences that are zero across the far border, their negative
adjoint as divergence, and |.| softened to sqrt(|.|^2 + e^2). A difference along an axis is divided by that axis's voxel over the
finest, so that a coarse z counts as what it is in µm.

References
----------
Rudin, Osher & Fatemi, "Nonlinear total variation based noise removal algorithms", Physica D 60 (1992) 259-268.
Dey et al., "Richardson-Lucy algorithm with total variation regularization for 3D confocal microscope deconvolution",
Microsc. Res. Tech. 69 (2006) 260-266.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from .spectrum import with_neighbours

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import Part

__all__ = ["Curvature", "total_variation"]


class Curvature:
    """The divergence of the direction of the slope, - d TV / d x, of objects of one shape (Z, Y, X)."""

    def __init__(self, shape: Sequence[int], voxel: tuple[float, float, float], softening: float) -> None:
        finest = min(pitch for pitch, size in zip(voxel, shape, strict=True) if size > 1 or pitch == voxel[-1])
        self._weights = {axis: (finest / voxel[axis]) ** 2 for axis in range(3) if shape[axis] > 1}
        self._softening = max(softening, 1e-20)

    def of(self, thing: Tensor, part: Part) -> Tensor:
        """Return the curvature of a part of an object (Z, Y, X): positive in a hollow, negative on a ridge."""
        near, inner = with_neighbours(thing, part)
        slopes = self._slopes(near)
        inverse_length = self._squared_length(near, slopes).rsqrt_()
        total = near.new_zeros(near.shape)
        for axis, slope in slopes.items():
            last, weight = slope.shape[axis], self._weights[axis]
            ahead = slope.mul_(inverse_length.narrow(axis, 0, last))
            total.narrow(axis, 0, last).add_(ahead, alpha=weight)
            total.narrow(axis, 1, last).sub_(ahead, alpha=weight)
        return total[inner]

    def length(self, thing: Tensor) -> Tensor:
        """Return the softened length of the slope at every voxel of an object."""
        return self._squared_length(thing, self._slopes(thing)).sqrt_()

    def _slopes(self, near: Tensor) -> dict[int, Tensor]:
        """Return the differences to the next voxel along each axis, which the last voxel has not."""
        return {axis: near.diff(dim=axis) for axis in self._weights if near.shape[axis] > 1}

    def _squared_length(self, near: Tensor, slopes: Mapping[int, Tensor]) -> Tensor:
        import torch

        total = torch.full_like(near, self._softening**2)
        for axis, slope in slopes.items():
            total.narrow(axis, 0, slope.shape[axis]).addcmul_(slope, slope, value=self._weights[axis])
        return total


def total_variation(thing: Tensor, voxel: tuple[float, float, float], softening: float) -> float:
    """Return the sum of the softened slope's length over the object (Z, Y, X)."""
    return float(Curvature(thing.shape, voxel, softening).length(thing).double().sum())
