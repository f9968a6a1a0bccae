"""Super-sampling: the object on a finer grid than the camera's pixels, each of which sums up the light that falls on it.

A pixel of k × k fine voxels sees  y = sum over its voxels of h * x.  On the fine grid that is one sample in k × k of the object blurred
by PSF and pixel together, (h * box) * x; the samples between were never measured, and the likelihood does without them, as without
saturated pixels: through the adjoint of the mask.

    pixels        |   0   |   1   |   2   |
    fine grid     | 0 | . | 1 | . | 2 | . |        . not measured: put in between for a look, never trusted
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..image import FINER, Image, Region
from ..settings import field
from .base import LEFT_OUT, PREPARE, Step, each_volume

__all__ = ["SuperSampling"]

Array = np.ndarray[Any, Any]


class SuperSampling(Step):
    """A finer grid for the object than the camera's pixels."""

    title: ClassVar[str] = "Super-sampling"
    summary: ClassVar[str] = (
        "Estimates the object on a finer grid than the camera's pixels, for images sampled too coarsely for their PSF; the last step."
    )
    order: ClassVar[int] = 6
    stages: ClassVar[tuple[str, ...]] = (PREPARE,)
    is_last: ClassVar[bool] = True

    kind: Literal["super-sampling"] = "super-sampling"
    lateral: int = field(2, title="Lateral", description="Voxels for each pixel along y and x.", ge=1, le=4)
    axial: int = field(1, title="Axial", description="Voxels for each plane.", ge=1, le=4)

    def apply(self, image: Image) -> Image:
        """Return the image on the finer grid, its pixels at every so many voxels and straight lines between them."""
        finer = self._finer(image)

        def spread(volume: Array, *_: int) -> Array:
            for axis, times in enumerate(finer):
                volume = _between(volume, axis, times)
            return volume

        return self._placed(each_volume(image, spread, self._shape(image)), image)

    def mark(self, marks: Image, image: Image) -> Image:
        """Return the marks on the finer grid: everything but the pixels themselves, and of those the ones marked before."""
        finer = self._finer(image)

        def spread(volume: Array, *_: int) -> Array:
            fine = np.full([size * times for size, times in zip(volume.shape, finer, strict=True)], LEFT_OUT, np.uint8)
            fine[tuple(slice(None, None, times) for times in finer)] = volume
            return fine

        return self._placed(each_volume(marks, spread, self._shape(image), np.uint8), image)

    def moved(self, region: Region, image: Image) -> Region:
        """Return the voxels of a region."""
        finer = dict(zip("ZYX", self._finer(image), strict=True))
        bounds = {axis: (a * finer.get(axis, 1), b * finer.get(axis, 1)) for axis, (a, b) in region.bounds.items()}
        return Region(bounds)

    def _finer(self, image: Image) -> tuple[int, int, int]:
        return (self.axial if image.spatial_shape[0] > 1 else 1), self.lateral, self.lateral

    def _shape(self, image: Image) -> tuple[int, int, int]:
        z, y, x = (size * times for size, times in zip(image.spatial_shape, self._finer(image), strict=True))
        return z, y, x

    def _placed(self, changed: Image, image: Image) -> Image:
        """Return the changed image with its voxel, the centre of its first voxel, and the note of how much finer it is."""
        finer = dict(zip("ZYX", self._finer(image), strict=True))
        voxel = {axis: pitch / finer[axis] for axis, pitch in image.voxel.items()}
        shift = {axis: image.voxel.get(axis, 1.0) * (1 / finer[axis] - 1) / 2 for axis in "ZYX" if axis in image.axes}
        origin = {axis: image.origin.get(axis, 0.0) + each for axis, each in shift.items()}
        metadata = {**image.metadata, FINER: self._finer(image)}
        return changed.replace(voxel=voxel, origin=origin, metadata=metadata)


def _between(volume: Array, axis: int, times: int) -> Array:
    """Return the volume with straight lines between its pixels along an axis; beyond the last one its value goes on."""
    if times == 1:
        return volume
    after = np.concatenate([np.delete(volume, 0, axis), np.take(volume, [-1], axis)], axis)
    steps = [volume + (after - volume) * (number / times) for number in range(times)]
    return np.stack(steps, axis + 1).reshape(
        [size * (times if a == axis else 1) for a, size in enumerate(volume.shape)]
    )
