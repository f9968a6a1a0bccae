"""Profiles: values under a line and widths at half maximum."""

from __future__ import annotations

import numpy as np
import pytest
from napari.layers import Image as ImageLayer

from napari_deconv.gui.profile import profile_of, width_at_half


def blob(sigma: float) -> ImageLayer:
    z, y, x = np.indices((9, 41, 61))
    data = 20 + 300 * np.exp(-((z - 4) ** 2 / 2 + (y - 20) ** 2 / (2 * sigma**2) + (x - 30) ** 2 / (2 * sigma**2)))
    return ImageLayer(data.astype(np.float32), scale=(0.3, 0.1, 0.1), units="micrometer", name="blob")


@pytest.mark.parametrize("sigma", [2.0, 4.0])
def test_the_width_of_a_gaussian(sigma: float) -> None:
    profile = profile_of(blob(sigma), np.array([1.2, 2.0, 0.5]), np.array([1.2, 2.0, 5.5]))
    assert profile.width == pytest.approx(2.355 * sigma * 0.1, rel=0.03)
    assert profile.value.max() == pytest.approx(320, rel=0.01)
    assert profile.distance[-1] == pytest.approx(5.0)


def test_along_z() -> None:
    profile = profile_of(blob(3), np.array([0.0, 2.0, 3.0]), np.array([2.4, 2.0, 3.0]))
    assert profile.width == pytest.approx(2.355 * 0.3, rel=0.08)


def test_no_peak_no_width() -> None:
    distance = np.linspace(0, 1, 20)
    assert width_at_half(distance, distance) is None
    assert width_at_half(distance, np.ones(20)) is None


def test_what_cannot_be_measured_is_said() -> None:
    point = np.array([1.2, 2.0, 0.5])
    with pytest.raises(ValueError, match="no length"):
        profile_of(blob(2), point, point)
    with pytest.raises(ValueError, match="RGB"):
        profile_of(ImageLayer(np.zeros((5, 5, 3), np.uint8), rgb=True), point[1:], point[1:] + 1)
