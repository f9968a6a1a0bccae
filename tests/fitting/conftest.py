"""Small simulated stacks with known optics: bright spots and a thread, seen through oil into a watery sample."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from napari_deconv import Channel, Image, Optics
from napari_deconv.learned.simulate import Camera, blur_scene, cut_frame
from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni

VOXEL = (0.3, 0.12, 0.12)
FRAME, MARGIN = (12, 36, 36), (6, 14, 14)
OPTICS = {"numerical_aperture": 1.25, "immersion_index": 1.515, "sample_index": 1.36, "emission": 0.55}
QUICK = {"blocks": 1, "side": 30, "planes": 12, "iterations": 60}


@dataclass(frozen=True, eq=False)
class Seen:
    """An image, what it shows in photons per voxel, and the PSF that blurred it."""

    image: Image
    truth: np.ndarray[Any, Any]
    model: GibsonLanni


def see(photons: float, seed: int = 3, **true: Any) -> Seen:
    """Return an image whose brightest expected pixel has so many photons, under these optics."""
    rng = np.random.default_rng(seed)
    shape = tuple(size + 2 * more for size, more in zip(FRAME, MARGIN, strict=True))
    scene = np.zeros(shape, dtype=np.float32)
    places = np.stack([rng.integers(0, size, 60) for size in shape])
    np.add.at(scene, tuple(places), rng.uniform(0.3, 1.0, 60).astype(np.float32))
    turn = np.linspace(0, 6, 400)
    thread = [np.linspace(7, 16, 400), 32 + 18 * np.sin(turn), 32 + 18 * np.cos(1.3 * turn)]
    np.add.at(scene, tuple(np.rint(each).astype(int) for each in thread), np.float32(0.2))
    scene = gaussian_filter(scene, (0.7, 1.5, 1.5))
    model = GibsonLanni(**{**OPTICS, **true})
    expected = cut_frame(blur_scene(scene, model.compute(Grid(shape, VOXEL))), FRAME)
    scale = np.float32(photons / expected.max())
    counts = Camera().expose(expected * scale, rng)
    optics = Optics(modality="widefield", **{name: value for name, value in OPTICS.items() if name != "emission"})
    image = Image(counts, "ZYX", VOXEL, channels=(Channel(emission=OPTICS["emission"]),), optics=optics)
    return Seen(image, cut_frame(scene, FRAME) * scale, model)


@pytest.fixture(scope="session")
def bent() -> Seen:
    """Bright, with spherical aberration that the metadata do not tell."""
    return see(300, aberrations=((11, -0.06),))
