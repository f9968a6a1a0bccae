"""From what a person has to a training's source: an image and a recipe, folders of pairs, or nothing but a wish to simulate.

Panel, command line and scripts all come through here, so that PSF and background are those that `restore` would take.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..image import Image
from ..posing import compute_psf_at, resolve_psf
from ..recipe import Recipe
from ..steps.super_sampling import SuperSampling
from .shapes import Array
from .sources import OwnImage, Pairs, Simulation
from .training import Training

__all__ = ["dims_of", "own_image", "paired", "read_pairs", "simulated"]

IMAGES = (".tif", ".tiff", ".zarr")
STACK_KERNEL, STACK_PATCH = (15, 25, 25), (16, 64)


def dims_of(image: Image) -> int:
    """Return 2 for a flat image, 3 for a stack."""
    return 3 if image.spatial_shape[0] > 1 else 2


def simulated(image: Image | None, recipe: Recipe, training: Training, dims: int = 2) -> Simulation:
    """Return simulation through the microscope of an image and a recipe, or through random ones where there is no image."""
    dims = dims if image is None else dims_of(image)
    random = Simulation(seed=training.seed, spoilt=training.spoilt, finer=training.finer(dims), frames=training.row)
    if image is None:
        return random if dims == 2 else replace(random, kernel=STACK_KERNEL)
    psf, voxel = _psf_of(image, recipe, training)
    return replace(random, psf=psf, voxel=voxel)


def own_image(image: Image, recipe: Recipe, training: Training, *, time: int = 0, channel: int = 0) -> OwnImage:
    """Return a source that learns from one volume of an image alone, a recurrent network's from all time points of a channel.

    Raises
    ------
    ValueError
        when the result is to have a finer grid, of which nothing in the image itself tells, or there are too few time points.
    """
    if max(training.finer(3)) > 1:
        raise ValueError(
            "an image by itself does not tell what a finer grid than its own looks like: "
            "set train.lateral and train.axial to 1, or train from pairs or simulation"
        )
    psf, voxel = _psf_of(image, recipe, training, channel)
    counts = _lapse(image, channel) if training.row > 1 else np.asarray(image.block(time, channel), dtype=np.float32)
    return OwnImage(counts, psf, voxel, recipe.background, training.seed, frames=training.row)


def paired(low: Sequence[Image], high: Sequence[Image], recipe: Recipe, training: Training) -> Pairs:
    """Return a source of pairs of images, every channel and time point of them; for a recurrent network time points in a row.

    Raises
    ------
    ValueError
        when there are none, their numbers or shapes differ, or they have too few time points.
    """
    if not low:
        raise ValueError("there are no images to train from: give some of low and as many of high quality")
    psf, voxel = _psf_of(low[0], recipe, training)
    finer = training.finer(dims_of(low[0]))
    worse, better = (_lapses(images) if training.row > 1 else _volumes(images) for images in (low, high))
    return Pairs(worse, better, psf, voxel, recipe.background, training.seed, finer, training.row)


def read_pairs(low: Path, high: Path, read: Any) -> tuple[list[Image], list[Image]]:
    """Return the images of two folders (or files) that have the same names, read by a function of the path.

    Raises
    ------
    FileNotFoundError, ValueError
        when a folder is missing, or their names do not match.
    """
    if low.is_file() and high.is_file():
        return [read(low)], [read(high)]
    names = [_names(folder) for folder in (low, high)]
    lonely = sorted(set(names[0]) ^ set(names[1]))
    if lonely:
        raise ValueError(f"{lonely[0]} is in only one of {low} and {high}: give both folders files of the same names")
    if not names[0]:
        raise ValueError(f"{low} holds no images ({', '.join(IMAGES)}): choose another folder")
    return [read(low / name) for name in names[0]], [read(high / name) for name in names[0]]


def _names(folder: Path) -> list[str]:
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder}: check the path")
    return sorted(path.name for path in folder.iterdir() if path.suffix.lower() in IMAGES)


def _volumes(images: Sequence[Image]) -> list[Array]:
    return [
        np.asarray(image.block(time, channel), dtype=np.float32)
        for image in images
        for time in range(image.sizes.get("T", 1))
        for channel in range(image.sizes.get("C", 1))
    ]


def _lapse(image: Image, channel: int) -> Array:
    """Return every time point of a channel, (T, Z, Y, X)."""
    times = range(image.sizes.get("T", 1))
    return np.stack([np.asarray(image.block(time, channel), dtype=np.float32) for time in times])


def _lapses(images: Sequence[Image]) -> list[Array]:
    return [_lapse(image, channel) for image in images for channel in range(image.sizes.get("C", 1))]


def _psf_of(
    image: Image, recipe: Recipe, training: Training, channel: int = 0
) -> tuple[Array, tuple[float, float, float]]:
    """Return the PSF in the middle of an image as its pixels see it, and the voxel (µm), both on the grid of the result."""
    finer = training.finer(dims_of(image))
    if max(finer) > 1:
        image = SuperSampling(lateral=finer[1], axial=finer[0]).apply(image)
    middle = (image.spatial_shape[0] - 1) / 2
    psf = compute_psf_at(image, resolve_psf(image, recipe, channel), middle)
    z, y, x = (pitch or 1.0 for pitch in image.spacing)
    return psf, (z, y, x)
