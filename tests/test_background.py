"""The background and the figures that all tiles of a volume share."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from tests.scenes import blobs, gaussian_psf, photographed

from napari_deconv.background import estimate_background, measure_volume

PSF = gaussian_psf((3, 7, 7))
THING = blobs((10, 60, 60), (1, 4, 4), count=12)


@pytest.mark.parametrize("offset", [5.0, 20.0, 100.0, 1000.0])
def test_the_background_of_a_photograph_is_found(offset: float) -> None:
    image = photographed(THING, PSF, offset)
    assert estimate_background(image) == pytest.approx(offset, abs=0.7 * offset**0.5)


def test_read_noise_does_not_move_it() -> None:
    image = photographed(THING, PSF, 50.0) + np.random.default_rng(1).normal(0, 8, THING.shape).astype(np.float32)
    assert estimate_background(image) == pytest.approx(50, abs=4)


def test_an_image_full_of_light_is_not_darkened_below_its_darkest_part() -> None:
    slope = np.broadcast_to(np.linspace(100, 500, 80), (4, 80, 80)).copy()
    assert 80 <= estimate_background(slope) <= 140


def test_a_constant_image_has_no_background() -> None:
    assert estimate_background(np.full((3, 20, 20), 9.0)) == 0


def test_the_figures_scale_with_the_image() -> None:
    image = photographed(THING, PSF, 20.0)
    once, more = measure_volume(image, "auto"), measure_volume(image * 4, "auto")
    for name in ("background", "lift", "scale", "level"):
        assert getattr(more, name) == pytest.approx(4 * getattr(once, name), rel=1e-5), name


def test_a_given_background_is_taken() -> None:
    figures = measure_volume(np.full((2, 8, 8), 30.0), 12.5)
    assert figures.background == 12.5
    assert figures.level == pytest.approx(17.5)


def test_negative_camera_noise_is_lifted_not_cut() -> None:
    image = np.random.default_rng(2).normal(0, 3, (6, 40, 40)).astype(np.float32)
    image[3, 20, 20] = 500
    assert measure_volume(image, "auto").lift > 6
    assert measure_volume(np.abs(image), "auto").lift == 0


def test_a_volume_too_large_to_look_at_is_sampled() -> None:
    wide = np.broadcast_to(np.float32(3), (2000, 200, 200))
    assert measure_volume(wide, 1.0).level == pytest.approx(2)


def test_nan_is_counted_and_said() -> None:
    image = np.ones((2, 8, 8))
    image[0, :2, 0] = np.nan
    with pytest.raises(ValueError, match=r"NaN or infinite \(2 found\)"):
        measure_volume(image, "auto")


def test_where_nothing_is_dark_it_is_said() -> None:
    seen = photographed(THING, PSF, 50.0)
    assert measure_volume(seen, "auto").notices == ()
    random = np.random.default_rng(5)
    dense = gaussian_filter(random.uniform(0, 4e4, (4, 80, 80)), 2) + 100
    figures = measure_volume(random.poisson(dense).astype(np.float32), "auto")
    assert figures.background > 150
    assert "nothing in it may be plain background" in figures.notices[0]
    assert measure_volume(dense.astype(np.float32), 100.0).notices == ()
