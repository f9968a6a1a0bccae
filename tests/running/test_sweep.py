"""The sweep: every cell is what a run gives, automatic values say what they came to, and a wrong value is a cell that says why."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

import napari_deconv as nd
from napari_deconv.running.sweep import Cell, Range, best, sweep, varied

OPTICS = nd.Optics(numerical_aperture=1.2, immersion_index=1.33)
VIEW = nd.Region({"Y": (10, 40), "X": (12, 50)})


@pytest.fixture(scope="module")
def image() -> nd.Image:
    random = np.random.default_rng(4)
    light = np.zeros((64, 64))
    light[random.integers(4, 60, 60), random.integers(4, 60, 60)] = 4000
    counts = random.poisson(gaussian_filter(light, 1.2) + 20).astype(np.uint16)
    return nd.Image(counts, "YX", voxel=(0.1, 0.1), channels=(nd.Channel(emission=0.52),), optics=OPTICS)


def cells_of(image: nd.Image, recipe: nd.Recipe, *ranges: Range) -> list[Cell]:
    return [each for each in sweep(image, VIEW, recipe, ranges, device="cpu") if each is not None]


def test_cells_equal_runs_and_auto_says_what_it_came_to(image: nd.Image) -> None:
    cells = cells_of(image, nd.Recipe(), Range("method.iterations", ("auto", 2, 8)))
    assert [each.settings["method.iterations"] for each in cells] == ["auto", 2, 8]
    assert cells[0].chosen is not None
    assert cells[0].chosen["method.iterations"] > 2
    for cell in cells:
        assert cell.recipe is not None
        assert cell.image is not None
        whole = nd.restored(image, cell.recipe, device="cpu").crop(VIEW).data
        assert np.abs(cell.image.data - whole).max() < 2e-2 * whole.max()
    assert best(cells) is not cells[1], "two iterations predict less than more do"


def test_two_settings_and_one_that_cannot_be(image: nd.Image) -> None:
    quick = nd.Recipe(method={"kind": "richardson-lucy", "iterations": 3})
    ranges = Range("psf.numerical_aperture", (1.0, 1.2, 1.5)), Range("background", (0.0, 20.0))
    cells = cells_of(image, quick, *ranges)
    assert [tuple(each.settings.values()) for each in cells] == [
        (aperture, background) for aperture in (1.0, 1.2, 1.5) for background in (0.0, 20.0)
    ]
    assert [bool(each.problem) for each in cells] == [False] * 4 + [True] * 2
    assert "1.5" in cells[-1].problem
    assert all(each.score is not None for each in cells[:4])
    assert cells[1].recipe == varied(image, varied(image, quick, "psf.numerical_aperture", 1.0), "background", 20.0)


def test_closing_it_stops_in_the_middle_of_a_cell(image: nd.Image) -> None:
    slow = nd.Recipe(method={"kind": "richardson-lucy", "iterations": 5000})
    running = sweep(image, VIEW, slow, [Range("method.tv", (0.0, 0.1))], device="cpu")
    assert [next(running) for _ in range(3)] == [None] * 3
    running.close()  # type: ignore[attr-defined]
    assert list(running) == []
