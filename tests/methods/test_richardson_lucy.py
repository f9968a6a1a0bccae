"""Richardson-Lucy against an oracle, its likelihood, and its accelerations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.richardson_lucy import RichardsonLucy
from napari_deconv.methods.roughness import GoodsRoughness, goods_roughness


def posed(image: Array, psf: Array, background: float = 0.0) -> Problem:
    z, y, x = image.shape
    blur = Blur(psf, (z, y, x), dtype=torch.float64)
    light = image - background
    return Problem(torch.from_numpy(image), background, blur, float(light.max()), max(float(light.mean()), 0.0))


def last(problem: Problem, **fields: Any) -> Array:
    *_, estimate = RichardsonLucy(**fields).iterate(problem)
    found: Array = problem.blur.crop(estimate.object).numpy().copy()
    return found


@pytest.mark.parametrize(
    "psf", [gaussian_psf((5, 7, 7), lean=0.4), gaussian_psf((1, 9, 7), lean=0.4)], ids=["3d", "2d"]
)
def test_equals_scikit_image_where_the_boundaries_agree(psf: Array) -> None:
    """scikit-image takes what lies beyond the frame as zero and grants it no light; ours grants it.

    Both are one model where no light can be: the image lies in zeros as wide as the PSF, so that the first step darkens
    the rim in both. Both start from the same constant (0.5 there, the mean level here).
    """
    from skimage.restoration import richardson_lucy

    shape = (10, 18, 20) if psf.shape[0] > 1 else (1, 40, 42)
    margin = (psf.shape[0] // 2, psf.shape[1] // 2, psf.shape[2] // 2)
    image = blurred(blobs(shape, margin, count=8), psf)
    wide = [(size - 1, size - 1) for size in psf.shape]
    embedded = np.pad(image, wide)
    level = embedded.mean()
    ours = last(posed(embedded, psf), iterations=12, acceleration="none")
    theirs = richardson_lucy(embedded / (2 * level), psf, num_iter=12, clip=False) * 2 * level
    inside = tuple(slice(a, a + n) for (a, _), n in zip(wide, shape, strict=True))
    assert nrmse(ours[inside], theirs[inside]) < 1e-4


def test_the_likelihood_never_falls() -> None:
    psf = gaussian_psf((3, 7, 7))
    image = photographed(blobs((6, 24, 24), (0, 2, 2)), psf, 5.0).astype(np.float64)
    problem = posed(image, psf, 5.0)
    likelihoods = []
    for estimate in RichardsonLucy(iterations=20, acceleration="none").iterate(problem):
        expected = problem.blur.forward(estimate.object) + 5.0
        likelihoods.append(float((problem.image * expected.log() - expected).sum()))
    assert np.all(np.diff(likelihoods) > 0)


@pytest.mark.parametrize("acceleration", ["biggs-andrews", "heavy-ball"])
def test_acceleration_climbs_further_in_a_quarter_of_the_iterations(acceleration: str) -> None:
    psf = gaussian_psf((3, 7, 7))
    problem = posed(blurred(blobs((6, 24, 24), (1, 4, 4)), psf), psf)

    def misfit(**fields: Any) -> float:
        *_, estimate = RichardsonLucy(**fields).iterate(problem)
        expected = problem.blur.forward(estimate.object).clamp(min=1e-12)
        return float((expected - problem.image * expected.log()).sum())

    plain, longer = misfit(iterations=25, acceleration="none"), misfit(iterations=100, acceleration="none")
    assert misfit(iterations=25, acceleration=acceleration) < longer < plain


def test_light_from_beyond_the_frame_makes_no_rim(tmp_path: Path) -> None:
    psf = gaussian_psf((1, 9, 9), 1.8)
    image = photographed(np.full((1, 60, 60), 100.0), psf)[:, 10:-10, 10:-10]
    recipe = {"psf": saved_psf(tmp_path, psf), "method": {"kind": "richardson-lucy", "iterations": 10}, "background": 0}
    result = nd.restored(nd.Image(image), recipe).numpy()[0]
    rim = np.r_[result[0], result[-1], result[:, 0], result[:, -1]].mean()
    assert rim == pytest.approx(result[5:-5, 5:-5].mean(), rel=0.05)


def test_a_dark_image_stays_dark(tmp_path: Path) -> None:
    recipe = {
        "psf": saved_psf(tmp_path, gaussian_psf((1, 5, 5))[0]),
        "method": {"kind": "richardson-lucy", "iterations": 4},
    }
    assert nd.restored(nd.Image(np.zeros((12, 12), np.uint16)), recipe).numpy().max() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("shape", [(4, 7, 8), (1, 9, 10)], ids=["3d", "2d"])
def test_the_gradient_of_goods_roughness_equals_a_numerical_one(shape: tuple[int, int, int]) -> None:
    thing = torch.from_numpy(np.random.default_rng(2).uniform(0.1, 5, shape)).requires_grad_()
    voxel, soft = (0.3, 0.1, 0.1), 1e-3
    axes = [axis for axis in range(3) if shape[axis] > 1]
    root = (thing + soft).sqrt()
    total = sum(4 * (root.diff(dim=axis) * 0.1 / voxel[axis]).square().sum() for axis in axes)
    (expected,) = torch.autograd.grad(total, thing)
    still = thing.detach()
    prior, axis = GoodsRoughness(shape, voxel, soft), 1 if shape[0] == 1 else 0
    parts = [(*(slice(None),) * axis, slice(start, start + 3)) for start in range(0, shape[axis], 3)]
    pieces = [prior.held(still, part) - prior.drawn(still, part) for part in parts]
    torch.testing.assert_close(torch.cat(pieces, dim=axis), expected)
    assert goods_roughness(still, voxel, soft) == pytest.approx(float(total.detach()))


def test_roughness_smooths_and_climbs_its_own_objective() -> None:
    psf = gaussian_psf((1, 7, 7))
    problem = posed(photographed(0.05 * blobs((1, 32, 32), (0, 3, 3)), psf, 3.0).astype(np.float64), psf, 3.0)
    soft = 1e-3 * problem.scale
    totals = []
    for estimate in RichardsonLucy(iterations=60, acceleration="none", roughness=0.1).iterate(problem):
        expected = problem.blur.forward(estimate.object) + 3.0
        misfit = float((expected - problem.image * expected.log()).sum())
        totals.append(misfit + 0.1 * goods_roughness(estimate.object, problem.voxel, soft))
    assert np.all(np.diff(totals) < 1e-9 * abs(totals[0]))
    plain, smooth = last(problem, iterations=60), last(problem, iterations=60, roughness=0.1)
    rough = [goods_roughness(torch.from_numpy(each), problem.voxel, soft) for each in (plain, smooth)]
    assert rough[1] < 0.5 * rough[0]


@pytest.mark.parametrize("penalty", [{"tv": 0.01}, {"tv": 0.1}, {"roughness": 0.1}])
def test_a_penalty_piles_up_no_light_beyond_the_frame(penalty: dict[str, float]) -> None:
    psf = gaussian_psf((1, 25, 25), sigma=4)
    scene = blurred(blobs((1, 90, 90), (0, 20, 20), count=25), psf)[:, 30:60, 30:60]
    problem = posed(np.random.default_rng(5).poisson(scene).astype(np.float32), psf)
    *_, free = RichardsonLucy(iterations=25, acceleration="none").iterate(problem)
    brightest = float(free.object.max())
    *_, held = RichardsonLucy(iterations=25, acceleration="none", **penalty).iterate(problem)
    assert float(held.object.max()) < 1.5 * brightest
