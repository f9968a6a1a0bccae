"""What theory says of each modality: widths, first minima, energy, symmetry, sampling."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_deconv.psf import Grid
from napari_deconv.psf.limits import Limits
from napari_deconv.psf.theoretical import GibsonLanni, Vectorial

OPTICS = {"numerical_aperture": 0.8, "emission": 0.52, "immersion_index": 1.33}
KINDS = {
    "widefield": {},
    "confocal": {"excitation": 0.488, "pinhole": 0.1},
    "spinning-disk": {"excitation": 0.488, "pinhole": 0.1},
    "light-sheet": {"sheet_thickness": 1.0},
    "two-photon": {"excitation": 0.9},
}
VOXEL = (0.1, 0.04, 0.04)


def make(modality, kind=GibsonLanni, **values):
    return kind(**{**OPTICS, "modality": modality, **KINDS[modality], **values})


def width(line, step):
    """Return the full width at half maximum of a peak in the middle of a line."""
    middle, half = len(line) // 2, line.max() / 2
    after = np.flatnonzero(line[middle:] < half)[0] + middle
    edge = after - 1 + (line[after - 1] - half) / (line[after - 1] - line[after])
    return 2 * (edge - middle) * step


def widths(model, voxel=VOXEL):
    values = model.sample((121, 61, 61), voxel).numpy()
    z, y, x = (size // 2 for size in values.shape)
    return width(values[:, y, x], voxel[0]), width(values[z, y, :], voxel[2])


@pytest.mark.parametrize("modality", KINDS)
def test_widths_are_those_of_theory(modality):
    """The scalar model at medium NA: lateral within 6 %, axial within 8 % of the closed formulas."""
    model = make(modality)
    limits, (axial, lateral) = Limits.of(model.microscope()), widths(model)
    assert lateral == pytest.approx(limits.lateral_width, rel=0.06)
    assert axial == pytest.approx(limits.axial_width, rel=0.08)


@pytest.mark.parametrize("modality", KINDS)
@pytest.mark.parametrize("kind", [GibsonLanni, Vectorial])
def test_symmetric_and_brightest_in_the_middle_voxel(modality, kind):
    values = make(modality, kind).compute(Grid((31, 63, 63), VOXEL))
    assert np.unravel_index(values.argmax(), values.shape) == tuple(size // 2 for size in values.shape)
    assert all(size % 2 for size in values.shape)
    assert values.min() >= 0
    assert values.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(values, values[::-1], atol=2e-4 * values.max())
    np.testing.assert_allclose(values, values[:, ::-1, ::-1], atol=1e-5 * values.max())
    np.testing.assert_allclose(values, values.transpose(0, 2, 1), atol=1e-5 * values.max())


def test_widefield_keeps_the_light_of_each_plane():
    values = make("widefield").sample((9, 401, 401), (0.5, 0.08, 0.08)).numpy().sum((1, 2), dtype=np.float64)
    np.testing.assert_allclose(values, values[4], rtol=0.01)


def test_first_minima_of_widefield():
    """The Airy pattern's first dark ring, 0.61 wavelength / NA, and the axis' first zero."""
    values = make("widefield").sample((1, 61, 61), (1.0, 0.02, 0.02)).numpy()[0, 30, 30:]
    assert (int(values[:25].argmin())) * 0.02 == pytest.approx(0.61 * 0.52 / 0.8, abs=0.021)
    axis = make("widefield").sample((121, 1, 1), (0.05, 0.01, 0.01)).numpy()[60:, 0, 0]
    first = int(np.flatnonzero(np.diff(axis) > 0)[0]) * 0.05
    assert first == pytest.approx(0.52 / (1.33 - math.sqrt(1.33**2 - 0.8**2)), rel=0.05)


@pytest.mark.parametrize("modality", ["widefield", "light-sheet", "two-photon", "confocal", "spinning-disk"])
def test_first_dark_ring_of_each_modality(modality):
    """Where one of the multiplied intensities is 0: at 0.61 wavelength / NA of the shortest wavelength, the pinhole closed."""
    values = {"pinhole": 0.02} if "pinhole" in KINDS[modality] else {}
    model = make(modality, **values)
    ring = 0.61 * min(each.wavelength for each in model.microscope().pupils) / 0.8
    line = model.sample((1, 129, 129), (1.0, 0.0125, 0.0125)).numpy()[0, 64, 64:]
    first = int(np.flatnonzero(np.diff(line) > 0)[0])
    assert first * 0.0125 == pytest.approx(ring, abs=0.026)  # a square is flat about its zero
    assert line[first] < 2e-3 * line[0]


@pytest.mark.parametrize("modality", ["confocal", "spinning-disk", "two-photon"])
def test_sectioning_light_of_a_plane_falls_with_the_square_of_the_defocus(modality):
    """Light spreads over a cone in each of the two factors, so what a plane gives falls as z^-2; widefield's does not fall."""
    values = {"pinhole": 0.2} if "pinhole" in KINDS[modality] else {}
    planes = make(modality, **values).sample((41, 321, 321), (0.5, 0.1, 0.1)).numpy().sum((1, 2), dtype=np.float64)
    far = planes[20:] / planes[20]
    assert far[16] < 0.02
    assert far[8] / far[16] == pytest.approx(4, rel=0.25)


def test_a_light_sheets_planes_have_the_sheets_brightness():
    thickness = 2.0
    model = make("light-sheet", sheet_thickness=thickness)
    planes = model.sample((21, 321, 321), (0.2, 0.1, 0.1)).numpy().sum((1, 2), dtype=np.float64)
    z = (np.arange(21) - 10) * 0.2
    np.testing.assert_allclose(planes / planes[10], 0.5 ** ((2 * z / thickness) ** 2), atol=0.02)


def test_confocal_and_two_photon_are_narrower_as_theory_says():
    """A closed pinhole at equal wavelengths squares the PSF: narrower by about 1.39 laterally; two-photon the same."""
    wide = widths(make("widefield"))
    confocal = widths(make("confocal", excitation=0.52, pinhole=0.02))
    photons = widths(make("two-photon", excitation=0.52))
    for narrow in (confocal, photons):
        assert wide[1] / narrow[1] == pytest.approx(1.39, abs=0.02)
        assert wide[0] / narrow[0] == pytest.approx(1.39, abs=0.03)


def test_the_pinhole_opens_towards_the_excitation_alone():
    closed, open_, wide = (widths(make("confocal", pinhole=each))[0] for each in (0.2, 1.0, 8.0))
    alone = widths(make("widefield", emission=0.488))[0]
    assert closed < open_ < wide
    assert wide == pytest.approx(alone, rel=0.02)


def test_neighbouring_pinholes_let_haze_through():
    far = {"shape": (41, 81, 81), "voxel": (0.4, 0.1, 0.1)}
    alone = make("spinning-disk", pinhole=1.0).sample(**far).numpy().sum((1, 2))
    crowded = make("spinning-disk", pinhole=1.0, pinhole_spacing=5.0).sample(**far).numpy().sum((1, 2))
    assert crowded[0] / crowded[20] > 3 * alone[0] / alone[20]
    assert crowded[20] == pytest.approx(alone[20], rel=0.2)


def test_the_light_sheet_thins_the_axis_and_nothing_else():
    thick, thin = widths(make("light-sheet", sheet_thickness=50)), widths(make("light-sheet", sheet_thickness=0.5))
    wide = widths(make("widefield"))
    assert thick == pytest.approx(wide, rel=0.01)
    assert thin[0] < 0.5 * wide[0]
    assert thin[1] == pytest.approx(wide[1], rel=0.01)
    by_aperture = make("light-sheet", sheet_thickness=None, sheet_numerical_aperture=0.1, excitation=0.488)
    waist = 0.488 / (math.pi * 0.1)
    assert by_aperture.microscope().sheet * 2 == pytest.approx(waist)


@pytest.mark.parametrize("modality", KINDS)
def test_coarse_voxels_hold_the_means_of_fine_ones(modality):
    """A voxel three times as coarse equals the sum of its 27 parts."""
    model = make(modality)
    coarse = model.sample((9, 15, 15), (0.9, 0.3, 0.3)).numpy()
    fine = model.sample((27, 45, 45), (0.3, 0.1, 0.1)).numpy()
    means = fine.reshape(9, 3, 15, 3, 15, 3).mean((1, 3, 5))
    np.testing.assert_allclose(coarse, means, atol=2e-3 * means.max())


def test_nyquist_is_told():
    model = make("widefield")
    limits = Limits.of(model.microscope())
    assert limits.lateral_voxel == pytest.approx(0.52 / (4 * 0.8))
    assert limits.axial_voxel == pytest.approx(0.52 / (2 * (1.33 - math.sqrt(1.33**2 - 0.8**2))))
    assert Limits.of(make("two-photon", excitation=0.52).microscope()).lateral_voxel == limits.lateral_voxel / 2
    told = list(model.notices(Grid((9, 64, 64), (2.0, 0.3, 0.1))))
    assert any("along Z is 2 µm" in each for each in told)
    assert any("along Y is 0.3 µm, coarser than the 0.162 µm" in each for each in told)
    assert not any("along X" in each for each in told)
    assert any("sample index is not known" in each for each in told)
