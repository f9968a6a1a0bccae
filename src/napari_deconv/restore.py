"""`restore`: the one path from an image and a recipe to a result; everything drains this generator."""

from __future__ import annotations

import hashlib
import time as clock
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field as attribute
from datetime import UTC, datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .background import MEND, VolumeFigures, measure_volume
from .image import Image, Region
from .methods.base import Estimate, Problem
from .methods.blur import Blur
from .psf.base import Grid, PsfModel, check_psf
from .recipe import Recipe
from .running.device import choose_device, is_out_of_memory, plan_budget, release
from .running.tiles import Tile, plan_tiles

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Progress", "compute_psf", "restore", "restored", "resolve_psf"]


@dataclass(frozen=True)
class Progress:
    """One step of a restoration.

    fraction : share of the whole job that is done, in [0, 1].
    step, steps : the method's step within the current block, and how many there are.
    block : which piece (channel × time × tile), from 1.
    seconds : since the start; seconds_left : expected, None at first.
    figures : the method's own figures of this step.
    """

    fraction: float
    step: int
    steps: int
    block: int
    seconds: float
    figures: Mapping[str, float]
    make: Any = attribute(repr=False)

    @property
    def estimate(self) -> Image:
        """The current block so far as an `Image`; the last progress carries the whole result. Read it before going on."""
        made: Image = self.make()
        return made

    @property
    def seconds_left(self) -> float | None:
        """Expected seconds until the end."""
        return self.seconds * (1 - self.fraction) / self.fraction if self.fraction > 0 else None


def restore(
    image: Image, recipe: Recipe | Mapping[str, Any] | None = None, *, device: str = "auto", memory: str | int = "auto"
) -> Iterator[Progress]:
    """Restore an image, one estimate at a time; closing the generator cancels.

    Parameters
    ----------
    image : any axes out of ``TCZYX``; never written to.
    recipe : what to do; by default Richardson-Lucy with the PSF of the image's own metadata.
    device : ``auto``, ``cpu``, ``cuda`` or ``mps``.
    memory : what the run may take, such as ``4GB``, or ``auto``.

    Yields
    ------
    Progress
        the last one's ``estimate`` is the whole result: float32, the axes, voxel and names of the source, and the history.

    Raises
    ------
    ValueError
        in one sentence with the remedy, when image and recipe do not fit.
    """
    asked = recipe if isinstance(recipe, Recipe) else Recipe.parse(dict(recipe or {}))
    job = _Job(image, asked, choose_device(device), memory)
    return job.run()


def restored(
    image: Image, recipe: Recipe | Mapping[str, Any] | None = None, *, device: str = "auto", memory: str | int = "auto"
) -> Image:
    """Return the whole restored image, float32. Parameters and errors as in `restore`."""
    for progress in restore(image, recipe, device=device, memory=memory):
        last = progress
    return last.estimate


def resolve_psf(image: Image, recipe: Recipe, channel: int = 0) -> PsfModel:
    """Return the recipe's PSF model with its empty optical fields filled from the image.

    Raises
    ------
    ValueError
        when the recipe names no PSF and the image's metadata does not tell its optics.
    """
    from . import psf

    model = recipe.psf
    if model is None:
        optics, told = image.optics, image.channels[channel]
        missing = [name for name in ("numerical_aperture", "immersion_index") if getattr(optics, name) is None]
        missing += ["emission"] * (told.emission is None) + ["voxel"] * (image.spacing[1] is None)
        if missing:
            raise ValueError(
                f"the image's metadata lacks {', '.join(missing)}: give a PSF file or model (--psf), or those values"
            )
        model = psf.family.parse("gibson-lanni")
    resolved: PsfModel = model.resolved(image, channel)
    return resolved


def compute_psf(image: Image, recipe: Recipe, channel: int = 0) -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) of one channel: unit sum, centred at ``shape // 2``; a flat image takes the focal plane."""
    computed = _computed(resolve_psf(image, recipe, channel), Grid.of(image))
    return fit_to_image(computed, image.spatial_shape)


def fit_to_image(psf: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Return the part of a PSF that can matter to an image: at most 2 n - 1 on each axis, the focal plane for a flat one."""
    box = []
    for size, length in zip(psf.shape, shape, strict=True):
        reach = length - 1
        box.append(slice(max(0, size // 2 - reach), size // 2 + reach + 1))
    cut = psf[tuple(box)]
    return psf if cut.shape == psf.shape else check_psf(cut)


@lru_cache(maxsize=8)
def _computed(model: PsfModel, grid: Grid) -> np.ndarray[Any, Any]:
    psf = model.compute(grid)
    psf.flags.writeable = False
    return psf


@dataclass(frozen=True)
class _Volume:
    """One channel and time point: where its pixels come from and go to, its figures and its PSF."""

    time: int
    channel: int
    pixels: Any
    figures: VolumeFigures
    psf: np.ndarray[Any, Any]
    target: np.ndarray[Any, Any]


class _Job:
    """One restoration under way: what is done, and what the history will say."""

    def __init__(self, image: Image, recipe: Recipe, device: Any, memory: str | int) -> None:
        self.image, self.recipe, self.device = image, recipe, device
        self.method = recipe.method
        self.budget = plan_budget(memory, device)
        self.started = clock.perf_counter()
        channels, times = image.sizes.get("C", 1), image.sizes.get("T", 1)
        self.places = [(time, channel) for time in range(times) for channel in range(channels)]
        self.models = [resolve_psf(image, recipe, channel) for channel in range(channels)]
        self.psfs = [fit_to_image(_computed(model, Grid.of(image)), image.spatial_shape) for model in self.models]
        self.figures: list[VolumeFigures] = []
        self.tiles = 0
        self.iterations = 0

    def run(self) -> Iterator[Progress]:
        """Yield the progress of every step of every tile, and last the whole."""
        whole = Image(np.zeros(self.image.shape, dtype=np.float32), self.image.axes)
        for number, (time, channel) in enumerate(self.places):
            pixels = self.image.block(time, channel)
            figures = measure_volume(pixels, self.recipe.background)
            self.figures.append(figures)
            volume = _Volume(time, channel, pixels, figures, self.psfs[channel], whole.block(time, channel))
            yield from self._restore_volume(volume, number)
        yield self._finished(whole.data)

    def _restore_volume(self, volume: _Volume, number: int) -> Iterator[Progress]:
        pending = self._plan(volume)
        done = 0
        while pending:
            tile = pending.pop(0)
            whole = done + 1 + len(pending)
            try:
                for estimate, blur in self._estimates(volume, tile):
                    share = (done + estimate.step / estimate.steps) / whole
                    yield self._progress(estimate, blur, tile, volume, (number + share) / len(self.places))
                blend(volume.target, tile, blur.crop(estimate.object))
            except (RuntimeError, MemoryError) as error:
                pending = self._halved(tile, error) + pending
                continue
            done += 1
            self.tiles += 1
            self.iterations = estimate.step

    def _plan(self, volume: _Volume) -> list[Tile]:
        shape = self.image.spatial_shape
        halo = tuple(0 if size == 1 else psf // 2 + 1 for size, psf in zip(shape, volume.psf.shape, strict=True))
        padding = tuple(size - 1 for size in volume.psf.shape)
        return plan_tiles(shape, halo, padding, self.budget / (4 * self.method.volumes))  # type: ignore[arg-type]

    def _estimates(self, volume: _Volume, tile: Tile) -> Iterator[tuple[Estimate, Blur]]:
        blur = Blur(volume.psf, tile.outer_shape, self.device)
        problem = pose_problem(volume.pixels[tile.outer], volume.figures, blur, self.image)
        with closing(self.method.iterate(problem)) as estimates:
            for estimate in estimates:
                yield estimate, blur

    def _halved(self, tile: Tile, error: BaseException) -> list[Tile]:
        """Return the halves of a tile that did not fit the memory; any other error goes on its way."""
        halves = tile.split() if is_out_of_memory(error) else None
        if halves is None:
            raise error
        release(self.device)
        return list(halves)

    def _progress(self, estimate: Estimate, blur: Blur, tile: Tile, volume: _Volume, fraction: float) -> Progress:
        def make() -> Image:
            pixels = to_numpy(blur.crop(estimate.object))
            return self._block_image(pixels, tile, volume)

        return Progress(
            fraction, estimate.step, estimate.steps, self.tiles + 1, clock.perf_counter() - self.started, estimate.figures, make
        )

    def _block_image(self, pixels: np.ndarray[Any, Any], tile: Tile, volume: _Volume) -> Image:
        z, y, x = tile.outer
        bounds = {"Z": (z.start, z.stop), "Y": (y.start, y.stop), "X": (x.start, x.stop)}
        bounds |= {"T": (volume.time, volume.time + 1), "C": (volume.channel, volume.channel + 1)}
        block = self.image.crop(Region({axis: each for axis, each in bounds.items() if axis in self.image.axes}))
        return block.replace(data=pixels.reshape(block.shape))

    def _finished(self, result: np.ndarray[Any, Any]) -> Progress:
        seconds = clock.perf_counter() - self.started
        image = self.image.replace(data=result, history=(*self.image.history, self._record(seconds)))
        return Progress(1.0, self.iterations, self.iterations, self.tiles, seconds, {}, lambda: image)

    def _record(self, seconds: float) -> dict[str, Any]:
        """Return what the history keeps: enough to run it again and to defend every pixel."""
        return {
            "software": "napari-deconv",
            "versions": versions(),
            "recipe": self.recipe.dump(),
            "digest": self.recipe.digest,
            "method": self.method.title,
            "psf": [model.model_dump(mode="json", exclude_none=True) for model in self.models],
            "psf_sha256": [hashlib.sha256(psf.tobytes()).hexdigest() for psf in self.psfs],
            "background": [round(each.background, 6) for each in self.figures],
            "notices": [notice for model in self.models for notice in model.notices()],
            "iterations": self.iterations,
            "tiles": self.tiles,
            "device": str(self.device),
            "seconds": round(seconds, 3),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def pose_problem(pixels: Any, figures: VolumeFigures, blur: Blur, image: Image) -> Problem:
    """Return the problem of one block: pixels (Z, Y, X) as counts that are never negative.

    Raises
    ------
    ValueError
        when a pixel is NaN or infinite.
    """
    import torch

    block = np.array(pixels, dtype=np.float32)
    if not np.isfinite(block).all():
        raise ValueError(f"the image has {int((~np.isfinite(block)).sum())} pixels that are NaN or infinite: {MEND}")
    block += figures.lift
    np.clip(block, 0, None, out=block)
    z, y, x = (pitch or 1.0 for pitch in image.spacing)
    return Problem(
        image=torch.from_numpy(block).to(blur.device, blur.dtype),
        background=figures.background + figures.lift,
        blur=blur,
        scale=figures.scale,
        level=figures.level,
        voxel=(z, y, x),
    )


def blend(target: np.ndarray[Any, Any], tile: Tile, restored_block: Tensor) -> None:
    """Add a restored block into its volume (Z, Y, X) under the tile's weights."""
    block = to_numpy(restored_block)
    if tile.is_whole:
        target[...] = block
        return
    z, y, x = tile.weights()
    target[tile.outer] += block * (z * y * x)


def to_numpy(values: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor's values as a float32 array of its own."""
    import torch

    return np.array(values.detach().to("cpu", torch.float32).numpy())


def versions() -> dict[str, str]:
    """Return the versions that decide a result."""
    from importlib.metadata import version

    return {name: version(name) for name in ("napari-deconv", "numpy", "scipy", "torch")}
