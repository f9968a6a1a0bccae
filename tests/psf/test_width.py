"""Peaks and widths: exact on Gaussians, right on a clipped or flat profile."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_deconv.psf.width import find_core, find_peak, full_width, measure_widths


def gaussian(
    shape: tuple[int, int, int], centre: tuple[float, float, float], sigma: tuple[float, float, float]
) -> np.ndarray:
    index = np.indices(shape, sparse=True)
    return np.exp(-sum((i - c) ** 2 / (2 * s**2) for i, c, s in zip(index, centre, sigma, strict=True)))


@pytest.mark.parametrize("sigma", [0.9, 1.5, 3.0])
@pytest.mark.parametrize("offset", [0.0, 0.3, 0.5])
def test_width_of_a_gaussian_is_right_wherever_it_lies(sigma: float, offset: float) -> None:
    profile = np.exp(-((np.arange(31) - 15 - offset) ** 2) / (2 * sigma**2))
    assert full_width(profile) == pytest.approx(
        2 * math.sqrt(2 * math.log(2)) * sigma, rel=0.03 if sigma < 1 else 0.005
    )


def test_widths_are_in_micrometres_and_none_where_there_is_no_half() -> None:
    psf = gaussian((1, 21, 21), (0, 10, 10), (1, 2, 30))
    z, y, x = measure_widths(psf, (0.3, 0.1, 0.1))
    assert z is None
    assert y == pytest.approx(0.471, abs=0.003)
    assert x is None


def test_peak_is_found_to_a_hundredth_of_a_pixel() -> None:
    place = (7.3, 9.75, 11.5)
    assert find_peak(gaussian((15, 20, 23), place, (1.2, 1.5, 2))) == pytest.approx(place, abs=0.01)


def test_peak_at_the_border_stays_there() -> None:
    psf = np.zeros((3, 5, 5))
    psf[0, 4, 2] = 1
    assert find_peak(psf) == (0, 4, 2)


def test_the_core_of_a_flat_top_is_its_middle_and_other_pieces_do_not_count() -> None:
    psf = np.zeros((9, 15, 21))
    psf[3:6, 5:10, 4:11] = 1
    psf[3:6, 5:10, 18:] = 0.9
    psf[4, 6, 9] = 1.01
    assert find_core(psf) == pytest.approx((4, 7, 7), abs=0.1)
