"""A PSF that changes with depth: the stack restored in slabs that fade into each other."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given, strategies as st

import napari_deconv as nd
from napari_deconv.posing import compute_psf, compute_psf_at, resolve_psf
from napari_deconv.psf.base import Grid
from napari_deconv.running.slabs import plan_slabs

SHAPE, VOXEL = (40, 36, 36), (0.5, 0.12, 0.12)
OPTICS = {"kind": "gibson-lanni", "modality": "widefield", "numerical_aperture": 1.3, "emission": 0.52}
MIDDLE = 10.0


def psf(depth: float = MIDDLE, **words: Any) -> dict[str, Any]:
    return {**OPTICS, "immersion_index": 1.515, "sample_index": 1.38, "depth": depth, **words}


def restored(image: nd.Image, iterations: int = 60, region: nd.Region | None = None, **words: Any) -> nd.Image:
    method = {"kind": "richardson-lucy", "iterations": iterations, "acceleration": "heavy-ball"}
    return nd.restored(image, {"psf": psf(**words), "background": 2, "method": method}, region=region)


@cache
def stack() -> tuple[nd.Image, np.ndarray[Any, Any]]:
    """Return a noisy mismatched stack and its truth: each plane of the object is blurred by the PSF of its own depth."""
    from scipy.ndimage import gaussian_filter
    from scipy.signal import fftconvolve

    rng = np.random.default_rng(11)
    truth = np.zeros(SHAPE)
    truth[tuple(rng.integers(4, [each - 4 for each in SHAPE], (45, 3)).T)] = rng.uniform(0.5, 1.5, 45)
    truth = gaussian_filter(truth, (0.6, 1, 1))
    empty, seen = nd.Image(np.zeros(SHAPE, np.float32), "ZYX", voxel=VOXEL), np.zeros(SHAPE)
    for plane in range(SHAPE[0]):
        own = np.zeros(SHAPE)
        own[plane] = truth[plane]
        depth = MIDDLE + (plane - (SHAPE[0] - 1) / 2) * VOXEL[0]
        kernel = compute_psf(empty, nd.Recipe(psf=psf(round(depth, 3))))
        blurred = fftconvolve(own, kernel)
        seen += blurred[tuple(slice(size // 2, size // 2 + n) for size, n in zip(kernel.shape, SHAPE, strict=True))]
    scale = 400 / seen.max()
    noisy = rng.poisson(np.clip(seen, 0, None) * scale + 2).astype(np.float32)
    return nd.Image(noisy, "ZYX", voxel=VOXEL), truth * scale


def error(result: np.ndarray[Any, Any], truth: np.ndarray[Any, Any]) -> float:
    scale = (result * truth).sum() / (result**2).sum()
    return float(np.sqrt(((scale * result - truth) ** 2).sum() / (truth**2).sum()))


@given(planes=st.integers(1, 90), count=st.integers(1, 20))
def test_weights_are_a_partition_of_unity(planes: int, count: int) -> None:
    total = np.zeros(planes)
    for slab in plan_slabs(planes, count):
        assert 0 <= slab.start < slab.stop <= planes
        assert (slab.weights > 0).all()
        total[slab.start : slab.stop] += slab.weights
    np.testing.assert_allclose(total, 1, atol=1e-6)


def test_depths_beat_every_single_psf() -> None:
    image, truth = stack()
    several = error(restored(image, depths=8).numpy(), truth)
    single = {depth: error(restored(image, depth=depth, depths=1).numpy(), truth) for depth in (MIDDLE, 16.0, 19.0)}
    assert several < 0.95 * min(single.values()), (several, single)
    assert several < 0.8 * single[MIDDLE], (several, single)


def test_no_seam_between_slabs() -> None:
    """The profile along z of an even object is no rougher with slabs than without."""
    z = np.arange(SHAPE[0])[:, None, None]
    even = nd.Image(np.broadcast_to(100 + 0.5 * z, SHAPE).astype(np.float32), "ZYX", voxel=VOXEL)
    profile = restored(even, 15, depths=6).numpy().mean(axis=(1, 2))[4:-4]
    assert np.abs(np.diff(profile, 2)).max() < 0.01 * profile.mean()


def test_a_part_is_restored_as_in_the_whole() -> None:
    image, _ = stack()
    part = nd.Region({"Z": (12, 24), "Y": (5, 30)})
    whole = restored(image, 20, depths=4)
    found = restored(image, 20, depths=4, region=part).numpy()
    np.testing.assert_allclose(found, whole.crop(part).numpy(), atol=1e-3 * whole.numpy().max())


def test_equal_slabs_equal_the_whole() -> None:
    """Without mismatch there is one PSF, and many slabs of it change nothing but rounding and halos."""
    image, _ = stack()
    one = resolve_psf(image, nd.Recipe(psf=psf(sample_index=1.515, depths=6)))
    assert one.slabs(Grid.of(image)) == 1
    first, last = (compute_psf_at(image, one, plane) for plane in (0, SHAPE[0] - 1))
    np.testing.assert_array_equal(first, last)


@pytest.mark.parametrize(
    ("words", "least", "most"),
    [
        ({"sample_index": 1.515}, 1, 1),
        ({"sample_index": None}, 1, 1),
        ({"depth": None}, 1, 1),
        ({"sample_index": 1.5}, 1, 1),
        ({}, 3, 6),
        ({"depths": 7}, 7, 7),
    ],
)
def test_automatic_depths(words: dict[str, Any], least: int, most: int) -> None:
    image, _ = stack()
    model = resolve_psf(image, nd.Recipe(psf=psf(**words)))
    slabs = model.slabs(Grid.of(image))
    assert least <= slabs <= most
    assert any(f"{slabs} slabs" in notice for notice in model.notices(Grid.of(image))) == (slabs > 1)


def test_the_deeper_plane_has_the_deeper_psf() -> None:
    image, _ = stack()
    for first_plane, deep in (("coverslip", SHAPE[0] - 1), ("deepest", 0)):
        recipe = nd.Recipe(psf=psf(depths=SHAPE[0] // 4, first_plane=first_plane))
        model = resolve_psf(image, recipe)
        deeper, shallower = (compute_psf_at(image, model, plane) for plane in (deep, SHAPE[0] - 1 - deep))
        assert deeper.max() < 0.7 * shallower.max()


def test_history_tells_the_slabs() -> None:
    image, _ = stack()
    run = restored(image, 2, depths=3).history[-1]
    assert len(run["psf_sha256"]) == len(set(run["psf_sha256"])) == 3
    assert any("3 slabs" in notice for notice in run["notices"])
