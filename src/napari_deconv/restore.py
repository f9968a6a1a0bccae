"""`restore`: the one path from an image and a recipe to a result; everything drains this generator."""

from __future__ import annotations

import hashlib
import time as clock
from collections.abc import Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field as attribute, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from .background import VolumeFigures, measure_volume
from .image import Image, Region
from .methods.base import Estimate, Method
from .methods.blur import Blur
from .methods.heldout import Choice
from .posing import compute_psf, fit_to_image, pose_problem, resolve_psf, trial_box
from .psf.base import Grid
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
    stage : ``restoring``, or ``choosing iterations`` while the automatic choice is made on a part of the image.
    """

    fraction: float
    step: int
    steps: int
    block: int
    seconds: float
    figures: Mapping[str, float]
    make: Any = attribute(repr=False)
    stage: str = "restoring"

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


@dataclass(frozen=True)
class _Volume:
    """One channel and time point: where its pixels come from and go to, its figures, and its share of the job."""

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
    """One restoration under way: what is done, and what the history will say."""

    def __init__(self, image: Image, recipe: Recipe, device: Any, memory: str | int) -> None:
        self.image, self.recipe, self.device = image, recipe, device
        self.budget = plan_budget(memory, device)
        self.started = clock.perf_counter()
        channels, times = image.sizes.get("C", 1), image.sizes.get("T", 1)
        self.places = [(time, channel) for time in range(times) for channel in range(channels)]
        self.models = [resolve_psf(image, recipe, channel) for channel in range(channels)]
        self.psfs = [compute_psf(image, recipe, channel) for channel in range(channels)]
        self.methods: dict[int, Method] = {}
        self.choices: list[Choice] = []
        self.figures: list[VolumeFigures] = []
        self.tiles = 0
        self.iterations = 0
        self.fraction = 0.0

    def run(self) -> Iterator[Progress]:
        """Yield the progress of every step of every tile, and last the whole."""
        whole = Image(np.zeros(self.image.shape, dtype=np.float32), self.image.axes)
        for number, (time, channel) in enumerate(self.places):
            pixels = self.image.block(time, channel)
            figures = measure_volume(pixels, self.recipe.background)
            self.figures.append(figures)
            ends = number / len(self.places), (number + 1) / len(self.places)
            volume = _Volume(time, channel, pixels, figures, whole.block(time, channel), *ends)
            settled = yield from self._settle(volume)
            yield from self._restore_volume(settled)
        yield self._finished(whole.data)

    def _settle(self, volume: _Volume) -> Generator[Progress, None, _Volume]:
        """Make the automatic choices of a channel at its first time point; return the volume that is left to do."""
        method = self.recipe.method
        if volume.channel in self.methods or not method.is_automatic:
            self.methods.setdefault(volume.channel, method)
            return volume
        box = trial_box(volume.pixels, self.psfs[volume.channel].shape, volume.figures.background)
        part = volume.pixels[box]
        psf = fit_to_image(self.psfs[volume.channel], part.shape)
        problem = pose_problem(part, volume.figures, Blur(psf, part.shape, self.device), self.image)
        end = volume.fraction(0.5 * part.size / volume.pixels.size)
        trial = method.choose(problem, psf)
        while True:
            try:
                tried = next(trial)
            except StopIteration as finished:
                choice: Choice = finished.value
                break
            self.fraction = volume.begin + (end - volume.begin) * tried.step / tried.steps
            yield Progress(
                self.fraction, tried.step, tried.steps, self.tiles + 1, self._seconds(), {"held_out": tried.score},
                lambda: self._block_image(part, box, volume), stage="choosing iterations",
            )  # fmt: skip
        self.choices.append(choice)
        self.methods[volume.channel] = method.settled(choice.value)
        return replace(volume, begin=end)

    def _restore_volume(self, volume: _Volume) -> Iterator[Progress]:
        pending, done = self._plan(volume), 0
        while pending:
            tile = pending.pop(0)
            halves = None
            try:
                yield from self._restore_tile(volume, tile, done)
            except (RuntimeError, MemoryError) as error:
                halves = _halves(tile, error)
            if halves:
                release(self.device)
                pending = [*halves, *pending]
            else:
                done += tile.voxels
                self.tiles += 1

    def _restore_tile(self, volume: _Volume, tile: Tile, done: int) -> Iterator[Progress]:
        """Yield the progress of one tile, after ``done`` voxels of the volume, and put its result in place."""
        blur = Blur(self.psfs[volume.channel], tile.outer_shape, self.device)
        problem = pose_problem(volume.pixels[tile.outer], volume.figures, blur, self.image)
        with closing(self.methods[volume.channel].iterate(problem)) as estimates:
            for estimate in estimates:
                share = (done + tile.voxels * estimate.step / estimate.steps) / volume.pixels.size
                self.fraction = max(self.fraction, min(1.0, volume.fraction(share)))
                yield from self._shown(estimate, blur, tile, volume)
        self.iterations = estimate.step
        blend(volume.target, tile, blur.crop(estimate.object))

    def _seconds(self) -> float:
        return clock.perf_counter() - self.started

    def _plan(self, volume: _Volume) -> list[Tile]:
        shape = self.image.spatial_shape
        method, widths = self.methods[volume.channel], self.psfs[volume.channel].shape
        halo = tuple(
            0 if size == 1 else int(method.reach * (width // 2)) + 1 for size, width in zip(shape, widths, strict=True)
        )
        padding = tuple(width - 1 for width in widths)
        return plan_tiles(shape, halo, padding, self.budget / (4 * method.volumes))  # type: ignore[arg-type]

    def _shown(self, estimate: Estimate, blur: Blur, tile: Tile, volume: _Volume) -> Iterator[Progress]:
        """Yield the progress of an estimate; its pixels can be read until the generator goes on, and hold no memory after."""
        views = [blur.crop(estimate.object)]

        def make() -> Image:
            if not views:
                raise RuntimeError("this estimate is gone: read progress.estimate before asking for the next step")
            return self._block_image(to_numpy(views[0]), tile.outer, volume)

        figures = estimate.figures
        try:
            yield Progress(self.fraction, estimate.step, estimate.steps, self.tiles + 1, self._seconds(), figures, make)
        finally:
            views.clear()

    def _block_image(self, pixels: Any, box: tuple[slice, slice, slice], volume: _Volume) -> Image:
        z, y, x = box
        bounds = {"Z": (z.start, z.stop), "Y": (y.start, y.stop), "X": (x.start, x.stop)}
        bounds |= {"T": (volume.time, volume.time + 1), "C": (volume.channel, volume.channel + 1)}
        block = self.image.crop(Region({axis: each for axis, each in bounds.items() if axis in self.image.axes}))
        return block.replace(data=pixels.reshape(block.shape))

    def _finished(self, result: np.ndarray[Any, Any]) -> Progress:
        seconds = self._seconds()
        image = self.image.replace(data=result, history=(*self.image.history, self._record(seconds)))
        return Progress(1.0, self.iterations, self.iterations, self.tiles, seconds, {}, lambda: image)

    def _record(self, seconds: float) -> dict[str, Any]:
        """Return what the history keeps: enough to run it again and to defend every pixel."""
        reports = [dict(model.report(Grid.of(self.image))) for model in self.models]
        notices = [notice for model in self.models for notice in model.notices()]
        notices += [notice for report in reports for notice in report.pop("notices", ())]
        return {
            "software": "napari-deconv",
            "versions": versions(),
            "recipe": self.recipe.dump(),
            "digest": self.recipe.digest,
            "method": self.recipe.method.title,
            "psf": [model.model_dump(mode="json", exclude_none=True) for model in self.models],
            "psf_sha256": [hashlib.sha256(psf.tobytes()).hexdigest() for psf in self.psfs],
            "background": [round(each.background, 6) for each in self.figures],
            "psf_report": reports,
            "notices": list(dict.fromkeys(notices)),
            "choices": [asdict(choice) for choice in self.choices],
            "iterations": self.iterations,
            "tiles": self.tiles,
            "device": str(self.device),
            "seconds": round(seconds, 3),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
        }


def _halves(tile: Tile, error: BaseException) -> tuple[Tile, Tile]:
    """Return the halves of a tile that did not fit the memory; any other error goes on its way."""
    if not is_out_of_memory(error):
        raise error
    halves = tile.split()
    if halves is None:
        shape = " × ".join(map(str, tile.outer_shape))
        raise MemoryError(f"a tile of {shape} does not fit the memory and is too small to cut: crop the PSF") from error
    return halves


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
