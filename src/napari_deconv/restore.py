"""`restore`: the one path from an image and a recipe to a result; everything drains this generator."""

from __future__ import annotations

import time as clock
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .background import VolumeFigures, measure_volume
from .image import Image, Region
from .known import Known
from .methods.base import Estimate, Method
from .methods.blur import Blur
from .methods.heldout import Choice
from .posing import compute_psf, fit_to_image, pose_problem, resolve_psf, trial_box
from .progress import Progress
from .psf.base import Grid
from .recipe import Recipe
from .record import describe_choices, describe_psfs, describe_run
from .running.device import choose_device, is_out_of_memory, plan_budget, release
from .running.tiles import Tile, plan_tiles, with_halo

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Known", "Progress", "compute_psf", "resolve_psf", "restore", "restored"]


def restore(
    image: Image,
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    memory: str | int = "auto",
    region: Region | None = None,
    known: Known | None = None,
) -> Generator[Progress]:
    """Restore an image, one estimate at a time; closing the generator cancels.

    Parameters
    ----------
    image : any axes out of ``TCZYX``; never written to.
    recipe : what to do; by default Richardson-Lucy with the PSF of the image's own metadata.
    device : ``auto``, ``cpu``, ``cuda`` or ``mps``.
    memory : what the run may take, such as ``4GB``, or ``auto``.
    region : the part to restore, with the PSF, figures and choices of the whole image; by default all of it.
    known : what an earlier call measured of the same image.

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
    return _Job(image, asked, choose_device(device), memory, region or Region({}), known or Known()).run()


def restored(
    image: Image,
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    memory: str | int = "auto",
    region: Region | None = None,
) -> Image:
    """Return the restored image, float32. Parameters and errors as in `restore`."""
    for progress in restore(image, recipe, device=device, memory=memory, region=region):
        last = progress
    return last.estimate


@dataclass(frozen=True)
class _Volume:
    """One channel and time point: its place, its pixels with their halo, its figures, and its share of the job."""

    time: int
    channel: int
    pixels: Any
    figures: VolumeFigures
    target: np.ndarray[Any, Any]
    begin: float
    end: float

    def fraction(self, share: float) -> float:
        """Return the job's fraction when this share of the volume is done."""
        return self.begin + (self.end - self.begin) * share


class _Job:
    """One restoration under way: what is done, and what the history will say.

    ``image`` is whole, ``part`` what is restored; ``outer`` is the box of it with its halo, ``inner`` the part within that.
    """

    def __init__(
        self, image: Image, recipe: Recipe, device: Any, memory: str | int, region: Region, known: Known
    ) -> None:
        self.image, self.recipe, self.device, self.known = image, recipe, device, known
        self.budget = plan_budget(memory, device)
        self.started = clock.perf_counter()
        self.part = image.crop(region)
        self.times = range(image.sizes.get("T", 1))[slice(*region.bounds.get("T", (None, None)))]
        self.channels = range(image.sizes.get("C", 1))[slice(*region.bounds.get("C", (None, None)))]
        self.models = {channel: resolve_psf(image, recipe, channel) for channel in self.channels}
        self.psfs = {channel: compute_psf(image, recipe, channel) for channel in self.channels}
        self.outer, self.inner = with_halo(image.spatial_shape, region.bounds, self._halo())
        self.methods: dict[int, Method] = {}
        self.choices: list[Choice] = []
        self.figures: list[VolumeFigures] = []
        self.tiles = 0
        self.iterations = 0
        self.fraction = 0.0

    def run(self) -> Generator[Progress]:
        """Yield the progress of every step of every tile, and last the whole."""
        whole = Image(np.zeros(self.part.shape, dtype=np.float32), self.part.axes)
        places = [(time, channel) for time in self.times for channel in self.channels]
        for number, (time, channel) in enumerate(places):
            target = whole.block(time - self.times[0], channel - self.channels[0])
            ends = number / len(places), (number + 1) / len(places)
            pixels = self.image.block(time, channel)[self.outer]
            volume = _Volume(time, channel, pixels, self._measured(time, channel), target, *ends)
            settled = yield from self._settle(volume)
            yield from self._restore_volume(settled)
        yield self._finished(whole.data)

    def _measured(self, time: int, channel: int) -> VolumeFigures:
        key = (time, channel, self.recipe.background)
        if key not in self.known.figures:
            self.known.figures[key] = measure_volume(self.image.block(time, channel), self.recipe.background)
        self.figures.append(self.known.figures[key])
        return self.known.figures[key]

    def _settle(self, volume: _Volume) -> Generator[Progress, None, _Volume]:
        """Make the automatic choices of a channel at its first time point; return the volume that is left to do."""
        method, channel = self.recipe.method, volume.channel
        if channel in self.methods or not method.is_automatic:
            self.methods.setdefault(channel, method)
            return volume
        key = (channel, self.models[channel], method, self.recipe.background)
        end = volume.begin
        if key not in self.known.choices:
            end = volume.fraction(0.3)
            self.known.choices[key] = yield from self._try_out(volume, end)
        choice = self.known.choices[key]
        self.choices.append(choice)
        self.methods[channel] = method.settled(choice.value)
        return replace(volume, begin=end)

    def _try_out(self, volume: _Volume, end: float) -> Generator[Progress, None, Choice]:
        """Make the automatic choice on the part of the first time point that is richest in light."""
        pixels = self.image.block(self.times[0], volume.channel)
        box = trial_box(pixels, self.psfs[volume.channel].shape, volume.figures.background)
        psf = fit_to_image(self.psfs[volume.channel], pixels[box].shape)
        blur = Blur(psf, pixels[box].shape, self.device)
        trial = self.recipe.method.choose(pose_problem(pixels[box], volume.figures, blur, self.image))
        while True:
            try:
                tried = next(trial)
            except StopIteration as finished:
                choice: Choice = finished.value
                return choice
            self.fraction = volume.begin + (end - volume.begin) * tried.step / tried.steps
            yield Progress(
                self.fraction, tried.step, tried.steps, self.tiles + 1, self._seconds(), {"held_out": tried.score},
                lambda: self.part, stage="choosing",
            )  # fmt: skip

    def _restore_volume(self, volume: _Volume) -> Iterator[Progress]:
        blended = np.zeros(volume.pixels.shape, dtype=np.float32)
        pending, done = self._plan(volume), 0
        while pending:
            tile = pending.pop(0)
            halves = None
            try:
                yield from self._restore_tile(volume, tile, done, blended)
            except (RuntimeError, MemoryError) as error:
                halves = _halves(tile, error)
            if halves:
                release(self.device)
                pending = [*halves, *pending]
            else:
                done += tile.voxels
                self.tiles += 1
        volume.target[...] = blended[self.inner]

    def _restore_tile(
        self, volume: _Volume, tile: Tile, done: int, blended: np.ndarray[Any, Any]
    ) -> Iterator[Progress]:
        """Yield the progress of one tile, after ``done`` voxels of the volume, and put its result in place."""
        blur = self.known.blur(self.psfs[volume.channel], tile.outer_shape, self.device)
        problem = pose_problem(volume.pixels[tile.outer], volume.figures, blur, self.image)
        with closing(self.methods[volume.channel].iterate(problem)) as estimates:
            for estimate in estimates:
                share = (done + tile.voxels * estimate.step / estimate.steps) / volume.pixels.size
                self.fraction = max(self.fraction, min(1.0, volume.fraction(share)))
                yield from self._shown(estimate, blur, tile, volume)
        self.iterations = estimate.step
        tile.blend(blended, to_numpy(blur.crop(estimate.object)))

    def _seconds(self) -> float:
        return clock.perf_counter() - self.started

    def _halo(self) -> tuple[int, int, int]:
        """Return the pixels beyond a tile that can matter to it: the method's reach in the largest PSF, none on a flat axis."""
        reach = self.recipe.method.reach
        z, y, x = (
            0 if size == 1 else int(reach * (max(psf.shape[axis] for psf in self.psfs.values()) // 2)) + 1
            for axis, size in enumerate(self.image.spatial_shape)
        )
        return z, y, x

    def _plan(self, volume: _Volume) -> list[Tile]:
        z, y, x = self.psfs[volume.channel].shape
        most = self.budget / (4 * self.recipe.method.volumes)
        return plan_tiles(volume.pixels.shape, self._halo(), (z - 1, y - 1, x - 1), most)

    def _shown(self, estimate: Estimate, blur: Blur, tile: Tile, volume: _Volume) -> Iterator[Progress]:
        """Yield the progress of an estimate; its pixels can be read until the generator goes on, and hold no memory after."""
        box = self.inner if tile.is_whole else (slice(None), slice(None), slice(None))
        views = [blur.crop(estimate.object)[box]]

        def make() -> Image:
            if not views:
                raise RuntimeError("this estimate is gone: read progress.estimate before asking for the next step")
            return self._block_image(to_numpy(views[0]), tile, volume)

        figures = estimate.figures
        try:
            yield Progress(self.fraction, estimate.step, estimate.steps, self.tiles + 1, self._seconds(), figures, make)
        finally:
            views.clear()

    def _block_image(self, pixels: np.ndarray[Any, Any], tile: Tile, volume: _Volume) -> Image:
        """Return the pixels of a tile as an image: of the part asked for where the tile is whole, else with its halo."""
        bounds = {"T": (volume.time, volume.time + 1), "C": (volume.channel, volume.channel + 1)}
        starts = [outer.start + (inner.start if tile.is_whole else own.start)
                  for outer, inner, own in zip(self.outer, self.inner, tile.outer, strict=True)]  # fmt: skip
        for axis, start, size in zip("ZYX", starts, pixels.shape, strict=True):
            bounds[axis] = (start, start + size)
        block = self.image.crop(Region({axis: each for axis, each in bounds.items() if axis in self.image.axes}))
        return block.replace(data=pixels.reshape(block.shape))

    def _finished(self, result: np.ndarray[Any, Any]) -> Progress:
        seconds = self._seconds()
        record = {
            **describe_run(
                self.recipe, iterations=self.iterations, tiles=self.tiles, device=self.device, seconds=seconds
            ),
            **describe_psfs(list(self.models.values()), self.psfs.values(), Grid.of(self.image)),
            **describe_choices(self.figures, self.choices),
        }
        image = self.part.replace(data=result, history=(*self.image.history, record))
        return Progress(1.0, self.iterations, self.iterations, self.tiles, seconds, {}, lambda: image, is_result=True)


def _halves(tile: Tile, error: BaseException) -> tuple[Tile, Tile]:
    """Return the halves of a tile that did not fit the memory; any other error goes on its way."""
    if not is_out_of_memory(error):
        raise error
    halves = tile.split()
    if halves is None:
        shape = " × ".join(map(str, tile.outer_shape))
        raise MemoryError(f"a tile of {shape} does not fit the memory and is too small to cut: crop the PSF") from error
    return halves


def to_numpy(values: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor's values as a float32 array of its own."""
    import torch

    return np.array(values.detach().to("cpu", torch.float32).numpy())
