"""Beads simulated with a known PSF, noise, offset, crowding and saturation give that PSF back, and a report that is true."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.psf.base import Grid, fitted
from napari_deconv.psf.bead_averaging import ball_transfer, moved
from napari_deconv.psf.beads import Beads, distil
from napari_deconv.psf.theoretical import GibsonLanni
from napari_deconv.psf.width import measure_widths

VOXEL = (0.2, 0.08, 0.08)
OPTICS = nd.Optics(numerical_aperture=1.2, immersion_index=1.33, sample_index=1.33, modality="widefield")


@functools.cache
def true_psf() -> np.ndarray:
    model = GibsonLanni(
        numerical_aperture=1.2, immersion_index=1.33, sample_index=1.33, emission=0.52, modality="widefield"
    )
    return model.sample((41, 61, 61), VOXEL).numpy().astype(float)


def scene(
    seed: int,
    *,
    shape: tuple[int, int, int] = (48, 160, 160),
    beads: int = 14,
    crowded: int = 3,
    diameter: float = 0.2,
    photons: float = 2000,
    full: float | None = None,
    bright: float = 1.0,
) -> nd.Image:
    """Beads at random sub-pixel places on an offset of 100 with read noise; every severalth is ``bright`` times brighter."""
    generator = np.random.default_rng(seed)
    bead = np.fft.ifftn(np.fft.fftn(true_psf()) * ball_transfer(true_psf().shape, VOXEL, diameter)).real
    bead /= bead.max()
    light = np.zeros(shape)
    places = [[generator.uniform(18, 30), *generator.uniform(3, shape[1] - 4, 2)] for _ in range(beads)]
    places += [list(np.array(place) + generator.uniform(-6, 6, 3)) for place in places[:crowded]]
    for number, place in enumerate(places):
        whole = np.round(place).astype(int)
        height = photons * generator.uniform(0.7, 1.3) * (bright if number % 4 == 3 else 1)
        stamp = moved(bead, np.array(place) - whole) * height
        low = whole - np.array(bead.shape) // 2
        there = tuple(slice(max(0, a), min(s, a + b)) for a, b, s in zip(low, bead.shape, shape, strict=True))
        light[there] += stamp[tuple(slice(t.start - a, t.stop - a) for t, a in zip(there, low, strict=True))]
    counts = generator.poisson(np.clip(light, 0, None)) + generator.normal(100, 3, shape)
    counts = np.clip(counts, 0, 65535 if full is None else full).astype(np.uint16)
    return nd.Image(counts, "ZYX", VOXEL, (nd.Channel(emission=0.52),), OPTICS, name="beads")


def differences(psf: np.ndarray) -> tuple[float, float]:
    """Return the RMS difference to the truth, in shares of the peak: of the whole box, and of where the truth is above 5 %."""
    true = fitted(true_psf(), psf.shape)
    apart, core = psf / psf.max() - true / true.max(), true > 0.05 * true.max()
    return float(np.sqrt(np.mean(apart**2))), float(np.sqrt(np.mean(apart[core] ** 2)))


@pytest.mark.parametrize(
    "case",
    [
        {},
        {"photons": 400},
        {"full": 4095, "bright": 5},
        {"diameter": 0.5},
        {"beads": 22, "crowded": 8},
    ],
    ids=["plain", "dim", "saturated", "large", "crowded"],
)
def test_the_distilled_psf_is_the_true_one(case: dict[str, Any]) -> None:
    image = scene(901, **case)
    distilled = distil(image, bead_diameter=case.get("diameter", 0.2))
    whole, core = differences(distilled.psf.numpy())
    assert whole < 0.01
    assert core < (
        0.045 if "diameter" in case else 0.03
    )  # twice the resolution: what a bead hides cannot come back whole
    report = distilled.report
    assert report["used"] >= 3
    assert report["used"] + sum(report["refused"].values()) == report["found"]
    assert "too near another" in report["refused"]
    assert ("saturated" in report["refused"]) == ("full" in case)
    tolerance = 0.06 if "photons" in case else 0.1 if "diameter" in case else 0.04
    for axis, true in zip("zyx", measure_widths(true_psf(), VOXEL), strict=True):
        assert report["fwhm"][axis]["psf"] == pytest.approx(true, rel=tolerance)
    assert report["theory"]["difference"] < 0.01
    json.dumps(report, allow_nan=False)


def test_undoing_the_diameter_is_what_makes_it_true() -> None:
    image = scene(902, diameter=0.4)
    undone, kept = distil(image, bead_diameter=0.4), distil(image)
    assert differences(undone.psf.numpy())[1] < 0.4 * differences(kept.psf.numpy())[1]
    assert kept.report["fwhm"]["x"]["psf"] > 1.2 * undone.report["fwhm"]["x"]["psf"]


def test_more_beads_make_it_better_and_images_add_up() -> None:
    one = distil(scene(903, photons=150), bead_diameter=0.2)
    several = distil([scene(seed, photons=150) for seed in (903, 904, 905)], bead_diameter=0.2)
    assert several.report["used"] > 1.5 * one.report["used"]
    assert differences(several.psf.numpy())[1] < differences(one.psf.numpy())[1]


def test_a_leaning_psf_is_reported_as_such() -> None:
    image = scene(907)
    leaning = np.stack(
        [np.roll(plane, round(0.25 * (number - 24)), axis=1) for number, plane in enumerate(image.numpy())]
    )
    report = distil(image.replace(data=leaning)).report
    assert report["tilt_degrees"]["x"] == pytest.approx(np.degrees(np.arctan(0.25 * 0.08 / 0.2)), abs=1.5)
    assert abs(report["tilt_degrees"]["y"]) < 0.7
    assert abs(distil(image).report["tilt_degrees"]["x"]) < 0.7


def test_each_channel_gives_its_own_psf() -> None:
    sharp, wide = scene(908), scene(908, diameter=0.5)
    image = nd.Image(np.stack([sharp.numpy(), wide.numpy()]), "CZYX", VOXEL)
    distilled = distil(image)
    assert distilled.psf.axes == "CZYX"
    first, second = (measure_widths(distilled.psf.block(0, channel), VOXEL)[2] or 0 for channel in (0, 1))
    assert second > 1.2 * first
    assert [each["used"] > 0 for each in distilled.report["channels"]] == [True, True]


def test_flat_images_of_beads_give_a_flat_psf() -> None:
    stack = scene(909, shape=(48, 192, 192), crowded=0)
    flat = nd.Image(stack.numpy()[24], "YX", VOXEL)
    distilled = distil(flat)
    assert distilled.psf.axes == "YX"
    assert set(distilled.report["fwhm"]) == {"y", "x"}


def test_the_model_restores_with_the_beads_psf_and_says_so(tmp_path: Path) -> None:
    file = tmp_path / "beads.ome.tif"
    nd.write(file, scene(910))
    generator = np.random.default_rng(911)
    image = nd.Image(generator.poisson(50, (12, 32, 32)).astype(np.float32), "ZYX", (0.2, 0.16, 0.16))
    recipe = nd.Recipe(psf={"kind": "beads", "path": str(file), "bead_diameter": 0.2})
    record = nd.restored(image, recipe, device="cpu").history[-1]
    assert any("is the average of" in notice for notice in record["notices"])
    assert sum("resampled" in notice for notice in record["notices"]) == 2
    model = recipe.psf
    assert isinstance(model, Beads)
    psf = model.compute(Grid((48, 96, 96), VOXEL))
    assert psf.sum() == pytest.approx(1, abs=1e-5)
    assert differences(psf)[1] < 0.03


@pytest.mark.parametrize(
    ("image", "options", "words"),
    [
        (np.zeros((8, 32, 32)), {}, "no bead was found"),
        (np.random.default_rng(1).normal(100, 5, (12, 48, 48)), {}, "no bead was found"),
        (scene(912, full=150, crowded=0), {}, r"all \d+ beads are saturated: record them again with less light"),
        (scene(913, crowded=0), {"radius": 30}, r"none of the \d+ beads can be used .*smaller radius"),
        (scene(913), {"bead_diameter": 100}, "in µm, such as 0.1"),
        (nd.Image(scene(913).numpy()), {"bead_diameter": 0.1}, r"does not say its voxel.*give voxel"),
        (scene(913), {"radius": -1}, "must be positive"),
    ],
    ids=["dark", "noise", "saturated", "border", "nanometres", "voxel", "radius"],
)
def test_what_cannot_work_is_said_in_a_sentence(image: Any, options: dict[str, Any], words: str) -> None:
    source = image if isinstance(image, nd.Image) else nd.Image(image)
    with pytest.raises(ValueError, match=words):
        distil(source, **options)


def test_images_of_different_voxels_are_refused() -> None:
    with pytest.raises(ValueError, match="must have the same voxel"):
        distil([scene(914), scene(914).replace(voxel=(0.3, 0.1, 0.1))])


@pytest.mark.data
def test_a_real_bead_has_a_plausible_width(data_folder: Path) -> None:
    distilled = distil(nd.read(data_folder / "bead" / "image.tif"))
    report = distilled.report
    assert report["used"] == 1
    assert report["unit"] == "pixels"
    widths = [report["fwhm"][axis]["psf"] for axis in "zyx"]
    assert widths == pytest.approx([7.3, 11, 11], abs=0.3)
    assert report["flat_topped"]
    assert max(abs(angle) for angle in report["tilt_degrees"].values()) < 2
