"""A free PSF: its three constraints, what it gains where the image tells, that a right one is kept, and that closing ends it."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, gaussian_psf, nrmse, saved_psf

import napari_deconv as nd
from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame
from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.free_psf import FreePsf, find_free_psf, pack, under_psf, unpack
from napari_deconv.posing import used_psf

SIGMA = 1.6
TRUE = gaussian_psf((1, 15, 15), SIGMA)
NARROW = gaussian_psf((1, 15, 15), 0.8 * SIGMA)


@cache
def scene() -> tuple[Array, Array]:
    """Return counts of bright nuclei over a background of 10, and the truth."""
    random = np.random.default_rng([6, 7])
    density = FAMILIES["nuclei"]((1, 78, 78), (0.2, 0.08, 0.08), random) * 2000
    seen = cut_frame(blur_scene(density, TRUE), (1, 64, 64))
    return random.poisson(seen + 10).astype(np.float32), cut_frame(density, (1, 64, 64))


def posed(psf: Array) -> Problem:
    counts, _ = scene()
    light = counts - 10
    blur = Blur(psf.astype(np.float32), counts.shape)
    return Problem(torch.from_numpy(counts), 10.0, blur, float(np.quantile(light, 0.999)), float(light.mean()))


def test_it_stays_positive_of_unit_sum_inside_the_support_and_in_its_place() -> None:
    free = FreePsf(posed(NARROW), NARROW)
    for _ in range(3):
        assert list(free.turn()), "an iteration a step"
        assert free.psf.min() >= 0
        assert free.psf.sum() == pytest.approx(1, abs=1e-9)
        assert free.beyond_support() < 1e-5
        place = np.arange(15) - 7
        for axis in (1, 2):
            assert abs(float(free.psf.sum(axis=(0, 3 - axis)) @ place)) < 0.02
    assert np.linalg.norm(free.psf - TRUE) < np.linalg.norm(NARROW - TRUE)


def run(psf: Any, method: Any, **options: Any) -> nd.Image:
    words = {"psf": psf, "method": method, "background": 10}
    return nd.restored(nd.Image(scene()[0]), words, device="cpu", **options)


def test_from_a_psf_too_narrow_psf_and_restoration_come_nearer_the_truth(tmp_path: Path) -> None:
    psf, (counts, truth) = saved_psf(tmp_path, NARROW), scene()
    result = run(psf, {"kind": "blind", "psf_update": "free"})
    (choice,) = result.history[-1]["choices"]
    assert "insist on another PSF" in choice["why"]
    found = used_psf(result, nd.Image(counts)).numpy()
    assert np.linalg.norm(found - TRUE) < 0.5 * np.linalg.norm(NARROW - TRUE)
    plain = run(psf, "richardson-lucy")
    assert nrmse(result.numpy(), truth) < 0.95 * nrmse(plain.numpy(), truth)
    assert result.numpy().sum() == pytest.approx(plain.numpy().sum(), rel=0.05)
    tiled = run(psf, {"kind": "blind", "psf_update": "free"}, memory=400_000)
    assert tiled.history[-1]["tiles"] > 1
    assert nrmse(tiled.numpy(), result.numpy()) < 0.02


def test_a_right_psf_is_kept_and_told_so(tmp_path: Path) -> None:
    result = run(saved_psf(tmp_path, TRUE), {"kind": "blind", "psf_update": "free"})
    (choice,) = result.history[-1]["choices"]
    assert choice["value"] == 1
    assert choice["found"] == ""
    assert "it is kept" in choice["why"]


def test_closing_the_trial_ends_it() -> None:
    trials = find_free_psf(posed(NARROW), NARROW)
    first = next(trials)
    second = next(trials)
    assert (first.step, second.step) == (1, 2)
    assert second.steps == first.steps > 100
    trials.close()
    with pytest.raises(StopIteration):
        next(trials)


@pytest.mark.parametrize("shape", [(1, 15, 15), (3, 8, 9)])
def test_it_comes_back_from_a_line_of_text(shape: tuple[int, int, int]) -> None:
    psf = gaussian_psf(shape, 1.3, lean=0.3)
    np.testing.assert_allclose(unpack(pack(psf)), psf, rtol=1e-6)


@pytest.mark.parametrize("size", [(1, 11, 11), (1, 14, 18), (1, 21, 21)])
def test_a_psf_of_another_size_is_cut_or_set_into_the_dark_at_its_place(size: tuple[int, int, int]) -> None:
    blur = under_psf(posed(TRUE), gaussian_psf(size, 1.0)).blur
    assert blur.psf_shape == TRUE.shape
    expected = Blur(gaussian_psf((1, 15, 15), 1.0), blur.image_shape)
    torch.testing.assert_close(blur.otf, expected.otf, atol=2e-3, rtol=0)
