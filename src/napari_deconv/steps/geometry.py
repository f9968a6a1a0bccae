"""What changes the pixel grid: a box cut out, another number of pixels."""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..image import Image, Region
from ..settings import field
from .base import LEFT_OUT, PREPARE, SATURATED, Step, each_volume

__all__ = ["Crop", "Rescale"]

Array = np.ndarray[Any, Any]
Range = tuple[int, int] | None


def _range(axis: str) -> Any:
    return field(
        None,
        title=axis,
        unit="pixels",
        description=f"First pixel and the one after the last along {axis}; all when left out.",
    )


class Crop(Step):
    """A box cut out of the image."""

    title: ClassVar[str] = "Crop"
    summary: ClassVar[str] = "Cuts out a box, time points or channels; what lies outside is not looked at."
    order: ClassVar[int] = 4
    stages: ClassVar[tuple[str, ...]] = (PREPARE,)

    kind: Literal["crop"] = "crop"
    z: Range = _range("z")
    y: Range = _range("y")
    x: Range = _range("x")
    t: Range = _range("t")
    c: Range = _range("c")

    def apply(self, image: Image) -> Image:
        """Return the box."""
        return image.crop(self._box(image))

    def mark(self, marks: Image, image: Image) -> Image:
        """Return the box of the marks."""
        return marks.crop(self._box(image))

    def moved(self, region: Region, image: Image) -> Region:
        """Return what of a region lies in the box."""
        moved = {}
        for axis, (start, stop) in self._box(image).bounds.items():
            first, last = region.bounds.get(axis, (0, image.sizes[axis]))
            moved[axis] = max(first, start) - start, min(last, stop) - start
            if moved[axis][0] >= moved[axis][1]:
                raise ValueError(
                    f"nothing of what is asked for lies in the crop {start} to {stop} along {axis.lower()}: move the view or the crop"
                )
        return Region({**region.bounds, **moved})

    def _box(self, image: Image) -> Region:
        bounds = {axis: getattr(self, axis.lower()) for axis in "TCZYX" if getattr(self, axis.lower()) is not None}
        for axis, (start, stop) in bounds.items():
            size = image.sizes.get(axis)
            if size is None or not 0 <= start < stop <= size:
                raise ValueError(
                    f"crop {axis.lower()} is {start} to {stop} but the image has "
                    f"{'no such axis' if size is None else f'pixels 0 to {size}'}: the first must be below the second, both within it"
                )
        return Region(bounds)


class Rescale(Step):
    """More or fewer pixels for the same field."""

    title: ClassVar[str] = "Rescale"
    summary: ClassVar[str] = "Makes more or fewer pixels of the same field; the voxel size follows."
    order: ClassVar[int] = 5
    noise_notice: ClassVar[str] = "neighbouring pixels then share their noise"

    kind: Literal["rescale"] = "rescale"
    lateral: float = field(
        1.0,
        title="Lateral",
        description="Factor of the number of pixels along y and x.",
        ge=0.05,
        le=10,
        slider="log",
        shown_min=0.25,
        shown_max=4,
    )
    axial: float = field(
        1.0,
        title="Axial",
        description="Factor of the number of planes.",
        ge=0.05,
        le=10,
        slider="log",
        shown_min=0.25,
        shown_max=4,
    )

    def apply(self, image: Image) -> Image:
        """Return the image on the new grid, smoothed first where that is coarser; its brightness stays."""
        shape = self._shape(image)

        def resized(volume: Array, *_: int) -> Array:
            from skimage.transform import resize

            return np.asarray(resize(volume, shape, order=1, mode="edge", preserve_range=True))

        return self._placed(each_volume(image, resized, shape), image)

    def mark(self, marks: Image, image: Image) -> Image:
        """Return the marks on the new grid: wherever a marked pixel has a share."""
        shape = self._shape(image)

        def resized(volume: Array, *_: int) -> Array:
            from skimage.transform import resize

            def touched(mark: int) -> Array:
                return np.asarray(resize((volume == mark).astype(float), shape, order=1, mode="edge") > 1e-3)

            return np.where(touched(LEFT_OUT), LEFT_OUT, np.where(touched(SATURATED), SATURATED, 0))

        return self._placed(each_volume(marks, resized, shape, np.uint8), image)

    def moved(self, region: Region, image: Image) -> Region:
        """Return the new pixels that a region touches."""
        new = dict(zip("ZYX", self._shape(image), strict=True))
        old = dict(zip("ZYX", image.spatial_shape, strict=True))
        bounds = dict(region.bounds)
        for axis in set(bounds) & set("ZYX"):
            start, stop = bounds[axis]
            bounds[axis] = start * new[axis] // old[axis], -(-stop * new[axis] // old[axis])
        return Region(bounds)

    def _shape(self, image: Image) -> tuple[int, int, int]:
        z, y, x = image.spatial_shape
        return max(1, round(z * self.axial)), max(1, round(y * self.lateral)), max(1, round(x * self.lateral))

    def _placed(self, changed: Image, image: Image) -> Image:
        """Return the changed image with its voxel, and its origin: the centre of the first pixel, whose outer edge stays."""
        ratios = {
            axis: old / new
            for axis, old, new in zip("ZYX", image.spatial_shape, self._shape(image), strict=True)
            if axis in image.axes
        }
        voxel = {axis: pitch * ratios[axis] for axis, pitch in image.voxel.items()}
        shift = {axis: image.voxel.get(axis, 1.0) * (ratio - 1) / 2 for axis, ratio in ratios.items()}
        origin = {axis: image.origin.get(axis, 0.0) + each for axis, each in shift.items()}
        return changed.replace(voxel=voxel, origin=origin)
