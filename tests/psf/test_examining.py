"""The PSF's doctor: each fault put into a good PSF is found, nothing else is, and the mending gives the good one back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.psf.base import Grid, fitted
from napari_deconv.psf.examining import examine, mended
from napari_deconv.psf.theoretical import GibsonLanni
from napari_deconv.psf.width import find_peak, measure_widths

VOXEL = (0.2, 0.08, 0.08)
OPTICS = {"numerical_aperture": 1.2, "immersion_index": 1.33, "sample_index": 1.33}
LIGHT = {"modality": "confocal", "emission": 0.52, "excitation": 0.488}
DEEP = {"numerical_aperture": 1.35, "immersion_index": 1.515, "sample_index": 1.4, "depth": 8.0}


def image(**optics: Any) -> nd.Image:
    told = {"modality": "confocal", **OPTICS, **optics}
    return nd.Image(
        np.zeros((40, 96, 96), np.uint16),
        "ZYX",
        VOXEL,
        (nd.Channel(emission=0.52, excitation=0.488),),
        nd.Optics(**told),
    )


def confocal(shape: tuple[int, int, int] = (31, 41, 41), **optics: Any) -> np.ndarray:
    """A confocal PSF, light to spare around it, peak 1000."""
    psf = GibsonLanni(**{**OPTICS, **LIGHT, **optics}).sample(shape, VOXEL).numpy().astype(np.float64)
    return 1000 * psf / psf.max()


GOOD = confocal()


def faults(psf: Any, seen: nd.Image | None = None, voxel: Any = VOXEL) -> list[str]:
    return [each.fault for each in examine(nd.Image(psf, "ZYX", voxel), seen)]


def apart(one: np.ndarray, other: np.ndarray) -> float:
    """Relative RMS difference of two PSFs of unit sum about their middles."""
    one = fitted(one.astype(np.float64), other.shape)
    one, other = one / one.sum(), other / other.sum()
    return float(np.sqrt(((one - other) ** 2).sum() / (other**2).sum()))


def noisy(psf: np.ndarray, level: float = 100.0) -> np.ndarray:
    return np.random.default_rng(5).poisson(psf + level).astype(np.float64)


def with_holes(psf: np.ndarray) -> np.ndarray:
    bad = psf.copy()
    bad[15, 23, 21], bad[3, 4, 5] = np.nan, np.inf
    return bad


CASES: dict[str, tuple[Callable[[np.ndarray], np.ndarray], float, float]] = {
    # fault: (how it is put in, the least error that it must tell of, what may be left of it after mending)
    "not-finite": (with_holes, 0.0, 0.05),
    "saturated": (lambda p: np.minimum(p, 550), 0.1, 0.06),
    "offset": (lambda p: p + 30, 0.5, 0.03),
    "negative": (lambda p: noisy(50 * p, 60) - 60, 0.01, 0.1),
    "quantised": (lambda p: np.round(p / 1000 * 255), 0.02, 0.2),
    "off-centre": (lambda p: np.roll(p, (2, -3), (0, 2)), 0.5, 0.03),
    "even": (lambda p: np.pad(p, [(1, 0), (0, 1), (0, 1)]), 0.0, 0.001),
}


@pytest.mark.parametrize("fault", CASES)
def test_a_fault_is_found_with_its_effect_and_mended(fault: str) -> None:
    spoil, least, left = CASES[fault]
    psf = nd.Image(spoil(GOOD).astype(np.float32), "ZYX", VOXEL)
    before = psf.numpy().copy()
    findings = {each.fault: each for each in examine(psf, image())}
    assert fault in findings, list(findings)
    found = findings[fault]
    assert found.told
    assert found.effect
    assert found.remedy
    assert (found.error or 0) >= least
    better, done = mended(psf, image())
    assert fault in [each.fault for each in done]
    np.testing.assert_array_equal(psf.numpy(), before, "the PSF itself is never changed")
    assert better.numpy().sum() == pytest.approx(1, abs=1e-4)
    assert better.numpy().min() >= 0
    assert all(size % 2 for size in better.shape)
    assert apart(better.numpy(), GOOD) < left
    assert not [each.fault for each in examine(better, image()) if each.is_certain]
    assert better.history[-1]["mended"]


def test_nothing_is_wrong_with_a_good_one() -> None:
    assert faults(GOOD.astype(np.float32), image()) == []
    wide = GibsonLanni(**{**OPTICS, "emission": 0.52, "modality": "widefield"}).compute(Grid((40, 96, 96), VOXEL))
    assert faults(wide, image(modality="widefield")) == []
    bead = noisy(GOOD, 0) + np.random.default_rng(2).normal(100, 3, GOOD.shape)
    assert set(faults(bead, image())) == {"offset"}


def test_another_voxel_is_told_and_resampled() -> None:
    fine = GibsonLanni(**{**OPTICS, **LIGHT}).sample((31, 81, 81), (0.2, 0.04, 0.04)).numpy()
    psf = nd.Image(fine, "ZYX", (0.2, 0.04, 0.04))
    found = {each.fault: each for each in examine(psf, image())}
    assert set(found) == {"voxel"}
    assert "y 0.5, x 0.5 times" in found["voxel"].told
    assert (found["voxel"].error or 0) > 0.4
    better, _ = mended(psf, image())
    assert dict(better.voxel) == pytest.approx(dict(zip("ZYX", VOXEL, strict=True)))
    assert apart(better.numpy(), GOOD) < 0.05
    assert faults(fine) == [], "without an image nothing can be said of the voxel"
    assert faults(GOOD, image(), voxel={}) == ["voxel-unknown"]


def test_widths_that_the_optics_do_not_allow_hint_at_a_wrong_voxel() -> None:
    (found,) = [each for each in examine(nd.Image(GOOD, "ZYX", (0.05, 0.02, 0.02)), image()) if each.fault == "width"]
    assert "as wide as the optics allow" in found.told
    assert found.mend is None
    (found,) = [each for each in examine(nd.Image(GOOD, "ZYX", (200.0, 80.0, 80.0)), image()) if each.fault == "width"]
    assert "given in nm" in found.told


def test_clipped_tails_are_told_and_carried_on() -> None:
    cut = GOOD[:, 18:-18, 18:-18]
    (found,) = examine(nd.Image(cut, "ZYX", VOXEL), image())
    assert found.fault == "clipped-tails"
    better, _ = mended(nd.Image(cut, "ZYX", VOXEL), image())
    assert all(a > b for a, b in zip(better.shape[1:], cut.shape[1:], strict=True))
    assert apart(better.numpy(), GOOD) < 0.8 * apart(cut, GOOD)
    wide = GibsonLanni(**{**OPTICS, "emission": 0.52, "modality": "widefield"}).sample((15, 61, 61), VOXEL).numpy()
    (found,) = examine(nd.Image(wide, "ZYX", VOXEL), image(modality="widefield"))
    assert found.mend is None
    assert "more planes" in found.remedy


def test_a_box_larger_than_the_image_is_cropped() -> None:
    large = np.pad(GOOD, [(40, 40), (60, 60), (0, 0)])
    (found,) = examine(nd.Image(large, "ZYX", VOXEL), image())
    assert found.fault == "too-large"
    assert "z 111, y 161 pixels for 40 × 96 × 96" in found.told
    better, _ = mended(nd.Image(large, "ZYX", VOXEL), image())
    assert all(size <= 2 * n - 1 for size, n in zip(better.shape, (40, 96, 96), strict=True))
    assert apart(better.numpy(), GOOD) < 0.02


def test_a_mirrored_axis_is_known_by_the_optics_and_otherwise_left_to_the_owner() -> None:
    deep = confocal((41, 51, 51), **DEEP)
    straight, mirrored = nd.Image(deep, "ZYX", VOXEL), nd.Image(deep[::-1].copy(), "ZYX", VOXEL)
    for psf, certain in ((straight, False), (mirrored, True)):
        (found,) = [each for each in examine(psf, image(**DEEP)) if each.fault == "mirrored-z"]
        assert found.is_certain == certain
    better, done = mended(mirrored, image(**DEEP))
    assert "mirrored-z" in [each.fault for each in done]
    assert apart(better.numpy(), deep) < 0.05
    untouched, done = mended(straight, image(**DEEP))
    assert "mirrored-z" not in [each.fault for each in done]
    asked, _ = mended(mirrored, None, ["mirrored-z"])
    np.testing.assert_allclose(asked.numpy(), fitted(untouched.numpy(), asked.shape), atol=1e-3 * asked.numpy().max())


def test_several_points_are_no_psf() -> None:
    beads = np.pad(GOOD, [(0, 0), (0, 60), (0, 0)]) + np.roll(np.pad(GOOD, [(0, 0), (0, 60), (0, 0)]), 55, axis=1)
    (found,) = [each for each in examine(nd.Image(beads, "ZYX", VOXEL)) if each.fault == "several"]
    assert "2 points of light" in found.told
    assert "beads" in found.remedy


@pytest.mark.parametrize("shape", [(12, 16, 16), (1, 64, 64)])
def test_nothing_but_noise_is_told_as_such(shape: tuple[int, int, int]) -> None:
    noise = nd.Image(np.random.default_rng(3).poisson(3, shape), "ZYX", VOXEL)
    found = {each.fault for each in examine(noise)}
    assert "dark" in found or "several" in found
    mended(noise)


def test_several_faults_at_once_and_only_those_that_are_asked_for() -> None:
    bad = np.pad(np.roll(GOOD, 3, axis=1) + 50, [(0, 1), (0, 0), (0, 0)], mode="edge")
    psf = nd.Image(bad, "ZYX", VOXEL)
    assert {"offset", "off-centre", "even"} <= set(faults(bad, image()))
    better, _ = mended(psf, image())
    assert apart(better.numpy(), GOOD) < 0.05
    part, done = mended(psf, image(), ["off-centre"])
    assert [each.fault for each in done] == ["off-centre"]
    assert find_peak(part.numpy())[1] == pytest.approx(part.shape[1] // 2, abs=0.05)
    assert np.median(part.numpy()) > 0, "the offset was not asked for"
    with pytest.raises(ValueError, match="this PSF has no 'saturated' to mend: it has"):
        mended(psf, image(), ["saturated"])


def test_each_channel_is_mended() -> None:
    two = nd.Image(np.stack([GOOD + 30, np.roll(GOOD, 2, axis=2)]), "CZYX", VOXEL)
    better, done = mended(two)
    assert {each.fault for each in done} == {"offset", "off-centre"}
    assert better.axes == "CZYX"
    for channel in range(2):
        assert apart(better.block(0, channel), GOOD) < 0.03


def test_a_flat_psf_is_examined_as_one() -> None:
    plane = np.roll(GOOD[15], 2, axis=0)
    assert [each.fault for each in examine(nd.Image(plane, "YX", VOXEL[1:]))] == ["off-centre"]
    better, _ = mended(nd.Image(plane, "YX", VOXEL[1:]))
    assert better.axes == "YX"
    assert measure_widths(better.numpy()[None])[1] == pytest.approx(measure_widths(GOOD)[1], rel=0.03)


@pytest.mark.parametrize(
    ("psf", "words"), [(np.zeros((9, 9, 9)), "is 0 everywhere"), (np.full((9, 9), np.nan), "no number")]
)
def test_without_any_light_there_is_nothing_to_examine(psf: np.ndarray, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        examine(nd.Image(psf))


def test_a_run_tells_what_it_cannot_mend_by_itself() -> None:
    psf = nd.Image(np.minimum(GOOD, 550), "ZYX", VOXEL)
    record = nd.restored(image(), nd.Recipe(psf=psf, method="adjoint", background=0), device="cpu").history[-1]
    assert any("the PSF may mislead: " in each and "saturated" in each for each in record["notices"])


@pytest.mark.data
def test_real_psfs(data_folder: Any) -> None:
    """What is known of them: microglia's offset and even size, the box of the spheres that cuts their light."""

    def of(name: str) -> set[str]:
        folder = data_folder / name
        return {each.fault for each in examine(nd.read(folder / "psf.tif"), nd.read(folder / "image.tif"))}

    assert {"offset", "even"} <= of("microglia")
    assert {"quantised", "even", "clipped-tails"} <= of("spheres")
    assert of("pollen") == {"even"}
