"""Preparation and finishing: what each step does to an image whose answer is known, and how the one path runs them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from typer.testing import CliRunner

import napari_deconv as nd
from napari_deconv.cli.app import app
from napari_deconv.preparing import untrusted_pixels
from napari_deconv.steps.base import Step

Array = np.ndarray[Any, Any]
VOXEL = {"Z": 0.3, "Y": 0.1, "X": 0.1}
PSF = {"kind": "gaussian", "sigma": (0.3, 0.13, 0.13)}
QUICK = {"kind": "richardson-lucy", "iterations": 4}
GEOMETRY = ("crop", "rescale")


def scene(shape: tuple[int, ...] = (3, 40, 44), seed: int = 1, light: float = 400.0) -> Array:
    """Blurred spots above a background of 20 counts, without noise."""
    random = np.random.default_rng(seed)
    thing = np.zeros(shape)
    for _ in range(14):
        place = tuple(int(random.integers(2 if size > 4 else 0, size - 2 if size > 4 else size)) for size in shape)
        thing[place] += random.uniform(0.5, 1) * light * 12
    blur = tuple(1.4 if size > 4 else 0.0 for size in shape)
    return np.asarray(gaussian_filter(thing, blur) + 20)


def noisy(values: Array, seed: int = 2) -> Array:
    return np.random.default_rng(seed).poisson(values).astype(np.uint16)


@pytest.fixture(scope="module")
def image() -> nd.Image:
    return nd.Image(noisy(scene()), voxel=VOXEL)


@pytest.fixture(scope="module")
def frames(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A dark frame of 100 counts with a bright corner, and a flat field that falls to the edges, as files."""
    folder = tmp_path_factory.mktemp("frames")
    dark = np.full((40, 44), 100, np.float32)
    dark[:4, :4] = 150
    y, x = np.mgrid[-1:1:40j, -1:1:44j]
    flat = (1000 * (1 - 0.3 * (y**2 + x**2)) + dark).astype(np.float32)
    for name, values in (("dark", dark), ("flat", flat)):
        nd.write(folder / f"{name}.tif", nd.Image(values, voxel={"Y": 0.1, "X": 0.1}))
    return {name: str(folder / f"{name}.tif") for name in ("dark", "flat")}


def made(kind: str, frames: dict[str, str]) -> Step:
    needs = {"dark-frame": {"path": frames["dark"]}, "flat-field": {"path": frames["flat"], "dark": frames["dark"]}}
    return nd.steps.family.parse({"kind": kind, **needs.get(kind, {})})


def done(kind: str, image: nd.Image, **fields: Any) -> Array:
    return np.asarray(nd.steps.family.parse({"kind": kind, **fields}).apply(image).data)


@pytest.mark.parametrize("axes", ["ZYX", "YX", "TCZYX"])
@pytest.mark.parametrize("kind", nd.steps.names())
def test_every_step_keeps_the_form_and_never_touches_its_input(kind: str, axes: str, frames: dict[str, str]) -> None:
    shape = tuple({"T": 2, "C": 3, "Z": 3, "Y": 40, "X": 44}[axis] for axis in axes)
    plane = noisy(scene())
    data = plane[0].copy() if axes == "YX" else np.broadcast_to(plane, shape).copy()
    before = data.copy()
    image = nd.Image(data, axes=axes, voxel=VOXEL if "Z" in axes else {"Y": 0.1, "X": 0.1})
    step = made(kind, frames)
    missing = {"bleaching": "T", "colour-saturation": "C"}.get(kind)
    if missing and missing not in axes:
        with pytest.raises(ValueError, match="leave the step out"):
            step.apply(image)
        return
    changed = step.apply(image)
    values = np.asarray(changed.data)
    assert changed.axes == axes
    finer = 2 if kind == "super-sampling" else 1
    assert values.shape == changed.shape == (*shape[:-2], finer * shape[-2], finer * shape[-1])
    assert np.isfinite(values).all()
    assert np.array_equal(data, before)
    assert changed.channels == image.channels


@pytest.mark.parametrize("kind", [kind for kind in nd.steps.names() if kind != "crop"])
def test_nothing_is_computed_before_it_is_asked_for(kind: str, frames: dict[str, str]) -> None:
    import dask.array as da

    asked: list[Any] = []

    def read(block_info: Any = None) -> Array:
        asked.append(block_info)
        return noisy(scene())[None, None]

    lazy = da.map_blocks(
        read, chunks=((1, 1), (1, 1, 1), (3,), (40,), (44,)), dtype=np.uint16, meta=np.zeros((0,) * 5, "u2")
    )
    changed = made(kind, frames).apply(nd.Image(lazy, axes="TCZYX", voxel=VOXEL))
    assert asked == []
    np.asarray(changed.block(1, 2))
    assert asked


@pytest.mark.parametrize("kind", nd.steps.names())
def test_pixels_that_are_no_numbers_are_refused(kind: str, frames: dict[str, str]) -> None:
    data = np.broadcast_to(scene(), (2, 3, 3, 40, 44)).astype(np.float32).copy()
    data[0, 0, 1, 5, 5] = np.nan
    changed = made(kind, frames).apply(nd.Image(data, axes="TCZYX", voxel=VOXEL))
    if kind == "crop":
        return
    with pytest.raises(ValueError, match="NaN or infinite"):
        np.asarray(changed.data)


def test_a_constant_background_goes(image: nd.Image) -> None:
    assert np.median(done("constant-background", image, counts=20)) == np.median(image.numpy()) - 20
    assert abs(np.percentile(done("constant-background", image), 20)) < 5


@pytest.mark.parametrize(
    ("kind", "size"), [("rolling-ball", {"radius": 1.2}), ("large-scale-background", {"size": 1.5})]
)
def test_an_uneven_background_goes_and_its_level_stays(kind: str, size: dict[str, float]) -> None:
    haze = 60 + 100 * np.linspace(0, 1, 120)[None, None, :] * np.ones((1, 96, 1))
    spots = scene((1, 96, 120)) - 20
    image = nd.Image(spots + haze, voxel=VOXEL)
    left = done(kind, image, keep_level=False, **size)
    assert np.sqrt(np.mean((left - spots) ** 2)) < 0.2 * np.sqrt(np.mean((haze - haze.mean()) ** 2))
    kept = done(kind, image, keep_level=True, **size)
    assert np.ptp(kept - left) < 1e-2
    assert 0.9 * haze.mean() < (kept - left).mean() < 1.1 * haze.mean()


def test_dark_frame_and_flat_field_give_back_the_light(frames: dict[str, str]) -> None:
    dark, flat = (nd.read(frames[name]).numpy().astype(float) for name in ("dark", "flat"))
    light = scene()
    seen = nd.Image(light * (flat - dark) / (flat - dark).mean() + dark, voxel=VOXEL)
    assert np.allclose(done("flat-field", seen, path=frames["flat"], dark=frames["dark"]), light, rtol=1e-4)
    assert np.allclose(done("dark-frame", seen, path=frames["dark"]), seen.numpy() - dark, atol=1e-2)


def test_hot_and_dead_pixels_are_found_and_nothing_else(image: nd.Image) -> None:
    random = np.random.default_rng(5)
    wrong = random.random(image.shape) < 0.01
    hot = wrong & (random.random(image.shape) < 0.5)
    seen = image.numpy().astype(np.float32)
    bright = gaussian_filter(scene(), 1) > 60
    seen[hot], seen[wrong & ~hot & bright] = 3000, 0
    spoiled = nd.Image(seen, voxel=VOXEL)
    truth = hot | (wrong & bright)
    marks = untrusted_pixels(spoiled, nd.Recipe(prepare=["hot-pixels"])).numpy() > 0
    assert (marks & truth).sum() > 0.9 * truth.sum()
    assert (marks & ~truth).sum() <= 0.001 * marks.size
    assert untrusted_pixels(image, nd.Recipe(prepare=["hot-pixels"])).numpy().sum() == 0
    assert np.abs(done("hot-pixels", spoiled) - image.numpy())[hot].max() < 300
    only = untrusted_pixels(spoiled, nd.Recipe(prepare=[{"kind": "hot-pixels", "which": "hot"}])).numpy() > 0
    assert not (only & truth & ~hot).any()
    replaced = nd.Recipe(prepare=[{"kind": "hot-pixels", "handling": "replace"}])
    assert untrusted_pixels(spoiled, replaced).numpy().sum() == 0


@pytest.mark.parametrize("method", [QUICK, {"kind": "gradient-consensus", "iterations": 10}, "wiener-butterworth"])
def test_leaving_hot_pixels_out_beats_trusting_them(method: Any) -> None:
    thing = scene(seed=8) - 20
    image = np.asarray(gaussian_filter(thing, (1, 1.3, 1.3))) + 10
    hot = np.random.default_rng(3).random(image.shape) < 0.01
    seen = nd.Image(np.where(hot, 2000, noisy(image)).astype(np.float32), voxel=VOXEL)
    errors = []
    for prepare in ([], ["hot-pixels"]):
        result = nd.restored(seen, {"psf": PSF, "background": 10, "prepare": prepare, "method": method}).numpy()
        errors.append(np.sqrt(np.mean((result - thing) ** 2)))
    assert errors[1] < 0.7 * errors[0]


def test_bleaching_brings_every_time_point_to_the_first(image: nd.Image) -> None:
    fade = np.exp(-0.2 * np.arange(5))
    series = np.stack([(scene() - 20) * each + 20 for each in fade])
    fading = nd.Image(series, axes="TZYX", voxel=VOXEL)
    for course in ("exponential", "each"):
        means = (done("bleaching", fading, course=course) - 20).mean(axis=(1, 2, 3))
        assert np.allclose(means, means[0], rtol=0.03)
    with pytest.raises(ValueError, match="no bleaching can be seen"):
        done("bleaching", image)
    with pytest.raises(ValueError, match="time point 1 has no light"):
        done("bleaching", nd.Image(np.stack([scene(), np.zeros((3, 40, 44))]), axes="TZYX"))


@pytest.mark.parametrize("kind", ["non-local-means", "tv-denoising", "wavelet-denoising"])
@pytest.mark.parametrize("light", [40.0, 400.0])
def test_denoising_comes_nearer_and_keeps_the_light(kind: str, light: float) -> None:
    clean = scene((2, 64, 64), light=light)
    image = nd.Image(noisy(clean), voxel=VOXEL)
    smooth = done(kind, image)
    error, before = (np.sqrt(np.mean((each - clean) ** 2)) for each in (smooth, image.numpy()))
    assert error < 0.75 * before
    assert abs(smooth.mean() - clean.mean()) < 0.02 * clean.mean()


def test_unsharp_mask_adds_what_the_blurred_copy_lacks() -> None:
    values = scene((1, 40, 44)).astype(np.float32)
    expected = values + 2 * (values - gaussian_filter(values, (0, 3, 3), mode="reflect"))
    assert np.allclose(done("unsharp-mask", nd.Image(values, voxel=VOXEL), radius=0.3, amount=2), expected, atol=0.05)


def test_local_contrast_raises_what_is_dim() -> None:
    values = scene((1, 64, 64))
    values[..., 32:] *= 0.1
    dim = (slice(None), slice(None), slice(36, None))
    changed = done("local-contrast", nd.Image(values, voxel=VOXEL), size=1.6, limit=0.05)
    assert changed[dim].std() / changed.std() > 2 * values[dim].std() / values.std()
    assert changed.min() >= values.min() - 1e-3
    assert changed.max() <= values.max() + 1e-3
    assert np.array_equal(done("local-contrast", nd.Image(np.ones((8, 8)))), np.ones((8, 8)))


def test_normalise_brings_two_percentiles_to_the_range(image: nd.Image) -> None:
    changed = done("normalise", image, low=1, high=99, value=250)
    assert np.allclose(np.percentile(changed, [1, 99]), [0, 250], atol=1)
    with pytest.raises(ValueError, match="low must be less"):
        nd.Recipe.parse({"finish": [{"kind": "normalise", "low": 60, "high": 50}]})


def test_colour_saturation_keeps_brightness() -> None:
    colours = np.random.default_rng(1).uniform(50, 200, (3, 8, 9))
    image = nd.Image(colours, axes="CYX")
    grey = np.tensordot((0.2126, 0.7152, 0.0722), colours, 1)
    assert np.allclose(done("colour-saturation", image, factor=0), np.stack([grey] * 3), rtol=1e-4)
    stronger = done("colour-saturation", image, factor=1.2)
    assert np.allclose(np.tensordot((0.2126, 0.7152, 0.0722), stronger, 1), grey, rtol=1e-4)
    assert np.ptp(stronger, axis=0).mean() > 1.15 * np.ptp(colours, axis=0).mean()


@pytest.mark.parametrize("factor", [0.5, 0.8, 2.0])
def test_rescaling_leaves_things_at_their_place(factor: float) -> None:
    values = np.asarray(gaussian_filter(np.pad([[[9000.0]]], ((2, 2), (20, 15), (14, 25))), 2.5))
    image = nd.Image(values, voxel=VOXEL, origin={"X": 7.0})
    changed = nd.steps.family.parse({"kind": "rescale", "lateral": factor}).apply(image)

    def centre(each: nd.Image) -> list[float]:
        light = np.asarray(each.data)
        return [
            float(
                (light * np.indices(light.shape)[n]).sum() / light.sum() * each.voxel[axis] + each.origin.get(axis, 0)
            )
            for n, axis in enumerate("ZYX")
        ]

    assert np.allclose(centre(changed), centre(image), atol=0.01)
    assert changed.sizes["Z"] == 5
    assert np.isclose(changed.voxel["X"] * changed.sizes["X"], 0.1 * 40)


def test_a_cropped_run_is_the_run_of_the_crop(image: nd.Image) -> None:
    words = {"psf": PSF, "background": 20, "method": QUICK}
    box = nd.Region({"Y": (4, 30), "X": (2, 40)})
    by_hand = nd.restored(image.crop(box), words)
    by_step = nd.restored(image, {**words, "prepare": [{"kind": "crop", "y": [4, 30], "x": [2, 40]}]})
    assert np.array_equal(by_hand.numpy(), by_step.numpy())
    assert by_step.origin == by_hand.origin
    part = nd.Region({"Z": (0, 3), "Y": (10, 20), "X": (8, 30)})
    seen = nd.restored(image, {**words, "prepare": [{"kind": "crop", "y": [4, 30], "x": [2, 40]}]}, region=part)
    assert np.allclose(seen.numpy(), by_step.numpy()[:, 6:16, 6:28], rtol=0.02, atol=0.5)
    with pytest.raises(ValueError, match="nothing of what is asked for lies in the crop"):
        nd.restored(image, {**words, "prepare": [{"kind": "crop", "y": [4, 30]}]}, region=nd.Region({"Y": (31, 39)}))


def test_a_region_is_restored_as_the_whole_is(image: nd.Image) -> None:
    words = {
        "psf": PSF,
        "prepare": ["rolling-ball", {"kind": "rescale", "lateral": 0.5}],
        "method": QUICK,
        "finish": [{"kind": "unsharp-mask", "radius": 0.1}],
    }
    whole = nd.restored(image, words)
    part = nd.restored(image, words, region=nd.Region({"Z": (0, 3), "Y": (8, 32), "X": (10, 34)}))
    assert part.shape == (3, 12, 12)
    assert np.allclose(part.numpy()[:, 2:-2, 2:-2], whole.numpy()[:, 6:14, 7:15], rtol=0.03, atol=1)


def test_saturated_pixels_are_found_before_preparation_changes_them() -> None:
    values = np.clip(scene(light=4000) * 0.3, 0, 255).astype(np.uint8)
    image = nd.Image(values, voxel=VOXEL)
    recipe = nd.Recipe(psf=PSF, prepare=[{"kind": "constant-background", "counts": 5}], method=QUICK)
    marks = untrusted_pixels(image, recipe).numpy()
    assert np.array_equal(marks > 0, values == 255)
    assert marks.sum() > 20
    unchanged = recipe.with_values({"prepare.0.counts": 0})
    assert np.allclose(
        nd.restored(image, unchanged).numpy(),
        nd.restored(image, recipe.replace(prepare=())).numpy(),
        rtol=1e-5,
        atol=1e-4,
    )
    longer = unchanged.with_values({"method.iterations": 25})
    trusting = nd.restored(image, longer.replace(saturation="none")).numpy()
    assert not np.allclose(nd.restored(image, longer).numpy(), trusting, rtol=0.05)


def test_rgb_and_one_slice_go_the_same_way() -> None:
    colours = np.stack([noisy(scene((40, 44), seed=n)) for n in range(3)])
    words = {"psf": {"kind": "gaussian", "sigma": 0.13}, "method": QUICK, "prepare": ["hot-pixels", "non-local-means"]}
    rgb = nd.restored(nd.Image(colours, axes="CYX", voxel=[0.1, 0.1]), {**words, "finish": ["colour-saturation"]})
    assert rgb.shape == (3, 40, 44)
    assert rgb.axes == "CYX"
    radiograph = nd.Image(colours[0].astype(np.int16) - 30, voxel=[0.1, 0.1])
    one = nd.restored(radiograph, {**words, "finish": ["local-contrast", "normalise"]})
    assert one.shape == (40, 44)
    assert np.isfinite(one.numpy()).all()


def test_each_channel_and_time_point_is_prepared_when_its_turn_comes() -> None:
    series = np.stack([[noisy(scene(seed=t + 5 * c)) for c in range(2)] for t in range(3)])
    image = nd.Image(series, axes="TCZYX", voxel=VOXEL)
    words = {"psf": PSF, "prepare": ["rolling-ball"], "method": QUICK, "finish": ["bleaching"]}
    whole = nd.restored(image, {**words, "finish": []}).numpy()
    alone = nd.restored(nd.Image(series[2, 1], voxel=VOXEL), {**words, "finish": []}).numpy()
    assert np.allclose(whole[2, 1], alone, rtol=1e-4, atol=1e-2)
    assert nd.restored(image, words).shape == series.shape


def test_a_recipe_keeps_its_steps(tmp_path: Path) -> None:
    recipe = nd.Recipe(psf=PSF, prepare=["hot-pixels", {"kind": "rolling-ball", "radius": 2}], finish=["normalise"])
    recipe.save(tmp_path / "recipe.yaml")
    assert nd.Recipe.load(tmp_path / "recipe.yaml") == recipe
    changed = recipe.with_values({"prepare.1.radius": 3, "prepare.2.kind": "rescale", "prepare.2.axial": 2})
    assert [type(step).__name__ for step in changed.prepare] == ["HotPixels", "RollingBall", "Rescale"]
    assert changed.prepare[1].radius == 3  # type: ignore[attr-defined]
    assert len({recipe.digest, changed.digest, recipe.replace(prepare=recipe.prepare[::-1]).digest}) == 3
    assert "prepare" not in nd.Recipe(psf=PSF).dump()
    (tmp_path / "flat.yaml").write_text("prepare: [{kind: flat-field, path: flat.tif}]\n", encoding="utf-8")
    assert nd.Recipe.load(tmp_path / "flat.yaml").prepare[0].path == str(tmp_path / "flat.tif")  # type: ignore[attr-defined]


def test_the_record_keeps_the_steps_and_what_they_do_to_the_noise(image: nd.Image) -> None:
    result = nd.restored(image, {"psf": PSF, "prepare": ["non-local-means"], "finish": ["normalise"], "method": QUICK})
    record = result.history[-1]
    assert "no longer has the noise of photons" in record["notices"][0]
    again = nd.restored(image, nd.Recipe.parse(record["recipe"]))
    assert np.array_equal(again.numpy(), result.numpy())
    quiet = nd.restored(image, {"psf": PSF, "prepare": ["rolling-ball", "hot-pixels"], "method": QUICK})
    assert quiet.history[-1]["notices"] == []


WRONG = {
    "unknown step 'roling-ball': did you mean 'rolling-ball'": {"prepare": ["roling-ball"]},
    "cannot stand in 'prepare'": {"prepare": ["colour-saturation"]},
    "cannot stand in 'finish'": {"finish": [{"kind": "crop", "x": [0, 4]}]},
    "unknown key 'radus'": {"prepare": [{"kind": "rolling-ball", "radus": 3}]},
    "must be greater than 0": {"prepare": [{"kind": "rolling-ball", "radius": -1}]},
    "lacks 'kind'": {"prepare": [{"radius": 3}]},
    "crop x is 30 to 99 but the image has pixels 0 to 44": {"prepare": [{"kind": "crop", "x": [30, 99]}]},
    "crop t is 0 to 1 but the image has no such axis": {"prepare": [{"kind": "crop", "t": [0, 1]}]},
    "there is no flat field nowhere.tif": {"prepare": [{"kind": "flat-field", "path": "nowhere.tif"}]},
    "needs the three channels red, green and blue": {"finish": ["colour-saturation"]},
    "no bleaching can be seen": {"finish": ["bleaching"]},
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_does_not_fit_is_one_sentence(sentence: str, image: nd.Image) -> None:
    with pytest.raises((ValueError, FileNotFoundError), match=sentence) as told:
        nd.restored(image, {"psf": PSF, "method": QUICK, **WRONG[sentence]})
    assert "\n" not in str(told.value)


def test_frames_that_do_not_fit_are_refused(frames: dict[str, str], tmp_path: Path) -> None:
    small = nd.Image(scene((3, 20, 20)), voxel=VOXEL)
    with pytest.raises(ValueError, match="before any crop"):
        done("dark-frame", small, path=frames["dark"])
    with pytest.raises(ValueError, match="every pixel must have light"):
        done("flat-field", nd.Image(scene(), voxel=VOXEL), path=frames["dark"], dark=frames["flat"])


def test_the_command_line_lists_and_runs_steps(
    tmp_path: Path, image: nd.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner()
    listed = json.loads(run.invoke(app, ["steps", "--json"]).stdout)
    assert [each["kind"] for each in listed] == list(nd.steps.names())
    nd.write(tmp_path / "cells.tif", image)
    words = ["restore", "cells.tif", "out.ome.tif", "--psf", "gaussian", "--set", "psf.sigma=0.13", "--json"]
    words += ["--method", "richardson-lucy", "--set", "method.iterations=2", "--prepare", "hot-pixels"]
    words += ["--prepare", "rolling-ball", "--set", "prepare.1.radius=1.5", "--finish", "normalise"]
    ended = run.invoke(app, words)
    assert ended.exit_code == 0, ended.stderr
    recipe = nd.read("out.ome.tif").history[-1]["recipe"]
    assert [each["kind"] for each in recipe["prepare"]] == ["hot-pixels", "rolling-ball"]
    assert recipe["prepare"][1]["radius"] == 1.5
    assert recipe["finish"][0]["kind"] == "normalise"


def test_a_part_says_which_finishing_steps_would_change_the_whole_otherwise() -> None:
    image = nd.Image(np.random.default_rng(1).poisson(50, (24, 24)).astype(np.float32), voxel={"Y": 0.1, "X": 0.1})
    recipe = {
        "psf": {"kind": "gaussian", "sigma": 0.1},
        "method": {"kind": "richardson-lucy", "iterations": 2},
        "finish": ["normalise", "unsharp-mask"],
    }

    def told(region: nd.Region | None) -> list[str]:
        return [each for each in nd.restored(image, recipe, region=region).history[-1]["notices"] if "run of" in each]

    assert told(nd.Region({"Y": (2, 20)})) == [
        "Normalise measures the percentiles of what is shown: a run of the whole image may come out differently"
    ]
    assert told(None) == []
