r"""`halve_problem`: a problem on pixels twice as wide, and the way back: most of what iterations do, they do there at a quarter of the price.

A stack's pixels are averaged two by two within its planes. Photons add, so what is seen is still Poisson's, and the step of
Richardson-Lucy is the same. The object is described by coefficients c that are spread over the fine grid along a tent,

    x[2 i] = 3/4 c[i] + 1/4 c[i - 1]        x[2 i + 1] = 3/4 c[i] + 1/4 c[i + 1]

which keeps light and sign, and is known to the coarse problem: its PSF is the fine one, spread like this and averaged over the pixel, that
is along each axis weighed by (1, 4, 6, 4, 1) / 8 at every second voxel. So the coarse estimate is as sharp as the tent lets it be, and what
it is spread to looks, blurred, like the image. Pixels lie in pairs by their place in the whole volume, so that tiles are halved alike.

Axes are halved along which the PSF, summed over the others, passes little of what the coarse grid no longer holds. Planes are never
averaged, nor are flat images: there the detail that is finer than the coarse grid is what the iterations are for (`docs/speed.md`).

References
----------
Ranganath, Dhawan & Mullani, "A multigrid expectation maximization reconstruction algorithm for positron emission tomography", IEEE Trans.
Med. Imaging 7 (1988) 273-278.
Pan & Yagle, "Numerical study of multigrid implementations of some iterative image reconstruction algorithms", IEEE Trans. Med. Imaging
10 (1991) 572-588.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from .base import Problem
from .blur import Blur
from .spectrum import Part

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Spread", "halve_problem", "halve_psf", "halved_axes"]

Array = np.ndarray[Any, Any]
PASSED = 1 / 3
"""The most that the PSF may pass of the finest frequency of the coarse grid, along an axis that is halved."""
LEAST = 16
"""Pixels that an axis has at least that is halved."""
TENT = (1 / 8, 4 / 8, 6 / 8, 4 / 8, 1 / 8)


def halved_axes(psf: Array, shape: tuple[int, int, int], finer: tuple[int, int, int] = (1, 1, 1)) -> tuple[int, ...]:
    """Return the axes of a stack (Z, Y, X) that its PSF lets be halved: y, x, both or none.

    finer : how many voxels a pixel has; where several, most pixels were never measured, and none is halved.
    """
    if shape[0] == 1 or max(finer) > 1:
        return ()
    return tuple(axis for axis in (1, 2) if shape[axis] >= LEAST and _passed(psf, axis) <= PASSED)


def _passed(psf: Array, axis: int) -> float:
    """Return how much a PSF, summed over the other axes, passes of a period of four voxels."""
    line = psf.sum(axis=tuple(other for other in range(3) if other != axis), dtype=np.float64)
    return float(abs(np.sum(line * np.exp(-0.5j * np.pi * np.arange(len(line))))) / line.sum())


def halve_psf(psf: Array, axis: int) -> Array:
    """Return a PSF, centred at ``shape // 2``, as pixels twice as wide along an axis see what is spread along a tent: centred likewise."""
    middle = psf.shape[axis] // 2
    half = (middle + 2) // 2
    before = 2 * half + 2 - middle
    pads = [(0, 0)] * 3
    pads[axis] = before, 4 * half + 5 - before - psf.shape[axis]
    wide = np.pad(psf, pads)
    start = [2 + shift for shift in range(-2, 3)]
    parts = [np.take(wide, range(at, at + 4 * half + 1, 2), axis) for at in start]
    found: Array = sum((weight * part for weight, part in zip(TENT, parts, strict=True)), np.zeros_like(parts[0]))
    return found


def halve_problem(fine: Problem, axes: tuple[int, ...]) -> tuple[Problem, Spread]:
    """Return a problem on pixels twice as wide along some axes, its counts their means, and what spreads its object over the fine grid."""
    psf = fine.blur.psf
    for axis in axes:
        psf = halve_psf(psf, axis)
    first = [fine.place[axis] % 2 if axis in axes else 0 for axis in range(3)]
    lengths = zip(fine.image.shape, first, strict=True)
    ends = [size - (size - start) % 2 if axis in axes else size for axis, (size, start) in enumerate(lengths)]
    box = tuple(slice(start, end) for start, end in zip(first, ends, strict=True))
    image = _mean(fine.image[box], axes)
    z, y, x = image.shape
    blur = Blur(psf.astype(fine.blur.psf.dtype), (z, y, x), fine.blur.device, fine.blur.dtype)
    spread = Spread(fine.blur, blur, axes, first)
    if fine.blur.mask is not None:
        blur = blur.masked((_mean(fine.blur.mask[box], axes) == 1).to(image.dtype))
    noise = None if fine.at_least is None else _mean(fine.at_least[box].square(), axes).div_(2 ** len(axes)).sqrt_()
    depth, height, width = (pitch * (2 if axis in axes else 1) for axis, pitch in enumerate(fine.voxel))
    halved = replace(fine, image=image, blur=blur, at_least=noise, voxel=(depth, height, width))
    return replace(halved, volume=None, measured=None, carried=None), spread


class Spread:
    """What brings an object of the coarse grid to the fine one; it holds nothing of the coarse problem.

    fine, coarse : the blurs; first (z, y, x) : the fine image's pixel at which the first pair begins.
    """

    def __init__(self, fine: Blur, coarse: Blur, axes: tuple[int, ...], first: Sequence[int]) -> None:
        self._fine, self._axes = fine, axes
        own: list[slice] = []
        there: list[slice] = []
        for axis in (1, 2):
            times = 2 if axis in axes else 1
            ahead = times * coarse.margin[axis] - fine.margin[axis] - first[axis]
            stop = min(fine.object_shape[axis], times * coarse.object_shape[axis] - ahead)
            own.append(slice(max(0, -ahead), stop))
            there.append(slice(max(0, -ahead) + ahead, stop + ahead))
        self._own, self._there = tuple(own), tuple(there)
        """Rows and columns of the fine object that the coarse one reaches, and where they lie on that when it is spread."""

    def __call__(self, thing: Tensor) -> Tensor:
        """Return what a coarse object is on the fine grid: a buffer of its own, dark where the fine frame catches nothing."""
        fine, out = self._fine, self._fine.new_object()

        def work(part: Part) -> None:
            wide = thing[part]
            for axis in reversed(self._axes):  # rows first, while they are few
                wide = _double(wide, axis)
            out[part][(slice(None), *self._own)] = wide[(slice(None), *self._there)]
            out[part].mul_(fine.inverse_sensitivity[part] > 0)

        fine.spectrum.visit(fine.whole, work)
        return out


def _mean(values: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Return the means of pairs of pixels (Z, Y, X) along axes, of which the lengths are even."""
    halves = [(slice(0, None, 2), slice(1, None, 2)) if axis in axes else (slice(None),) for axis in range(3)]
    first, *others = product(*halves)
    total = values[first].clone()
    for other in others:
        total += values[other]
    return total.div_(len(others) + 1)


def _double(values: Tensor, axis: int) -> Tensor:
    """Return values spread along a tent to twice as many along an axis, dark beyond both ends."""
    import torch

    length, near = values.shape[axis], values * 0.75
    spread = values.new_empty(*values.shape[:axis], 2 * length, *values.shape[axis + 1 :])
    pairs = spread.view(*values.shape[:axis], length, 2, *values.shape[axis + 1 :])
    first, second = pairs.select(axis + 1, 0), pairs.select(axis + 1, 1)
    inner = length - 1
    first.narrow(axis, 0, 1).copy_(near.narrow(axis, 0, 1))
    second.narrow(axis, inner, 1).copy_(near.narrow(axis, inner, 1))
    below, above = values.narrow(axis, 0, inner), values.narrow(axis, 1, inner)
    torch.add(near.narrow(axis, 1, inner), below, alpha=0.25, out=first.narrow(axis, 1, inner))
    torch.add(near.narrow(axis, 0, inner), above, alpha=0.25, out=second.narrow(axis, 0, inner))
    return spread
