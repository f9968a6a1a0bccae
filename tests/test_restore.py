"""The one path: progress, estimates, history, cancelling, and what happens when memory runs out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.image import Channel, Region
from napari_deconv.methods.blur import Blur

PSF = gaussian_psf((3, 7, 7))
PICTURE = photographed(blobs((8, 40, 60), (1, 2, 2), count=20), PSF, 20.0)
METHOD = {"kind": "richardson-lucy", "iterations": 5}


def recipe(folder: Path, **changes: Any) -> dict[str, Any]:
    return {"psf": saved_psf(folder, PSF), "method": METHOD, "background": 20.0, **changes}


def series() -> nd.Image:
    stack = np.stack([[PICTURE, PICTURE * 2], [PICTURE * 3, PICTURE + 5]])
    return nd.Image(
        stack, "TCZYX", voxel={"Z": 0.3, "Y": 0.1, "X": 0.1}, name="cells", time_step=2.0,
        channels=(Channel(name="nuclei", color="#0000FF"), Channel(name="actin")), origin={"Z": 1.0, "Y": 2.0, "X": 3.0},
        history=({"software": "microscope"},), metadata={"stage": "left"},
    )  # fmt: skip


@pytest.mark.parametrize("memory", ["auto", 600_000], ids=["whole", "tiles"])
@pytest.mark.parametrize("iterations", [5, "auto"])
def test_progress_climbs_from_0_to_1_without_jumps(tmp_path: Path, memory: Any, iterations: Any) -> None:
    words = recipe(tmp_path, method={"kind": "richardson-lucy", "iterations": iterations})
    seen = list(nd.restore(series(), words, memory=memory))
    fractions = [0.0, *(each.fraction for each in seen)]
    steps = np.diff(fractions)
    assert (steps >= 0).all()
    assert fractions[-1] == 1.0
    assert max(steps[[each.stage == "restoring" for each in seen]]) < (0.06 if iterations == 5 else 0.3)
    assert all(1 <= each.step <= each.steps for each in seen)
    assert (np.diff([each.block for each in seen]) >= 0).all()
    assert (np.diff([each.seconds for each in seen]) >= 0).all()
    assert seen[-1].seconds_left == 0


def test_every_estimate_is_an_image_of_its_block(tmp_path: Path) -> None:
    image = series()
    boxes = set()
    for progress in nd.restore(image, recipe(tmp_path), memory=600_000):
        if progress.stage != "restoring":
            continue
        block = progress.estimate
        assert block.axes == image.axes
        assert block.voxel == image.voxel
        assert np.isfinite(block.numpy()).all()
        if progress.fraction < 1:
            assert block.sizes["T"] == block.sizes["C"] == 1
            boxes.add((block.channels[0].name, block.origin["Y"], block.origin["X"], block.shape))
    assert len(boxes) > len(image.channels), "tiles, not whole channels"
    assert {name for name, *_ in boxes} == {"nuclei", "actin"}
    assert block.shape == image.shape


def test_an_estimate_that_is_read_too_late_says_so(tmp_path: Path) -> None:
    stream = nd.restore(nd.Image(PICTURE), recipe(tmp_path))
    first = next(stream)
    assert first.estimate.shape == PICTURE.shape
    next(stream)
    with pytest.raises(RuntimeError, match=r"read progress\.estimate before asking for the next step"):
        _ = first.estimate
    stream.close()


def test_the_result_keeps_what_the_source_said_and_adds_its_history(tmp_path: Path) -> None:
    image = series()
    result = nd.restored(image, recipe(tmp_path), device="cpu")
    for name in ("axes", "shape", "voxel", "channels", "origin", "time_step", "metadata", "name", "optics"):
        assert getattr(result, name) == getattr(image, name), name
    assert result.dtype == np.float32
    assert result.history[0] == {"software": "microscope"}
    record = result.history[-1]
    assert json.loads(json.dumps(record)) == record
    assert record["software"] == "napari-deconv"
    assert record["recipe"]["method"]["iterations"] == 5
    assert record["digest"] == nd.Recipe.parse(recipe(tmp_path)).digest
    assert record["iterations"] == 5
    assert record["background"] == [20.0] * 4
    assert record["tiles"] == 4
    assert record["device"] == "cpu"
    assert len(record["psf_sha256"]) == 2
    assert {"numpy", "torch", "napari-deconv"} <= set(record["versions"])
    assert record["seconds"] > 0


def test_the_readers_notices_stay_with_the_result(tmp_path: Path) -> None:
    image = nd.Image(PICTURE, notices=("axes QYX: Q read as Z",))
    assert "axes QYX: Q read as Z" in nd.restored(image, recipe(tmp_path)).notices


def test_closing_midway_stops_the_work(tmp_path: Path) -> None:
    stream = nd.restore(series(), recipe(tmp_path, method={"kind": "richardson-lucy", "iterations": 10_000}))
    for _ in range(3):
        progress = next(stream)
    stream.close()
    assert progress.fraction < 0.01
    assert list(stream) == []


def test_a_crop_gives_what_the_whole_gives_there(tmp_path: Path) -> None:
    """To 3 % of the root mean square: a crop's flat start has the crop's own mean, which a few iterations remember."""
    image = nd.Image(PICTURE)
    box = Region({"Y": (10, 30), "X": (20, 44)})
    margin = box.grown({"Y": 8, "X": 8}, image.sizes)
    part = nd.restored(image.crop(margin), recipe(tmp_path)).crop(box.within(margin)).numpy()
    assert nrmse(part, nd.restored(image, recipe(tmp_path)).crop(box).numpy()) < 0.03


def breaking(monkeypatch: pytest.MonkeyPatch, most: int, error: Exception) -> list[int]:
    """Make every blur of more than so many voxels fail as if memory had run out."""
    refused: list[int] = []
    make = Blur.__init__

    def limited(self: Blur, psf: Array, shape: tuple[int, int, int], *rest: Any, **named: Any) -> None:
        if int(np.prod(shape)) > most:
            refused.append(int(np.prod(shape)))
            raise error
        make(self, psf, shape, *rest, **named)

    monkeypatch.setattr(Blur, "__init__", limited)
    return refused


OUT_OF_MEMORY = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@pytest.mark.parametrize("error", OUT_OF_MEMORY, ids=lambda each: type(each).__name__)
def test_out_of_memory_cuts_the_tile_and_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    words = recipe(tmp_path)
    whole = nd.restored(nd.Image(PICTURE), words, device="cpu").numpy()
    refused = breaking(monkeypatch, 8 * 40 * 30, error)
    progress = list(nd.restore(nd.Image(PICTURE), words, device="cpu"))
    assert refused
    result = progress[-1].estimate
    assert result.history[-1]["tiles"] >= 3
    assert nrmse(result.numpy(), whole) < 0.01
    assert (np.diff([each.fraction for each in progress]) >= 0).all()


def test_out_of_memory_in_the_middle_of_a_tile_starts_its_halves_afresh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = recipe(tmp_path)
    whole = nd.restored(nd.Image(PICTURE), words, device="cpu").numpy()
    round_trip, calls = Blur.round_trip, []

    def failing_once(self: Blur, *given: Any) -> None:
        calls.append(1)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory")
        round_trip(self, *given)

    monkeypatch.setattr(Blur, "round_trip", failing_once)
    result = nd.restored(nd.Image(PICTURE), words, device="cpu")
    assert result.history[-1]["tiles"] == 2
    assert nrmse(result.numpy(), whole) < 0.01


def test_an_image_that_never_fits_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, 10, MemoryError())
    with pytest.raises(MemoryError, match="does not fit the memory and is too small to cut"):
        nd.restored(nd.Image(PICTURE), recipe(tmp_path))


def test_other_errors_go_on_their_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    breaking(monkeypatch, 10, RuntimeError("a fault"))
    with pytest.raises(RuntimeError, match="a fault"):
        nd.restored(nd.Image(PICTURE), recipe(tmp_path))


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_an_image_with_nan_or_infinity_is_refused_in_words(tmp_path: Path, bad: float) -> None:
    image = PICTURE.copy()
    image[3, 4, 5] = bad
    with pytest.raises(ValueError, match="pixels that are NaN or infinite \\(1 found\\): replace them"):
        nd.restored(nd.Image(image), recipe(tmp_path))


@pytest.mark.parametrize("shape", [(1, 1), (1, 1, 1), (2, 3, 1), (1, 64), (3, 1, 40)], ids=str)
@pytest.mark.parametrize("kind", nd.methods.names())
def test_the_smallest_images_are_restored_too(tmp_path: Path, shape: tuple[int, ...], kind: str) -> None:
    fields = nd.methods.family[kind].model_fields
    if any(info.is_required() for name, info in fields.items() if name != "kind"):
        pytest.skip(f"{kind} needs more than its defaults")
    method = {"kind": kind, **({"iterations": 3} if "iterations" in fields else {})}
    image = np.random.default_rng(0).poisson(50, shape).astype(np.uint16)
    result = nd.restored(nd.Image(image), recipe(tmp_path, method=method, background="auto")).numpy()
    assert result.shape == shape
    assert np.isfinite(result).all()


@pytest.mark.parametrize("value", [0, 7, -3])
def test_a_constant_image_stays_finite(tmp_path: Path, value: int) -> None:
    result = nd.restored(nd.Image(np.full((4, 20, 20), value, np.int16)), recipe(tmp_path, background="auto")).numpy()
    assert np.isfinite(result).all()


def test_without_a_psf_the_image_must_tell_its_optics() -> None:
    with pytest.raises(ValueError, match="metadata lacks numerical_aperture, immersion_index, emission, voxel"):
        nd.restored(nd.Image(PICTURE), {"method": METHOD})
