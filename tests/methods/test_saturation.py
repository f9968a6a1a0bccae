"""Saturated pixels are left out of the likelihood: through the adjoint of the mask, and to the gain of every method that has one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, nrmse, saved_psf

import napari_deconv as nd
from napari_deconv.background import find_ceiling
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.censoring import fill_saturated
from napari_deconv.preparing import untrusted_pixels

PSF = gaussian_psf((1, 9, 9), 1.5)
SHAPE = (1, 64, 64)


def test_the_adjoint_of_a_masked_blur_is_its_adjoint_and_its_sensitivity_that_of_the_mask() -> None:
    random = np.random.default_rng(1)
    plain = Blur(gaussian_psf((3, 5, 6), lean=0.4), (6, 12, 13), dtype=torch.float64)
    mask = torch.from_numpy((random.random((6, 12, 13)) > 0.3).astype(float))
    blur = plain.masked(mask)
    thing, picture = torch.from_numpy(random.random(blur.object_shape)), torch.from_numpy(random.random((6, 12, 13)))
    left = float((blur.forward(thing) * picture).sum())
    assert left == pytest.approx(float((thing * blur.adjoint(picture)).sum()), rel=1e-12)
    torch.testing.assert_close(blur.sensitivity, plain.adjoint(mask).clamp(0, 1))
    assert plain.mask is None
    assert float(plain.sensitivity.max()) > float(blur.sensitivity.max())
    blur.in_frame.copy_(picture)
    torch.testing.assert_close(blur.adjoint(blur.in_frame).clone(), blur.adjoint(picture))


def saturated(seed: int, share: float = 0.01) -> tuple[Array, Array]:
    """Return a 12-bit image of which one pixel in a hundred is saturated, and the object."""
    thing = 40 * blobs(SHAPE, (0, 6, 6), count=14, seed=seed)
    clean = blurred(thing, PSF)
    gain = 4095 / np.quantile(clean, 1 - share)
    light = np.random.default_rng(seed).poisson(clean) * gain + 100
    return np.minimum(np.rint(light), 4095).astype(np.uint16), thing * gain


CASES: list[dict[str, Any]] = [
    {"kind": "richardson-lucy", "iterations": 20, "acceleration": "none"},
    {"kind": "richardson-lucy", "iterations": 25, "acceleration": "heavy-ball"},
    {"kind": "richardson-lucy", "iterations": 25, "acceleration": "biggs-andrews"},
    {"kind": "richardson-lucy", "iterations": 30, "tv": 0.01},
    {"kind": "richardson-lucy", "iterations": 30, "roughness": 0.1},
    {"kind": "gradient-consensus", "iterations": 40},
    {"kind": "wiener-butterworth", "iterations": 6},
    {"kind": "total-variation", "weight": 0.01},
    {"kind": "hessian", "weight": 0.01},
    {"kind": "landweber", "iterations": 60},
    {"kind": "tikhonov-miller", "weight": 0.01},
    {"kind": "fista", "iterations": 40, "weight": 0.01},
    {"kind": "blind", "iterations": 25, "width": 1.0},
    {"kind": "wiener", "noise": 0.01, "fall": 1, "length": 30},
    {"kind": "tikhonov", "weight": 0.01},
]


def restored_both(image: Array, case: dict[str, Any], psf: Any) -> dict[str, nd.Image]:
    """Return the results with saturated pixels told from the others, and taken at their word."""
    recipe = {"psf": psf, "method": case, "background": 100}
    words = ("auto", "none")
    return {word: nd.restored(nd.Image(image), {**recipe, "saturation": word}, device="cpu") for word in words}


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case['kind']}" for number, case in enumerate(CASES)])
@pytest.mark.parametrize("seed", [1, 2, 3, 4])
def test_masking_beats_not_masking(case: dict[str, Any], seed: int, tmp_path: Path) -> None:
    image, thing = saturated(seed)
    results = restored_both(image, case, saved_psf(tmp_path, PSF))
    assert nrmse(results["auto"].numpy(), thing) < nrmse(results["none"].numpy(), thing)
    told = results["auto"].history[-1]["saturated"]
    assert told == [{"from": 4095.0, "share": pytest.approx(float(np.mean(image == 4095)))}]
    assert results["none"].history[-1]["saturated"] == []


@pytest.mark.parametrize(
    ("kind", "seed", "gain"),
    [("richardson-lucy", 5, 0.7), *(("wiener-butterworth", seed, 0.95) for seed in (3, 4, 5, 9, 10, 11))],
)
def test_masking_beats_not_masking_where_the_iterations_are_automatic(
    kind: str, seed: int, gain: float, tmp_path: Path
) -> None:
    image, thing = saturated(seed)
    results = restored_both(image, {"kind": kind}, saved_psf(tmp_path, PSF))
    assert nrmse(results["auto"].numpy(), thing) < gain * nrmse(results["none"].numpy(), thing)


def test_an_unmatched_step_does_not_run_away_where_nothing_says_how_much_is_too_much(tmp_path: Path) -> None:
    image, thing = saturated(9)
    psf = saved_psf(tmp_path, PSF)
    errors = [
        nrmse(restored_both(image, {"kind": "wiener-butterworth", "iterations": n}, psf)["auto"].numpy(), thing)
        for n in (10, 40)
    ]
    assert errors[1] < errors[0]


def test_a_saturated_pixel_is_taken_as_what_it_likely_was() -> None:
    """The mean of a normal distribution above a value, here by many draws."""
    counts, noise = torch.full((6,), 100.0), torch.tensor([10.0, 10.0, 10.0, 10.0, 10.0, 0.0])
    expected = torch.tensor([60.0, 90.0, 100.0, 120.0, 160.0, 50.0])
    filled = fill_saturated(counts, expected, noise)
    random = np.random.default_rng(0)
    for number in (1, 2, 3, 4):
        drawn = random.normal(float(expected[number]), 10, 400_000)
        assert float(filled[number]) == pytest.approx(drawn[drawn >= 100].mean(), rel=2e-3)
    assert 100 < float(filled[0]) < 104, "far below, it is hardly more than what was seen"
    assert float(filled[5]) == 100, "a pixel that is not saturated stays"


def test_a_single_saturated_pixel_among_dark_ones_is_hot_and_left_out() -> None:
    pixels = np.full((20, 20), 50, np.uint16)
    pixels[4, 5] = pixels[11, 12] = pixels[16, 3] = 4095
    pixels[9:12, 5:8] = 4095
    marks = untrusted_pixels(nd.Image(pixels), nd.Recipe(psf="gaussian")).numpy()
    assert (marks == 2).sum() == 3
    assert marks[4, 5] == 2
    assert (marks == 1).sum() == 9


def test_a_large_saturated_patch_leaves_no_hole(tmp_path: Path) -> None:
    thing = np.zeros(SHAPE)
    thing[0, 20:44, 20:44] = 9000
    image = np.minimum(blurred(thing, PSF) + 10, 4095).astype(np.uint16)
    recipe = {
        "psf": saved_psf(tmp_path, PSF),
        "background": 10,
        "method": {"kind": "richardson-lucy", "iterations": 40},
    }
    assert nd.restored(nd.Image(image), recipe, device="cpu").numpy()[0, 26:38, 26:38].min() > 3000


@pytest.mark.parametrize(
    ("top", "pixels", "found"), [(4095, 5, 4095.0), (4095, 2, None), (3000, 9, None), (65535, 9, 65535.0), (1, 9, None)]
)
def test_the_end_of_the_camera_is_found(top: int, pixels: int, found: float | None) -> None:
    volume = np.random.default_rng(0).integers(0, max(1, top // 3), (2, 20, 20))
    volume.ravel()[:pixels] = top
    assert find_ceiling(volume) == found


def test_a_given_ceiling_is_taken_and_the_mask_can_be_seen() -> None:
    pixels = np.arange(64, dtype=np.float32).reshape(8, 8)
    image = nd.Image(pixels)
    assert untrusted_pixels(image, nd.Recipe(psf="gaussian", saturation=60)).numpy().sum() == 4
    assert untrusted_pixels(image, nd.Recipe(psf="gaussian")).numpy().sum() == 0
