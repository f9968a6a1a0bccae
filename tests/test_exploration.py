"""What looks for a best value: every strategy on a function that is known, without an image; and that every choice looks with it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import numpy as np
import pytest
import torch
from tests.scenes import blobs, gaussian_psf, photographed

from napari_deconv import exploration
from napari_deconv.exploration import Exploration, Found, Values
from napari_deconv.methods.base import Method, Problem
from napari_deconv.methods.blind import Blind
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.linear import Tikhonov, Wiener
from napari_deconv.methods.variational import Hessian, TotalVariation
from napari_deconv.span import Span


def valley(values: Values, count: int, share: float) -> Generator[tuple[Values, float], None, float]:
    """Tell what is tried, and score it: least where the logarithm of ``weight`` is -3."""
    yield values, share
    return float((np.log10(values["weight"]) + 3) ** 2)


def explored(exploration: Exploration) -> tuple[list[tuple[Values, float]], Found]:
    told, running = [], exploration.run(valley)
    while True:
        try:
            told.append(next(running))
        except StopIteration as finished:
            return told, finished.value


@pytest.mark.parametrize(
    ("strategy", "choices", "near"),
    [
        ("grid", [1.0, 0.1, 0.01, 0.001, 1e-4], 1.01),
        ("line", [1.0, 0.1, 0.01, 0.001, 1e-4, 1e-5, 1e-6, 1e-7], 1.01),
        ("random", Span(1e-6, 1), 3.0),
        ("halving", Span(1e-6, 1), 3.0),
        ("gradient", Span(1e-6, 1), 1.6),
    ],
)
def test_every_strategy_comes_near_the_bottom_of_a_valley(strategy: Any, choices: Any, near: float) -> None:
    told, found = explored(Exploration({"weight": choices}, strategy, count=18))
    assert 1 / near <= found.best.values["weight"] / 1e-3 <= near
    assert [values for values, _ in told] == [each.values for each in found.scored]
    assert len(found.scores) == len(told)


def test_a_line_ends_when_two_in_a_row_are_worse_and_finds_the_bottom_between() -> None:
    weights = tuple(0.02 * 0.25**step for step in range(9))
    told, found = explored(Exploration({"weight": weights}, "line"))
    best = found.scored.index(found.best)
    assert len(told) == best + 3 < len(weights)
    assert found.least("weight") == pytest.approx(1e-3, rel=1e-6)
    assert explored(Exploration({"weight": (1.0, 0.5)}, "line"))[1].least("weight") == pytest.approx(0.5)


def test_closing_closes_the_attempt_under_way() -> None:
    closed = []

    def endless(values: Values, count: int, share: float) -> Generator[int, None, float]:
        try:
            while True:
                yield 1
        finally:
            closed.append(values)

    running = Exploration({"weight": (1.0, 2.0)}).run(endless)
    next(running)
    running.close()
    assert closed == [{"weight": 1.0}]


def test_a_line_of_two_keys_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="a line varies one key, not 2"):
        Exploration({"one": (1,), "other": (2,)}, "line")


@pytest.mark.parametrize(
    "method", [TotalVariation(), Hessian(), Tikhonov(), Wiener(), Blind(psf_update="width")], ids=lambda each: each.kind
)
def test_every_automatic_weight_is_looked_for_by_it(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    explored = []
    run = Exploration.run

    def noted(self: Exploration, attempt: Any) -> Any:
        explored.append(set(self.choices))
        return run(self, attempt)

    monkeypatch.setattr(exploration.Exploration, "run", noted)
    psf = gaussian_psf((1, 7, 7), 1.5)
    image = photographed(0.2 * blobs((1, 32, 32), (0, 4, 4), count=8), psf, 5.0).astype(np.float32)
    light = image - 5.0
    problem = Problem(torch.from_numpy(image), 5.0, Blur(psf, (1, 32, 32)), float(light.max()), float(light.mean()))
    trials = method.choose(problem)
    while True:
        try:
            next(trials)
        except StopIteration as finished:
            choice = finished.value
            break
    assert explored
    assert all(each == {choice.name} for each in explored)
