"""Simulated scenes with their truth: five kinds of structure, two microscopes, and phantoms like those that others publish of."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame
from napari_deconv.psf import Grid, family

Array = np.ndarray[Any, Any]
VOXEL = (0.2, 0.08, 0.08)
OPTICS = {"numerical_aperture": 1.3, "immersion_index": 1.515, "sample_index": 1.515, "emission": 0.52}
PSFS: dict[str, dict[str, Any]] = {
    "flat": {"frame": (1, 96, 96), "psf": (1, 33, 33), "model": {"kind": "gibson-lanni", **OPTICS}},
    "deep": {"frame": (16, 64, 64), "psf": (17, 33, 33), "model": {"kind": "gibson-lanni", **OPTICS}},
    "coarse": {"frame": (1, 96, 96), "psf": (1, 33, 33), "model": {"kind": "gaussian", "sigma": 0.16}},
}


@dataclass(frozen=True)
class Scene:
    """Counts (Z, Y, X), the truth in counts, the PSF, and the background that was added."""

    name: str
    photons: float
    psf_name: str
    draw: int
    counts: Array
    truth: Array
    psf: Array
    background: float


def make_scene(name: str, photons: float, psf_name: str = "flat", draw: int = 0) -> Scene:
    """Return a scene of brightest voxel ``photons``, seen over a background of a tenth of that and two counts.

    Each draw has a structure and noise of its own. Structures go on beyond the frame.
    """
    psf = make_optical_psf(psf_name)
    shape = PSFS[psf_name]["frame"]
    wide = tuple(size + (kernel - 1 if size > 1 else 0) for size, kernel in zip(shape, psf.shape, strict=True))
    random = np.random.default_rng([zlib.crc32(name.encode()), draw])
    density = FAMILIES[name](wide, VOXEL, random) * photons
    background = 2 + 0.1 * photons
    expected = cut_frame(blur_scene(density, psf), shape) + background
    counts = random.poisson(expected).astype(np.float32)
    return Scene(name, photons, psf_name, draw, counts, cut_frame(density, shape), psf, background)


@lru_cache
def make_optical_psf(psf_name: str) -> Array:
    """Return the PSF of a microscope (Z, Y, X): unit sum."""
    told = PSFS[psf_name]
    psf: Array = family.parse(told["model"]).compute(Grid(told["psf"], VOXEL))
    return psf
