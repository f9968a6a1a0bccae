"""Training: it learns, pauses and goes on to the same weights, takes every source, and its files are safe and whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import blobs, gaussian_psf, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.learned.batches import Batch
from napari_deconv.learned.examples import Example, Store
from napari_deconv.learned.simulate import blur_scene
from napari_deconv.learned.sources import OwnImage, Pairs, Simulation
from napari_deconv.learned.starting import own_image
from napari_deconv.learned.train import TrainingProgress, train
from napari_deconv.learned.training import Training
from napari_deconv.learned.weights import load_weights
from napari_deconv.posing import over_pixels

PSF = gaussian_psf((1, 7, 7))
SMALL: dict[str, Any] = {
    "start": "new", "images": 10, "steps": 6, "batch": 2, "patch": 32, "width": 4, "fine": 4, "judgements": 2, "precision": "float32",
}  # fmt: skip
SOURCE = Simulation(psf=PSF.astype(np.float32), voxel=(0.2, 0.08, 0.08), photons=(50, 500))


def learned(folder: Path, source: Any = SOURCE, **changes: Any) -> list[TrainingProgress]:
    return list(train(Training(**{**SMALL, **changes}), source, folder))


def test_training_lowers_the_loss_on_frames_that_it_has_not_learned_from(tmp_path: Path) -> None:
    told = learned(tmp_path, images=20, steps=60, judgements=12, rate=3e-3, width=8, fine=8)
    judged = [each.judged for each in told if each.crop is not None]
    assert len(judged) == 12
    assert min(judged[6:]) < judged[0] - 0.3
    assert told[-1].stage == "done"
    assert told[-1].best == min(judged)
    image, result, truth = next(each.crop for each in reversed(told) if each.crop is not None)
    assert image.shape == result.shape == truth.shape == (32, 32)


def test_a_paused_training_goes_on_to_the_weights_of_one_that_was_not(tmp_path: Path) -> None:
    learned(tmp_path / "whole")
    stream = train(Training(**SMALL), SOURCE, tmp_path / "paused")
    for progress in stream:
        if progress.stage == "learning" and progress.step == 3:
            stream.close()
    stream = train(Training(**SMALL), SOURCE, tmp_path / "paused", resume=True)
    first = next(stream)
    assert (first.stage, first.step) == ("learning", 4)
    assert [each.stage for each in stream][-1] == "done"
    whole, paused = (load_weights(tmp_path / name / "weights.safetensors").members[0] for name in ("whole", "paused"))
    for name, values in whole.state_dict().items():
        torch.testing.assert_close(paused.state_dict()[name], values, rtol=0, atol=1e-6)


def test_a_pause_while_examples_are_made_loses_none_that_are_kept(tmp_path: Path) -> None:
    stream = train(Training(**{**SMALL, "images": 20}), SOURCE, tmp_path)
    for progress in stream:
        if progress.step == 17:
            stream.close()
    assert Store(tmp_path / "examples", 20).done == 16
    assert next(train(Training(**{**SMALL, "images": 20}), SOURCE, tmp_path, resume=True)).step == 17


def test_a_training_is_not_overwritten_nor_mixed_with_another(tmp_path: Path) -> None:
    learned(tmp_path)
    with pytest.raises(FileExistsError, match="resume it"):
        learned(tmp_path)
    with pytest.raises(ValueError, match="other settings"):
        next(train(Training(**{**SMALL, "steps": 7}), SOURCE, tmp_path, resume=True))


def test_several_members_learn_side_by_side_and_differ(tmp_path: Path) -> None:
    learned(tmp_path, members=2)
    weights = load_weights(tmp_path / "weights.safetensors")
    assert weights.card.members == len(weights.members) == 2
    first, second = (torch.cat([v.ravel() for v in member.parameters()]) for member in weights.members)
    assert float((first - second).abs().max()) > 0


def test_it_stops_early_when_nothing_gets_better(tmp_path: Path) -> None:
    told = learned(tmp_path, steps=40, judgements=40, patience=2, rate=1e-9, average=0.0)
    assert told[-2].step < 40


@pytest.mark.parametrize("network", ["deconvnet", "autoencoder"])
def test_every_network_can_be_trained(network: str, tmp_path: Path) -> None:
    learned(tmp_path, network=network, steps=2)
    assert load_weights(tmp_path / "weights.safetensors").card.architecture.kind == network


def test_an_adversary_learns_along_and_changes_what_is_learned(tmp_path: Path) -> None:
    learned(tmp_path / "plain", steps=3)
    learned(tmp_path / "adversarial", steps=3, adversarial=1.0)
    one, other = (load_weights(tmp_path / name / "weights.safetensors").members[0] for name in ("plain", "adversarial"))
    assert any(not torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))
    assert all(torch.isfinite(values).all() for values in other.parameters())


def test_an_adversary_needs_truths(tmp_path: Path) -> None:
    source = OwnImage(np.ones((1, 40, 64), np.float32), PSF.astype(np.float32))
    with pytest.raises(ValueError, match=r"an image by itself has none: set train\.adversarial=0"):
        learned(tmp_path, source, adversarial=0.1)


def test_pairs_are_brought_to_the_same_counts() -> None:
    thing = blobs((1, 48, 48), margin=(0, 8, 8)).astype(np.float32) + 5
    low = photographed(thing, PSF, 20.0)
    example = Pairs([low], [0.01 * thing + 3], PSF.astype(np.float32), background=20.0).make(0, (1, 48, 48))
    scale = float((low - 20.0).max()) / float((example.image - example.background).max())
    np.testing.assert_allclose(example.target * scale, thing[0] - 5, atol=0.15 * thing.max())
    with pytest.raises(ValueError, match="give as many"):
        Pairs([low], [], PSF)


def test_one_image_alone_is_learned_from_by_photons_held_back(tmp_path: Path) -> None:
    image = photographed(blobs((1, 64, 64), margin=(0, 4, 4), count=40), PSF, 20.0)
    source = OwnImage(image, PSF.astype(np.float32))
    one, other = source.make(0, (1, 32, 32)), source.make(1, (1, 32, 32))
    assert not np.array_equal(one.target, other.target)
    told = learned(tmp_path, source, steps=30, judgements=10, rate=3e-3)
    judged = [each.judged for each in told if each.crop is not None]
    assert min(judged) < judged[0]
    assert 0.5 < min(judged) < 5


def test_an_image_smaller_than_a_patch_is_told(tmp_path: Path) -> None:
    source = OwnImage(np.ones((1, 20, 64), np.float32), PSF.astype(np.float32))
    with pytest.raises(ValueError, match="choose a smaller patch"):
        learned(tmp_path, source)


def test_stacks_are_trained_as_stacks(tmp_path: Path) -> None:
    source = Simulation(psf=gaussian_psf((3, 5, 5)).astype(np.float32), photons=(50, 500))
    told = list(train(Training(**{**SMALL, "planes": 4, "patch": 16, "steps": 2}), source, tmp_path, dims=3))
    assert told[-1].stage == "done"
    assert load_weights(tmp_path / "weights.safetensors", 3).card.architecture.dims == 3
    with pytest.raises(ValueError, match="for stacks, not for flat images"):
        load_weights(tmp_path / "weights.safetensors", 2)


def test_weights_give_the_same_pixels_in_a_new_process(tmp_path: Path) -> None:
    learned(tmp_path)
    file = tmp_path / "weights.safetensors"
    code = (
        "import sys, torch; from napari_deconv.learned.weights import load_weights; torch.set_num_threads(1);"
        "member = load_weights(sys.argv[1]).members[0]; torch.manual_seed(0); x = torch.rand(1, member.estimates + 5, 32, 32);"
        "torch.save(member(x).estimate, sys.argv[2])"
    )
    for name in ("one.pt", "two.pt"):
        subprocess.run([sys.executable, "-c", code, str(file), str(tmp_path / name)], check=True)
    member = load_weights(file).members[0]
    torch.manual_seed(0)
    here = member(torch.rand(1, member.estimates + 5, 32, 32)).estimate
    for name in ("one.pt", "two.pt"):
        there = torch.load(tmp_path / name, weights_only=True)
        assert torch.equal(there, here)


def test_a_file_that_could_run_something_is_refused(tmp_path: Path) -> None:
    import pickle

    class Hostile:
        def __reduce__(self) -> Any:
            return Path.touch, (tmp_path / "run",)

    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(pickle.dumps(Hostile()))
    with pytest.raises(ValueError, match="holds no weights"):
        load_weights(bad)
    torch.save({"members": Hostile()}, tmp_path / "state.pt")
    learned(tmp_path / "own", steps=2)
    (tmp_path / "own" / "weights.safetensors").unlink()
    (tmp_path / "state.pt").rename(tmp_path / "own" / "state.pt")
    with pytest.raises(pickle.UnpicklingError):
        list(train(Training(**{**SMALL, "steps": 2}), SOURCE, tmp_path / "own", resume=True))
    assert not (tmp_path / "run").exists()
    with pytest.raises(FileNotFoundError, match="check the path"):
        load_weights(tmp_path / "none.safetensors")


FINE: dict[str, Any] = {"lateral": 2, "steps": 4, "images": 8}


def test_a_network_for_a_finer_grid_is_trained_and_restores_on_it(tmp_path: Path) -> None:
    source = Simulation(photons=(50, 500), kernel=(1, 9, 9), finer=(1, 2, 2))
    learned(tmp_path / "fine", source, **FINE)
    psf = gaussian_psf((1, 5, 5), sigma=0.9)
    image = nd.Image(photographed(blobs((1, 32, 36), margin=(0, 4, 4)), psf, 20.0), voxel=(0.2, 0.16, 0.16))
    method = {"kind": "network", "weights": str(tmp_path / "fine" / "weights.safetensors")}
    steps = [{"kind": "super-sampling", "lateral": 2}]
    fine_psf = {**saved_psf(tmp_path, gaussian_psf((1, 9, 9), sigma=1.8)), "voxel": (0.2, 0.08, 0.08)}
    recipe = {"psf": fine_psf, "prepare": steps, "method": {**method, "fallback": "never"}}
    result = nd.restored(image, recipe, device="cpu")
    assert result.shape == (1, 64, 72)
    assert np.isfinite(result.numpy()).all()
    plain = {"psf": saved_psf(tmp_path, psf, "coarse.tif"), "method": method}
    why = nd.restored(image, plain, device="cpu").history[-1]["choices"][0]["why"]
    assert why.startswith("the result has 1 × 1 × 1 voxels for each pixel and the weights are for 1 × 2 × 2")


def test_examples_of_a_finer_grid_are_their_pixels_seen_through_the_psf() -> None:
    source = Simulation(seed=4, photons=(3e5, 4e5), kernel=(1, 9, 9), finer=(1, 2, 2))
    example = source.make(1, (1, 32, 32))
    assert example.target.shape == example.trusted.shape == (32, 32)
    np.testing.assert_array_equal(example.trusted[::2, ::2], 1)
    assert example.trusted.sum() == 16 * 16
    given = Batch(Example(**{name: values[None] for name, values in vars(example).items()}), torch.device("cpu"))
    seen = given.physics.seen(given.target)[0, 0, 6:-6:2, 6:-6:2].numpy()
    light = (example.image - example.background)[6:-6:2, 6:-6:2]
    assert (seen - light).std() < 0.03 * light.std()  # the background, which is estimated, shifts all of it


def test_pairs_of_different_sizes_teach_the_finer_grid_or_are_refused_with_the_remedy(tmp_path: Path) -> None:
    psf = gaussian_psf((1, 9, 9), sigma=1.6).astype(np.float32)
    thing = blobs((1, 48, 48), margin=(0, 4, 4))
    high = np.random.default_rng(1).poisson(2000 * thing / thing.max() + 50).astype(np.float32)
    seen = blur_scene(high, over_pixels(psf, (1, 2, 2)))[:, ::2, ::2]
    low = np.random.default_rng(0).poisson(seen + 10).astype(np.float32)
    source = Pairs([low], [high], over_pixels(psf, (1, 2, 2)), background=10.0, finer=(1, 2, 2))
    example = source.make(0, (1, 32, 32))
    np.testing.assert_allclose(example.target.mean(), (example.image - example.background).mean(), rtol=0.05)
    assert learned(tmp_path, source, **FINE)[-1].stage == "done"
    with pytest.raises(ValueError, match=r"set train.lateral=2$"):
        Pairs([low], [high], psf)
    with pytest.raises(ValueError, match="crop or scale one of them"):
        Pairs([low], [high[:, 1:]], psf)
    with pytest.raises(
        ValueError, match="the training asks for 1 × 1 × 1 voxels a pixel and its examples have 1 × 2 × 2"
    ):
        learned(tmp_path / "other", source)


def test_an_image_alone_does_not_teach_a_finer_grid() -> None:
    image = nd.Image(np.ones((1, 32, 32), np.float32), voxel=(0.2, 0.1, 0.1))
    with pytest.raises(ValueError, match="does not tell what a finer grid than its own looks like"):
        own_image(image, nd.Recipe(), Training(lateral=2))
