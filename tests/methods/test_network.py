"""The method Network: with the weights that come with the package, and with one's own."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.learned import weights
from napari_deconv.learned.examples import posed
from napari_deconv.learned.weights import bundled_file, load_weights
from napari_deconv.methods import applied, network
from napari_deconv.methods.features import gather_features

WIDE = gaussian_psf((1, 13, 13), sigma=1.8)
SURE = {"kind": "network", "fallback": "never"}


def dense(shape: tuple[int, int, int] = (1, 96, 96), photons: float = 100.0, seed: int = 3) -> tuple[Array, Array]:
    """Return a noisy image of crowded things of this many photons, over two counts, and its truth."""
    thing = blobs(shape, margin=(0, 2, 2), count=shape[1] * shape[2] // 60, seed=seed)
    thing = thing * photons / blurred(thing, WIDE).max()
    return photographed(thing, WIDE, 2.0), thing


def restored(image: Array, psf: Array, folder: Path, method: Any, **more: Any) -> nd.Image:
    recipe = {"psf": saved_psf(folder, psf), "method": method, **more}
    return nd.restored(nd.Image(image, voxel=(0.2, 0.08, 0.08)), recipe, device="cpu")


@pytest.mark.parametrize("dims", [2, 3])
def test_the_weights_that_come_with_the_package_are_small_and_say_how_they_came_about(dims: int) -> None:
    card = load_weights("bundled", dims).card
    assert card.architecture.dims == dims
    assert card.figures["PSNR, network"] > card.figures["PSNR, automatic RL"] > card.figures["PSNR, input"]
    assert card.data
    assert card.command.startswith("napari-deconv train")
    assert card.steps > 100
    assert card.licence
    assert set(card.ranges) == {"psf_width", "bright_noise", "dark_noise"}
    assert sum(file.stat().st_size for file in bundled_file(2).parent.iterdir()) < 10e6


def test_without_weights_for_stacks_richardson_lucy_restores_them_or_it_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(weights.BUNDLED, 3, "none.safetensors")
    thing = blobs((6, 24, 24), margin=(1, 4, 4))
    psf = gaussian_psf((3, 7, 7))
    image = photographed(thing, psf, 20.0)
    told = restored(image, psf, tmp_path, "network").history[-1]["choices"][0]
    assert told["why"].startswith(
        "the weights that come with the package are for flat images: Richardson-Lucy restores"
    )
    with pytest.raises(FileNotFoundError, match="no weights for stacks come with the package yet"):
        restored(image, psf, tmp_path, SURE)


def test_stacks_have_weights_of_their_own(tmp_path: Path) -> None:
    """Held-back photons have judged; the network itself is nearer the truth than the image, seen in one view or in two."""
    deep = gaussian_psf((7, 11, 11), sigma=1.7)
    thing = blobs((12, 40, 40), margin=(0, 2, 2), count=300, seed=4)
    thing = thing * 200 / blurred(thing, deep).max()
    image = photographed(thing, deep, 2.0)
    why = restored(image, deep, tmp_path, "network").history[-1]["choices"][0]["why"]
    assert "held-back photons are missed by" in why
    once = restored(image, deep, tmp_path, SURE).numpy()
    assert nrmse(once, thing) < 0.9 * nrmse(image, thing)
    twice = restored(image, deep, tmp_path, {**SURE, "views": 2}).numpy()
    assert not np.array_equal(once, twice)
    assert nrmse(twice, once) < 0.1


@pytest.mark.parametrize("photons", [10.0, 100.0])
def test_held_back_photons_decide_who_restores_and_it_is_hardly_ever_worse(photons: float, tmp_path: Path) -> None:
    image, truth = dense(photons=photons)
    ours = restored(image, WIDE, tmp_path, "network")
    theirs = restored(image, WIDE, tmp_path, "richardson-lucy")
    why = ours.history[-1]["choices"][0]["why"]
    assert "held-back photons are missed by" in why
    assert nrmse(ours.numpy(), truth) < 1.03 * nrmse(theirs.numpy(), truth)


def test_the_network_is_left_only_where_it_predicts_worse_than_chance_makes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image, _ = dense((1, 48, 48))
    told = {}
    theirs = np.array([0.2, 0.1, 0.2, 0.1])
    for name, ours in (("network", [0.1, 0.3, 0.2, 0.1]), ("iterations", [0.3, 0.21, 0.3, 0.2])):
        scores = iter([np.array(ours), theirs])
        monkeypatch.setattr(network, "_missed", lambda method, splits, scores=scores: next(scores))
        told[name] = restored(image, WIDE, tmp_path, "network")
        assert told[name].history[-1]["choices"][0]["name"] == name
    assert np.array_equal(told["network"].numpy(), restored(image, WIDE, tmp_path, SURE).numpy())
    assert not np.array_equal(told["network"].numpy(), told["iterations"].numpy())


@pytest.mark.parametrize("level", [3.0, 10, 30, 100, 300, 1e3, 3e3, 1e4, 3e4, 1e5])
def test_an_even_field_stays_even_through_the_weights(level: float, tmp_path: Path) -> None:
    image = np.full((1, 72, 72), level, np.float32)
    image[0, 0, 0] *= 1.0001
    result = restored(image, WIDE, tmp_path, SURE, background=0.1 * level).numpy()[0, 16:-16, 16:-16]
    assert result.std() < 1e-3 * result.mean()
    assert result.mean() == pytest.approx(0.9 * level, rel=0.01)


@pytest.mark.parametrize("photons", [100.0, 1000.0])
def test_light_is_kept_to_a_hundredth_and_the_residual_is_noise(photons: float, tmp_path: Path) -> None:
    image, _ = dense(photons=photons)
    result = restored(image, WIDE, tmp_path, SURE, background=2.0).numpy()
    inside = (slice(None), slice(8, -8), slice(8, -8))
    expected = blurred(result, WIDE)[inside] + 2.0
    assert expected.sum() == pytest.approx(image[inside].sum(dtype=float), rel=0.01)
    assert 0.85 < float(np.mean((image[inside] - expected) ** 2 / expected)) < 1.1


def test_counts_times_three_give_three_times_the_result(tmp_path: Path) -> None:
    image, _ = dense((1, 72, 72), photons=100.0)
    once, thrice = (restored(k * image, WIDE, tmp_path, SURE, background=2.0 * k).numpy() for k in (1, 3))
    np.testing.assert_allclose(thrice / 3, once, atol=2e-3 * float(once.max()))


def test_cut_into_pieces_the_networks_answer_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    image, _ = dense((1, 200, 232))
    problem = posed(image, WIDE, (1.0, 1.0, 1.0), 2.0)
    run = gather_features(problem)
    while True:
        try:
            next(run)
        except StopIteration as finished:
            values = finished.value.values[None, :, 0]
            break
    member = load_weights("bundled", 2).members[0]
    with torch.no_grad():
        whole = applied.propose(member, values, (3, 5)).estimate
        monkeypatch.setitem(applied.MOST, 2, 60 * 60)
        cut = applied.propose(member, values, (3, 5)).estimate
    assert float((whole - cut).abs().max()) < 1e-6 * float(whole.max())


@pytest.mark.parametrize("axis", [-1, -2])
def test_all_views_together_do_not_know_how_the_image_lies(axis: int) -> None:
    import torch

    member = load_weights("bundled", 2).members[0]
    values = torch.rand(1, 17, 40, 48, generator=torch.Generator().manual_seed(3))[:, : member.estimates + 5]
    with torch.no_grad():
        for views, alike in ((1, False), (8, True)):
            lying = applied.propose(member, values, (0, 0), look=applied.Look(views)).estimate
            mirrored = applied.propose(member, values.flip(axis), (0, 0), look=applied.Look(views)).estimate.flip(axis)
            assert (float((mirrored - lying).abs().max()) < 1e-5 * float(lying.abs().max())) == alike
        turned = applied.propose(member, values.transpose(-1, -2), (0, 0), look=applied.Look(8)).estimate.transpose(
            -1, -2
        )
        assert torch.allclose(turned, lying, rtol=1e-4, atol=1e-5)


def test_numbers_of_16_bits_change_little_and_are_taken_where_the_processor_has_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    image, _ = dense((1, 72, 72), photons=100.0)
    full, short = ({**SURE, "views": 1, "precision": each} for each in ("float32", "bfloat16"))
    exact = restored(image, WIDE, tmp_path, full).numpy()
    monkeypatch.setattr("napari_deconv.learned.weights.has_fast_bfloat16", lambda: True)
    near = restored(image, WIDE, tmp_path, short).numpy()
    missed = np.abs(near - exact) / exact.max()
    assert 0 < float(np.sqrt(np.mean(missed**2))) < 3e-3
    assert float(missed.max()) < 0.03
    monkeypatch.setattr("napari_deconv.learned.weights.has_fast_bfloat16", lambda: False)
    np.testing.assert_array_equal(restored(image, WIDE, tmp_path, short).numpy(), exact)


def test_outside_what_it_was_trained_on_it_falls_back_and_says_so(tmp_path: Path) -> None:
    wide = gaussian_psf((1, 61, 61), sigma=14.0)
    thing = blobs((1, 64, 64), margin=(0, 4, 4), count=20)
    image = photographed(thing, wide, 20.0)
    told = restored(image, wide, tmp_path, "network")
    choice = told.history[-1]["choices"][0]
    assert "pixels wide, outside the" in choice["why"]
    assert "Richardson-Lucy restores the image instead" in choice["why"]
    theirs = restored(image, wide, tmp_path, "richardson-lucy")
    np.testing.assert_array_equal(told.numpy(), theirs.numpy())
    sure = restored(image, wide, tmp_path, SURE)
    assert not np.array_equal(sure.numpy(), theirs.numpy())


def test_own_weights_are_taken_and_wrong_ones_refused(tmp_path: Path) -> None:
    image, _ = dense((1, 48, 48))
    file = bundled_file(2)
    same = restored(image, WIDE, tmp_path, {**SURE, "weights": str(file)})
    np.testing.assert_array_equal(same.numpy(), restored(image, WIDE, tmp_path, SURE).numpy())
    with pytest.raises(FileNotFoundError, match="there are no weights"):
        restored(image, WIDE, tmp_path, {**SURE, "weights": "none.safetensors"})


def test_a_wrong_psf_costs_the_network_little(tmp_path: Path) -> None:
    image, truth = dense(photons=100.0)
    wrong = gaussian_psf((1, 13, 13), sigma=2.0)
    right, worse = (nrmse(restored(image, psf, tmp_path, SURE).numpy(), truth) for psf in (WIDE, wrong))
    assert worse < 1.2 * right


def test_tiles_for_want_of_memory_give_what_the_whole_gives(tmp_path: Path) -> None:
    image, _ = dense((1, 150, 170))
    recipe = {"psf": saved_psf(tmp_path, WIDE), "method": SURE, "background": 2.0}
    whole = nd.restored(nd.Image(image), recipe, device="cpu")
    tiled = nd.restored(nd.Image(image), recipe, device="cpu", memory=int(4 * network.Network.volumes * 110 * 110))
    assert whole.history[-1]["tiles"] == 1
    assert tiled.history[-1]["tiles"] >= 4
    assert nrmse(tiled.numpy(), whole.numpy()) < 0.02


def shown(image: Array, folder: Path, shows: str, **more: Any) -> nd.Image:
    return restored(image, WIDE, folder, {**SURE, "shows": shows, **more}, background=2.0)


def test_the_difference_is_the_networks_result_less_that_of_richardson_lucy(tmp_path: Path) -> None:
    image, _ = dense((1, 48, 48))
    ours = restored(image, WIDE, tmp_path, SURE, background=2.0).numpy()
    theirs = restored(image, WIDE, tmp_path, {"kind": "richardson-lucy", "iterations": 9}, background=2.0).numpy()
    made = shown(image, tmp_path, "difference", compared=9)
    np.testing.assert_allclose(made.numpy(), ours - theirs, atol=1e-4 * ours.max())
    assert made.numpy().min() < 0 < made.numpy().max()
    assert made.history[-1]["method"] == "Network, difference"
    chosen = shown(image, tmp_path, "difference").history[-1]["choices"][0]
    assert chosen["why"].startswith("compared with Richardson-Lucy; ")
    automatic = restored(image, WIDE, tmp_path, "richardson-lucy", background=2.0).history[-1]["choices"][0]
    assert chosen["value"] == automatic["value"]


def test_the_uncertainty_tells_how_far_results_of_other_draws_of_the_noise_lie_apart(tmp_path: Path) -> None:
    thing = blobs((1, 48, 48), margin=(0, 2, 2), count=38, seed=5)
    thing = thing * 100 / blurred(thing, WIDE).max()
    draws = [photographed(thing, WIDE, 2.0, seed=seed) for seed in range(8)]
    results = np.stack([restored(draw, WIDE, tmp_path, SURE, background=2.0).numpy() for draw in draws])
    told = shown(draws[0], tmp_path, "uncertainty").numpy()
    apart = results.std(axis=0, ddof=1)
    assert told.min() >= 0
    assert 0.5 < float(told.mean() / apart.mean()) < 2
    assert np.corrcoef(told.ravel(), apart.ravel())[0, 1] > 0.5


def test_the_trust_is_a_share(tmp_path: Path) -> None:
    made = shown(dense((1, 48, 48))[0], tmp_path, "trust").numpy()
    assert 0 <= made.min() < made.max() <= 1
