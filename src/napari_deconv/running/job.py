"""`Job`: one file to restore into another, as the command line and a batch run it.

read -> told (what the user says of the image) -> restore -> the history says what was told -> write
"""

from __future__ import annotations

import os
import sys
import time as clock
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field as attribute
from pathlib import Path
from typing import Any

from ..files import WRITABLE, read, suffix_of, write
from ..files.whole import check_destination, check_space
from ..image import Channel, Image, Optics
from ..posing import resolve_psf
from ..progress import Progress
from ..recipe import Recipe
from ..restore import restore
from .device import plan_budget

__all__ = ["OF_CHANNELS", "Job", "Told", "check_output", "peak_memory", "run_job", "with_optics"]

OF_CHANNELS = ("emission", "excitation")

LOADED = 0.05
"""Of the memory that a run may take, the part that a source file may have that is loaded whole: it is held beside the tiles."""
OnProgress = Callable[[Progress], None]
OnNotice = Callable[[str], None]


@dataclass(frozen=True)
class Told:
    """What the user says of an image; it goes before what the file says. None and empty where they said nothing.

    axes : letters out of ``TCZYX``, one a dimension as stored.
    voxel : µm along Z, Y, X (or Y, X).
    series : which image of a file that holds several, from 0.
    channel, time : the only ones to take, from 0.
    optics : fields of `Optics`, and ``emission`` and ``excitation`` in µm, a number or one for each channel.
    """

    axes: str | None = None
    voxel: tuple[float, ...] | None = None
    series: int | None = None
    channel: int | None = None
    time: int | None = None
    optics: Mapping[str, Any] = attribute(default_factory=dict)

    @classmethod
    def load(cls, values: Mapping[str, Any]) -> Told:
        """Make it from what `dump` returned."""
        voxel = values.get("voxel")
        return cls(**{**values, "voxel": None if voxel is None else tuple(voxel)})

    def dump(self) -> dict[str, Any]:
        """Return plain values, only what was said."""
        return {name: _as_lists(value) for name, value in asdict(self).items() if value not in (None, {})}

    def read(self, path: str | Path, lazy: float | None = None) -> Image:
        """Return the whole image of a file with the axes, voxel and optics that were told; ``lazy`` as in `files.read`."""
        image = read(path, axes=self.axes, voxel=self.voxel, series=self.series or 0, lazy=lazy)
        return with_optics(image, self.optics)

    def select(self, image: Image) -> Image:
        """Return the channel and time point that were asked for, their axes gone."""
        for axis, noun, index in (("T", "time", self.time), ("C", "channel", self.channel)):
            if index is not None:
                image = _taken(image, axis, noun, index)
        return image


@dataclass(frozen=True)
class Job:
    """One file to restore: what, how, where to, and with which means."""

    source: str
    output: str
    recipe: Recipe
    told: Told = Told()
    device: str = "auto"
    memory: str = "auto"
    overwrite: bool = False


def run_job(job: Job, on_progress: OnProgress = lambda _: None, on_notice: OnNotice = lambda _: None) -> dict[str, Any]:
    """Restore a file into another, and return what there is to tell of it.

    Returns
    -------
    dict
        ``seconds``, ``seconds_restoring``, ``device``, ``iterations``, ``tiles``, ``peak_memory_bytes``, ``recipe_digest``,
        ``method``, ``background``, ``shape``, ``axes`` and ``output``.

    Raises
    ------
    ValueError, OSError, MemoryError
        in one sentence with the remedy; then there is no output, not even in part.
    """
    started = clock.perf_counter()
    check_output(job.output, job.overwrite, job.source)
    whole = job.told.read(job.source, None if job.memory == "auto" else LOADED * plan_budget(job.memory))
    image = job.told.select(whole)
    check_space(Path(job.output).absolute(), 4 * image.data.size)
    recipe = recipe_for_channel(job.recipe, whole, job.told)
    last = None
    for progress in restore(image, recipe, device=job.device, memory=job.memory):
        if last is None:  # what is refused is told in one sentence alone
            for notice in image.notices:
                on_notice(notice)
        on_progress(progress)
        last = progress
    assert last is not None, "a restoration yields at least one progress"
    result = last.estimate
    record = {**result.history[-1], "asked": job.recipe.digest, "told": job.told.dump(), "memory": str(job.memory)}
    record["source"] = Path(job.source).name
    for notice in record["notices"]:
        on_notice(notice)
    write(job.output, result.replace(history=(*result.history[:-1], record)), overwrite=job.overwrite)
    return {
        "seconds": round(clock.perf_counter() - started, 3),
        "seconds_restoring": record["seconds"],
        "device": record["device"],
        "iterations": record["iterations"],
        "tiles": record["tiles"],
        "peak_memory_bytes": peak_memory(record["device"]),
        "recipe_digest": record["digest"],
        "method": record["method"],
        "background": record["background"],
        "axes": result.axes,
        "shape": list(result.shape),
        "output": job.output,
    }


def with_optics(image: Image, told: Mapping[str, Any]) -> Image:
    """Return the image with optical values set; a wavelength is one number for every channel or one for each."""
    of_optics = {name: value for name, value in told.items() if name not in OF_CHANNELS}
    optics = Optics.model_validate({**image.optics.field_values(), **of_optics})
    channels = list(image.channels)
    for name in OF_CHANNELS:
        if name not in told:
            continue
        values = told[name] if isinstance(told[name], (tuple, list)) else (told[name],)
        if len(values) not in (1, len(channels)):
            raise ValueError(
                f"{len(values)} values of {name} are given but the image has {len(channels)} channels: give one, or one for each"
            )
        spread = list(values) * (len(channels) if len(values) == 1 else 1)
        channels = [
            Channel.model_validate({**each.field_values(), name: value})
            for each, value in zip(channels, spread, strict=True)
        ]
    return image.replace(optics=optics, channels=tuple(channels))


def recipe_for_channel(recipe: Recipe, whole: Image, told: Told) -> Recipe:
    """Return the recipe with the PSF that belongs to the one channel that is taken, where a PSF file has several."""
    if told.channel is None or recipe.psf is None or "channel" not in type(recipe.psf).model_fields:
        return recipe
    model: Any = resolve_psf(whole, recipe, told.channel)
    return recipe if model.channel == recipe.psf.channel else recipe.with_values({"psf.channel": model.channel})  # type: ignore[attr-defined]


def check_output(output: str | Path, overwrite: bool = False, source: str | Path | None = None) -> None:
    """Refuse an output that could not be written in the end, before any work.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError, IsADirectoryError, NotADirectoryError, PermissionError
        in one sentence with the remedy.
    """
    path = Path(os.path.realpath(Path(output).expanduser()))
    if suffix_of(path, WRITABLE) is None:
        raise ValueError(f"{path.name} has no suffix that can be written: end it in {', '.join(WRITABLE)}")
    if source is not None and path.exists() and Path(source).exists() and path.samefile(source):
        raise FileExistsError(f"the output {output} is the input itself: choose another name")
    check_destination(path, overwrite=overwrite)


def peak_memory(device: str = "cpu") -> int:
    """Return the most bytes that this process has held: on the graphics card for CUDA, else in main memory."""
    if device.startswith("cuda"):
        import torch

        return int(torch.cuda.max_memory_allocated(device))
    if sys.platform == "win32":
        import psutil

        return int(psutil.Process().memory_info().peak_wset)
    import resource

    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return int(most) if sys.platform == "darwin" else int(most) * 1024


def _as_lists(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _as_lists(each) for name, each in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _taken(image: Image, axis: str, noun: str, index: int) -> Image:
    count = image.sizes.get(axis, 1)
    if not 0 <= index < count:
        has = f"{count} (0 to {count - 1})" if count > 1 else "one (0)"
        raise ValueError(f"there is no {noun} {index}: the image has {has}")
    if axis not in image.axes:
        return image
    where = tuple(index if each == axis else slice(None) for each in image.axes)
    channels = (image.channels[index],) if axis == "C" else image.channels
    return image.replace(data=image.data[where], axes=image.axes.replace(axis, ""), channels=channels)
