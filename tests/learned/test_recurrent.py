"""Recurrent networks: a state goes from one time point to the next, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, nrmse, photographed, saved_psf

import napari_deconv as nd
from napari_deconv.learned import lapses
from napari_deconv.learned.batches import Batch
from napari_deconv.learned.examples import Example, Store, time_points
from napari_deconv.learned.networks import Architecture
from napari_deconv.learned.packages.exporting import export_model
from napari_deconv.learned.restorer import Restorer, finish
from napari_deconv.learned.sources import OwnImage, Pairs, Simulation
from napari_deconv.learned.starting import own_image, paired
from napari_deconv.learned.train import train
from napari_deconv.learned.training import Training
from napari_deconv.learned.weights import Card, Weights, load_weights, save_weights
from napari_deconv.methods import applied
from napari_deconv.methods.features import ESTIMATES
from napari_deconv.methods.network import Network

PSF = gaussian_psf((1, 7, 7))
FRAMES = 3
SMALL: dict[str, Any] = {
    "network": "recurrent", "frames": FRAMES, "start": "new", "images": 8, "steps": 3, "batch": 2, "patch": 32, "width": 4, "fine": 4,
    "judgements": 2, "precision": "float32",
}  # fmt: skip


def write_network(folder: Path, dims: int = 2, members: int = 1) -> Path:
    """Write small recurrent networks whose weights are random, as after some odd training."""
    torch.manual_seed(4)
    shape = Architecture(kind="recurrent", dims=2 if dims == 2 else 3, width=8, fine=4, levels=2)
    made = [Restorer(shape, len(ESTIMATES)) for _ in range(members)]
    for member in made:
        assert member.recall is not None
        for layer in (member.body.head.last, member.recall.last):  # type: ignore[union-attr]
            for values in layer.parameters():
                torch.nn.init.normal_(values, std=0.2)
    card = Card(
        architecture=shape, members=members, estimates=ESTIMATES,
        training=Training(network="recurrent", frames=FRAMES),
    )  # fmt: skip
    file = folder / "recurrent.safetensors"
    save_weights(file, Weights(card, made))
    return file


def lapse(shape: tuple[int, int, int] = (1, 40, 44), frames: int = 4) -> Array:
    """Return a time-lapse (T, Z, Y, X) of things that stay where they are, each frame with noise of its own."""
    thing = 0.1 * blobs(shape, margin=(0, 4, 4), count=20)
    return np.stack([photographed(thing, PSF, 10.0, seed=seed) for seed in range(frames)])


def restored(
    counts: Any, folder: Path, region: nd.Region | None = None, memory: Any = "auto", **method: Any
) -> nd.Image:
    image = counts if isinstance(counts, nd.Image) else nd.Image(counts, "TZYX")
    method = {"kind": "network", "fallback": "never", **method}
    recipe = {"psf": saved_psf(folder, PSF), "method": method, "background": 10.0}
    return nd.restored(image, recipe, device="cpu", region=region, memory=memory)


def test_what_was_seen_before_changes_a_time_point_and_nothing_that_comes_later_does(tmp_path: Path) -> None:
    weights, counts = str(write_network(tmp_path)), lapse()
    whole = restored(counts, tmp_path, weights=weights).numpy()
    other = counts.copy()
    other[1] = counts[3]
    changed = restored(other, tmp_path, weights=weights).numpy()
    np.testing.assert_array_equal(changed[0], whole[0])
    for time in (1, 2, 3):
        assert np.abs(changed[time] - whole[time]).max() > 1e-3 * whole.max()
    np.testing.assert_array_equal(restored(counts, tmp_path, weights=weights).numpy(), whole)


def test_the_first_time_point_and_one_alone_begin_with_nothing(tmp_path: Path) -> None:
    weights, counts = str(write_network(tmp_path)), lapse(frames=2)
    whole = restored(counts, tmp_path, weights=weights).numpy()
    alone = [restored(each[None], tmp_path, weights=weights).numpy()[0] for each in counts]
    np.testing.assert_array_equal(alone[0], whole[0])
    assert np.abs(alone[1] - whole[1]).max() > 1e-3 * whole.max()


def test_with_nothing_kept_it_is_the_u_net_that_it_stands_on() -> None:
    torch.manual_seed(0)
    plain = Restorer(Architecture(width=8, fine=4), 11, likely=range(11))
    torch.nn.init.normal_(plain.body.head.last.weight, std=0.2)  # type: ignore[union-attr]
    own = Restorer(Architecture(kind="recurrent", width=8, fine=4), 11)
    own.load_state_dict({**own.state_dict(), **plain.state_dict()})
    features = torch.rand(1, 16, 32, 32)
    with torch.no_grad():
        alone, empty, wanted = own(features), own(features, state=torch.zeros(1, 2, 32, 32)), plain(features)
        later = own(features, state=torch.cat([2 * alone.estimate, torch.ones(1, 1, 32, 32)], dim=1))
    assert torch.equal(alone.estimate, wanted.estimate)
    assert torch.equal(alone.trust, wanted.trust)
    assert torch.allclose(empty.estimate, wanted.estimate, atol=1e-6)
    assert float((later.estimate - wanted.estimate).abs().max()) > 1e-3
    assert wanted.state is None


def test_where_all_estimates_agree_the_past_adds_nothing() -> None:
    own = Restorer(Architecture(kind="recurrent", width=8, fine=4), 11)
    features = torch.full((1, 16, 32, 32), 0.5)
    features[:, -4:] = 0
    with torch.no_grad():
        made = own(features, state=torch.full((1, 2, 32, 32), 3.0)).estimate
    assert float((made - 0.5).abs().max()) < 1e-5


def test_channels_and_runs_hand_nothing_to_each_other(tmp_path: Path) -> None:
    weights = str(write_network(tmp_path))
    counts = np.stack([lapse(frames=2), 3 * lapse(frames=2)[:, :, ::-1]], axis=1)
    both = restored(nd.Image(counts, "TCZYX"), tmp_path, weights=weights).numpy()
    for channel in range(2):
        alone = restored(np.ascontiguousarray(counts[:, channel]), tmp_path, weights=weights).numpy()
        np.testing.assert_array_equal(both[:, channel], alone)


@pytest.mark.parametrize("shows", ["result", "uncertainty", "trust"])
def test_all_that_it_shows_follows_the_state(shows: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(applied, "SPREAD_DRAWS", 2)
    weights, counts = str(write_network(tmp_path, members=2)), lapse((1, 24, 24), frames=2)
    made = restored(counts, tmp_path, weights=weights, shows=shows).numpy()
    alone = restored(counts[1:], tmp_path, weights=weights, shows=shows).numpy()
    assert np.abs(made[1] - alone[0]).max() > 1e-3 * np.abs(made).max()


def test_tiles_and_pieces_of_a_time_lapse_give_what_the_whole_gives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights, counts = str(write_network(tmp_path)), lapse((1, 110, 130), frames=3)
    whole = restored(counts, tmp_path, weights=weights)
    tiled = restored(counts, tmp_path, weights=weights, memory=int(4 * Network.volumes * 90 * 90))
    assert whole.history[-1]["tiles"] == 3
    assert tiled.history[-1]["tiles"] >= 6
    assert nrmse(tiled.numpy()[2], whole.numpy()[2]) < 0.02
    monkeypatch.setitem(applied.MOST, 2, 60 * 60)
    cut = restored(counts, tmp_path, weights=weights).numpy()
    np.testing.assert_allclose(cut, whole.numpy(), atol=1e-6 * float(cut.max()))


def test_a_part_goes_over_the_few_time_points_before_it_and_no_more(tmp_path: Path) -> None:
    weights, counts = str(write_network(tmp_path)), lapse()
    recipe = {"psf": saved_psf(tmp_path, PSF), "method": {"kind": "network", "fallback": "never", "weights": weights}}
    part = nd.Region({"T": (3, 4)})
    steps = list(nd.restore(nd.Image(counts, "TZYX"), {**recipe, "background": 10.0}, device="cpu", region=part))
    assert {each.stage for each in steps} == {"recalling", "restoring"}
    assert sum(each.stage == "recalling" for each in steps) == 2 * sum(
        each.stage == "restoring" and not each.is_result for each in steps
    )
    wanted = restored(counts[1:], tmp_path, weights=weights).numpy()[2:]
    assert steps[-1].estimate.shape == (1, 1, 40, 44)
    np.testing.assert_allclose(steps[-1].estimate.numpy(), wanted, atol=1e-5 * wanted.max())
    plain = nd.restored(nd.Image(counts, "TZYX"), recipe | {"method": "richardson-lucy"}, device="cpu", region=part)
    assert plain.shape == (1, 1, 40, 44)


def test_stacks_carry_a_state_too(tmp_path: Path) -> None:
    psf = gaussian_psf((3, 5, 5))
    thing = 0.1 * blobs((5, 20, 22), margin=(1, 4, 4))
    counts = np.stack([photographed(thing, psf, 10.0, seed=seed) for seed in range(2)])
    weights = str(write_network(tmp_path, dims=3))
    made = restored(counts, tmp_path, weights=weights).numpy()
    alone = restored(counts[1:], tmp_path, weights=weights).numpy()
    assert np.abs(made[1] - alone[0]).max() > 1e-3 * made.max()


def simulated(frames: int = FRAMES) -> Simulation:
    return Simulation(psf=PSF.astype(np.float32), voxel=(0.2, 0.08, 0.08), photons=(8, 30), frames=frames)


def misfits(folder: Path, frames: int, numbers: range, count: int) -> Array:
    """Return the error (dB) of the last time point of held-back lapses, (2, N): with its state, and by itself."""
    member = load_weights(folder / "weights.safetensors").members[0]
    found, state = [], None
    with torch.no_grad():
        for moment in time_points(Store(folder / "examples", count).take(numbers), frames):
            given = Batch(moment, torch.device("cpu"))
            kept, alone = member(given.features, state=state), member(given.features)
            state = kept.state
            errors = [finish(each, given.physics) - given.target for each in (kept, alone)]
            found = [10 * torch.log10(each.square().mean(dim=(1, 2, 3))) for each in errors]
    return torch.stack(found).numpy()


def test_a_short_training_makes_it_better_than_itself_without_its_state(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lapses, "STILL", 1.0)
    monkeypatch.setattr(lapses, "BLEACHING", 0.0)
    monkeypatch.setattr(lapses, "BLINKING", 0.0)
    asked = {**SMALL, "images": 20, "steps": 30, "width": 8, "rate": 2e-3, "average": 0.9}
    list(train(Training(**asked), simulated(), tmp_path))
    kept, alone = misfits(tmp_path, FRAMES, range(18, 20), 20)
    assert (alone - kept).mean() > 0.5
    weights = str(tmp_path / "weights.safetensors")
    thing = 0.03 * blobs((1, 48, 48), margin=(0, 4, 4), count=60)
    counts = np.stack([photographed(thing, PSF, 10.0, seed=seed) for seed in range(FRAMES)])
    last, single = (restored(each, tmp_path, weights=weights).numpy()[-1] for each in (counts, counts[-1:]))
    assert nrmse(last, thing) < nrmse(single, thing)


def test_it_is_trained_saved_and_loaded_and_gives_the_same_pixels(tmp_path: Path) -> None:
    told = list(train(Training(**SMALL), simulated(), tmp_path / "run"))
    assert told[-1].stage == "done"
    file = tmp_path / "run" / "weights.safetensors"
    card = load_weights(file).card
    assert (card.architecture.kind, card.training.frames) == ("recurrent", FRAMES)
    copy = tmp_path / "copy.safetensors"
    copy.write_bytes(file.read_bytes())
    counts = lapse(frames=2)
    one, other = (restored(counts, tmp_path, weights=str(each)).numpy() for each in (file, copy))
    np.testing.assert_array_equal(one, other)
    paused = train(Training(**SMALL), simulated(), tmp_path / "paused")
    for progress in paused:
        if progress.stage == "learning" and progress.step == 2:
            paused.close()
    list(train(Training(**SMALL), simulated(), tmp_path / "paused", resume=True))
    again = load_weights(tmp_path / "paused" / "weights.safetensors").members[0].state_dict()
    for name, values in load_weights(file).members[0].state_dict().items():
        torch.testing.assert_close(again[name], values, rtol=0, atol=1e-6)


def test_it_goes_on_from_the_weights_of_a_u_net_and_no_other(tmp_path: Path) -> None:
    begun = next(
        each for each in train(Training(**{**SMALL, "start": "bundled"}), simulated(), tmp_path / "own")
        if each.stage == "learning"
    )  # fmt: skip
    assert begun.step == 1
    assert np.isfinite(begun.loss)
    file = str(write_network(tmp_path))
    with pytest.raises(ValueError, match=r"set train\.network=recurrent, or train\.start=new"):
        next_learning(Training(**{**SMALL, "network": "u-net", "start": file}), simulated(1), tmp_path / "plain")
    with pytest.raises(ValueError, match="asks for 3 time points in a row and its examples have 2"):
        next(train(Training(**SMALL), simulated(2), tmp_path / "two"))


def next_learning(training: Training, source: Any, folder: Path) -> None:
    for progress in train(training, source, folder):
        if progress.stage == "learning":
            return


def test_examples_are_cut_from_the_same_place_at_time_points_in_a_row(tmp_path: Path) -> None:
    counts = lapse((1, 40, 44), frames=5) + 1000 * np.arange(5, dtype=np.float32)[:, None, None, None]
    example = OwnImage(counts, PSF, background=0.0, frames=FRAMES).make(1, (1, 32, 32))
    assert example.features.shape == (FRAMES, len(ESTIMATES) + 5, 32, 32)
    assert example.target.shape == (FRAMES, 32, 32)
    pair = Pairs([counts], [counts], PSF, background=0.0, frames=FRAMES).make(1, (1, 32, 32))
    assert pair.target.shape == (FRAMES, 32, 32)
    assert all(np.abs(pair.target[0] - pair.target[time]).max() > 1e-3 for time in (1, 2))
    image = nd.Image(counts, "TZYX", voxel=(0.2, 0.1, 0.1))
    recipe = nd.Recipe.parse({"psf": saved_psf(tmp_path, PSF)})
    assert own_image(image, recipe, Training(**SMALL)).counts.shape == (5, 1, 40, 44)
    assert paired([image], [image], recipe, Training(**SMALL)).make(0, (1, 32, 32)).image.shape == (FRAMES, 32, 32)
    short = nd.Image(counts[:2], "TZYX", voxel=(0.2, 0.1, 0.1))
    with pytest.raises(ValueError, match="learns from 3 time points in a row and the image has 2: give a time-lapse"):
        own_image(short, recipe, Training(**SMALL))


def test_a_simulated_lapse_is_one_scene_with_noise_of_its_own_in_every_frame() -> None:
    example = simulated().make(3, (1, 32, 32))
    single = Simulation(psf=PSF.astype(np.float32), voxel=(0.2, 0.08, 0.08), photons=(8, 30)).make(3, (1, 32, 32))
    assert single.image.shape == (32, 32)
    for time in (1, 2):
        assert np.corrcoef(example.target[0].ravel(), example.target[time].ravel())[0, 1] > 0.3
        noise = [example.image[t] - example.image[t].mean() for t in (0, time)]
        assert not np.array_equal(*noise)


def test_a_scene_moves_and_fades_from_frame_to_frame(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lapses, "STILL", 0.0)
    monkeypatch.setattr(lapses, "BLEACHING", 1.0)
    monkeypatch.setattr(lapses, "BLINKING", 0.0)
    density = blurred(blobs((1, 64, 64), margin=(0, 20, 20), count=12), gaussian_psf((1, 9, 9), sigma=2.0))
    density = density.astype(np.float32)
    moments = list(lapses.lapse_of(density, 4, np.random.default_rng(5)))
    np.testing.assert_array_equal(moments[0], density)
    sums = [float(each.sum()) for each in moments]
    assert sums == sorted(sums, reverse=True)
    assert sums[3] < 0.99 * sums[0]
    assert all(each.min() >= 0 for each in moments)
    apart = [np.abs(each / each.sum() - density / density.sum()).sum() for each in moments]
    assert apart[1] > 0.01
    assert apart[3] > apart[1]


def test_turned_lapses_are_turned_as_one() -> None:
    from napari_deconv.learned.batches import turned

    values = np.random.default_rng(0).random((2, FRAMES, 6, 6))
    names = Example.__dataclass_fields__
    batch = Example(**{name: values[..., 0, 0] if name == "background" else values for name in names})
    made = turned(batch, np.random.default_rng(3), 2)
    np.testing.assert_array_equal(made.background, batch.background)
    assert not np.array_equal(made.image, batch.image)
    for time in range(FRAMES):
        np.testing.assert_array_equal(np.sort(made.image[:, time].ravel()), np.sort(batch.image[:, time].ravel()))


def test_an_export_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="keeps a state from one time point to the next"):
        export_model(write_network(tmp_path), tmp_path / "out.zip")
