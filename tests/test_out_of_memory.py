"""Memory that runs out at any moment, again and again: every result is right, and nothing is lost or added twice."""

from __future__ import annotations

import importlib
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, gaussian_psf, photographed, saved_psf

import napari_deconv as nd
from napari_deconv import background as background_module, canvas as canvas_module
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.spectrum import HalfSpectrum

restore_module = importlib.import_module("napari_deconv.restore")

PSF = gaussian_psf((3, 7, 7))
PICTURE = photographed(blobs((8, 40, 60), (1, 2, 2), count=20), PSF, 20.0)
ERRORS = [
    MemoryError(),
    torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
    RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes"),
]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    method = {"kind": "richardson-lucy", "iterations": 3, "acceleration": "none"}
    return {"psf": saved_psf(tmp_path_factory.mktemp("psf"), PSF), "method": method, "background": 20.0}


@pytest.fixture(scope="module")
def whole(recipe: dict[str, Any]) -> Array:
    return nd.restored(nd.Image(PICTURE), recipe, device="cpu").numpy()


def failing_at_random(monkeypatch: pytest.MonkeyPatch, seed: int, share: float) -> list[str]:
    """Make allocations fail at random: of transforms, of objects, of what is read back."""
    dice, failed = random.Random(seed), list[str]()

    def wrap(owner: Any, name: str) -> None:
        allocate = getattr(owner, name)

        def allocating(*given: Any, **named: Any) -> Any:
            if dice.random() < share:
                failed.append(name)
                raise dice.choice(ERRORS)
            return allocate(*given, **named)

        monkeypatch.setattr(owner, name, allocating)

    for owner, name in (
        (Blur, "__init__"), (Blur, "new_object"), (background_module, "find_ground"), (HalfSpectrum, "enter"), (HalfSpectrum, "carry"),
        (HalfSpectrum, "exchange"), (HalfSpectrum, "leave"), (torch.Tensor, "detach"),
    ):  # fmt: skip
        wrap(owner, name)
    return failed


def test_fifty_runs_in_which_memory_runs_out_at_random(recipe: dict[str, Any], whole: Array) -> None:
    failures, tiles = 0, 0
    for seed in range(40):
        with pytest.MonkeyPatch.context() as patch:
            failed = failing_at_random(patch, seed, 0.01)
            result = nd.restored(nd.Image(PICTURE), recipe, device="cpu")
        assert np.abs(result.numpy() - whole).max() < 2e-3 * whole.max(), f"seed {seed}: {failed}"
        failures += len(failed)
        tiles = max(tiles, result.history[-1]["tiles"])
    assert failures > 10
    assert tiles > 2
    assert sum(automatic_run(recipe, seed) for seed in range(40, 50)) > 2


@pytest.mark.parametrize(
    "method",
    [
        {"kind": "landweber", "iterations": 3},
        {"kind": "wiener", "noise": 0.05, "fall": 0, "border": "mirrored"},
        {"kind": "richardson-lucy", "iterations": 3, "acceleration": "heavy-ball"},
    ],
    ids=lambda method: method["kind"],
)
def test_memory_that_runs_out_inside_other_methods(recipe: dict[str, Any], method: dict[str, Any]) -> None:
    image, asked = nd.Image(PICTURE), {**recipe, "method": method}
    whole, failures = nd.restored(image, asked, device="cpu").numpy(), 0
    for seed in range(4):
        with pytest.MonkeyPatch.context() as patch:
            failed = failing_at_random(patch, seed, 0.012)
            result = nd.restored(image, asked, device="cpu").numpy()
        assert np.abs(result - whole).max() < 2e-3 * whole.max(), f"seed {seed}: {failed}"
        failures += len(failed)
    assert failures


def automatic_run(recipe: dict[str, Any], seed: int) -> int:
    """Restore with everything automatic while memory runs out; the result is right for what was chosen. Return the failures."""
    image, automatic = nd.Image(PICTURE[:, :24, :30]), {**recipe, "background": "auto"}
    with pytest.MonkeyPatch.context() as patch:
        failed = failing_at_random(patch, seed, 2e-4)
        result = nd.restored(image, {**automatic, "method": {"kind": "richardson-lucy"}}, device="cpu")
    chosen, found = result.history[-1]["iterations"], result.history[-1]["background"][0]
    fixed = {"kind": "richardson-lucy", "iterations": chosen, "acceleration": "heavy-ball"}
    whole = nd.restored(image, {**recipe, "method": fixed, "background": found}, device="cpu").numpy()
    assert np.abs(result.numpy() - whole).max() < 2e-3 * whole.max(), f"seed {seed}: {failed}"
    return len(failed)


def test_an_automatic_choice_goes_on_with_half_the_part_where_memory_runs_out(
    recipe: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    make = restore_module.trial_box

    def scarce(volume: Any, shape: tuple[int, ...], background: float, most: int) -> Any:
        asked.append(most)
        if len(asked) < 4:
            raise ERRORS[len(asked) - 1]
        return make(volume, shape, background, most)

    monkeypatch.setattr(restore_module, "trial_box", scarce)
    result = nd.restored(nd.Image(PICTURE), {**recipe, "method": {"kind": "wiener"}}, device="cpu")
    assert asked == [asked[0] >> halvings for halvings in range(4)]
    assert result.history[-1]["choices"][0]["name"] == "noise"


def test_measuring_looks_at_less_where_memory_runs_out(
    recipe: dict[str, Any], whole: Array, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    sample = background_module._sampled

    def scarce(volume: Any, most: int) -> Array:
        asked.append(most)
        if len(asked) < 3:
            raise ERRORS[len(asked) - 1]
        return sample(volume, most)

    monkeypatch.setattr(background_module, "_sampled", scarce)
    result = nd.restored(nd.Image(PICTURE), recipe, device="cpu").numpy()
    assert asked == [asked[0] >> halvings for halvings in range(3)]
    np.testing.assert_array_equal(result, whole)


def test_a_result_that_is_large_beside_the_budget_is_put_together_on_disk(
    recipe: dict[str, Any], whole: Array, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(canvas_module, "LEAST", 0)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(canvas_module.tempfile, "tempdir", None)
    stack = np.stack([PICTURE, 2 * PICTURE - 20])
    image = nd.Image(stack, "CZYX")
    result = nd.restored(image, recipe, device="cpu", memory=600_000)
    assert result.is_lazy
    assert list(tmp_path.glob("napari-deconv-*"))
    nd.write(tmp_path / "out.ome.tif", result)
    back = nd.read(tmp_path / "out.ome.tif").numpy()
    assert np.abs(back[0] - whole).max() < 5e-3 * whole.max()
    assert result.history[-1]["tiles"] > 2
    del result
    import gc

    gc.collect()
    assert not list(tmp_path.glob("napari-deconv-*"))


def test_the_seam_is_checked_and_told(recipe: dict[str, Any], whole: Array) -> None:
    stages = []
    for progress in nd.restore(nd.Image(PICTURE), recipe, device="cpu", memory=700_000):
        stages.append(progress.stage)
        last = progress
    assert "checking" in stages
    assert 0 <= last.estimate.history[-1]["seam"] < 5e-3
    assert "seam" not in nd.restored(nd.Image(PICTURE), recipe, device="cpu").history[-1]
