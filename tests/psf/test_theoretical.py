"""Theoretical PSFs against psfmodels, direct summation and the analytic patterns."""

from __future__ import annotations

import math

import numpy as np
import psfmodels
import pytest
import torch
from scipy.special import j0, j1

from napari_deconv import Recipe, psf, restored
from napari_deconv.image import Channel, Image, Optics
from napari_deconv.posing import compute_psf
from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni, Vectorial

WAVELENGTH = 0.52
OBJECTIVES = [(0.4, 1.0), (0.75, 1.0), (0.95, 1.0), (0.8, 1.33), (1.2, 1.33), (1.3, 1.515), (1.4, 1.515), (1.45, 1.515)]
MODELS = {GibsonLanni: psfmodels.scalar_psf, Vectorial: psfmodels.vectorial_psf}


def points(model, radii, from_focus):
    """Return the intensity at radii and at distances from the brightest plane, and these from the paraxial focus."""
    microscope = model.microscope()
    z = torch.as_tensor(from_focus) + microscope.focus(torch.zeros(0, dtype=torch.float64))
    return microscope.detection.intensity(torch.as_tensor(radii), z).numpy(), z.numpy()


def difference(one, other):
    """Return the largest difference after fitting the scale, as a share of the peak."""
    scaled = one * (one * other).sum() / (one * one).sum()
    return float(np.abs(scaled - other).max() / other.max())


def oracle(kind, model, radii, z):
    values = {"NA": model.numerical_aperture, "ni": model.immersion_index, "ni0": model.immersion_index, "sf": 1}
    values["ns"] = model.sample_index
    planes = MODELS[kind](
        zv=z + model.depth,
        nx=2 * len(radii) - 1,
        dxy=radii[1],
        pz=model.depth,
        wvl=WAVELENGTH,
        params=values,
        normalize=False,
    )
    return planes[:, len(radii) - 1, len(radii) - 1 :]


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize(("aperture", "index"), OBJECTIVES)
def test_agrees_with_psfmodels(kind, aperture, index):
    """Within 1 % of the peak, matched and mismatched, at 0 to 20 µm, wherever the sample passes the whole aperture."""
    radii = np.arange(24) * 0.04
    for sample in {index, 1.33, 1.38, 1.47} - {each for each in (1.33, 1.38, 1.47) if each < aperture}:
        for depth in (0.0, 2.0, 20.0):
            model = kind(
                numerical_aperture=aperture,
                emission=WAVELENGTH,
                immersion_index=index,
                sample_index=sample,
                depth=depth,
            )
            ours, z = points(model, radii, np.linspace(-1.5, 1.5, 15))
            assert difference(ours, oracle(kind, model, radii, z)) < 0.01, (sample, depth)


@pytest.mark.parametrize(("sample", "depth"), [(1.33, 1.0), (1.33, 20.0), (1.38, 5.0)])
def test_agrees_with_direct_summation_beyond_the_critical_angle(sample, depth):
    """With evanescent light psfmodels' sum is off by up to 4 % of the peak; a direct one of 100,000 terms decides."""
    model = GibsonLanni(
        numerical_aperture=1.45, emission=WAVELENGTH, immersion_index=1.515, sample_index=sample, depth=depth
    )
    radii = np.arange(6) * 0.08
    ours, z = points(model, radii, np.linspace(-1, 1, 5))
    count, wavenumber, pupil = 100_000, 2 * math.pi / WAVELENGTH, model.microscope().detection
    s = (np.arange(count) + 0.5) / count * 1.45
    path, defocus = pupil.path(torch.from_numpy(s)).numpy(), pupil.medium.defocus(torch.from_numpy(s)).numpy()
    direct = np.empty_like(ours)
    for row, place in zip(direct, z, strict=True):
        carried = np.exp(1j * wavenumber * (path + place * defocus)) * s * 1.45 / count
        row[:] = [abs((carried * j0(wavenumber * s * radius)).sum()) ** 2 for radius in radii]
    assert np.abs(ours - direct).max() < 1e-4 * direct.max()
    assert difference(ours, oracle(GibsonLanni, model, radii, z)) < 0.04


@pytest.mark.parametrize("kind", MODELS)
def test_low_aperture_is_airy_and_sinc(kind):
    """At low NA: (2 J1(v) / v)^2 in focus and sinc^2(u / 4) on the axis."""
    aperture = 0.1
    model = kind(numerical_aperture=aperture, emission=WAVELENGTH, immersion_index=1.0)
    radii = np.linspace(0, 8, 60)
    v = 2 * math.pi / WAVELENGTH * aperture * np.maximum(radii, 1e-9)
    ours, _ = points(model, radii, np.zeros(1))
    assert difference(ours[0], (2 * j1(v) / v) ** 2) < 2e-3
    z = np.linspace(-200, 200, 81)
    ours, _ = points(model, np.zeros(1), z)
    assert difference(ours[:, 0], np.sinc(z * aperture**2 / (2 * WAVELENGTH)) ** 2) < 5e-3


def test_an_image_gets_its_psf_from_its_metadata():
    image = Image(
        np.zeros((9, 64, 64)),
        "ZYX",
        voxel=(0.3, 0.1, 0.1),
        channels=(Channel(emission=0.52),),
        optics=Optics(numerical_aperture=1.4, immersion_index=1.515, modality="widefield"),
    )
    model = psf.family.parse("gibson-lanni").resolved(image)
    values = model.compute(Grid.of(image))
    assert values.dtype == np.float32
    assert values.sum(dtype=np.float64) == pytest.approx(1, abs=1e-5)
    assert all(size % 2 for size in values.shape)
    assert np.unravel_index(values.argmax(), values.shape) == tuple(size // 2 for size in values.shape)
    np.testing.assert_allclose(values, values[::-1, ::-1, ::-1], atol=1e-6)
    np.testing.assert_allclose(values, values.transpose(0, 2, 1), atol=1e-7)


def test_a_flat_image_gets_the_focal_plane():
    model = GibsonLanni(numerical_aperture=1.4, emission=0.52, immersion_index=1.515)
    assert model.compute(Grid((1, 64, 64), (None, 0.1, 0.1))).shape[0] == 1


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"emission": 520}, r"emission 520 µm is no wavelength of light: give it in µm \(0.52\)"),
        ({"numerical_aperture": 1.6}, "NA 1.6 cannot reach the immersion index 1.515: set psf.immersion_index"),
        (
            {"numerical_aperture": None},
            "needs numerical_aperture, and the image does not say: set psf.numerical_aperture",
        ),
        ({"coverslip_thickness": 0.17}, r"give it in µm \(170\)"),
        ({"coverslip_index": 1.3}, "NA 1.4 cannot pass a coverslip of index 1.3"),
        ({"modality": "confocal"}, "a confocal psf needs excitation"),
        ({"modality": "light-sheet"}, "set psf.sheet_thickness"),
    ],
)
def test_impossible_optics_are_told_in_one_sentence(values, told):
    good = {"numerical_aperture": 1.4, "emission": 0.52, "immersion_index": 1.515}
    with pytest.raises(ValueError, match=told):
        GibsonLanni(**{**good, **values}).compute(Grid((8, 32, 32), (0.2, 0.1, 0.1)))


def test_zero_and_unknown_voxels_are_told():
    model = GibsonLanni(numerical_aperture=1.4, emission=0.52, immersion_index=1.515)
    with pytest.raises(ValueError, match="does not say its voxel size along Z"):
        model.compute(Grid((8, 32, 32), (None, 0.1, 0.1)))
    with pytest.raises(ValueError, match="has a voxel of 0 µm along Y"):
        model.compute(Grid((8, 32, 32), (0.2, 0.0, 0.1)))


def test_psfs_are_kept_by_their_settings(monkeypatch):
    """The same settings on the same grid are computed once, whatever else of the recipe moves; a changed one is not."""
    counted = []
    whole = GibsonLanni.compute
    monkeypatch.setattr(GibsonLanni, "compute", lambda self, grid: counted.append(self) or whole(self, grid))
    image = Image(np.zeros((5, 24, 24)), "ZYX", voxel=(0.31, 0.11, 0.11))
    values = {"kind": "gibson-lanni", "numerical_aperture": 1.31, "emission": 0.52, "immersion_index": 1.515}
    first = compute_psf(image, Recipe(psf=values, method={"kind": "richardson-lucy", "iterations": 3}))
    again = compute_psf(image, Recipe(psf=values, method="wiener", background=7))
    assert again is first
    assert len(counted) == 1
    with pytest.raises(ValueError, match="read-only"):
        first[0] = 0
    assert compute_psf(image, Recipe(psf={**values, "depth": 1, "sample_index": 1.4})) is not first
    assert len(counted) == 2


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device")
@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("more", [{}, {"modality": "confocal", "excitation": 0.488}, {"aberrations": ((8, 0.05),)}])
def test_the_gpu_gives_the_same(kind, more):
    model = kind(numerical_aperture=1.3, emission=0.52, immersion_index=1.515, sample_index=1.38, depth=3.0, **more)
    shape, voxel = (16, 48, 48), (0.25, 0.1, 0.1)
    here, there = model.compute(Grid(shape, voxel)), model.compute(Grid(shape, voxel, "cuda"))
    assert here.shape == there.shape
    np.testing.assert_allclose(there, here, atol=1e-4 * here.max())


@pytest.mark.parametrize("kind", MODELS)
def test_a_run_computes_the_psf_on_its_own_device(kind, monkeypatch):
    """The device of a run reaches the pupil integral."""
    devices = []
    whole = kind._sampled

    def watched(self, microscope, focus, shape, voxel, precise=False):
        devices.append(str(focus.device))
        return whole(self, microscope, focus, shape, voxel, precise=precise)

    monkeypatch.setattr(kind, "_sampled", watched)
    image = Image(np.full((4, 16, 16), 9.0), "ZYX", voxel=(0.3, 0.12, 0.12))
    values = {
        "kind": kind.model_fields["kind"].default,
        "numerical_aperture": 1.21,
        "emission": 0.52,
        "immersion_index": 1.515,
    }
    restored(image, {"psf": values, "method": "adjoint"}, device="cpu")
    assert devices == ["cpu"]
    assert Grid.of(image, torch.device("cuda", 0)).device == "cuda:0"
    assert Grid.of(image, torch.device("mps")).device == "cpu"


@pytest.mark.parametrize("kind", MODELS)
@pytest.mark.parametrize("name", ["depth", "sample_index", "immersion_index", "coverslip_thickness", 11, 8])
@pytest.mark.parametrize("more", [{}, {"modality": "confocal", "excitation": 0.488, "pinhole": 0.5}])
def test_slopes_by_automatic_differentiation_are_those_of_small_changes(kind, name, more):
    """Forward-mode and reverse-mode slopes agree with differences, for every parameter that can be fitted."""
    from torch.autograd import forward_ad

    optics = {"numerical_aperture": 1.2, "emission": 0.52, "immersion_index": 1.515, "sample_index": 1.38}
    model = kind(**optics, depth=3.0, coverslip_index=1.49, **more)
    shape, voxel = (5, 9, 9), (0.4, 0.12, 0.12)
    at = {"depth": 3.0, "sample_index": 1.38, "immersion_index": 1.515, "coverslip_thickness": 170.0}.get(name, 0.03)

    def sampled(value):
        given = {name: value} if isinstance(name, str) else {"aberrations": {name: value}}
        return model.sample(shape, voxel, precise=True, **given)

    value = torch.tensor(at, dtype=torch.float64)
    with forward_ad.dual_level():
        _, slope = forward_ad.unpack_dual(sampled(forward_ad.make_dual(value, torch.ones_like(value))))
    step = 1e-4 if name in ("depth", "coverslip_thickness") else 1e-6
    measured = (sampled(value + step) - sampled(value - step)) / (2 * step)
    assert float((slope - measured).abs().max()) < 5e-3 * float(measured.abs().max())
    weights = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    leaf = value.clone().requires_grad_(True)
    (backward,) = torch.autograd.grad((sampled(leaf) * weights).sum(), leaf)
    assert float(backward) == pytest.approx(float((slope * weights).sum()), rel=1e-4)
