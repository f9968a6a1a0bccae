"""Random microscopes for training: apertures, wavelengths, media, depths, aberrations, and pixels finer and coarser than Nyquist's."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..psf import Grid, family
from ..psf.base import check_psf, fitted
from .shapes import Array

__all__ = ["random_psf"]

Voxel = tuple[float, float, float]
MEDIA = ((1.0, 0.25, 0.9), (1.333, 0.7, 1.2), (1.406, 0.7, 1.3), (1.515, 0.8, 1.45))
"""Refractive index of the immersion, least and largest numerical aperture."""
CONFOCAL = 0.35
"""Share of stacks that are confocal."""
ROUGHEST = 0.09
"""µm of path, root mean square, of the worst aberrations."""


def random_psf(kernel: tuple[int, int, int], rng: np.random.Generator) -> tuple[Array, Voxel]:
    """Return a PSF (Z, Y, X) of these sizes and its voxel in µm."""
    if rng.random() < 0.25:
        return _gaussian(kernel, rng)
    index, least, most = MEDIA[int(rng.integers(len(MEDIA)))]
    aperture, emission = float(rng.uniform(least, most)), float(rng.uniform(0.44, 0.72))
    lateral = emission / (4 * aperture) * float(rng.uniform(0.5, 1.15))
    axial = emission / (2 * (index - (index**2 - aperture**2) ** 0.5)) * float(rng.uniform(0.4, 1.0))
    told: dict[str, Any] = {
        "kind": "vectorial" if aperture > 1 and rng.random() < 0.3 else "gibson-lanni",
        "numerical_aperture": aperture, "emission": emission, "immersion_index": index,
        "sample_index": max(index, 1.33) if rng.random() < 0.5 else float(rng.uniform(1.33, 1.46)),
        "depth": float(rng.uniform(0, 12)) if rng.random() < 0.5 else 0.0,
    }  # fmt: skip
    if rng.random() < 0.6:
        told["aberrations"] = _aberrations(rng)
    if kernel[0] > 1 and rng.random() < CONFOCAL:
        told |= {
            "modality": "confocal",
            "excitation": emission * float(rng.uniform(0.85, 0.95)),
            "pinhole": float(rng.uniform(0.5, 1.5)),
        }
    voxel = (axial, lateral, lateral)
    return check_psf(fitted(family.parse(told).compute(Grid(kernel, voxel)), kernel)), voxel


def _gaussian(kernel: tuple[int, int, int], rng: np.random.Generator) -> tuple[Array, Voxel]:
    lateral = float(rng.uniform(0.05, 0.16))
    wide = lateral * float(np.exp(rng.uniform(np.log(0.7), np.log(3.2))))
    axial = float(rng.uniform(0.1, 0.4))
    psf = family.parse({"kind": "gaussian", "sigma": (axial * float(rng.uniform(0.8, 2.5)), wide, wide)})
    voxel = (axial, lateral, lateral)
    return check_psf(fitted(psf.compute(Grid(kernel, voxel)), kernel)), voxel


def _aberrations(rng: np.random.Generator) -> tuple[tuple[int, float], ...]:
    """Return Zernike coefficients 4 to 11 (defocus to spherical) whose root mean square is random."""
    share = rng.normal(size=8) * (rng.random(8) < 0.5)
    length = float(np.linalg.norm(share))
    if length == 0:
        return ()
    rms = float(rng.uniform(0, ROUGHEST))
    return tuple((number, float(each) * rms / length) for number, each in enumerate(share, start=4) if each)
