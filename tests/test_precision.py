"""Double precision: asked for in the recipe or on the command line, it keeps what single loses, in twice the memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.scenes import Array, blobs, blurred, gaussian_psf, saved_psf

import napari_deconv as nd
from napari_deconv.running.device import choose_precision
from napari_deconv.running.forecast import forecast

PSF = gaussian_psf((1, 7, 7))
LIGHT = 10 * blurred(blobs((1, 30, 34), margin=(0, 6, 6)), PSF)
OFFSET = 1e9
"""Counts beside which single precision knows no step smaller than 64."""


def restored(tmp_path: Path, picture: Array, precision: str, background: float) -> Array:
    method = {"kind": "wiener", "noise": 1e-4, "fall": 0, "border": "mirrored"}
    words = {"psf": saved_psf(tmp_path, PSF), "method": method, "background": background, "precision": precision}
    result = nd.restored(nd.Image(picture), words, device="cpu")
    assert result.dtype == np.float32
    assert result.history[-1]["recipe"].get("precision", "single") == precision
    return result.numpy()


def test_little_light_over_a_large_offset_is_kept_by_double_alone(tmp_path: Path) -> None:
    expected = restored(tmp_path, LIGHT, "double", 0.0)
    top = expected.max()
    np.testing.assert_allclose(restored(tmp_path, LIGHT, "single", 0.0), expected, atol=1e-4 * top)
    np.testing.assert_allclose(restored(tmp_path, LIGHT + OFFSET, "double", OFFSET), expected, atol=1e-4 * top)
    assert np.abs(restored(tmp_path, LIGHT + OFFSET, "single", OFFSET) - expected).max() > 0.01 * top


def test_it_takes_twice_the_memory_and_so_smaller_tiles(tmp_path: Path) -> None:
    words = {"psf": saved_psf(tmp_path, PSF), "method": {"kind": "richardson-lucy", "iterations": 3}, "background": 1.0}
    image = nd.Image(np.tile(LIGHT, (1, 8, 8)).astype(np.float32))
    told = {
        each: forecast(image, nd.Recipe.parse({**words, "precision": each}), device="cpu", memory="3MB")
        for each in ("single", "double")
    }
    assert told["double"].tiles > told["single"].tiles >= 1
    wide = [
        forecast(image, nd.Recipe.parse({**words, "precision": each}), device="cpu") for each in ("single", "double")
    ]
    canvas = 4 * image.data.size
    assert wide[1].peak - canvas == pytest.approx(2 * (wide[0].peak - canvas))


def test_it_is_part_of_the_recipe_and_single_goes_without_saying(tmp_path: Path) -> None:
    recipe = nd.Recipe.parse({"method": "wiener", "precision": "double"})
    recipe.save(tmp_path / "recipe.yaml")
    assert nd.Recipe.load(tmp_path / "recipe.yaml") == recipe
    assert recipe.digest != recipe.replace(precision="single").digest
    assert "precision" not in recipe.replace(precision="single").dump()
    with pytest.raises(ValueError, match="precision: must be 'single' or 'double' \\(given 'half'\\)"):
        nd.Recipe.parse({"precision": "half"})


def test_a_device_without_double_says_so() -> None:
    with pytest.raises(ValueError, match="an mps device computes in single alone: choose --device cpu"):
        choose_precision("double", "mps")
