"""No rim: near the frame's border, beyond which light lies that was never recorded, results err hardly more than inside."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.scenes import Array, blobs, blurred, gaussian_psf, saved_psf

import napari_deconv as nd

PSF = gaussian_psf((1, 13, 13), 1.6)
BEYOND, BAND = 27, 6
"""Pixels of the scene beyond the frame on each side, and of the outer band: half the PSF."""
BACKGROUND = 10.0


def photograph(seed: int) -> tuple[Array, Array]:
    """Return the middle of a crowded scene as a camera sees it, 800 photons where it is brightest, and the truth there."""
    scene = blobs((1, 140, 140), margin=(0, 2, 2), count=440, seed=seed)
    scene = scene * 800 / scene.max()
    frame = (slice(None), slice(BEYOND, -BEYOND), slice(BEYOND, -BEYOND))
    light = np.clip(blurred(scene, PSF)[frame], 0, None)
    return np.random.default_rng(seed).poisson(light + BACKGROUND).astype(np.float32), scene[frame]


KINDS = [
    kind
    for kind, method in nd.methods.family.members().items()
    if not (method.teaching or any(info.is_required() for name, info in method.model_fields.items() if name != "kind"))
]


@pytest.mark.parametrize("kind", KINDS)
def test_the_outer_band_errs_at_most_a_tenth_more_than_the_inside(kind: str, tmp_path: Path) -> None:
    few = {"iterations": 20} if "iterations" in nd.methods.family[kind].model_fields else {}
    method, ratios = {"kind": kind, **few}, []
    for seed in range(4):
        image, truth = photograph(seed)
        recipe = {"psf": saved_psf(tmp_path, PSF), "method": method, "background": BACKGROUND}
        error = np.abs(nd.restored(nd.Image(image), recipe, device="cpu").numpy() - truth)
        inside = np.zeros(truth.shape, dtype=bool)
        inside[:, BAND:-BAND, BAND:-BAND] = True
        ratios.append(error[~inside].mean() / error[inside].mean())
    assert np.mean(ratios) <= 1.1, ratios
