r"""Good's roughness: the squared slope of an object over its brightness, summed; it smooths what is dim more than what is bright.

With u = sqrt(x) it is 4 sum |grad u|^2, whose gradient is a difference of two positive terms, over neighbours n at steps d_n (in units of
the finest voxel, so that a coarse z counts as what it is; none beyond the border),

    held = 4 sum_n 1 / d_n^2          drawn = 4 sum_n (u_n / u) / d_n^2          gradient = held - drawn

so that a multiplicative step can divide by the one and multiply by the other, and never goes negative or astray.

References
----------
Good & Gaskins, "Nonparametric roughness penalties for probability densities", Biometrika 58 (1971) 255-277.
Joshi & Miller, "Maximum a posteriori estimation with Good's roughness for three-dimensional optical-sectioning microscopy",
J. Opt. Soc. Am. A 10 (1993) 1078-1085.
Verveer, Gemkow & Jovin, "A comparison of image restoration approaches applied to three-dimensional confocal and wide-field
fluorescence microscopy", J. Microsc. 193 (1999) 50-61.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from .spectrum import with_neighbours

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import Part

__all__ = ["GoodsRoughness", "goods_roughness"]


class GoodsRoughness:
    """Both terms of the gradient of Good's roughness, for objects of one shape (Z, Y, X)."""

    def __init__(self, shape: Sequence[int], voxel: tuple[float, float, float], softening: float) -> None:
        self._steps = _steps(shape, voxel)
        self._softening = max(softening, 1e-20)

    def held(self, thing: Tensor, part: Part) -> Tensor:
        """Return the term that holds a part of an object where it is: four times the neighbours that each voxel has."""
        near, inner = with_neighbours(thing, part)
        held = near.new_zeros(near.shape)
        for axis, step in self._steps.items():
            last = near.shape[axis] - 1
            held.narrow(axis, 0, last).add_(4 * step)
            held.narrow(axis, 1, last).add_(4 * step)
        return held[inner]

    def drawn(self, thing: Tensor, part: Part) -> Tensor:
        """Return the term that draws a part of an object (Z, Y, X) towards its neighbours."""
        near, inner = with_neighbours(thing, part)
        root = (near + self._softening).sqrt_()
        drawn = near.new_zeros(near.shape)
        for axis, step in self._steps.items():
            last = root.shape[axis] - 1
            drawn.narrow(axis, 0, last).add_(root.narrow(axis, 1, last), alpha=4 * step)
            drawn.narrow(axis, 1, last).add_(root.narrow(axis, 0, last), alpha=4 * step)
        return drawn.div_(root)[inner]


def goods_roughness(thing: Tensor, voxel: tuple[float, float, float], softening: float) -> float:
    """Return 4 sum |grad sqrt(x + softening)|^2 of an object (Z, Y, X)."""
    root = (thing + softening).sqrt()
    return sum(
        4 * step * float(root.diff(dim=axis).square().double().sum())
        for axis, step in _steps(thing.shape, voxel).items()
    )


def _steps(shape: Sequence[int], voxel: tuple[float, float, float]) -> dict[int, float]:
    """Return axis -> squared ratio of the finest voxel to the axis's own, of the axes that an object has."""
    axes = [axis for axis in range(3) if shape[axis] > 1]
    finest = min((voxel[axis] for axis in axes), default=1.0)
    return {axis: (finest / voxel[axis]) ** 2 for axis in axes}
