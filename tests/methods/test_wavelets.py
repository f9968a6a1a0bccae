"""The wavelets are orthogonal, and FISTA and Tikhonov-Miller reach the minimum that they aim at."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from tests.methods.test_variational import tiny
from tests.scenes import Array

from napari_deconv.methods.differences import slopes
from napari_deconv.methods.fista import Fista
from napari_deconv.methods.tikhonov_miller import TikhonovMiller
from napari_deconv.methods.wavelets import FILTERS, Wavelets

SHAPES = [(1, 32, 40), (16, 24, 33), (3, 17, 100), (1, 1, 1), (1, 5, 70)]


def rough(shape: tuple[int, ...], seed: int = 1) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).normal(size=shape))


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_the_adjoint_is_the_inverse(name: str, shape: tuple[int, int, int]) -> None:
    wavelets = Wavelets(shape, FILTERS[name])
    thing = rough(shape)
    seen = wavelets.analyse(thing)
    others = [rough(tuple(band.shape), seed) for seed, band in enumerate(seen)]
    left = sum(float((one * other).sum()) for one, other in zip(seen, others, strict=True))
    assert left == pytest.approx(float((thing * wavelets.synthesise(others)).sum()), rel=1e-9)
    torch.testing.assert_close(wavelets.synthesise(seen), thing)
    assert sum(float(band.square().sum()) for band in seen) == pytest.approx(float(thing.square().sum()))


@pytest.mark.parametrize("name", FILTERS)
def test_what_is_smooth_has_no_details_and_what_moves_takes_them_along(name: str) -> None:
    wavelets = Wavelets((1, 64, 64), FILTERS[name])
    flat = wavelets.analyse(torch.ones((1, 64, 64), dtype=torch.float64))
    assert max(float(band.abs().max()) for band in flat[:-1]) < 1e-12
    slope = wavelets.analyse(torch.arange(64, dtype=torch.float64).expand(1, 64, 64))
    inside = float(slope[0][0, :, :60].abs().max())
    assert (inside < 1e-12) == (name == "daubechies")
    thing = rough((1, 64, 64))
    moved = wavelets.shrunk(thing.roll((3, 5), (1, 2)), 0.3)
    torch.testing.assert_close(moved, wavelets.shrunk(thing, 0.3).roll((3, 5), (1, 2)))


def test_shrinking_takes_details_and_leaves_what_is_smooth() -> None:
    wavelets = Wavelets((1, 32, 32), FILTERS["haar"])
    thing = 5 + 0.1 * rough((1, 32, 32))
    shrunk = wavelets.shrunk(thing, 1.0)
    assert float(shrunk.std()) < 0.2 * float(thing.std())
    assert float(shrunk.mean()) == pytest.approx(float(thing.mean()))
    torch.testing.assert_close(wavelets.shrunk(thing, 0.0), thing)


def test_without_a_penalty_fista_climbs_to_the_least_squares() -> None:
    """The weight is the smallest there is; the residual's own gradient then vanishes where the object is above zero."""
    problem = tiny()
    *_, estimate = Fista(weight=1e-9, iterations=1500).iterate(problem)
    slope = problem.blur.adjoint(problem.image - problem.background - problem.blur.forward(estimate.object)).numpy()
    free = estimate.object.numpy() > 1e-3 * problem.scale
    assert abs(slope[free]).max() < 2e-3 * problem.scale
    assert slope[~free].max() < 2e-3 * problem.scale


def test_tikhonov_miller_reaches_the_minimum_that_an_oracle_finds() -> None:
    problem, weight = tiny((3, 9, 10)), 0.05
    blur = problem.blur
    differences = slopes(blur.object_shape, problem.voxel)

    def of(values: Array) -> tuple[float, Array]:
        thing = torch.from_numpy(values.reshape(blur.object_shape))
        residual = blur.forward(thing).clone() + problem.background - problem.image
        total, slope = float(residual.square().sum()), 2 * blur.adjoint(residual).clone()
        for each in differences:
            difference = each.of(thing, out=torch.empty_like(thing))
            total += weight * float(difference.square().sum())
            slope += 2 * weight * each.adjoint(difference, out=torch.empty_like(thing))
        return total, slope.numpy().ravel()

    start = np.full(blur.object_shape, problem.level).ravel()
    found = minimize(
        of,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(0.0, None)] * start.size,
        options={"maxiter": 400, "ftol": 1e-13},
    )
    *_, estimate = TikhonovMiller(weight=weight, iterations=300).iterate(problem)
    ours, _ = of(estimate.object.numpy().ravel())
    assert ours == pytest.approx(found.fun, rel=1e-4)
