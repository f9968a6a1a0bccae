"""The held-out lists for learned restoration: 120 images of ten families, three microscopes and four photon levels, seeded.

A second list holds 48 stacks: the six families that the simulation has, a widefield microscope with aberrations that training does not
draw as strong, and a confocal one, at the same four photon levels.

The lists were fixed before any network for them was trained and nothing was tuned on them. Six families are the simulation's own (with other
seeds than training ever takes); four are drawn here alone, so that no network has seen their like. One PSF is Gaussian, one of a
good objective, one of a water objective that is out of focus, astigmatic and comatic. Every image has three draws of its noise.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import Any

import numpy as np

from napari_deconv.learned.shapes import draw_spots, make_texture, place_axes
from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame, normalised
from napari_deconv.psf import Grid, family
from napari_deconv.psf.base import check_psf, fitted

Array = np.ndarray[Any, Any]
Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]

VOXEL = (0.2, 0.08, 0.08)
FRAME = (1, 128, 128)
KERNEL = (1, 33, 33)
STACK_VOXEL = (0.25, 0.09, 0.09)
STACK_FRAME = (16, 64, 64)
STACK_KERNEL = (15, 25, 25)
PHOTONS = (5, 20, 100, 1000)
"""At the brightest pixel of the blurred object, its background aside."""
DRAWS = 3
GLOWS = (0.02, 0.1, 0.5)
"""Backgrounds, as shares of the photons; each image has one of them, and two counts."""
HAZES = (0.0, 0.1, 0.4)
"""Light between the structures that is part of the object, as a share of its brightest voxel before it is added."""
SEED = 20_261_121
OIL = {"numerical_aperture": 1.35, "immersion_index": 1.515, "sample_index": 1.515, "emission": 0.53}
WATER = {"numerical_aperture": 1.15, "immersion_index": 1.333, "sample_index": 1.36, "emission": 0.6, "depth": 6.0}
MODELS: dict[str, dict[str, Any]] = {
    "gaussian": {"kind": "gaussian", "sigma": 0.15},
    "oil": {"kind": "gibson-lanni", **OIL},
    "aberrated": {"kind": "vectorial", **WATER, "aberrations": ((4, 0.06), (6, 0.07), (8, 0.05))},
}
STACK_MODELS: dict[str, dict[str, Any]] = {
    "widefield": {"kind": "vectorial", **WATER, "depth": 4.0, "aberrations": ((5, 0.05), (7, 0.06), (11, 0.06))},
    "confocal": {"kind": "gibson-lanni", **OIL, "modality": "confocal", "excitation": 0.49, "pinhole": 1.0},
}


@dataclass(frozen=True)
class Case:
    """One noisy image of the list: what it shows, and which draw of its noise it is."""

    family: str
    psf: str
    photons: float
    draw: int

    @property
    def key(self) -> str:
        """Its name in the files of figures."""
        return f"{self.family}/{self.psf}/{self.photons:g}/{self.draw}"

    @property
    def is_stack(self) -> bool:
        """Whether it is a stack."""
        return self.psf in STACK_MODELS

    @property
    def voxel(self) -> Voxel:
        """Its voxel (z, y, x) in µm."""
        return STACK_VOXEL if self.is_stack else VOXEL

    @property
    def is_new(self) -> bool:
        """Whether its family is drawn here alone."""
        return self.family in UNSEEN

    def random(self, *more: int) -> np.random.Generator:
        """Return the generator of the image, or of one more thing about it."""
        named = f"{self.family}/{self.psf}/{self.photons:g}"
        return np.random.default_rng([SEED, zlib.crc32(named.encode()), *more])


@dataclass(frozen=True)
class HeldOut:
    """Counts and truth (Z, Y, X), the PSF, the background that was added, and the voxel (µm)."""

    counts: Array
    truth: Array
    psf: Array
    background: float
    voxel: Voxel = VOXEL


def cases() -> list[Case]:
    """Return the whole list of flat images, draws of one image side by side."""
    everything = product((*TRAINED, *UNSEEN), MODELS, PHOTONS, range(DRAWS))
    return [Case(name, psf, photons, draw) for name, psf, photons, draw in everything]


def stack_cases() -> list[Case]:
    """Return the whole list of stacks, draws of one side by side."""
    everything = product(TRAINED, STACK_MODELS, PHOTONS, range(DRAWS))
    return [Case(name, psf, photons, draw) for name, psf, photons, draw in everything]


def make_held_out(case: Case) -> HeldOut:
    """Return one image of the list."""
    psf, random = make_psf(case.psf), case.random()
    frame = STACK_FRAME if case.is_stack else FRAME
    wide = tuple(size + (kernel - 1 if size > 1 else 0) for size, kernel in zip(frame, psf.shape, strict=True))
    density = {**FAMILIES, **UNSEEN}[case.family](wide, case.voxel, random)
    haze = float(random.choice(HAZES))
    density = density + haze * np.exp(0.6 * make_texture(wide, case.voxel, 1.5, random))
    seen = cut_frame(blur_scene(density, psf), frame)
    gain = case.photons / float(seen.max())
    background = 2 + float(random.choice(GLOWS)) * case.photons
    counts = case.random(case.draw + 1).poisson(seen * gain + background).astype(np.float32)
    return HeldOut(counts, cut_frame(density * np.float32(gain), frame), psf, background, case.voxel)


@lru_cache
def make_psf(name: str, **changes: float) -> Array:
    """Return one of the PSFs (Z, Y, X), or what it would be with some values changed."""
    is_stack = name in STACK_MODELS
    kernel, voxel = (STACK_KERNEL, STACK_VOXEL) if is_stack else (KERNEL, VOXEL)
    psf = family.parse({**MODELS, **STACK_MODELS}[name] | changes).compute(Grid(kernel, voxel))
    return check_psf(fitted(psf, kernel))


def bundles(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw wavy fibres side by side that fill the field, as collagen does."""
    _, y, x = place_axes(shape, voxel)
    angle, period = rng.uniform(0, np.pi), rng.uniform(0.45, 0.8)
    along = (y * np.sin(angle) + x * np.cos(angle) + 0.35 * make_texture(shape, voxel, 1.6, rng)) / period
    ridges = np.exp(-0.5 * ((along - np.rint(along)) * period / 0.08) ** 2)
    return normalised((ridges * np.exp(0.6 * make_texture(shape, voxel, 1.0, rng))).astype(np.float32))


def mitochondria(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw short thick threads that bend and branch, brighter at their rims than inside."""
    extent = np.array(shape) * voxel
    density = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(14, 26))):
        steps = int(rng.integers(12, 60))
        turns = rng.uniform(0, 2 * np.pi) + np.cumsum(0.22 * rng.normal(size=steps))
        walk = np.cumsum(np.stack([np.zeros(steps), np.sin(turns), np.cos(turns)], axis=1) * 0.07, axis=0)
        points = walk + rng.uniform(-0.55, 0.55, 3) * extent * (0, 1, 1)
        light = np.full(steps, float(np.exp(0.3 * rng.normal())))
        density += 4 * draw_spots(points, light, 0.16, shape, voxel) - 1.6 * draw_spots(
            points, light, 0.09, shape, voxel
        )
    return normalised(np.clip(density, 0, None))


def bacteria(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw rods with bright coats, crowded and all over each other."""
    _, y, x = place_axes(shape, voxel)
    reach = np.array(shape[1:]) * voxel[1:] / 2
    density = np.zeros(shape, dtype=np.float32)
    for _ in range(int(rng.integers(50, 110))):
        (row, column), angle = rng.uniform(-1, 1, 2) * reach, rng.uniform(0, np.pi)
        half, radius = rng.uniform(0.5, 1.3), rng.uniform(0.28, 0.42)
        along = (y - row) * np.sin(angle) + (x - column) * np.cos(angle)
        across = (x - column) * np.sin(angle) - (y - row) * np.cos(angle)
        far = np.hypot(along - np.clip(along, -half, half), across) - radius
        coat = np.exp(-0.5 * (far / 0.06) ** 2) + 0.25 / (1 + np.exp(np.clip(far / 0.04, -40, 40)))
        density += (float(np.exp(0.4 * rng.normal())) * coat).astype(np.float32)
    return normalised(density)


def grains(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw clumps of every size that leave no place dark."""
    total = sum(length * make_texture(shape, voxel, length, rng) for length in (0.12, 0.25, 0.5, 1.0))
    return normalised(np.exp(0.9 * total / np.float32(total.std())).astype(np.float32))


TRAINED = ("cells", "filaments", "membranes", "nuclei", "tissue", "vesicles")
UNSEEN = {"bacteria": bacteria, "bundles": bundles, "grains": grains, "mitochondria": mitochondria}


def draws_of(images: list[Case]) -> Iterator[list[Case]]:
    """Yield the draws of each image together."""
    for first in range(0, len(images), DRAWS):
        yield images[first : first + DRAWS]
