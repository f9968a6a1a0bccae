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


def make_line_phantom(flat: bool, draw: int = 0) -> Scene:
    """Return a phantom built after a published description: two points, a thin line, a dim line beside a bright one, an edge.

    The image is mirrored at its borders before it is blurred; 100 photons at the blurred peak, read noise of 0.4 % of it.

    References
    ----------
    napari-vipp, docs/rl-tv-validation-report.md (2026): 64×64 and 17×48×48 at 0.1 µm (0.3 µm in z), PSF 15×15 and 7×15×15.
    """
    from scipy.ndimage import convolve

    shape, size = ((1, 64, 64), (1, 15, 15)) if flat else ((17, 48, 48), (7, 15, 15))
    model = family.parse({"kind": "gibson-lanni", **OPTICS, "numerical_aperture": 1.2})
    voxel = (0.3, 0.1, 0.1)
    psf = model.compute(Grid(size, voxel))
    middle, width = shape[0] // 2, shape[2]
    truth = np.zeros(shape)
    truth[middle, 12, 14] = truth[middle, 12, width - 16] = 1.0
    truth[middle, 22, 8 : width - 8] = 0.8
    truth[middle, 32, 8 : width - 8] = 1.0
    truth[middle, 36, 8 : width - 8] = 0.25
    truth[max(0, middle - 1) : middle + 2, width - 12 : width - 6, 1:4] = 0.7
    seen = convolve(truth, psf, mode="reflect")
    gain = 100 / seen.max()
    random = np.random.default_rng([20, draw])
    counts = random.poisson(seen * gain) + random.normal(0, 0.4, shape)
    name = "lines, flat" if flat else "lines, deep"
    return Scene(name, 100, "own", draw, counts.astype(np.float32), truth * gain, psf, 0.0)
