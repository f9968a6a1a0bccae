"""``fit``: an image corrects its PSF, and the recipe restores with it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from napari_deconv import Channel, Image, Optics, Recipe, write
from napari_deconv.learned.simulate import blur_scene
from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni

from .conftest import Run

VOXEL = (0.3, 0.12, 0.12)
QUICK = ("--set", "fit.blocks=1", "--set", "fit.side=32", "--set", "fit.planes=12", "--set", "fit.iterations=60")


@pytest.fixture
def points(tmp_path: Path) -> Path:
    """Points seen with spherical aberration, their optics in the file."""
    rng = np.random.default_rng(11)
    scene = np.zeros((12, 32, 32), np.float32)
    scene[tuple(rng.integers(2, size - 2, 40) for size in scene.shape)] = 1
    optics = Optics(modality="widefield", numerical_aperture=1.25, immersion_index=1.515)
    model = GibsonLanni(numerical_aperture=1.25, immersion_index=1.515, emission=0.55, aberrations=((11, 0.07),))
    light = blur_scene(scene, model.compute(Grid((12, 32, 32), VOXEL)))
    counts = rng.poisson(20 + 800 * light / light.max()).astype(np.uint16)
    path = tmp_path / "points.ome.tif"
    write(path, Image(counts, "ZYX", VOXEL, channels=(Channel(emission=0.55),), optics=optics))
    return path


def test_the_recipe_restores_with_the_fitted_psf(points: Path, tmp_path: Path, run: Run) -> None:
    recipe = tmp_path / "fitted.yaml"
    answer = run("fit", points, recipe, "--fit", "spherical", *QUICK, "--json")
    assert answer.status == 0, answer.err
    told = answer.json
    assert told["verdict"] == "fitted"
    assert told["parameters"]["spherical"]["value"] == pytest.approx(0.07, abs=0.02)
    assert Recipe.load(recipe).digest == told["recipe_digest"]
    answer = run(
        "restore", points, tmp_path / "out.ome.tif", "--recipe", recipe, "--set", "method.iterations=3", "--json"
    )
    assert answer.status == 0, answer.err
    assert run("fit", points, recipe, *QUICK).status == 2


def test_what_is_not_supported_writes_nothing(points: Path, tmp_path: Path, run: Run) -> None:
    flat = tmp_path / "flat.ome.tif"
    write(flat, Image(np.full((6, 32, 32), 9, np.uint16), "ZYX", VOXEL))
    optics = ("--numerical-aperture", 1.2, "--immersion-index", 1.33, "--emission", 0.5)
    for words, said in (
        ((flat, tmp_path / "a.yaml", *optics), "flat (9 everywhere)"),
        ((points, tmp_path / "a.tif"), "end its name in .yaml"),
        ((points, tmp_path / "a.yaml", "--fit", "depth"), "set psf.sample_index"),
        ((points, tmp_path / "a.yaml", "--set", "fit.bloks=2"), "did you mean 'blocks'"),
    ):
        answer = run("fit", *words)
        assert answer.status == 2
        assert said in answer.err
        assert "\n" not in answer.err.strip()
        assert not (tmp_path / "a.yaml").exists()
