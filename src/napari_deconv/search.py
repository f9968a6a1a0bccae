"""`Search`: settings of a recipe varied, tried on a part of the image, and judged by photons held back; a generator, without Qt.

    search = Search(image, recipe, {"method.tv": Span(1e-4, 0.1), "method.iterations": (10, 20, 40)}, strategy="random", count=12)
    for tried in search.run():                   # in a worker's thread; closing the generator cancels at the next iteration
        show(tried.estimate, tried.settings, tried.score, tried.is_best)
    best = min(all_tried, key=lambda tried: tried.score)          # best.recipe is the whole recipe, ready for `restore`

A key is dotted as in ``--set``; what may be varied is the method, the PSF and the background. `suggest` makes values for a key from
its field's own slider. The strategies:

    grid      every combination of the values, in order (a `Span` gives five)
    random    ``count`` draws from values and spans
    halving   ``count`` draws, a ninth of the iterations each; the better third goes on to a third of them, the best to all
    gradient  downhill along spans, from the recipe's own values, by differences of the score; ``count`` trials at most

References
----------
Bergstra & Bengio, "Random search for hyper-parameter optimization", J. Mach. Learn. Res. 13 (2012) 281-305.
Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS (2016), for the halving.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field as attribute
from itertools import product
from typing import Any, Literal

import numpy as np

from .bench import Bench, Judged
from .image import Image, Region
from .known import Known
from .recipe import Recipe
from .settings import describe, nearest
from .span import Span

__all__ = ["Search", "Span", "Tried", "suggest"]

Values = Mapping[str, Any]
VARIED = ("method", "psf", "background")
MOST = 1000
"""Trials that a grid may have."""
RUNGS = (1 / 9, 1 / 3, 1.0)
REACH, STRIDE, NEAR = 0.04, 0.25, 0.03
"""Of a span: the distance of the differences, the first stride downhill, and the stride at which the descent ends."""


@dataclass(frozen=True)
class Tried:
    """One trial.

    number, count : which it is, from 1, and how many there are at the most.
    settings : the varied keys with their values; recipe : the whole recipe with them.
    score : how badly photons held back are predicted: lower is better, comparable within one search.
    iterations : how many it made; is_whole is False for a first look after a part of them (halving).
    is_best : whether no whole trial before it was better.
    """

    number: int
    count: int
    settings: Values
    recipe: Recipe
    score: float
    iterations: int
    is_whole: bool
    is_best: bool
    estimate: Image = attribute(repr=False)


@dataclass(frozen=True)
class Search:
    """What is varied, how, and on which part of which image.

    Parameters
    ----------
    image, recipe : as in `restore`.
    choices : dotted key -> values, or a `Span`.
    strategy, count : see above; a grid has no count.
    region : the part that is restored, such as what a window shows; by default the one that is richest in light.
    seed : of random draws.
    known : what earlier calls measured of the same image; kept by whoever searches again and again.

    Raises
    ------
    ValueError
        in one sentence, when a key cannot be varied, a value is not valid, or the strategy does not fit.
    """

    image: Image
    recipe: Recipe
    choices: Mapping[str, Sequence[Any] | Span]
    strategy: Literal["grid", "random", "halving", "gradient"] = "grid"
    count: int = 18
    region: Region | None = None
    device: str = "auto"
    seed: int = 0
    known: Known | None = None

    def __post_init__(self) -> None:
        if self.strategy not in ("grid", "random", "halving", "gradient"):
            raise ValueError(
                f"unknown strategy '{self.strategy}'{nearest(self.strategy, ('grid', 'random', 'halving', 'gradient'))}"
            )
        if not self.choices:
            raise ValueError("there is nothing to vary: give at least one key with its values")
        if self.count < 1:
            raise ValueError(f"count is {self.count}: a search needs at least one trial")
        for key, values in self.choices.items():
            self._check(key, values)

    def _check(self, key: str, values: Sequence[Any] | Span) -> None:
        if key.split(".")[0] not in VARIED:
            raise ValueError(f"'{key}' cannot be varied{nearest(key.split('.')[0], VARIED)}")
        if isinstance(values, Span):
            if not values.low < values.high:
                raise ValueError(
                    f"the span of {key} goes from {values.low:g} to {values.high:g}: its low end must be below its high end"
                )
        elif self.strategy == "gradient":
            raise ValueError(
                f"strategy 'gradient' needs a span of numbers for {key}, not single values: choose random or halving"
            )
        elif not len(values):
            raise ValueError(f"{key} has no values to try: give at least one")
        for value in (values.low, values.high) if isinstance(values, Span) else values:
            self.recipe.with_values({key: value})

    def run(self) -> Generator[Tried]:
        """Yield every trial as it ends; the last one is not the best one, but the one marked ``is_best`` last is."""
        by_prediction = any(not key.startswith("method.") for key in self.choices)
        bench = Bench(
            self.image,
            self.recipe,
            region=self.region,
            whole_prediction=by_prediction,
            device=self.device,
            known=self.known,
        )
        run = {"grid": self._grid, "random": self._random, "halving": self._halving, "gradient": self._descent}
        yield from run[self.strategy](_Trials(bench, self.recipe))

    def planned(self) -> tuple[Values, ...]:
        """Return the settings that a grid or a random search will try."""
        if self.strategy == "grid":
            axes = [each.values(5) if isinstance(each, Span) else tuple(each) for each in self.choices.values()]
            if math.prod(map(len, axes)) > MOST:
                raise ValueError(
                    f"the grid has {math.prod(map(len, axes))} trials, more than {MOST}: give fewer values, or choose random or halving"
                )
            return tuple(dict(zip(self.choices, each, strict=True)) for each in product(*axes))
        random = np.random.default_rng(self.seed)
        drawn = [{key: _drawn(random, each) for key, each in self.choices.items()} for _ in range(self.count)]
        return tuple(dict(each) for each in dict.fromkeys(tuple(each.items()) for each in drawn))

    def _grid(self, trials: _Trials) -> Iterator[Tried]:
        planned = self.planned()
        for settings in planned:
            yield from trials.run(settings, len(planned))

    _random = _grid

    def _halving(self, trials: _Trials) -> Iterator[Tried]:
        left = list(self.planned())
        sizes = [max(1, math.ceil(len(left) / 3**rung)) for rung in range(len(RUNGS))]
        for share, size in zip(RUNGS, sizes, strict=True):
            ranked: list[tuple[float, int, Values]] = []
            for settings in left[:size]:
                for tried in trials.run(settings, sum(sizes), share):
                    ranked.append((tried.score, len(ranked), settings))
                    yield tried
            left = [settings for _, _, settings in sorted(ranked, key=lambda each: each[:2])]

    def _descent(self, trials: _Trials) -> Iterator[Tried]:
        """Go downhill along the gradient by central differences; a step that does not lead down is halved."""
        spans = {key: each for key, each in self.choices.items() if isinstance(each, Span)}
        place = np.array([_start(self.recipe, key, span) for key, span in spans.items()])
        scores: dict[tuple[Any, ...], float] = {}

        def score(at: np.ndarray[Any, Any]) -> Generator[Tried, None, float]:
            settings = {key: span.at(float(each)) for (key, span), each in zip(spans.items(), at, strict=True)}
            name = tuple(settings.values())
            if name not in scores:
                for tried in trials.run(settings, self.count):
                    scores[name] = tried.score
                    yield tried
            return scores[name]

        here, stride = (yield from score(place)), STRIDE
        while stride >= NEAR and len(scores) < self.count:
            slope = np.zeros(len(place))
            for axis in range(len(place)):
                ends = [np.clip(place + sign * REACH * np.eye(len(place))[axis], 0, 1) for sign in (-1, 1)]
                low, high = (yield from score(ends[0])), (yield from score(ends[1]))
                slope[axis] = (high - low) / (ends[1] - ends[0])[axis]
            length = float(np.linalg.norm(slope))
            while length > 0 and stride >= NEAR and len(scores) < self.count:
                there = np.clip(place - stride * slope / length, 0, 1)
                found = yield from score(there)
                if found < here:
                    place, here = there, found
                    break
                stride /= 2
            if length == 0:
                return


class _Trials:
    """The trials of one search, counted."""

    def __init__(self, bench: Bench, recipe: Recipe) -> None:
        self._bench, self._recipe = bench, recipe
        self._number, self._least = 0, math.inf

    def run(self, settings: Values, count: int, share: float = 1.0) -> Iterator[Tried]:
        """Yield the one trial of these settings."""
        recipe = self._recipe.with_values(dict(settings))
        running = self._bench.try_out(recipe, share)
        while True:
            try:
                next(running)
            except StopIteration as ended:
                judged: Judged = ended.value
                break
        self._number += 1
        is_best = share == 1 and judged.score < self._least
        self._least = judged.score if is_best else self._least
        picture = self._bench.pictured(judged.pixels)
        yield Tried(
            self._number,
            max(count, self._number),
            settings,
            recipe,
            judged.score,
            judged.iterations,
            share == 1,
            is_best,
            picture,
        )


def suggest(recipe: Recipe, key: str) -> Span | tuple[Any, ...]:
    """Return what to vary a key over: its slider's span, or its choices.

    Raises
    ------
    ValueError
        when the recipe has no such key, or it has neither.
    """
    part, _, name = key.partition(".")
    settings = getattr(recipe, part, None) if part in VARIED and name else None
    found = {each.name: each for each in describe(type(settings))} if settings is not None else {}
    if name not in found:
        known = [f"{each}.{own.name}" for each in ("method", "psf") for own in _described(getattr(recipe, each))]
        raise ValueError(f"there is no '{key}' to vary{nearest(key, known)}")
    told = found[name]
    if told.shown is not None:
        return Span(*told.shown, is_log=told.slider == "log", is_whole=told.type == "int")
    if told.choices or told.type == "bool":
        return tuple(told.choices) or (False, True)
    raise ValueError(f"'{key}' has no range of its own: give the values to try")


def _described(settings: Any) -> tuple[Any, ...]:
    return describe(type(settings)) if settings is not None else ()


def _drawn(random: np.random.Generator, values: Sequence[Any] | Span) -> Any:
    if isinstance(values, Span):
        return values.at(float(random.random()))
    return values[int(random.integers(len(values)))]


def _start(recipe: Recipe, key: str, span: Span) -> float:
    """Return the place of the recipe's own value, the middle where that is automatic."""
    part, _, name = key.partition(".")
    value = getattr(getattr(recipe, part), name, None) if name else getattr(recipe, part)
    return span.place(value) if isinstance(value, (int, float)) else 0.5
