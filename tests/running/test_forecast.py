"""The forecast: tiles and memory as the run will have them, seconds that grow with the work, a warning where it will not fit."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.methods.blur import plan_object_shape
from napari_deconv.posing import compute_psf
from napari_deconv.running.forecast import Forecast, Pace, costing, forecast, in_bytes, in_words

PSF = {"kind": "gaussian", "sigma": [0.3, 0.15, 0.15]}


def recipe(iterations: int | str = 10) -> nd.Recipe:
    return nd.Recipe(psf=PSF, method={"kind": "richardson-lucy", "iterations": iterations})


def image(shape: tuple[int, ...] = (12, 96, 96)) -> nd.Image:
    counts = np.random.default_rng(2).poisson(50, shape).astype(np.uint16)
    return nd.Image(counts, voxel=(0.2, 0.1, 0.1))


def known_pace(iterations: int | str) -> Pace:
    return Pace({(costing(recipe(iterations)), "cpu"): 1e8})


def test_it_foretells_the_run() -> None:
    made, asked = image(), recipe(60)
    list(nd.restore(made, recipe(2), device="cpu"))
    told = forecast(made, asked, device="cpu")
    started = time.perf_counter()
    result = nd.restored(made, asked, device="cpu")
    took = time.perf_counter() - started
    assert told.tiles == result.history[-1]["tiles"] == 1
    assert took / 8 < told.seconds < took * 8, "right within the noise of a busy machine"
    assert not told.is_guess
    assert told.fits
    assert not told.is_cut


def test_little_memory_means_tiles_as_in_the_run() -> None:
    made, asked = image(), recipe(1)
    told = forecast(made, asked, device="cpu", memory="6MB")
    result = nd.restored(made, asked, device="cpu", memory="6MB")
    assert told.tiles == result.history[-1]["tiles"] > 1
    assert f"{told.tiles} tiles of up to " in told.words
    assert told.is_cut
    assert "does not fit the 6 MB" in told.words


def test_seconds_follow_iterations_volumes_and_pace() -> None:
    pace = known_pace(10)
    one = forecast(image(), recipe(10), device="cpu", pace=pace)
    assert forecast(image(), recipe(30), device="cpu", pace=pace).seconds == pytest.approx(one.seconds * 31.5 / 11.5)
    many = forecast(
        nd.Image(np.ones((2, 3, 12, 96, 96), np.uint8), voxel=(0.2, 0.1, 0.1)), recipe(10), device="cpu", pace=pace
    )
    assert many.volumes == 6
    assert many.seconds == pytest.approx(6 * one.seconds)
    assert "6 volumes" in many.words


def test_automatic_is_a_guess_until_the_number_is_known() -> None:
    pace = Pace(known_pace("auto").timed | known_pace(10).timed)
    assert forecast(image(), recipe("auto"), device="cpu", pace=pace).is_guess
    known = forecast(image(), recipe("auto"), device="cpu", pace=pace, iterations=10)
    assert known.seconds == pytest.approx(forecast(image(), recipe(10), device="cpu", pace=pace).seconds)


@pytest.mark.parametrize("kind", nd.methods.names())
def test_every_method_can_be_foretold(kind: str) -> None:
    if any(info.is_required() for info in nd.methods.family[kind].model_fields.values()):
        pytest.skip(f"{kind} needs more than its defaults")
    told = forecast(image((6, 48, 48)), nd.Recipe(psf=PSF, method=kind), device="cpu")
    assert told.tiles == 1
    assert 0 < told.seconds < 600


def test_what_does_not_fit_is_said() -> None:
    assert "does not fit" in forecast(image(), recipe(), device="cpu", memory="1KB").words
    tight = Forecast(5, False, 8 * 10**9, 2 * 10**9, 3, (10, 200, 200), 1)
    assert not tight.fits
    assert "8.0 GB" in tight.words
    assert "only 2.0 GB" in tight.words


def test_words() -> None:
    assert [in_words(each) for each in (0.2, 12.3, 600, 9000)] == [
        "less than a second",
        "about 12 s",
        "about 10 min",
        "about 2.5 h",
    ]
    assert [in_bytes(each) for each in (10, 5_400_000, 3_210_000_000)] == ["1 MB", "5 MB", "3.2 GB"]


def test_only_a_method_that_iterates_has_iterations_to_reckon() -> None:
    pace = Pace()
    found = {}
    for kind in ("wiener", "landweber"):
        asked = nd.Recipe(psf=PSF, method={"kind": kind})
        found[kind] = forecast(image(), asked, device="cpu", pace=pace).is_guess
    assert found == {"wiener": False, "landweber": True}


def test_the_memory_that_is_foretold_follows_the_tile_and_stays_within_what_may_be_taken() -> None:
    made, asked = image((16, 300, 300)), recipe(2).replace(background=20.0)
    told = [forecast(made, asked, device="cpu", memory=f"{size}MB", pace=known_pace(2)) for size in (400, 60, 30, 20)]
    assert told[0].tiles == 1
    assert all(later.peak < before.peak for before, later in pairwise(told))
    assert all(later.tiles > before.tiles for before, later in pairwise(told))
    result = 4 * 16 * 300 * 300
    for each in told:
        assert each.fits
        padded = np.prod(plan_object_shape(each.tile, compute_psf(made, asked).shape))
        assert each.peak - result == pytest.approx(4 * asked.volumes * padded, rel=0.15)
