"""The floor of a measured PSF: its offset is found, its noise is not taken for light, its tails stay."""

from __future__ import annotations

import functools

import numpy as np
import psfmodels
import pytest
import torch
from scipy.ndimage import gaussian_filter

import napari_deconv as nd
from napari_deconv.methods.blur import Blur
from napari_deconv.psf.floor import measure_floor, quieted
from napari_deconv.psf.measured import Measured


@functools.cache
def widefield(aperture: float = 1.2, index: float = 1.33, shape: tuple[int, int] = (49, 65)) -> np.ndarray:
    """A widefield PSF whose tails fill the box, peak 1."""
    medium = {
        "NA": aperture,
        "ni": index,
        "ni0": index,
        "ns": index,
        "tg": 170,
        "tg0": 170,
        "ng": 1.515,
        "ng0": 1.515,
        "ti0": 150,
    }
    planes = (np.arange(shape[0]) - shape[0] // 2) * 0.25
    psf = psfmodels.scalar_psf(planes, shape[1], dxy=0.1, pz=0.0, wvl=0.52, params=medium)
    return psf / psf.max()


def measured(seed: int, offset: float = 0.02, noise: float = 0.003) -> np.ndarray:
    true = widefield()
    generator = np.random.default_rng(seed)
    return true + offset + generator.normal(size=true.shape) * np.sqrt(noise**2 + 2e-4 * true)


@pytest.mark.parametrize("optics", [(1.4, 1.515), (1.2, 1.33), (0.8, 1.0)])
def test_a_clean_psf_that_fills_its_box_has_no_offset(optics: tuple[float, float]) -> None:
    true = widefield(*optics)
    floor = measure_floor(true)
    assert floor.offset == 0
    assert np.abs(quieted(true, floor.noise) - true).sum() < 2e-3 * true.sum()


@pytest.mark.parametrize("offset", [-0.05, 0.005, 0.3])
def test_the_offset_is_found_below_the_tails(offset: float) -> None:
    assert measure_floor(widefield() + offset).offset == pytest.approx(offset, abs=1e-4)


@pytest.mark.parametrize("seed", [101, 102, 103])
def test_offset_and_noise_are_measured_together(seed: int) -> None:
    floor = measure_floor(measured(seed))
    assert floor.offset == pytest.approx(0.02, abs=6e-4)
    assert floor.noise == pytest.approx(0.003, rel=0.1)


@pytest.mark.parametrize("seed", [111, 112])
def test_cleaning_halves_the_error_that_clipping_makes(seed: int) -> None:
    true, noisy = widefield(), measured(seed)
    floor = measure_floor(noisy)
    clipped = np.clip(noisy - floor.offset, 0, None)
    cleaned = quieted(noisy - floor.offset, floor.noise)

    def error(psf: np.ndarray) -> float:
        return float(np.abs(psf / psf.sum() - true / true.sum()).sum())

    assert cleaned.min() >= 0
    assert error(cleaned) < 0.55 * error(clipped)
    assert cleaned.max() == clipped.max()


def test_a_cleaned_psf_restores_nearer_the_truth() -> None:
    generator = np.random.default_rng(121)
    truth = np.zeros((25, 40, 40), np.float32)
    truth[tuple(generator.integers(5, size - 5, 30) for size in truth.shape)] = generator.uniform(2e4, 6e4, 30)
    truth = gaussian_filter(truth, 1.5) + gaussian_filter(truth, (2, 6, 6))
    true = widefield().astype(np.float64)
    blur = Blur(true / true.sum(), truth.shape)
    scene = blur.new_object()
    scene[blur.frame] = torch.from_numpy(truth)
    image = nd.Image(generator.poisson(np.clip(blur.forward(scene).numpy(), 0, None)).astype(np.float32))
    errors = {}
    for clean in (True, False):
        psf = Measured.of(measured(122, noise=0.008).astype(np.float32), clean=clean)
        recipe = nd.Recipe(psf=psf, background=0, method={"kind": "richardson-lucy", "iterations": 50})
        result = nd.restored(image, recipe, device="cpu").numpy()
        errors[clean] = float(np.linalg.norm(result - truth) / np.linalg.norm(truth))
    assert errors[True] < 0.8 * errors[False]


def test_a_tiny_psf_is_left_as_it_is() -> None:
    psf = np.random.default_rng(131).random((5, 7, 7))
    floor = measure_floor(psf)
    assert floor.noise == 0
    np.testing.assert_array_equal(quieted(psf, floor.noise), psf)
