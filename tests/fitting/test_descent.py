"""The parts of a fit: what matters, where to look, the descent and its uncertainty, the verdict."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import Any

import numpy as np
import pytest
import torch

from napari_deconv.fitting import Estimated, Fit
from napari_deconv.fitting.blocks import Block, choose_boxes
from napari_deconv.fitting.coefficients import coefficient, matters, value_of, with_values
from napari_deconv.fitting.descent import Axis, Descent, Look, Place
from napari_deconv.fitting.held_out import HeldOut, Prediction
from napari_deconv.fitting.slopes import Bent, differentiate_psf
from napari_deconv.fitting.verdict import judge
from napari_deconv.psf.theoretical import GibsonLanni

DRY = GibsonLanni(numerical_aperture=0.3, immersion_index=1.0, emission=0.56, coverslip_thickness=0.0)
OIL = GibsonLanni(numerical_aperture=1.3, immersion_index=1.515, sample_index=1.38, emission=0.56)


def drain(generator: Generator[Any, None, Any]) -> Any:
    while True:
        try:
            next(generator)
        except StopIteration as finished:
            return finished.value


def test_what_matters_is_a_fourteenth_of_the_wavelength() -> None:
    assert matters(DRY, coefficient("spherical")) == pytest.approx(0.56 / 14, rel=0.01)
    assert matters(OIL, coefficient("coma-x")) == pytest.approx(0.56 / 14)
    nearer = OIL.replace(sample_index=1.45)
    assert 0.5 < matters(OIL, coefficient("depth")) < 0.5 * matters(nearer, coefficient("depth"))


def test_values_go_into_the_model_and_come_back() -> None:
    parts = [coefficient("depth"), coefficient("z11"), coefficient("Coma-X")]
    model = with_values(OIL.replace(aberrations=((5, 0.01), (11, 0.3))), parts, [4.0, -0.05, 0.02])
    assert [value_of(model, part) for part in parts] == [4.0, -0.05, 0.02]
    assert dict(model.aberrations) == {5: 0.01, 8: 0.02, 11: -0.05}
    assert value_of(OIL, coefficient("coverslip_thickness")) == 170


def test_blocks_are_bright_and_do_not_overlap() -> None:
    volume = np.full((10, 64, 96), 20.0, np.float32)
    volume[4:9, 40:50, 70:80] += 300
    volume[4:9, 5:15, 10:20] += 100
    boxes = choose_boxes(volume, Fit(blocks=3, side=24, planes=6), 20.0)
    taken = np.zeros(volume.shape, int)
    for box in boxes:
        taken[box] += 1
    assert taken.max() == 1
    assert {taken[box].shape for box in boxes} == {(6, 24, 24)}
    light = [float((volume[box] - 20).sum()) for box in boxes]
    assert light[:2] == [5 * 100 * 300, 5 * 100 * 100]
    assert len(choose_boxes(volume[:, :20, :20], Fit(blocks=4, side=48), 20.0)) == 1


def linear(slopes: torch.Tensor, noise: float, seed: int, bent: float = 0.0) -> tuple[Block, Any]:
    """Return a block whose prediction is linear (or a little bent) in the values, true at (2, -1)."""
    errors = noise * torch.randn(slopes.shape[1:], generator=torch.Generator().manual_seed(1000 + seed))

    def expected(values: np.ndarray[Any, Any]) -> torch.Tensor:
        both = torch.tensor(values, dtype=torch.float32)
        return torch.tensordot(both + bent * both**3, slopes, dims=1)

    truth = expected(np.array([2.0, -1.0]))
    block = Block(truth, truth + errors, torch.full(truth.shape, noise**-2))

    def look(values: np.ndarray[Any, Any]) -> Generator[None, None, list[Look]]:
        yield
        seen = expected(values)

        def projected(axes: Sequence[int]) -> Generator[None, None, list[torch.Tensor]]:
            yield
            return [slopes[axis] * (1 + 3 * bent * values[axis] ** 2) / noise for axis in axes]

        found = Prediction(seen, 0.5 * float(block.residual(seen).square().sum()), seen)
        return [Look(found, projected)]

    return block, look


def test_the_descent_finds_the_place_and_its_uncertainty() -> None:
    """Over 60 draws of the noise, about 68 % lie within one standard error and 95 % within two."""
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    axes = [Axis(-10, 10, 0.5), Axis(-10, 10, 0.2)]
    away = []
    for seed in range(60):
        block, look = linear(slopes, 3.0, seed, bent=0.05)
        place: Place = drain(Descent(axes, [block], look).run(np.array([0.0, 0.0]), [0, 1], 8))
        assert place.covariance is not None
        away.append((place.values - [2, -1]) / np.sqrt(np.diag(place.covariance)))
    sizes = np.abs(np.array(away))
    assert 0.55 < np.mean(sizes < 1) < 0.85
    assert np.mean(sizes < 2) > 0.9
    assert np.abs(np.mean(away, axis=0)).max() < 0.5


def test_blocks_that_contradict_each_other_widen_the_uncertainty() -> None:
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    axes = [Axis(-10, 10, 0.5), Axis(-10, 10, 0.2)]

    def spread_of(second: tuple[float, float]) -> float:
        (first, look), truth = linear(slopes, 1.0, 0), torch.tensordot(torch.tensor(second), slopes, dims=1)
        errors = torch.randn(truth.shape, generator=torch.Generator().manual_seed(7))
        other = Block(truth, truth + errors, torch.ones(truth.shape))

        def both(values: np.ndarray[Any, Any]) -> Generator[None, None, list[Look]]:
            seen = yield from look(values)
            return [seen[0], seen[0]]

        place = drain(Descent(axes, [first, other], both).run(np.array([0.0, 0.0]), [0, 1], 8))
        return float(np.sqrt(place.covariance[0, 0]))

    assert spread_of((3.0, -1.0)) > 5 * spread_of((2.0, -1.0))


def test_a_value_that_may_be_off_widens_the_uncertainty_of_those_that_look_like_it() -> None:
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    slopes[1] += slopes[0]
    block, look = linear(slopes, 1.0, 0)
    found = [
        drain(
            Descent([Axis(-10, 10, 0.5), Axis(-10, 10, 0.2, vague)], [block], look).run(np.array([0.0, -1.0]), [0], 8)
        )
        for vague in (0.0, 2.0)
    ]
    assert found[0].values.tolist() == pytest.approx(found[1].values.tolist())
    sure, doubtful = (float(np.sqrt(each.covariance[0, 0])) for each in found)
    assert doubtful == pytest.approx(float(np.hypot(sure, 2.0)), rel=0.2)


def test_a_bound_and_a_value_that_is_held_are_kept() -> None:
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    block, look = linear(slopes, 1.0, 0)
    axes = [Axis(-10, 1.5, 0.5), Axis(-10, 10, 0.2)]
    place: Place = drain(Descent(axes, [block], look).run(np.array([0.0, 0.25]), [0], 8))
    assert place.values.tolist() == [1.5, 0.25]


def test_what_an_object_makes_up_for_is_projected_out() -> None:
    """A slope that some object explains leaves (next to) nothing; one that none explains stays."""
    shape, rng = (6, 20, 20), np.random.default_rng(2)
    held_out = HeldOut(10.0, 0.0, (0.3, 0.12, 0.12), 30)
    block = Block(
        *(torch.from_numpy(rng.poisson(20, shape).astype(np.float32)) for _ in range(2)), torch.full(shape, 0.05)
    )
    bent = Bent(OIL, [coefficient("spherical")], [0.0], 0.0, (11, 15, 15), held_out, block)
    light = torch.from_numpy(rng.uniform(5, 9, bent.blur.object_shape).astype(np.float32))
    found = Prediction(bent.blur.forward(light).clone(), 0.0, light)
    for slope, most in (
        (bent.blur.forward(light).clone(), 0.05),
        (torch.from_numpy(rng.normal(0, 9, shape).astype(np.float32)), 2),
    ):
        left = drain(bent._project(slope, block, found))
        share = float(left.norm() / (slope * block.weight.sqrt()).norm())
        assert share < most
    assert share > 0.5


def test_the_psf_and_its_slope() -> None:
    parts = [coefficient("depth"), coefficient("coma-x")]
    shape, voxel = (5, 15, 15), (0.3, 0.12, 0.12)
    for moved, (low, high) in enumerate((((1.99, 0.02), (2.01, 0.02)), ((2.0, 0.0199), (2.0, 0.0201)))):
        psf, slope = differentiate_psf(OIL, parts, (2.0, 0.02), moved, shape, voxel, "cpu")
        ends = [differentiate_psf(OIL, parts, each, None, shape, voxel, "cpu")[0] for each in (low, high)]
        measured = (ends[1] - ends[0]) / (high[moved] - low[moved])
        assert float(psf.sum()) == pytest.approx(1, abs=1e-5)
        assert float(slope.sum()) == pytest.approx(0, abs=1e-4)
        assert float((slope - measured).abs().max()) < 0.02 * float(slope.abs().max())


def estimated(value: float, uncertainty: float, **more: Any) -> Estimated:
    return Estimated(
        **{
            "name": "depth",
            "unit": "µm",
            "start": 0.0,
            "value": value,
            "uncertainty": uncertainty,
            "matters": 1.0,
            **more,
        }
    )


@pytest.mark.parametrize(
    ("found", "gain", "verdict", "word"),
    [
        (estimated(3, 0.2), (400, 20), "fitted", "depth 3.00 ± 0.20 µm (before: 0)"),
        (estimated(5, 0.2), (400, 20), "refused", "set depth nearer"),
        (estimated(0.3, 0.2), (2, 3), "confirmed", "supports the PSF as it is"),
        (estimated(2, 3), (2, 3), "refused", "does not determine depth 2.0 ± 3.0 µm"),
        (estimated(5, 0.2), (4, 3), "refused", "does not support a change"),
        (estimated(5, 0.2, at_bound=True), (400, 20), "refused", "the last possible value"),
    ],
)
def test_the_verdict(found: Estimated, gain: tuple[float, float], verdict: str, word: str) -> None:
    said, sentence = judge([found], np.eye(1), *gain)
    assert said == verdict, sentence
    assert word in sentence


def test_values_that_do_not_come_to_rest_are_refused() -> None:
    verdict, sentence = judge([estimated(5, 0.2)], np.eye(1), 400, 20, is_settled=False)
    assert verdict == "refused"
    assert "still moved" in sentence
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    block, look = linear(slopes, 1.0, 0)
    descent = Descent([Axis(-10, 10, 0.1), Axis(-10, 10, 0.1)], [block], look)
    hasty, patient = (drain(descent.run(np.array([-6.0, 0.0]), [0, 1], rounds)) for rounds in (2, 40))
    assert not hasty.is_settled
    assert np.sqrt(hasty.covariance[0, 0]) > 1 / 3, "the step that was left counts"
    assert patient.is_settled
    held = drain(descent.run(np.array([2.0, -1.0]), [], 0))
    assert held.is_settled
    assert held.values.tolist() == [2.0, -1.0]


def test_two_values_that_do_the_same_are_told() -> None:
    both = [estimated(6, 9), estimated(1.4, 0.2, name="sample_index", unit="", start=1.38, matters=0.01)]
    verdict, sentence = judge(both, np.array([[1, -0.999], [-0.999, 1]]), 400, 20)
    assert verdict == "refused"
    assert "cannot tell depth from sample_index" in sentence
