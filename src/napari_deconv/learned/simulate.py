"""Simulated microscopy: families of scenes, the microscope that blurs them, the camera that counts their photons.

Every family is a function ``(shape, voxel, rng) -> density``: (Z, Y, X) float32, never negative, brightest voxel 1, so that
``density * photons`` is a scene in photons per voxel. The same seed gives the same scene. Z may be 1.

    scene (larger than the frame)  --psf, cut to the frame-->  expected photons  --camera-->  counts

Expected photons are rounded to 1/1024 before they are drawn from, so that the last bits of a transform, which differ from
machine to machine, do not decide a count.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from .shapes import Array, Blob, box_around, draw_spots, grow_curves, make_texture, place_axes

__all__ = ["FAMILIES", "Camera", "Cell", "Family", "blur_scene", "cut_frame", "normalised", "round_photons"]

Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]
Family = Callable[[Shape, Voxel, np.random.Generator], Array]

FINEST = 1 / 1024
"""Photons: the step to which expected photons and truths are rounded."""


@dataclass(frozen=True)
class Camera:
    """A camera of gain 1: photons are counted, electrons added (read noise, rms), an offset of counts set on top."""

    offset: float = 100.0
    read_noise: float = 1.6

    def expose(self, expected: Array, rng: np.random.Generator) -> Array:
        """Return counts (uint16) for expected photons of any shape."""
        photons = rng.poisson(round_photons(np.clip(expected, 0, None)).astype(np.float64))
        counts = photons + self.offset + self.read_noise * rng.standard_normal(photons.shape)
        return np.clip(np.rint(counts), 0, np.iinfo(np.uint16).max).astype(np.uint16)


@dataclass(frozen=True, eq=False)
class Cell:
    """A cell: its outline and its nucleus."""

    outline: Blob
    nucleus: Blob


def round_photons(photons: Array) -> Array:
    """Return photons rounded to the `FINEST` step, float32."""
    return np.asarray(np.rint(photons / FINEST) * FINEST, dtype=np.float32)


def blur_scene(scene: Array, psf: Array) -> Array:
    """Return a scene (Z, Y, X) convolved with a PSF (unit sum, centred at ``shape // 2``), dark beyond the scene."""
    from scipy.fft import irfftn, next_fast_len, rfftn

    sizes = [next_fast_len(n + k - 1, real=True) for n, k in zip(scene.shape, psf.shape, strict=True)]
    blurred = irfftn(rfftn(scene, sizes) * rfftn(psf, sizes), sizes)
    box = tuple(slice(k // 2, k // 2 + n) for n, k in zip(scene.shape, psf.shape, strict=True))
    return np.asarray(np.clip(blurred[box], 0, None))


def cut_frame(scene: Array, shape: Shape) -> Array:
    """Return the middle of a scene: what the camera sees of it."""
    box = tuple(slice((n - k) // 2, (n - k) // 2 + k) for n, k in zip(scene.shape, shape, strict=True))
    return np.ascontiguousarray(scene[box])


def membranes(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw plasma membranes and nuclear envelopes: thin closed surfaces of uneven brightness."""
    density = np.zeros(shape, dtype=np.float32)
    for cell in place_cells(shape, voxel, rng):
        draw_membrane(density, cell.outline, voxel, rng, light=1.0)
        draw_membrane(density, cell.nucleus, voxel, rng, light=0.4)
    return normalised(density)


def nuclei(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw nuclei with clumped chromatin, dark nucleoli and a brighter rim."""
    density = np.zeros(shape, dtype=np.float32)
    for cell in place_cells(shape, voxel, rng):
        draw_nucleus(density, cell.nucleus, voxel, rng)
    return normalised(density)


def filaments(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw microtubule-like filaments that fan out from beside each nucleus."""
    return normalised(draw_filaments(place_cells(shape, voxel, rng), shape, voxel, rng))


def vesicles(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw vesicles of uneven size and brightness, denser near the nucleus."""
    places, light = zip(*(place_vesicles(cell, rng) for cell in place_cells(shape, voxel, rng)), strict=True)
    return normalised(draw_vesicles(np.concatenate(places), np.concatenate(light), shape, voxel))


def tissue(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw packed cells: walls between the nearest of random seeds, a nucleus in most, and haze everywhere."""
    from scipy.spatial import cKDTree

    extent = np.array(shape) * voxel
    size = min(5.0, 0.6 * float(extent[1:].max()))
    reach = extent + 2 * size
    seeds = (rng.uniform(-0.5, 0.5, (max(4, round(float(np.prod(reach)) / size**3)), 3))) * reach
    points = np.stack(np.broadcast_arrays(*place_axes(shape, voxel)), axis=-1).reshape(-1, 3)
    near, which = cKDTree(seeds).query(points, k=2)
    between = np.linalg.norm(seeds[which[:, 0]] - seeds[which[:, 1]], axis=1)
    from_wall = ((near[:, 1] ** 2 - near[:, 0] ** 2) / (2 * between)).reshape(shape)
    density = np.exp(-0.5 * (from_wall / _wall_width(0.06, shape, voxel)) ** 2).astype(np.float32)
    density += 0.12 * np.exp(0.5 * make_texture(shape, voxel, 0.8, rng))
    for seed in seeds[rng.random(len(seeds)) < 0.7]:
        nucleus = Blob.grown(seed, np.full(3, 0.28 * size) * rng.uniform(0.85, 1.1, 3), rng, waviness=0.1)
        draw_nucleus(density, nucleus, voxel, rng, light=0.6)
    return normalised(density)


def cells(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw whole cells: membrane, filaments, textured nucleus, vesicles and a faint haze in the cytoplasm."""
    placed = place_cells(shape, voxel, rng)
    density = draw_filaments(placed, shape, voxel, rng)
    places, light = zip(*(place_vesicles(cell, rng) for cell in placed), strict=True)
    density += 2.0 * draw_vesicles(np.concatenate(places), np.concatenate(light), shape, voxel)
    for cell in placed:
        draw_haze(density, cell, voxel, rng, light=0.025)
        draw_membrane(density, cell.outline, voxel, rng, light=0.35)
        draw_nucleus(density, cell.nucleus, voxel, rng, light=0.3)
    return normalised(density)


FAMILIES: Mapping[str, Family] = {
    "cells": cells,
    "filaments": filaments,
    "membranes": membranes,
    "nuclei": nuclei,
    "tissue": tissue,
    "vesicles": vesicles,
}


def normalised(density: Array) -> Array:
    """Return a density whose brightest voxel is 1 (an empty one stays empty)."""
    peak = float(density.max())
    return density / np.float32(peak) if peak > 0 else density


def place_cells(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> list[Cell]:
    """Return cells that lie side by side on the coverslip, about 13 µm wide (less where the grid is smaller)."""
    depth, height, width = (size * pitch for size, pitch in zip(shape, voxel, strict=True))
    pitch = float(np.clip(max(height, width) / 1.6, 3.0, 12.5))
    tall = float(np.clip(0.62 * depth, 1.2, 5.0))
    floor = -0.5 * tall
    rows, columns = math.ceil(height / pitch) + 1, math.ceil(width / pitch) + 1
    slide = rng.uniform(-0.25, 0.25, 2) * pitch
    placed = []
    for row in range(rows):
        for column in range(columns):
            middle = (
                np.array([row - (rows - 1) / 2, column - (columns - 1) / 2]) + rng.uniform(-0.1, 0.1, 2)
            ) * pitch + slide
            cell = _make_cell(middle, pitch, tall, floor, rng)
            if all(part.stop > part.start for part in box_around(cell.outline, 1.0, shape, voxel)):
                placed.append(cell)
    return placed


def _make_cell(middle: Array, pitch: float, tall: float, floor: float, rng: np.random.Generator) -> Cell:
    half = 0.5 * pitch * rng.uniform(0.9, 1.06, 2)
    high = tall * rng.uniform(0.85, 1.0)
    centre = np.array([floor + 0.3 * high, *middle])
    outline = Blob.grown(centre, np.array([0.75 * high, *half]), rng, waviness=0.22, floor=floor)
    inner = np.array([0.3 * high, *(0.44 * half * rng.uniform(0.9, 1.1, 2))])
    place = centre + np.array([0.12 * high, *(0.14 * half * rng.uniform(-1, 1, 2))])
    return Cell(outline, Blob.grown(place, inner, rng, waviness=0.07))


def draw_membrane(density: Array, blob: Blob, voxel: Voxel, rng: np.random.Generator, light: float) -> None:
    """Add a blob's surface, patchy, to a density (Z, Y, X) in place."""
    sigma = _wall_width(0.06, density.shape, voxel)
    box, axes = _part(density, blob, 1.0, voxel)
    part = density[box]
    if part.size:
        patches = np.exp(0.35 * make_texture(part.shape, voxel, 0.7, rng))
        part += light * (0.06 / sigma) * patches * np.exp(-0.5 * (blob.distance(*axes) / sigma) ** 2)


def draw_nucleus(density: Array, blob: Blob, voxel: Voxel, rng: np.random.Generator, light: float = 1.0) -> None:
    """Add a nucleus to a density (Z, Y, X) in place."""
    box, axes = _part(density, blob, 0.5, voxel)
    part = density[box]
    if not part.size:
        return
    distance = blob.distance(*axes)
    chromatin = np.exp(
        0.45 * make_texture(part.shape, voxel, 0.16, rng) + 0.45 * make_texture(part.shape, voxel, 0.5, rng)
    )
    rim = 1 + 0.8 * np.exp(-0.5 * ((distance + 0.2) / 0.15) ** 2)
    inside = _soft(-distance, 0.08)
    for _ in range(int(rng.integers(2, 5))):
        place = blob.centre + 0.5 * blob.radii * rng.uniform(-1, 1, 3)
        nucleolus = Blob.grown(place, blob.radii * rng.uniform(0.16, 0.28, 3), rng, waviness=0.1)
        inside = inside * (1 - 0.8 * _soft(-nucleolus.distance(*axes), 0.12))
    part += light * 0.4 * chromatin * rim * inside


def draw_haze(density: Array, cell: Cell, voxel: Voxel, rng: np.random.Generator, light: float) -> None:
    """Add a cell's diffuse cytoplasm to a density (Z, Y, X) in place."""
    box, axes = _part(density, cell.outline, 0.5, voxel)
    part = density[box]
    if part.size:
        clouds = np.exp(0.35 * make_texture(part.shape, voxel, 0.6, rng))
        outside_nucleus = 1 - 0.6 * _soft(-cell.nucleus.distance(*axes), 0.1)
        part += light * clouds * _soft(-cell.outline.distance(*axes), 0.1) * outside_nucleus


def draw_filaments(placed: list[Cell], shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Return the cells' filaments: thin curves (0.05 µm) of uneven brightness that start beside the nucleus."""
    step = 0.16
    fine = max(1, math.ceil(step / (0.7 * min(voxel[1:]))))
    share = np.arange(fine)[:, None, None, None] / fine
    points, light = [], []
    for cell in placed:
        curves = _grow_filaments(cell, step, rng)  # (steps, N, 3)
        points.append((curves[:-1] * (1 - share) + curves[1:] * share).reshape(-1, 3))
        each = np.exp(0.3 * rng.normal(size=curves.shape[1]))
        light.append(np.broadcast_to(each, (fine, *curves[1:, :, 0].shape)).reshape(-1))
    per_length = step / fine / min(voxel[1:])
    return 0.9 * per_length * draw_spots(np.concatenate(points), np.concatenate(light), 0.05, shape, voxel)


def _grow_filaments(cell: Cell, step: float, rng: np.random.Generator) -> Array:
    half = float(cell.outline.radii[1:].mean())
    count = max(8, round(5.5 * half))
    angle = rng.uniform(0, 2 * math.pi)
    hub = cell.nucleus.centre + np.array([0.0, math.sin(angle), math.cos(angle)]) * (cell.nucleus.radii + 0.4)
    directions = rng.normal(size=(count, 3)) * [0.12, 1.0, 1.0]
    starts = hub + directions * rng.uniform(0.1, 0.9, (count, 1))
    steps = round(1.7 * half / step)
    return grow_curves(starts, directions, cell.outline, cell.nucleus, rng, steps=steps, step=step, bend=0.11)


def place_vesicles(cell: Cell, rng: np.random.Generator) -> tuple[Array, Array]:
    """Return the places (N, 3) in µm and the light (N,) of a cell's vesicles."""
    count = max(6, round(1.0 * float(cell.outline.radii[1:].prod())))
    spread = cell.outline.radii * [0.6, 0.55, 0.55]
    places = cell.nucleus.centre + spread * rng.normal(size=(12 * count, 3)) * [0.8, 1.0, 1.0]
    free = (cell.outline.distance_of(places) < -0.25) & (cell.nucleus.distance_of(places) > 0.2)
    places = places[free][:count]
    return places, np.exp(0.5 * rng.normal(size=len(places)))


def draw_vesicles(places: Array, light: Array, shape: Shape, voxel: Voxel) -> Array:
    """Return vesicles at these places: spots of three sizes (0.07 to 0.16 µm)."""
    density = np.zeros(shape, dtype=np.float32)
    for number, sigma in enumerate((0.07, 0.11, 0.16)):
        mine = slice(number, None, 3)
        density += draw_spots(places[mine], light[mine] * (sigma / 0.07) ** 1.5, sigma, shape, voxel)
    return density


def _part(
    density: Array, blob: Blob, margin: float, voxel: Voxel
) -> tuple[tuple[slice, slice, slice], tuple[Array, Array, Array]]:
    """Return the box of a grid around a blob, and its coordinates."""
    shape = (density.shape[0], density.shape[1], density.shape[2])
    box = box_around(blob, margin, shape, voxel)
    z, y, x = place_axes(shape, voxel)
    return box, (z[box[0]], y[box[1]], x[box[2]])


def _soft(depth: Array, width: float) -> Array:
    """Return 0 outside and 1 inside, with an edge of this width (µm) at depth 0."""
    return np.asarray(1 / (1 + np.exp(np.clip(-depth / (0.5 * width), -40, 40))), dtype=np.float32)


def _wall_width(sigma: float, shape: tuple[int, ...], voxel: Voxel) -> float:
    """Return the width (µm) of a thin wall averaged over the coarsest voxel edge, so that it does not alias."""
    coarsest = max(pitch for size, pitch in zip(shape, voxel, strict=True) if size > 1)
    return math.hypot(sigma, coarsest / math.sqrt(12))
