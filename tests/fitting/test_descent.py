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
from napari_deconv.fitting.descent import Axis, Descent, Place
from napari_deconv.fitting.held_out import Prediction
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


def linear(slopes: torch.Tensor, noise: float, seed: int) -> tuple[Block, Any]:
    """Return a block whose prediction is linear in the values, true at (2, -1)."""
    truth = torch.tensordot(torch.tensor([2.0, -1.0]), slopes, dims=1)
    errors = noise * torch.randn(truth.shape, generator=torch.Generator().manual_seed(1000 + seed))
    block = Block(truth, truth + errors, torch.full(truth.shape, noise**-2))

    def predict(values: np.ndarray[Any, Any], steps: Sequence[int] | None) -> Generator[None, None, list[Prediction]]:
        yield
        expected = torch.tensordot(torch.tensor(values, dtype=torch.float32), slopes, dims=1)
        return [Prediction(expected, 0.5 * float(block.residual(expected).square().sum()), 1)]

    return block, predict


def test_the_descent_finds_the_minimum_and_its_uncertainty() -> None:
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    axes = [Axis(-10, 10, 0.5, 0.05), Axis(-10, 10, 0.2, 0.02)]
    away = []
    for seed in range(40):
        block, predict = linear(slopes, 3.0, seed)
        place: Place = drain(Descent(axes, [block], predict).run(np.array([0.0, 0.0]), [0, 1], 8))
        assert place.covariance is not None
        away.append((place.values - [2, -1]) / np.sqrt(np.diag(place.covariance)))
    spread = np.std(away, axis=0)
    assert np.all(spread > 0.6)
    assert np.all(spread < 1.25)
    assert np.abs(np.mean(away, axis=0)).max() < 0.5


def test_a_bound_and_a_value_that_is_held_are_kept() -> None:
    slopes = torch.randn(2, 4, 16, 16, generator=torch.Generator().manual_seed(1))
    block, predict = linear(slopes, 1.0, 0)
    axes = [Axis(-10, 1.5, 0.5, 0.05), Axis(-10, 10, 0.2, 0.02)]
    place: Place = drain(Descent(axes, [block], predict).run(np.array([0.0, 0.25]), [0], 8))
    assert place.values.tolist() == [1.5, 0.25]


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
        (estimated(5, 0.2), (400, 20), "fitted", "depth 5.00 ± 0.20 µm (before: 0)"),
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


def test_two_values_that_do_the_same_are_told() -> None:
    both = [estimated(6, 9), estimated(1.4, 0.2, name="sample_index", unit="", start=1.38, matters=0.01)]
    verdict, sentence = judge(both, np.array([[1, -0.999], [-0.999, 1]]), 400, 20)
    assert verdict == "refused"
    assert "cannot tell depth from sample_index" in sentence
