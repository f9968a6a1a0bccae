"""Blind: from a PSF 20 % too narrow, one nearer the truth is found, and the restoration gains; where nothing tells, nothing is changed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.scenes import Array, gaussian_psf, nrmse, saved_psf

import napari_deconv as nd
from napari_deconv.methods.blind import psf_of, widened
from napari_deconv.methods.blur import Blur
from napari_deconv.posing import used_psf

SIGMA = 1.6
SHAPE = (1, 72, 72)
TRUE = gaussian_psf((1, 19, 19), SIGMA)
WIDTH = {"kind": "blind", "psf_update": "width"}


def spread(psf: Array) -> float:
    """Return the standard deviation of a PSF along its last axis."""
    place = np.arange(psf.shape[-1]) - psf.shape[-1] // 2
    return float(np.sqrt((psf.sum(axis=(0, 1)) * place**2).sum() / psf.sum()))


def lines(seed: int, light: float) -> Array:
    """Return thin bright lines that cross: they end sharply, which is what tells a PSF."""
    random = np.random.default_rng(seed)
    thing = np.zeros(SHAPE)
    for _ in range(14):
        y, x = random.uniform(8, 64, 2)
        angle, value = random.uniform(0, np.pi), light * random.uniform(0.4, 1)
        for along in np.linspace(-14, 14, 60):
            place = round(y + along * np.sin(angle)), round(x + along * np.cos(angle))
            if all(4 <= each < 68 for each in place):
                thing[0, place[0], place[1]] = value
    return thing


def seen(thing: Array, seed: int) -> nd.Image:
    from scipy.signal import fftconvolve

    blurred = np.clip(fftconvolve(thing, TRUE, mode="same"), 0, None)
    return nd.Image(np.random.default_rng(seed).poisson(blurred + 10).astype(np.float32))


@pytest.mark.parametrize("factor", [1.0, 1.12, 1.25, 1.4])
@pytest.mark.parametrize("shape", [(1, 15, 15), (9, 16, 15)], ids=["flat", "even"])
def test_a_widened_psf_is_so_many_times_as_wide_in_its_place(factor: float, shape: tuple[int, int, int]) -> None:
    psf = widened(psf_of(Blur(gaussian_psf(shape, 1.3), (max(1, shape[0]), 20, 21))), factor)
    assert psf.min() >= 0
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert spread(psf) == pytest.approx(1.3 * factor, rel=0.03)
    assert np.unravel_index(psf.argmax(), psf.shape) == tuple(size // 2 for size in shape)


def test_no_width_passes_what_the_given_psf_does_not() -> None:
    """Inside the support of the transfer function: a pure Airy pattern passes nothing beyond its cut-off."""
    place = np.fft.fftfreq(41)
    pupil = np.hypot(place[:, None], place[None, :]) < 0.1
    psf = np.fft.fftshift(np.abs(np.fft.ifft2(pupil)) ** 2)[None]
    psf /= psf.sum()
    beyond = np.abs(np.fft.rfftn(psf)) < 1e-4
    assert beyond.any()
    for factor in (0.8, 0.9, 1.25):
        assert np.abs(np.fft.rfftn(widened(psf, factor)))[beyond].max() < 0.05


@pytest.mark.parametrize(("seed", "light"), [(seed, light) for seed in (1, 2, 3) for light in (300.0, 1200.0, 5000.0)])
def test_from_a_psf_too_narrow_psf_and_restoration_come_nearer_the_truth(
    seed: int, light: float, tmp_path: Path
) -> None:
    thing = lines(seed, light)
    image = seen(thing, seed)
    narrow = gaussian_psf((1, 19, 19), 0.8 * SIGMA)
    psf = saved_psf(tmp_path, narrow)

    def run(method: Any) -> nd.Image:
        return nd.restored(image, {"psf": psf, "method": method, "background": 10}, device="cpu")

    blind = run(WIDTH)
    (choice,) = blind.history[-1]["choices"]
    assert choice["name"] == "width"
    if choice["value"] == 1:
        assert light < 1000, "so much light tells"
        assert "does not say" in choice["why"]
        return
    assert "insist on a PSF" in choice["why"]
    found = used_psf(blind, image)
    assert found.shape == TRUE.shape
    assert np.linalg.norm(found.numpy() - TRUE) < (0.3 if light > 1000 else 0.7) * np.linalg.norm(narrow - TRUE)
    assert nrmse(blind.numpy(), thing) < (0.7 if light > 1000 else 0.95) * nrmse(run("richardson-lucy").numpy(), thing)


def test_a_right_psf_is_left_nearly_as_it_is(tmp_path: Path) -> None:
    result = nd.restored(
        seen(lines(4, 1200.0), 4), {"psf": saved_psf(tmp_path, TRUE), "method": WIDTH, "background": 10}, device="cpu"
    )
    (choice,) = result.history[-1]["choices"]
    assert choice["value"] == 1
    assert "it is kept" in choice["why"]


@pytest.mark.parametrize("kind", ["nothing", "smooth"])
def test_where_the_image_does_not_tell_it_says_so_and_keeps_the_psf(kind: str, tmp_path: Path) -> None:
    y, x = np.mgrid[0:48, 0:48]
    hill = 400 * np.exp(-((y - 24) ** 2 + (x - 24) ** 2) / 150)
    image = nd.Image(np.random.default_rng(1).poisson(20 + (hill if kind == "smooth" else 0 * hill)).astype(np.float32))
    psf = saved_psf(tmp_path, gaussian_psf((1, 11, 11), 1.3))
    result = nd.restored(image, {"psf": psf, "method": WIDTH, "background": 10}, device="cpu")
    (choice,) = result.history[-1]["choices"]
    assert choice["value"] == 1
    assert "does not say" in choice["why"] or "too smooth to tell" in choice["why"]
    assert np.allclose(used_psf(result, image).numpy(), gaussian_psf((1, 11, 11), 1.3), atol=1e-6)


def test_an_image_that_is_no_result_has_no_used_psf() -> None:
    with pytest.raises(ValueError, match="holds no recipe"):
        used_psf(nd.Image(np.ones((4, 8, 8))), nd.Image(np.ones((4, 8, 8))))
