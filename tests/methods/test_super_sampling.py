"""Super-sampling: pixels that sum up the light of finer voxels, their adjoint, and what is gained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_deconv as nd
from napari_deconv.background import measure_volume
from napari_deconv.image import Region
from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.posing import compute_psf, pose_problem
from napari_deconv.preparing import prepare

Array = np.ndarray[Any, Any]
PSF = {"kind": "gaussian", "sigma": (0.3, 0.1, 0.1)}
STEPS = [{"kind": "super-sampling", "lateral": 2, "axial": 1}, {"kind": "super-sampling", "lateral": 3, "axial": 2}]


def posed(image: nd.Image, step: dict[str, Any]) -> Problem:
    """Return the problem of a whole image under super-sampling, in float64."""
    recipe = nd.Recipe(psf=PSF, prepare=[step], background=0)
    ready = prepare(image, recipe, Region({}))
    volume = np.asarray(ready.image.block())
    blur = Blur(compute_psf(ready.image, recipe), volume.shape, dtype=torch.float64)
    box = (slice(None),) * 3
    return pose_problem(volume, measure_volume(volume, 0), blur, ready.image, (0, 0, 0), ready.untrusted(0, 0, box))


@pytest.mark.parametrize("step", STEPS)
def test_the_adjoint_belongs_to_the_forward(step: dict[str, Any]) -> None:
    image = nd.Image(np.random.default_rng(1).uniform(1, 9, (4, 9, 10)), voxel=[0.3, 0.2, 0.2])
    blur = posed(image, step).blur
    random = torch.Generator().manual_seed(1)
    thing = torch.rand(blur.object_shape, generator=random, dtype=torch.float64)
    framed = torch.rand(blur.image_shape, generator=random, dtype=torch.float64)
    ahead = float((blur.forward(thing) * framed).sum())
    assert float((blur.adjoint(framed) * thing).sum()) == pytest.approx(ahead, rel=1e-9)


@pytest.mark.parametrize("step", STEPS)
def test_a_pixel_is_the_mean_of_its_voxels_blurred(step: dict[str, Any]) -> None:
    image = nd.Image(np.ones((4, 9, 10)), voxel=[0.3, 0.2, 0.2])
    problem = posed(image, step)
    finer = (step["axial"], step["lateral"], step["lateral"])
    plain = nd.Recipe(psf=PSF)
    pitch = dict(zip("ZYX", (p / n for p, n in zip((0.3, 0.2, 0.2), finer, strict=True)), strict=True))
    shape = tuple(size * times for size, times in zip(image.shape, finer, strict=True))
    fine = Blur(compute_psf(nd.Image(np.ones(shape), voxel=pitch), plain), shape, dtype=torch.float64)
    thing = problem.blur.new_object()
    inside = torch.rand(shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    problem.blur.crop(thing).copy_(inside)
    other = fine.new_object()
    fine.crop(other).copy_(inside)
    blurred = fine.forward(other).clone()
    z, y, x = image.shape
    expected = blurred.reshape(z, finer[0], y, finer[1], x, finer[2]).mean(dim=(1, 3, 5))
    seen = problem.blur.forward(thing)[:: finer[0], :: finer[1], :: finer[2]]
    assert torch.allclose(seen[:-1, 1:-2, 1:-2], expected[:-1, 1:-2, 1:-2], rtol=0.02)
    only = problem.blur.forward(thing).clone()
    only[:: finer[0], :: finer[1], :: finer[2]] = 0
    assert float(only.abs().max()) == 0, "nothing but pixels is predicted"


def coarse_scene() -> tuple[nd.Image, Array]:
    """Return pixels of 0.2 µm that see lines 0.2 µm apart under a narrow PSF, and the truth on voxels of 0.1 µm."""
    truth = np.zeros((96, 96))
    for place in (20, 23, 40, 44, 60, 65):
        truth[place, 12:84] = 900
        truth[14:80, place + 10] += 500
    blurred = np.asarray(gaussian_filter(truth, 1.0)) + 10
    pixels = blurred.reshape(48, 2, 48, 2).mean(axis=(1, 3))
    return nd.Image(np.random.default_rng(3).poisson(pixels).astype(np.float32), voxel=[0.2, 0.2]), truth


def error(result: Array, truth: Array) -> float:
    inner = (slice(4, -4), slice(4, -4))
    return float(np.sqrt(np.mean((result - truth)[inner] ** 2) / np.mean(truth[inner] ** 2)))


@pytest.mark.parametrize("method", [{"kind": "richardson-lucy"}, {"kind": "total-variation", "weight": 0.003}])
def test_it_comes_nearer_the_truth_than_pixels_do(method: dict[str, Any]) -> None:
    image, truth = coarse_scene()
    words = {"psf": {"kind": "gaussian", "sigma": 0.1}, "background": 10, "method": method}
    fine = nd.restored(image, {**words, "prepare": ["super-sampling"]})
    assert fine.shape == (96, 96)
    assert fine.voxel == {"Y": 0.1, "X": 0.1}
    assert fine.origin == pytest.approx({"Y": -0.05, "X": -0.05})
    assert fine.metadata == image.metadata
    wide = {"kind": "gaussian", "sigma": float(np.hypot(0.1, 0.2 / 12**0.5))}
    coarse = nd.restored(image, {**words, "psf": wide}).numpy()
    spread = coarse.repeat(2, 0).repeat(2, 1)
    assert error(fine.numpy(), truth) < 0.95 * error(spread, truth)
    shift = [float((fine.numpy() * np.indices(truth.shape)[n]).sum() / fine.numpy().sum()) for n in (0, 1)]
    place = [float((truth * np.indices(truth.shape)[n]).sum() / truth.sum()) for n in (0, 1)]
    assert np.allclose(shift, place, atol=0.2)
    assert fine.numpy().sum() == pytest.approx(4 * (image.numpy() - 10).sum(), rel=0.03)


def test_a_part_is_restored_as_the_whole_is() -> None:
    image, _ = coarse_scene()
    words = {"psf": {"kind": "gaussian", "sigma": 0.1}, "background": 10, "prepare": ["super-sampling"]}
    recipe = nd.Recipe.parse({**words, "method": {"kind": "richardson-lucy", "iterations": 8}})
    whole = nd.restored(image, recipe)
    part = nd.restored(image, recipe, region=nd.Region({"Y": (11, 31), "X": (8, 40)}))
    assert part.shape == (40, 64)
    assert np.allclose(part.numpy()[4:-4, 4:-4], whole.numpy()[26:58, 20:76], rtol=0.05, atol=3)


def test_nothing_may_follow_it() -> None:
    with pytest.raises(ValueError, match="must be the last step of 'prepare'"):
        nd.Recipe.parse({"prepare": ["super-sampling", "hot-pixels"]})
