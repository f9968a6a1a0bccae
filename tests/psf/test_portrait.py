"""A portrait shows the PSF that a run would use: its sections, its widths, its limits, its warnings."""

from __future__ import annotations

import numpy as np
import pytest

from napari_deconv.image import Channel, Image, Optics
from napari_deconv.psf.base import Grid, fitted
from napari_deconv.psf.portrait import portray, portray_image, portray_pixels
from napari_deconv.psf.theoretical import GibsonLanni

VOXEL = (0.2, 0.08, 0.08)
GRID = Grid((48, 96, 96), VOXEL)
MODEL = GibsonLanni(
    numerical_aperture=1.2, emission=0.52, immersion_index=1.33, sample_index=1.33, modality="widefield"
)


def test_it_is_the_middle_of_the_whole_psf() -> None:
    portrait, whole = portray(MODEL, GRID), MODEL.compute(GRID)
    middle = whole[whole.shape[0] // 2]
    np.testing.assert_allclose(portrait.across, fitted(middle / middle.max(), portrait.across.shape), atol=1e-4)
    along = whole[:, whole.shape[1] // 2]
    np.testing.assert_allclose(portrait.along, fitted(along / along.max(), portrait.along.shape), atol=1e-4)
    assert portrait.seconds > 0


def test_widths_stand_beside_limits_and_voxels() -> None:
    (lateral, axial) = portray(MODEL, GRID).rows()
    assert [lateral[0], axial[0]] == ["xy", "z"]
    for _, width, limit, voxel, nyquist in (lateral, axial):
        assert width == pytest.approx(limit, rel=0.1)
        assert voxel < nyquist
    assert lateral[3] == 0.08


def test_shades_are_the_square_root_and_profiles_are_in_micrometres() -> None:
    portrait = portray(MODEL, GRID)
    across, along = portrait.shades()
    assert across.dtype == along.dtype == np.uint8
    assert across.max() == 255
    assert across[0, 0] == pytest.approx(255 * portrait.across[0, 0] ** 0.5, abs=1)
    places, values = portrait.profiles["z"]
    assert values[len(values) // 2] == pytest.approx(1)
    assert np.diff(places) == pytest.approx(0.2)
    assert places[len(places) // 2] == 0


def test_coarse_voxels_are_warned_of_and_a_flat_image_has_no_depth() -> None:
    flat = portray(MODEL, Grid((1, 96, 96), (None, 0.2, 0.2)))
    assert any("Nyquist" in each for each in flat.notices)
    assert set(flat.profiles) == {"x"}
    assert [row[0] for row in flat.rows()] == ["xy"]


def test_impossible_optics_raise_before_anything_is_computed() -> None:
    with pytest.raises(ValueError, match="cannot reach the immersion index"):
        portray(MODEL.replace(numerical_aperture=1.5), GRID)
    with pytest.raises(ValueError, match="does not say its voxel size along Z"):
        portray(MODEL, Grid((8, 32, 32), (None, 0.1, 0.1)))


def test_a_measured_psf_stands_beside_the_limits_of_its_optics() -> None:
    optics = Optics(numerical_aperture=1.2, immersion_index=1.33, modality="widefield")
    psf = Image(MODEL.compute(GRID), "ZYX", VOXEL, (Channel(emission=0.52),), optics)
    assert portray_image(psf).rows()[0][2] == pytest.approx(0.514 * 0.52 / 1.2)
    assert portray_image(psf.replace(optics=Optics())).limits is None


def test_any_psf_has_a_portrait() -> None:
    portrait = portray_pixels(MODEL.compute(GRID), (None, None, None))
    assert portrait.limits is None
    assert portrait.rows()[0][2] is None
    assert portrait.voxel == (1.0, 1.0, 1.0)
