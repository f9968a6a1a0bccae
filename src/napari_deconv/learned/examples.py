"""`Example`: what a network is given of one image and what it should say, as arrays; and the folder that keeps thousands of them.

The classical estimates are computed once for each image; training then goes over them many times. The folder holds one ``.npy`` file
for each field (half precision, mapped into memory) and the number of examples that are done, so that it can be gone on with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..background import measure_volume
from ..image import Image
from ..methods.blur import Blur
from ..methods.features import gather_features
from ..passing import drained
from ..posing import pose_problem
from ..psf.base import fitted
from ..steps.super_sampling import SuperSampling
from .ranges import noise_of, ranges_of
from .shapes import Array

if TYPE_CHECKING:
    from ..methods.base import Problem

MOST_MEASURED = 400
"""Examples that tell what weights are good for, at the most."""

__all__ = ["Example", "Store", "example_of", "in_a_row", "posed", "ranges_of_examples", "time_points"]


@dataclass(frozen=True)
class Example:
    """Arrays of one image, all in units of its scale; a flat image's have no Z.

    features : (1 + K + 1 + 3, *frame); anchor : (*object); image : (*frame), background and all; target : (*frame), the truth, or
    photons held back; weight : (*frame), 1 over the variance of the target where that is photons; trusted : (*frame), 1 where
    a pixel was measured; psf : (*kernel), as a pixel sees it;
    caught : (*frame), 1 / sensitivity; background : (). Those of a time-lapse have an axis more before all these, the time points.
    """

    features: Array
    anchor: Array
    image: Array
    target: Array
    weight: Array
    trusted: Array
    psf: Array
    caught: Array
    background: Array


def posed(
    counts: Array,
    psf: Array,
    voxel: tuple[float, float, float],
    background: Any = "auto",
    finer: tuple[int, int, int] = (1, 1, 1),
) -> Problem:
    """Return the problem of counts (Z, Y, X) under a PSF (Z, Y, X), posed as `restore` does.

    psf, voxel : on the object's grid, which has ``finer`` voxels (z, y, x) for each pixel; the PSF as a pixel sees it.
    """
    volume = measure_volume(counts, background)
    z, y, x = (pitch * times for pitch, times in zip(voxel, finer, strict=True))
    image, marks = Image(counts, "ZYX", voxel=(z, y, x)), None
    if max(finer) > 1:
        step = SuperSampling(lateral=finer[1], axial=finer[0])
        marks = step.mark(image.replace(data=np.zeros(counts.shape, np.uint8)), image).numpy()
        image = step.apply(image)
    pixels = image.numpy()
    shape = (pixels.shape[0], pixels.shape[1], pixels.shape[2])
    return pose_problem(pixels, volume, Blur(psf, shape), image, untrusted=marks)


def example_of(problem: Problem, psf: Array, target: Array, weight: Array | None = None) -> Example:
    """Return the example of a problem and its target (Z, Y, X) in counts; ``weight`` in 1 / counts²."""
    features = drained(gather_features(problem))
    flat = problem.image.shape[0] == 1
    unit = max(problem.scale, 1e-30)
    odd = fitted(psf, [size + 1 - size % 2 for size in psf.shape])
    ones, trusted = np.ones(problem.image.shape, np.float32), problem.trusted
    arrays = {
        "features": features.values.numpy(),
        "anchor": _around_frame(features.anchor.numpy(), problem.blur, odd.shape),
        "image": problem.image.numpy() / unit,
        "target": target / unit,
        "weight": ones if weight is None else weight * unit**2,
        "trusted": ones if trusted is None else trusted.numpy(),
        "psf": odd,
        "caught": problem.blur.crop(problem.blur.inverse_sensitivity).numpy(),
    }
    squeezed = {
        name: values[:, 0] if name == "features" and flat else values[0] if flat else values
        for name, values in arrays.items()
    }
    return Example(
        **{k: np.ascontiguousarray(v, np.float32) for k, v in squeezed.items()},
        background=np.array(problem.background / unit, np.float32),
    )


def in_a_row(moments: Sequence[Example]) -> Example:
    """Return the example of a time-lapse; of a single time point that itself."""
    if len(moments) == 1:
        return moments[0]
    return Example(**{each.name: np.stack([getattr(one, each.name) for one in moments]) for each in fields(Example)})


def time_points(batch: Example, frames: int) -> list[Example]:
    """Return a batch of time-lapses (N, T, ...) as one of single images (N, ...) for each time point; for one frame the batch itself."""
    if frames == 1:
        return [batch]
    return [Example(**{name: values[:, time] for name, values in vars(batch).items()}) for time in range(frames)]


def _around_frame(thing: Array, blur: Blur, kernel: Sequence[int]) -> Array:
    """Return an object with exactly half a kernel around the frame on each side, so that it can be mirrored."""
    box, pads = [], []
    for frame, size, whole in zip(blur.frame, kernel, thing.shape, strict=True):
        start, stop = frame.start - size // 2, frame.stop + size // 2
        box.append(slice(max(0, start), min(whole, stop)))
        pads.append((max(0, -start), max(0, stop - whole)))
    return np.pad(thing[tuple(box)], pads)


class Store:
    """A folder of examples of one shape."""

    def __init__(self, folder: Path, count: int) -> None:
        self.folder, self.count = folder, count
        self._told = folder / "examples.json"
        self._arrays: dict[str, Array] = {}
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def done(self) -> int:
        """How many of the examples, from the first, are there."""
        if not self._told.exists():
            return 0
        told = json.loads(self._told.read_text(encoding="utf-8"))
        return int(told["done"]) if told["count"] == self.count else 0

    def put(self, number: int, example: Example) -> None:
        """Keep an example."""
        for each in fields(Example):
            values = getattr(example, each.name)
            self._file(each.name, values)[number] = np.clip(values, -65000, 65000)

    def keep(self, done: int) -> None:
        """Say on disk how many are done."""
        for array in self._arrays.values():
            array.flush()  # type: ignore[attr-defined]
        beside = self._told.with_suffix(".new")
        beside.write_text(json.dumps({"count": self.count, "done": done}), encoding="utf-8")
        beside.replace(self._told)

    def take(self, numbers: Sequence[int]) -> Example:
        """Return examples side by side: every field has an axis more, the first."""
        order = np.asarray(numbers)
        return Example(
            **{
                each.name: np.stack([self._file(each.name)[n] for n in order]).astype(np.float32)
                for each in fields(Example)
            }
        )

    def _file(self, name: str, like: Any = None) -> Array:
        if name not in self._arrays:
            path = self.folder / f"{name}.npy"
            if path.exists() and self.done:
                self._arrays[name] = np.load(path, mmap_mode="r+")
            else:
                dtype = np.float32 if name in ("psf", "background") else np.float16
                shape = (self.count, *np.shape(like))
                self._arrays[name] = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        return self._arrays[name]


def ranges_of_examples(store: Store, frames: int = 1) -> dict[str, tuple[float, float]]:
    """Return within what the PSF's width and the noise of most examples lie; of time-lapses their first time points tell."""
    cases = []
    for number in np.linspace(0, store.count - 1, min(store.count, MOST_MEASURED)).astype(int):
        one = time_points(store.take([int(number)]), frames)[0]
        image = one.image[0] if one.image.ndim == 4 else one.image
        width = float(np.square(one.psf, dtype=np.float64).sum()) ** (-1 / (one.psf.ndim - 1))
        cases.append({"psf_width": width, **noise_of(image, float(one.background[0]))})
    return ranges_of(cases)
