"""Differences of an object along its axes, whose ends meet: slopes and curvatures, their adjoints, their spectra, and parts with neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import Part

__all__ = ["Difference", "curvatures", "slopes", "with_ends_meeting"]


@dataclass(frozen=True)
class Difference:
    """A periodic difference along an axis, or of differences along two axes, times a factor.

    Along one axis it looks forward; twice along the same axis it is centred.
    """

    axes: tuple[int, ...]
    factor: float

    def of(self, thing: Tensor, out: Tensor) -> Tensor:
        """Write the difference of an object (Z, Y, X) to ``out`` and return it."""
        for number, axis in enumerate(self.axes):
            _differ(thing if number == 0 else out.clone(), axis, out, forward=not self._looks_back(number))
        return out.mul_(self.factor)

    def adjoint(self, difference: Tensor, out: Tensor) -> Tensor:
        """Write the adjoint of `of` to ``out`` and return it."""
        for number, axis in enumerate(self.axes):
            _differ(difference if number == 0 else out.clone(), axis, out, forward=self._looks_back(number))
        return out.mul_(self.factor * (-1) ** len(self.axes))

    def gain(self, shape: Sequence[int], like: Tensor, halved: int = 2) -> Tensor:
        """Return the squared modulus of its transfer function on the spectrum of this shape, of which one axis is halved."""
        import torch

        total = torch.full([1, 1, 1], self.factor**2, dtype=like.dtype, device=like.device)
        for axis in self.axes:
            size = shape[axis]
            cycles = (
                torch.arange(size // 2 + 1 if axis == halved else size, dtype=like.dtype, device=like.device) / size
            )
            gain = (2 * torch.sin(torch.pi * cycles)).square()
            total = total * gain.reshape([-1 if other == axis else 1 for other in range(3)])
        return total

    def _looks_back(self, number: int) -> bool:
        return number == 1 and self.axes[0] == self.axes[1]


def _differ(thing: Tensor, axis: int, out: Tensor, *, forward: bool) -> None:
    """Write thing[i + 1] - thing[i] to ``out[i]``, or with it looking back thing[i] - thing[i - 1]; the ends meet."""
    import torch

    last = thing.shape[axis] - 1
    upper, lower = thing.narrow(axis, 1, last), thing.narrow(axis, 0, last)
    torch.sub(upper, lower, out=out.narrow(axis, 0 if forward else 1, last))
    torch.sub(thing.narrow(axis, 0, 1), thing.narrow(axis, last, 1), out=out.narrow(axis, last if forward else 0, 1))


def slopes(shape: Sequence[int], voxel: Sequence[float]) -> list[Difference]:
    """Return the differences that make up the slope of an object (Z, Y, X), per finest voxel."""
    return [Difference((axis,), step) for axis, step in _steps(shape, voxel).items()]


def curvatures(shape: Sequence[int], voxel: Sequence[float]) -> list[Difference]:
    """Return the second differences that make up the Hessian of an object (Z, Y, X), mixed ones counted twice."""
    steps = _steps(shape, voxel)
    return [
        Difference((one, other), steps[one] * steps[other] * (1 if one == other else 2**0.5))
        for one in steps
        for other in steps
        if one <= other
    ]


def _steps(shape: Sequence[int], voxel: Sequence[float]) -> dict[int, float]:
    """Return axis -> finest voxel over the axis's own, of the axes that an object has."""
    axes = [axis for axis in range(3) if shape[axis] > 1] or [2]
    finest = min(voxel[axis] for axis in axes)
    return {axis: finest / voxel[axis] for axis in axes}


def with_ends_meeting(thing: Tensor, part: Part) -> tuple[Tensor, Part]:
    """Return a part of an object with the plane before and the plane behind it, where the ends meet, and where it lies in that."""
    import torch

    *before, stretch = part
    axis, count = len(before), stretch.stop - stretch.start
    inner = (*before, slice(1, count + 1))
    if stretch.start > 0 and stretch.stop < thing.shape[axis]:
        return thing.narrow(axis, stretch.start - 1, count + 2), inner
    places = torch.arange(stretch.start - 1, stretch.stop + 1, device=thing.device).remainder(thing.shape[axis])
    return thing.index_select(axis, places), inner
