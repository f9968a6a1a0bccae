"""Zernike polynomials, and what they do to a PSF."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_deconv.psf import Grid, family
from napari_deconv.psf.theoretical import GibsonLanni, Vectorial
from napari_deconv.psf.zernike import noll, steepest, zernike

OPTICS = {"numerical_aperture": 1.2, "emission": 0.52, "immersion_index": 1.33}
VOXEL = (0.2, 0.065, 0.065)


def disc():
    axis = torch.linspace(-1, 1, 801, dtype=torch.float64)
    y, x = torch.meshgrid(axis, axis, indexing="ij")
    radius = torch.hypot(y, x)
    inside = radius <= 1
    return radius[inside], torch.atan2(y, x)[inside]


def test_noll_numbers():
    assert [noll(number) for number in range(1, 12)] == [
        (0, 0), (1, 1), (1, -1), (2, 0), (2, -2), (2, 2), (3, -1), (3, 1), (3, -3), (3, 3), (4, 0),
    ]  # fmt: skip
    with pytest.raises(ValueError, match="Zernike number 0 is none"):
        noll(0)


def test_polynomials_are_orthonormal():
    radius, angle = disc()
    values = torch.stack([zernike(number, radius, angle) for number in range(1, 23)])
    gram = values @ values.T / len(radius)
    np.testing.assert_allclose(gram.numpy(), np.eye(22), atol=0.01)


@pytest.mark.parametrize("number", range(2, 23))
def test_slopes_stay_within_their_bound(number):
    radius, angle = disc()
    small = 1e-4
    along = (zernike(number, radius + small, angle) - zernike(number, radius - small, angle)) / (2 * small)
    around = (zernike(number, radius, angle + small) - zernike(number, radius, angle - small)) / (2 * small)
    keep = radius < 1 - small
    slope = torch.hypot(along, around / radius.clamp(min=1e-3))[keep]
    assert float(slope.max()) <= 1.001 * steepest(number)


@pytest.mark.parametrize("kind", [GibsonLanni, Vectorial])
@pytest.mark.parametrize(
    "modality",
    [
        {},
        {"modality": "confocal", "excitation": 0.488},
        {"modality": "spinning-disk", "excitation": 0.488},
        {"modality": "light-sheet", "sheet_thickness": 2.0},
        {"modality": "two-photon", "excitation": 0.9},
    ],
)
def test_square_grid_agrees_with_radial_integral(kind, modality):
    """The same spherical aberration by both ways: a vanishing astigmatism forces the square grid."""
    model = kind(**OPTICS, **modality, aberrations={11: 0.04})
    radial = model.sample((7, 31, 31), VOXEL).numpy()
    square = model.replace(aberrations={11: 0.04, 5: 1e-9}).sample((7, 31, 31), VOXEL).numpy()
    square *= (radial * square).sum() / (square * square).sum()
    assert np.abs(radial - square).max() < 0.01 * radial.max()


def test_tilt_moves_and_defocus_moves():
    """A tilt of a µm RMS over the pupil moves by 2 a / NA; defocus lies along z."""
    tilted = GibsonLanni(**OPTICS, aberrations={2: 0.1}).sample((1, 41, 41), VOXEL).numpy()[0]
    expected = 2 * 0.1 / 1.2 / VOXEL[2]
    centroid = (tilted.sum(0) * np.arange(41)).sum() / tilted.sum() - 20
    assert abs(centroid) == pytest.approx(expected, abs=0.15)
    defocused = GibsonLanni(**OPTICS, aberrations={4: 0.1}).sample((21, 21, 21), VOXEL).numpy()
    assert defocused[:, 10, 10].argmax() != 10


def test_astigmatism_turns_through_focus():
    values = GibsonLanni(**OPTICS, aberrations={6: 0.08}).sample((9, 41, 41), VOXEL).numpy()
    place = (np.arange(41) - 20) ** 2

    def longer(plane):
        core = plane[10:31, 10:31]
        weights = place[10:31]
        return (core.sum(0) * weights).sum() - (core.sum(1) * weights).sum()

    assert longer(values[1]) * longer(values[7]) < 0


def test_settings_take_mappings_pairs_and_words():
    wanted = ((5, 0.02), (11, 0.05))
    for given in ({11: 0.05, 5: 0.02}, [[11, 0.05], [5, 0.02]], "11: 0.05, 5: 0.02", "11=0.05,5=0.02"):
        assert GibsonLanni(aberrations=given).aberrations == wanted
    model = GibsonLanni(**OPTICS, aberrations={11: 0.05})
    assert family.parse(model.model_dump(mode="json")) == model
    assert hash(model) == hash(model.replace())
    with pytest.raises(ValueError, match="are written as 11"):
        GibsonLanni(aberrations="spherical")
    with pytest.raises(ValueError, match="Zernike number 0 is none"):
        GibsonLanni(aberrations={0: 1.0})
    with pytest.raises(ValueError, match="name a Zernike number twice"):
        GibsonLanni(aberrations=[(5, 0.1), (5, 0.2)])


def test_the_stack_may_run_either_way():
    deep = {**OPTICS, "immersion_index": 1.515, "sample_index": 1.33, "depth": 8.0}
    one = GibsonLanni(**deep).compute(Grid((21, 31, 31), VOXEL))
    other = GibsonLanni(**deep, first_plane="deepest").compute(Grid((21, 31, 31), VOXEL))
    np.testing.assert_array_equal(one, other[::-1])
    assert np.abs(one - one[::-1]).max() > 0.1 * one.max()


GRADIENTS = {
    "depth": {"depth": 5.0},
    "sample_index": {"sample_index": 1.38},
    "immersion_index": {"immersion_index": 1.51},
    "coverslip_thickness": {"coverslip_thickness": 168.0},
}


@pytest.mark.parametrize("kind", [GibsonLanni, Vectorial])
@pytest.mark.parametrize("modality", [{}, {"modality": "confocal", "excitation": 0.488}])
@pytest.mark.parametrize("name", [*GRADIENTS, "11", "5"])
def test_gradients_equal_numerical_ones(kind, modality, name):
    base = {"numerical_aperture": 1.3, "emission": 0.52, "immersion_index": 1.515, "sample_index": 1.4, "depth": 4.0}
    model = kind(**{**base, **modality})

    def total(value):
        values = {"aberrations": {int(name): value}} if name.isdigit() else {name: value}
        psf = model.sample((7, 11, 11), VOXEL, precise=True, **values)
        psf = psf / psf.sum()
        return (psf * torch.linspace(0, 1, psf.numel(), dtype=psf.dtype).reshape(psf.shape).cos()).square().sum()

    start = 0.02 if name.isdigit() else GRADIENTS[name][name]
    value = torch.tensor(start, dtype=torch.float64, requires_grad=True)
    total(value).backward()
    step = 1e-4
    numerical = float(total(torch.tensor(start + step).double()) - total(torch.tensor(start - step).double())) / (
        2 * step
    )
    assert float(value.grad) == pytest.approx(numerical, rel=2e-3, abs=1e-9)
