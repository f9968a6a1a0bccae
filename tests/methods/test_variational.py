"""Total variation and its kin: operators, the minimum that an oracle finds, and a certificate that holds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from tests.scenes import Array, blobs, gaussian_psf, photographed

from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame
from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.differences import Difference, curvatures, slopes
from napari_deconv.methods.easing import Easing
from napari_deconv.methods.splitting import Splitting
from napari_deconv.methods.variational import Hessian, TotalVariation
from napari_deconv.passing import drained

VOXEL = (0.3, 0.1, 0.1)
DIFFERENCES = {
    "slope": Difference((1,), 1.0),
    "coarse-slope": Difference((0,), 0.3),
    "bend": Difference((2, 2), 1.0),
    "mixed": Difference((0, 2), 0.4),
}


def tiny(shape: tuple[int, int, int] = (1, 12, 13), background: float = 3.0, light: float = 0.1) -> Problem:
    """Return a small noisy problem in double precision."""
    psf = gaussian_psf((min(3, shape[0]), 5, 5), 1.1, lean=0.3)
    image = photographed(light * blobs(shape, (0, 2, 2), count=4), psf, background).astype(np.float64)
    light = image - background
    return Problem(
        torch.from_numpy(image),
        background,
        Blur(psf, shape, dtype=torch.float64),
        float(light.max()),
        light.mean(),
        VOXEL,
    )


@pytest.mark.parametrize("difference", DIFFERENCES.values(), ids=DIFFERENCES)
def test_the_adjoint_of_a_difference_is_its_adjoint_and_its_gain_its_spectrum(difference: Difference) -> None:
    random = np.random.default_rng(1)
    one, other = (torch.from_numpy(random.random((5, 6, 7))) for _ in range(2))
    seen = difference.of(one, out=torch.empty_like(one))
    back = difference.adjoint(other, out=torch.empty_like(one))
    assert float((seen * other).sum()) == pytest.approx(float((one * back).sum()), rel=1e-12)
    power = torch.fft.rfftn(seen).abs().square()
    expected = torch.fft.rfftn(one).abs().square() * difference.gain(one.shape, one)
    torch.testing.assert_close(power, expected)


def objective(problem: Problem, differences: list[Difference], weight: float, sparsity: float) -> Any:
    """Return the objective and its gradient as a function of a flat array, written without the engine's rounds."""
    blur, soft = problem.blur, 1e-4

    def of(values: Array) -> tuple[float, Array]:
        thing = torch.from_numpy(values.reshape(blur.object_shape) * problem.scale).requires_grad_()
        spectrum = torch.fft.rfftn(thing, dim=blur.axes) * blur.otf
        sizes = [blur.object_shape[axis] for axis in blur.axes]
        expected = torch.fft.irfftn(spectrum, s=sizes, dim=blur.axes)[blur.frame] + problem.background
        known = (torch.xlogy(problem.image, problem.image) - problem.image).sum()
        misfit = (expected - problem.image * expected.log()).sum() + known
        squares = torch.full_like(thing, (soft * problem.scale) ** 2)
        for each in differences:
            difference = thing
            for number, axis in enumerate(each.axes):
                back = number == 1 and each.axes[0] == each.axes[1]
                difference = difference - difference.roll(1, axis) if back else difference.roll(-1, axis) - difference
            squares = squares + (each.factor * difference).square()
        total = misfit + weight * (squares.sqrt().sum() + sparsity * thing.sum())
        (slope,) = torch.autograd.grad(total, thing)
        return float(total.detach()) / problem.scale, slope.numpy().ravel()

    return of


@pytest.mark.parametrize(
    ("shape", "make", "sparsity"),
    [
        ((1, 9, 10), slopes, 0.0),
        ((3, 6, 7), slopes, 0.0),
        ((1, 9, 10), curvatures, 0.0),
        ((1, 9, 10), curvatures, 0.5),
    ],
    ids=["slopes-2d", "slopes-3d", "curvatures", "curvatures-sparse"],
)
def test_reaches_the_minimum_that_an_oracle_finds_and_proves_it(shape: Any, make: Any, sparsity: float) -> None:
    problem, weight = tiny(shape), 0.03
    differences = make(problem.blur.object_shape, problem.voxel)
    of = objective(problem, differences, weight, sparsity)
    start = np.full(problem.blur.object_shape, problem.level / problem.scale).ravel()
    bounds = [(0.0, None)] * start.size
    found = minimize(
        of, start, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": 600, "maxfun": 700, "ftol": 1e-12}
    )
    solver = Splitting(problem, differences, weight, sparsity)
    gaps = []
    for step in range(1, 601):
        solver.step()
        if step in (40, 200, 600):
            gap = solver.gap()
            gaps.append(gap.share)
            assert gap.bound <= found.fun * (1 + 1e-9), "the bound lies below what anyone can reach"
    ours, _ = of(solver.object.numpy().ravel())
    assert ours == pytest.approx(found.fun, rel=1e-3)
    assert gaps[0] > gaps[1] > gaps[2]
    assert gaps[2] < 2e-3


@pytest.mark.parametrize("kind", [TotalVariation, Hessian])
@pytest.mark.parametrize("adaptation", [0.0, 0.5])
def test_automatic_iterations_end_near_the_minimum_and_say_how_near(adaptation: float, kind: Any) -> None:
    estimates = list(kind(weight=0.02, adaptation=adaptation).iterate(tiny((1, 30, 31))))
    assert estimates[-1].figures["gap"] <= (0.01 if adaptation == 0 else 0.02)
    assert estimates[-1].step == estimates[-1].steps
    assert estimates[-1].step < 300 or adaptation
    assert len(list(kind(weight=0.05, iterations=7).iterate(tiny()))) == 7


def test_an_eased_weight_is_proven_as_near_its_minimum_and_eases_where_structure_and_light_are() -> None:
    problem = tiny((1, 9, 10))
    differences = curvatures(problem.blur.object_shape, problem.voxel)
    solver = Splitting(problem, differences, 0.03, adaptation=0.5)
    for _ in range(32):
        solver.step()
    shares = []
    for _ in range(3):
        for _ in range(200):
            solver.step()
        shares.append(solver.gap().share)
    assert shares[0] > shares[1] > shares[2]
    assert shares[2] < 5e-3
    easing = Easing(problem.blur, problem.voxel, 0.5, 1.0, 0.1)
    thing = problem.blur.new_object(0.2)
    thing[0, :6, :6] = 8.0
    lengths = torch.where(thing > 1, 3.0, 0.01).to(thing)
    factor = easing.of(thing, lengths)
    assert float(factor[0, 2, 2]) < 0.5 < float(factor[0, -3, -3])
    assert float(factor.min()) > 0
    flat = Easing(problem.blur, problem.voxel, 0.0, 1.0, 0.1).of(thing, torch.ones_like(thing))
    torch.testing.assert_close(flat, torch.ones_like(thing))


@pytest.mark.parametrize("kind", [TotalVariation, Hessian])
def test_the_automatic_weight_grows_as_light_fades(kind: Any) -> None:
    chosen = []
    for light in (0.3, 0.1, 0.01):
        psf = gaussian_psf((1, 7, 7), 1.5)
        image = photographed(light * blobs((1, 48, 48), (0, 4, 4), count=12), psf, 5.0).astype(np.float32)
        blur = Blur(psf, (1, 48, 48))
        rest = image - 5.0
        problem = Problem(torch.from_numpy(image), 5.0, blur, float(np.quantile(rest, 0.999)), float(rest.mean()))
        chosen.append(drained(kind().choose(problem)).value)
    assert chosen[0] < chosen[1] < chosen[2]


def test_a_coarse_axis_is_charged_as_long_as_it_is() -> None:
    steps = {each.axes[0]: each.factor for each in slopes((4, 5, 6), VOXEL)}
    assert steps == pytest.approx({0: 1 / 3, 1: 1.0, 2: 1.0})
    assert [each.axes for each in slopes((1, 5, 6), VOXEL)] == [(1,), (2,)]
    factors = {each.axes: each.factor for each in curvatures((4, 5, 6), VOXEL)}
    assert factors[0, 0] == pytest.approx(1 / 9)
    assert factors[0, 1] == pytest.approx(2**0.5 / 3)


def test_an_open_weight_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="weight is still 'auto'"):
        next(TotalVariation().iterate(tiny()))


def test_where_held_back_photons_say_so_it_ends_before_its_minimum() -> None:
    psf, random = gaussian_psf((1, 13, 13), 2.0), np.random.default_rng(5)
    density = 200 * FAMILIES["membranes"]((1, 76, 76), (0.2, 0.08, 0.08), random)
    truth = cut_frame(density, (1, 64, 64))
    counts = random.poisson(cut_frame(blur_scene(density, psf), (1, 64, 64)) + 5).astype(np.float32)
    light = counts - 5
    problem = Problem(
        torch.from_numpy(counts), 5.0, Blur(psf, counts.shape), float(light.max()), float(light.mean()), VOXEL
    )
    choice = drained(TotalVariation().choose(problem))
    method = TotalVariation().settled_by(choice)
    assert f"after {method.iterations} iterations" in choice.why

    def missed(method: TotalVariation) -> float:
        *_, last = method.iterate(problem)
        return float(np.linalg.norm(problem.blur.crop(last.object).numpy() - truth))

    assert missed(method) < 0.97 * missed(method.replace(iterations="auto"))
    asked = TotalVariation(iterations=30)
    assert asked.settled_by(drained(asked.choose(problem))).iterations == 30
