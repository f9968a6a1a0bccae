"""Sample data with their truth: simulated here and now, the same on every call, no network.

The truth is in photons per voxel, the unit of the image less its camera offset. The scene is larger than the frame, so that
light from beyond it falls in as it does under a microscope.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .image import Channel, Image, Optics

if TYPE_CHECKING:
    from .learned.simulate import Camera

__all__ = ["Sample", "names", "sample"]

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]

WATER = Optics(
    modality="widefield", numerical_aperture=1.2, immersion_index=1.333, sample_index=1.338, coverslip_thickness=170.0,
    depth=3.0, magnification=63.0, objective="63x/1.2 W",
)  # fmt: skip
GREEN = Channel(name="EGFP", emission=0.51, excitation=0.488, color="#00FF00")
RED = Channel(name="mCherry", emission=0.61, excitation=0.561, color="#FF00FF")


@dataclass(frozen=True, eq=False)
class Sample:
    """A simulated image, the PSF that blurred it (unit sum, the image's voxel) and the truth in photons per voxel."""

    name: str
    title: str
    image: Image
    psf: Image
    truth: Image


def sample(name: str = "widefield-cells") -> Sample:
    """Return a simulated sample: ``.image``, ``.psf``, ``.truth``. Takes about a second.

    Raises
    ------
    ValueError
        when there is no sample of this name.
    """
    from .settings import nearest

    if name not in _MAKERS:
        raise ValueError(f"unknown sample '{name}'{nearest(name, _MAKERS)}")
    return _MAKERS[name]()


def names() -> tuple[str, ...]:
    """Return the names of the samples, the default first."""
    return tuple(_MAKERS)


@dataclass(frozen=True)
class Stage:
    """A frame (Z, Y, X), its voxel in µm, how many voxels the scene is larger on each side, and the photons of its brightest voxel."""

    frame: Shape
    voxel: Voxel
    margin: Shape
    photons: float

    @property
    def scene(self) -> Shape:
        """The shape of the scene."""
        z, y, x = (size + 2 * more for size, more in zip(self.frame, self.margin, strict=True))
        return z, y, x


def _widefield_cells() -> Sample:
    from .learned.simulate import FAMILIES

    stage = Stage((32, 192, 192), (0.2, 0.1, 0.1), (8, 32, 32), photons=6000)
    density = FAMILIES["cells"](stage.scene, stage.voxel, _generator(20))
    return _photographed("widefield-cells", "Cells in 3-D, widefield", [[density]], "ZYX", stage, (GREEN,), seed=21)


def _cells_2d() -> Sample:
    from .learned.simulate import FAMILIES, normalised

    stage = Stage((1, 256, 256), (0.2, 0.1, 0.1), (0, 32, 32), photons=900)
    slab = FAMILIES["cells"]((7, *stage.scene[1:]), stage.voxel, _generator(30))
    density = normalised(slab.sum(axis=0, keepdims=True))  # within the depth of focus: one plane holds it all
    return _photographed("cells-2d", "Cells, one plane", [[density]], "YX", stage, (GREEN,), seed=31)


def _two_channel_timelapse() -> Sample:
    """A cell that crawls, its membrane in one channel; vesicles that run and jiggle, in the other."""
    from .learned.simulate import draw_membrane, draw_vesicles, normalised, place_cells, place_vesicles

    stage = Stage((16, 96, 96), (0.3, 0.12, 0.12), (4, 16, 16), photons=4000)
    rng = _generator(40)
    placed = place_cells(stage.scene, stage.voxel, rng)
    crawl = [np.array([0.0, *rng.uniform(-0.3, 0.3, 2)]) for _ in placed]
    vesicles = [place_vesicles(cell, rng) for cell in placed]
    runs = [rng.normal(size=places.shape) * np.array([0.05, 0.25, 0.25]) for places, _ in vesicles]
    densities = []
    for time in range(4):
        membrane = np.zeros(stage.scene, dtype=np.float32)
        spots = np.zeros(stage.scene, dtype=np.float32)
        for number, (cell, by) in enumerate(zip(placed, crawl, strict=True)):
            draw_membrane(
                membrane, cell.outline.moved(by * time, 0.15 * time), stage.voxel, _generator(400 + number), light=1.0
            )
            places, light = vesicles[number]
            spots += draw_vesicles(places + by * time + runs[number] * time, light, stage.scene, stage.voxel)
        densities.append([normalised(membrane) * np.float32(0.6), normalised(spots)])
    made = _photographed(
        "two-channel-timelapse", "Two channels over time", densities, "TCZYX", stage, (GREEN, RED), seed=41
    )
    timed = {"time_step": 5.0}
    return Sample(made.name, made.title, made.image.replace(**timed), made.psf, made.truth.replace(**timed))


def _beads() -> Sample:
    """Sub-resolution beads of 0.17 µm, for distilling a PSF: mostly alone, one pair too near, one at the rim."""
    from .learned.shapes import draw_balls

    stage = Stage((40, 160, 160), (0.2, 0.1, 0.1), (8, 16, 16), photons=0)
    rng = _generator(50)
    grid = np.stack(np.meshgrid(np.linspace(-5.2, 5.2, 4), np.linspace(-5.2, 5.2, 4), indexing="ij"), axis=-1).reshape(
        -1, 2
    )
    places = np.column_stack([rng.uniform(-0.6, 0.6, len(grid)), grid + rng.uniform(-0.45, 0.45, grid.shape)])
    places = np.vstack([places, places[5] + [0.1, 0.5, 0.4], [0.0, 2.1, 7.9]])
    light = 400_000 * np.exp(0.15 * rng.normal(size=len(places)))
    density = draw_balls(places, light, BEAD, stage.scene, stage.voxel)
    made = _photographed("beads", "Beads of 0.17 µm", [[density]], "ZYX", stage, (GREEN,), seed=51)
    known = {"bead_diameter": BEAD}
    return Sample(
        made.name, made.title, made.image.replace(metadata=known), made.psf, made.truth.replace(metadata=known)
    )


BEAD = 0.17
"""Diameter (µm) of the beads in the sample of that name."""

_MAKERS: dict[str, Callable[[], Sample]] = {
    "widefield-cells": _widefield_cells,
    "cells-2d": _cells_2d,
    "two-channel-timelapse": _two_channel_timelapse,
    "beads": _beads,
}


def _photographed(
    name: str,
    title: str,
    densities: Sequence[Sequence[Array]],
    axes: str,
    stage: Stage,
    channels: tuple[Channel, ...],
    *,
    seed: int,
) -> Sample:
    """Return the sample of scenes (time, channel) of density: blurred by the PSF of its own optics, counted by a camera."""
    from .learned.simulate import Camera

    def image(values: Array, suffix: str = "") -> Image:
        shape = [size for axis, size in zip("TCZYX", values.shape, strict=True) if axis in axes]
        return Image(values.reshape(shape), axes, dict(zip("ZYX", stage.voxel, strict=True)) if "Z" in axes else stage.voxel[1:],
                     channels=channels, optics=WATER, name=name + suffix)  # fmt: skip

    scenes = np.asarray(densities, dtype=np.float32) * np.float32(stage.photons or 1)  # (T, C, Z, Y, X)
    blank = image(np.zeros((*scenes.shape[:2], *stage.frame), dtype=np.uint16))
    psfs = _compute_psfs(blank)
    counts, truth = _expose(scenes, psfs, stage, Camera(), _generator(seed))
    psf = Image(psfs if "C" in axes else psfs[0] if "Z" in axes else psfs[0, 0], axes.replace("T", ""),
                blank.voxel, channels=channels, optics=WATER, name=f"{name} PSF")  # fmt: skip
    return Sample(name, title, image(counts), psf, image(truth, " truth"))


def _expose(scenes: Array, psfs: Array, stage: Stage, camera: Camera, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return counts (uint16) and truth (float32) of scenes (T, C, Z, Y, X) in photons, cut to the frame."""
    from .learned.simulate import blur_scene, cut_frame, round_photons

    counts = np.empty((*scenes.shape[:2], *stage.frame), dtype=np.uint16)
    truth = np.empty(counts.shape, dtype=np.float32)
    for time, channel in np.ndindex(scenes.shape[:2]):
        scene = round_photons(scenes[time, channel])
        truth[time, channel] = cut_frame(scene, stage.frame)
        counts[time, channel] = camera.expose(cut_frame(blur_scene(scene, psfs[channel]), stage.frame), rng)
    return counts, truth


def _compute_psfs(image: Image) -> Array:
    """Return the PSF of each channel (C, Z, Y, X), grown with zeros to one shape."""
    from .recipe import Recipe
    from .restore import compute_psf

    recipe = Recipe.parse({"psf": {"kind": "gibson-lanni"}})
    found = [compute_psf(image, recipe, channel) for channel in range(len(image.channels))]
    shape = np.max([each.shape for each in found], axis=0)
    psfs = np.zeros((len(found), *shape), dtype=np.float32)
    for place, psf in zip(psfs, found, strict=True):
        box = tuple(slice(n // 2 - k // 2, n // 2 - k // 2 + k) for n, k in zip(shape, psf.shape, strict=True))
        place[box] = psf
    return psfs


def _generator(seed: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))
