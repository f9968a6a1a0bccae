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

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Curvature", "total_variation"]


class Curvature:
    """The divergence of the direction of the slope, - d TV / d x, with buffers of its own for one shape."""

    def __init__(self, like: Tensor, voxel: tuple[float, float, float], softening: float) -> None:
        import torch

        finest = min(pitch for pitch, size in zip(voxel, like.shape, strict=True) if size > 1 or pitch == voxel[-1])
        self._steps = {axis: voxel[axis] / finest for axis in range(3) if like.shape[axis] > 1}
        self._softening = max(softening, 1e-20)
        self.length = torch.empty_like(like)
        self._slope = torch.empty_like(like)
        self._sum = torch.empty_like(like)

    def of(self, thing: Tensor) -> Tensor:
        """Return the curvature of an object (Z, Y, X): positive in a hollow, negative on a ridge."""
        self.length.fill_(self._softening**2)
        for axis in self._steps:
            slope = self._difference(thing, axis)
            self.length.addcmul_(slope, slope)
        self.length.rsqrt_()
        self._sum.zero_()
        for axis, step in self._steps.items():
            direction = self._difference(thing, axis).mul_(self.length)
            self._sum.add_(direction, alpha=1 / step)
            last = thing.shape[axis] - 1
            self._sum.narrow(axis, 1, last).sub_(direction.narrow(axis, 0, last), alpha=1 / step)
        return self._sum

    def _difference(self, thing: Tensor, axis: int) -> Tensor:
        import torch

        last = thing.shape[axis] - 1
        inner = self._slope.narrow(axis, 0, last)
        torch.sub(thing.narrow(axis, 1, last), thing.narrow(axis, 0, last), out=inner)
        inner.mul_(1 / self._steps[axis])
        self._slope.narrow(axis, last, 1).zero_()
        return self._slope


def total_variation(thing: Tensor, voxel: tuple[float, float, float], softening: float) -> float:
    """Return the sum of the softened slope's length over the object (Z, Y, X)."""
    curvature = Curvature(thing, voxel, softening)
    curvature.of(thing)
    return float(curvature.length.reciprocal().double().sum())
