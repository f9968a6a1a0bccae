"""Coarse to fine: what the coarse grid is told is true of the fine one, and it gets there with a fraction of the work."""

from __future__ import annotations

from dataclasses import replace
from itertools import count
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import Array, blobs, blurred, gaussian_psf, photographed

from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.coarser import halve_problem, halve_psf, halved_axes
from napari_deconv.methods.richardson_lucy import RichardsonLucy
from napari_deconv.methods.spectrum import HalfSpectrum

WIDE = gaussian_psf((5, 13, 13), sigma=1.9)


def posed(image: Array, psf: Array, background: float = 0.0, place: tuple[int, int, int] = (0, 0, 0)) -> Problem:
    z, y, x = image.shape
    blur = Blur(psf, (z, y, x), dtype=torch.float64)
    light = image - background
    return Problem(
        torch.from_numpy(image.astype(np.float64)),
        background,
        blur,
        float(light.max()),
        float(light.mean()),
        place=place,
    )


def averaged(pixels: Array) -> Array:
    z, y, x = pixels.shape
    found: Array = pixels.reshape(z, y // 2, 2, x // 2, 2).mean(axis=(2, 4))
    return found


@pytest.mark.parametrize("place", [(0, 0, 0), (3, 5, 4)], ids=["even", "odd"])
@pytest.mark.parametrize("size", [(5, 13, 13), (4, 12, 10)], ids=["odd-psf", "even-psf"])
def test_the_coarse_blur_is_the_fine_one_seen_through_wide_pixels(
    place: tuple[int, int, int], size: tuple[int, int, int]
) -> None:
    psf = np.random.default_rng(1).random(size)
    psf /= psf.sum()
    fine = posed(np.ones((6, 25, 30)), psf, place=place)
    coarse, spread = halve_problem(fine, (1, 2))
    z, y, x = coarse.blur.frame
    thing = coarse.blur.new_object()
    thing[z, y, x] = torch.from_numpy(np.random.default_rng(2).random(coarse.image.shape))
    thing[:, : y.start + 1] = thing[:, y.stop - 2 :] = 0
    thing[:, :, : x.start + 1] = thing[:, :, x.stop - 2 :] = 0
    wide = spread(thing)
    assert float(wide.sum()) == pytest.approx(4 * float(thing.sum()))
    seen = fine.blur.forward(wide).numpy()[:, place[1] % 2 :, place[2] % 2 :]
    rows, columns = coarse.image.shape[1:]
    np.testing.assert_allclose(
        averaged(seen[:, : 2 * rows, : 2 * columns]), coarse.blur.forward(thing).numpy(), atol=1e-12
    )


def test_a_halved_psf_keeps_its_light_and_its_place() -> None:
    psf = gaussian_psf((5, 13, 12), sigma=1.5)
    halved = halve_psf(halve_psf(psf, 1), 2)
    assert halved.sum() == pytest.approx(psf.sum())
    for axis in (1, 2):
        fine = np.moveaxis(psf, axis, 0).sum(axis=(1, 2)) @ (np.arange(psf.shape[axis]) - psf.shape[axis] // 2)
        coarse = np.moveaxis(halved, axis, 0).sum(axis=(1, 2)) @ (
            np.arange(halved.shape[axis]) - halved.shape[axis] // 2
        )
        assert 2 * coarse == pytest.approx(fine, abs=1e-9)


def test_only_planes_of_stacks_under_a_wide_psf_are_halved() -> None:
    shape = (8, 40, 40)
    assert halved_axes(WIDE, shape) == (1, 2)
    assert halved_axes(gaussian_psf((5, 7, 7), sigma=0.5), shape) == ()
    assert halved_axes(gaussian_psf((1, 13, 13), sigma=1.9), (1, 40, 40)) == ()
    assert halved_axes(WIDE, (8, 40, 12)) == (1,)
    assert halved_axes(WIDE, shape, (1, 2, 2)) == ()


def test_pixels_that_are_left_out_or_saturated_make_their_pair_so() -> None:
    fine = posed(np.ones((4, 20, 20)), WIDE)
    mask, noise = torch.ones(4, 20, 20, dtype=torch.float64), torch.zeros(4, 20, 20, dtype=torch.float64)
    mask[1, 5, 6] = 0
    noise[2, 8:10, 8:10] = 2.0
    coarse, _ = halve_problem(replace(fine, blur=fine.blur.masked(mask), at_least=noise), (1, 2))
    assert coarse.blur.mask is not None
    assert coarse.at_least is not None
    assert coarse.blur.mask.sum() == coarse.blur.mask.numel() - 1
    assert coarse.blur.mask[1, 2, 3] == 0
    assert coarse.at_least[2, 4, 4] == pytest.approx(1.0)
    assert int((coarse.at_least > 0).sum()) == 1


@pytest.fixture
def transformed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The voxels of every spectrum that is carried from one side to the other: a whole transform and back, each."""
    told: list[int] = []
    carry = HalfSpectrum.carry

    def counted(self: HalfSpectrum, *words: Any, **named: Any) -> None:
        told.append(self.planes * self.rows * self.width)
        carry(self, *words, **named)

    monkeypatch.setattr(HalfSpectrum, "carry", counted)
    return told


def test_it_is_as_good_as_plain_at_its_best_with_a_fifth_of_the_work(transformed: list[int]) -> None:
    truth = 3 * blobs((6, 48, 48), (1, 6, 6), count=60)
    problem = posed(photographed(truth, WIDE, 5.0), WIDE, 5.0)

    def error(thing: torch.Tensor) -> float:
        inside = problem.blur.crop(thing).numpy()
        margin = [(size - own) // 2 for size, own in zip(truth.shape, inside.shape, strict=True)]
        cut = truth[tuple(slice(m, m + n) for m, n in zip(margin, inside.shape, strict=True))]
        return float(np.sqrt(np.mean((inside - cut) ** 2)))

    plain = [error(each.object) for each in RichardsonLucy(iterations=150, acceleration="none").iterate(problem)]
    aim = 1.01 * min(plain)
    needed = int(np.argmax(np.array(plain) <= aim)) + 1
    assert 20 < needed < 149
    work = 2 * needed * int(np.prod(problem.blur.object_shape))
    for steps in count(6, 3):
        transformed.clear()
        *_, estimate = RichardsonLucy(iterations=steps, acceleration="coarse-to-fine").iterate(problem)
        if error(estimate.object) <= aim:
            break
        assert sum(transformed) < work
    assert sum(transformed) <= work / 5


def test_what_it_shows_on_the_way_is_the_object_on_the_fine_grid() -> None:
    problem = posed(photographed(blobs((4, 30, 30), (1, 4, 4)), WIDE, 5.0), WIDE, 5.0)
    shown = [
        each.object.clone() for each in RichardsonLucy(iterations=6, acceleration="coarse-to-fine").iterate(problem)
    ]
    seen = [float((problem.blur.forward(each) + 5.0 - problem.image).square().mean()) for each in shown]
    assert all(each.shape == problem.blur.object_shape for each in shown)
    assert np.all(np.diff(seen) < 0)


@pytest.mark.parametrize("begin", [6, 7], ids=["even", "odd"])
def test_a_part_is_restored_as_the_whole_wherever_it_begins(begin: int) -> None:
    image = photographed(blobs((4, 100, 40), (2, 6, 6), count=60), WIDE, 5.0)
    method = RichardsonLucy(iterations=9, acceleration="coarse-to-fine")
    whole, part = posed(image, WIDE, 5.0), posed(image[:, begin:], WIDE, 5.0, (0, begin, 0))
    part = replace(part, scale=whole.scale, level=whole.level)
    found = []
    for problem in (whole, part):
        *_, estimate = method.iterate(problem)
        found.append(problem.blur.crop(estimate.object).numpy())
    np.testing.assert_allclose(found[1][:, 40:], found[0][:, begin + 40 :], atol=1e-3 * found[0].max())


def test_no_light_is_lost_for_the_longer_steps() -> None:
    image = blurred(blobs((4, 36, 36), (2, 6, 6)), WIDE)
    problem = posed(image, WIDE)
    *_, estimate = RichardsonLucy(iterations=9, acceleration="coarse-to-fine").iterate(problem)
    assert float((estimate.object * problem.blur.sensitivity).sum()) == pytest.approx(float(image.sum()), rel=1e-3)


def test_the_forecast_counts_what_is_done_on_the_coarse_grid_for_less() -> None:
    method = RichardsonLucy(iterations=30, acceleration="coarse-to-fine")
    assert method.whole_steps(30, WIDE, (8, 64, 64)) == pytest.approx(16)
    assert method.whole_steps(30, gaussian_psf((1, 13, 13), sigma=1.9), (1, 64, 64)) == 30
    assert method.evenly().whole_steps(30, WIDE, (8, 64, 64)) == 30
