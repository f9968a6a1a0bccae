"""Networks: no checkerboards, sizes kept, never below zero, even where the inputs are even, and the physics is the engine's."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import blobs, gaussian_psf, photographed

from napari_deconv.learned.blocks import Up
from napari_deconv.learned.examples import posed
from napari_deconv.learned.networks import Architecture, make_body, put_back
from napari_deconv.learned.pieces import plan_pieces
from napari_deconv.learned.restorer import Restorer, finish
from napari_deconv.learned.training import Layout
from napari_deconv.methods.applied import physics_of, propose
from napari_deconv.methods.features import ESTIMATES, gather_features
from napari_deconv.methods.richardson_lucy import Climb

KINDS: tuple[Layout, ...] = ("u-net", "deconvnet", "autoencoder", "recurrent")
PSF = gaussian_psf((1, 7, 7), lean=0.3)


def shaken(network: torch.nn.Module) -> Any:
    """Return a network whose every weight is random, as after some odd training."""
    with torch.no_grad():
        for values in network.parameters():
            values.copy_(0.3 * torch.randn(values.shape, generator=torch.Generator().manual_seed(values.numel())))
    return network.eval()


@pytest.mark.parametrize("stride", [(2, 2), (1, 2, 2), (2, 2, 2)])
def test_a_transposed_convolution_keeps_an_even_field_even_whatever_its_weights(stride: tuple[int, ...]) -> None:
    up, even = shaken(Up(3, 2, stride)), torch.ones(1, 3, *(12,) * len(stride))
    plain = torch.nn.functional.conv_transpose2d if len(stride) == 2 else torch.nn.functional.conv_transpose3d
    with torch.no_grad():
        made, bare = up(even), plain(even, up.weight, stride=stride, padding=1)
    assert made.shape[2:] == tuple(12 * step for step in stride)
    inside = (slice(None), slice(None), *(slice(4, -4),) * len(stride))
    axes = tuple(range(2, made.ndim))
    assert float(made[inside].std(dim=axes).max()) < 1e-5 * float(made[inside].abs().max())
    assert float(bare[inside].std(dim=axes).max()) > 1e-2, "without the balance there is a checkerboard to prevent"


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dims", [2, 3])
def test_a_network_keeps_the_grid(kind: Any, dims: Any) -> None:
    shape = (4, 16, 24)[3 - dims :]
    body = shaken(make_body(Architecture(kind=kind, dims=dims, width=4, fine=4), 5, 3))
    with torch.no_grad():
        made = body(torch.rand(2, 5, *shape))
    assert made.shape == (2, 3, *shape)
    assert float(made.std()) > 0


@pytest.mark.parametrize("stride", [(2, 2), (1, 2, 2), (2, 2, 2)])
def test_what_comes_up_is_put_back_where_the_maxima_were_taken_from(stride: tuple[int, ...]) -> None:
    flat = len(stride) == 2
    pool = torch.nn.functional.max_pool2d if flat else torch.nn.functional.max_pool3d
    unpool = torch.nn.functional.max_unpool2d if flat else torch.nn.functional.max_unpool3d
    values = torch.randint(0, 3, (2, 3, 4, 6, 8)[: len(stride) + 2]).float()
    most, places = pool(values, stride, stride, return_indices=True)
    other = torch.rand(most.shape)
    assert torch.equal(put_back(other, places, stride), unpool(other, places, stride, stride))


@pytest.mark.parametrize("level", np.linspace(0.1, 1, 10))
def test_where_all_estimates_agree_nothing_is_added_whatever_the_weights(level: float) -> None:
    network = shaken(Restorer(Architecture(width=8, fine=8), len(ESTIMATES)))
    features = torch.full((1, len(ESTIMATES) + 5, 48, 48), float(level))
    features[:, -4:] = 0
    with torch.no_grad():
        made = network(features).estimate
    assert float(made.std()) < 1e-6 * level
    assert float(made.mean()) == pytest.approx(level, rel=1e-5)


def problem_and_features(
    shape: tuple[int, int, int] = (1, 40, 44), psf: Any = PSF, background: float = 20.0, count: int = 6
) -> Any:
    thing = blobs(shape, margin=(0, 7, 7), count=count)
    problem = posed(photographed(thing, psf, background), psf, (1.0, 1.0, 1.0), background)
    gathering = gather_features(problem)
    while True:
        try:
            next(gathering)
        except StopIteration as finished:
            return problem, finished.value


@pytest.mark.parametrize("shape", [(1, 40, 44), (6, 24, 20)], ids=["2d", "3d"])
def test_the_last_step_is_the_engines_own(shape: tuple[int, int, int]) -> None:
    psf = PSF if shape[0] == 1 else gaussian_psf((3, 5, 5), lean=0.3)
    problem, features = problem_and_features(shape, psf)
    physics = physics_of(problem, features.anchor)
    inside = problem.blur.crop(features.anchor)
    framed = (inside[0] if shape[0] == 1 else inside)[None, None].clone()
    ours = physics.consistent(framed)[0, 0].reshape(shape) * problem.scale
    point = features.anchor * problem.scale
    theirs = problem.blur.crop(Climb(problem).step(lambda part: point[part].clone(), out=torch.empty_like(point)))
    np.testing.assert_allclose(ours.numpy(), theirs.numpy(), atol=1e-4 * float(theirs.max()))


def test_a_result_is_never_negative_and_keeps_the_light() -> None:
    problem, features = problem_and_features(background=0.0)
    network = shaken(Restorer(Architecture(width=8, fine=8), len(ESTIMATES)))
    physics = physics_of(problem, features.anchor)
    with torch.no_grad():
        proposal = propose(network, features.values[None, :, 0], (0, 0))
        whole = physics.consistent(proposal.estimate)
        result = finish(proposal, physics)
    assert float(result.min()) >= 0
    light = float((problem.image - problem.background).sum()) / problem.scale
    assert float(whole.sum()) == pytest.approx(light, rel=0.02)


@pytest.mark.parametrize("shape", [(1, 40, 44), (6, 24, 20)], ids=["2d", "3d"])
def test_light_that_was_added_or_lost_is_made_that_of_the_image_again(shape: tuple[int, int, int]) -> None:
    psf = PSF if shape[0] == 1 else gaussian_psf((3, 5, 5), lean=0.3)
    problem, features = problem_and_features(shape, psf, count=120)
    physics = physics_of(problem, features.anchor)
    estimate = features.values[None, 1 + ESTIMATES.index("rl-25")].reshape(1, 1, *physics.image.shape[2:])
    light = float((physics.image - physics.background).sum())

    def share(of: Any) -> float:
        return float(physics.seen(of).sum()) / light

    for wrong in (1.15 * estimate, 0.9 * estimate):
        assert abs(share(wrong) - 1) > 0.06
        assert share(physics.relit(wrong)) == pytest.approx(1, abs=0.01)
    lost = torch.ones_like(physics.image)
    lost[..., ::2] = 0
    spoilt = replace(physics, mask=lost, image=torch.where(lost > 0, physics.image, 5 * physics.image.max()))
    assert share(spoilt.relit(estimate)) == pytest.approx(share(estimate), abs=0.03)


def test_features_are_the_same_for_any_unit_of_counts() -> None:
    thing = photographed(blobs((1, 40, 44), margin=(0, 7, 7)), PSF, 20.0)

    def values_of(factor: float) -> Any:
        run = gather_features(posed(thing * np.float32(factor), PSF, (1.0, 1.0, 1.0), 20.0 * factor))
        while True:
            try:
                next(run)
            except StopIteration as finished:
                return finished.value.values

    plain = values_of(1.0)
    assert plain.shape == (len(ESTIMATES) + 5, 1, 40, 44)
    np.testing.assert_array_equal(values_of(1024.0).numpy(), plain.numpy())
    thrice = values_of(3.0)
    np.testing.assert_array_equal(thrice[:-3].numpy(), plain[:-3].numpy())
    np.testing.assert_allclose(thrice[-3:].numpy(), plain[-3:].numpy(), atol=5e-3)


def test_pieces_cover_a_block_once_and_begin_where_the_coarse_grid_does() -> None:
    size, place, stride, halo = (50, 61), (3, 5), (8, 8), (10, 10)
    covered = np.zeros(size, dtype=int)
    pieces = list(plan_pieces(size, place, stride, halo, most=700))
    assert len(pieces) > 3
    for piece in pieces:
        covered[piece.core] += 1
        for axis in range(2):
            outer, core, inner = piece.outer[axis], piece.core[axis], piece.inner[axis]
            before, after = piece.pads[2 * (1 - axis)], piece.pads[2 * (1 - axis) + 1]
            assert (place[axis] + outer.start - before) % stride[axis] == 0
            assert (before + outer.stop - outer.start + after) % stride[axis] == 0
            assert inner.start - before + outer.start == core.start
            assert outer.start <= max(0, core.start - halo[axis])
            assert outer.stop >= min(size[axis], core.stop + halo[axis])
    assert (covered == 1).all()
