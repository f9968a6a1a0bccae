"""`Exploration`: values tried and scored until the least score is found; what `Search`, the sweep and every method's ``auto`` look with.

    def attempt(values, count, share):            # a generator: what it yields is passed on, what it returns is the score
        yield ...
        return score

    found = yield from Exploration({"weight": (0.1, 0.05, 0.025)}, "line").run(attempt)
    found.best.values, found.least("weight")

It knows nothing of images: an attempt may restore, or go on from where the attempt before it ended. The strategies:

    grid      every combination of the values, in order (a `Span` gives five)
    line      one key's values in order, until the score has been worse than the best twice
    random    ``count`` draws from values and spans
    halving   ``count`` draws, a ninth of the effort each; the better third goes on to a third of it, the best to all
    gradient  downhill along spans, from ``start``, by differences of the score; ``count`` attempts at most

References
----------
Bergstra & Bengio, "Random search for hyper-parameter optimization", J. Mach. Learn. Res. 13 (2012) 281-305.
Jamieson & Talwalkar, "Non-stochastic best arm identification and hyperparameter optimization", AISTATS (2016), for the halving.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field as attribute
from itertools import product
from typing import Any, Literal, TypeVar, get_args

import numpy as np

from .settings import nearest
from .span import Span

__all__ = ["Attempt", "Exploration", "Found", "Scored", "Strategy", "Values"]

Told = TypeVar("Told")
Values = Mapping[str, Any]
Attempt = Callable[[Values, int, float], Generator[Told, None, float]]
"""(values, how many attempts there are at the most, share of the effort) -> what is told meanwhile, and the score, lower is better."""
Strategy = Literal["grid", "line", "random", "halving", "gradient"]
MOST = 1000
"""Attempts that a grid may have."""
RUNGS = (1 / 9, 1 / 3, 1.0)
WORSE = 2
"""Attempts beyond the best after which a line ends."""
REACH, STRIDE, NEAR = 0.04, 0.25, 0.03
"""Of a span: the distance of the differences, the first stride downhill, and the stride at which the descent ends."""


@dataclass(frozen=True)
class Scored:
    """One attempt: its values, its score, and the share of the effort that it was allowed."""

    values: Values
    score: float
    share: float = 1.0


@dataclass(frozen=True)
class Found:
    """All attempts in the order they were made."""

    scored: tuple[Scored, ...]

    @property
    def best(self) -> Scored:
        """The whole attempt with the least score."""
        return min((each for each in self.scored if each.share == 1), key=lambda each: each.score)

    @property
    def scores(self) -> tuple[float, ...]:
        """The scores, in order."""
        return tuple(each.score for each in self.scored)

    def least(self, key: str) -> float:
        """Return where a parabola through the best score and its neighbours is least; a key of positive values in order, by their logarithm."""
        scores, places = np.array(self.scores), np.log([each.values[key] for each in self.scored])
        best = int(scores.argmin())
        if best in (0, len(scores) - 1):
            return float(np.exp(places[best]))
        bend, slope, _ = np.polyfit(places[best - 1 : best + 2] - places[best], scores[best - 1 : best + 2], 2)
        beside = places[[best - 1, best + 1]] - places[best]
        step = np.clip(-slope / (2 * bend), beside.min(), beside.max()) if bend > 0 else 0.0
        return float(np.exp(places[best] + step))


@dataclass(frozen=True)
class Exploration:
    """What is varied and how.

    Parameters
    ----------
    choices : key -> values, or a `Span`.
    strategy, count : see above; a grid and a line have no count.
    seed : of random draws.
    start : key -> where a descent begins, in [0, 1] of the key's span; the middle where it is not told.

    Raises
    ------
    ValueError
        in one sentence, when the strategy does not fit the choices.
    """

    choices: Mapping[str, Sequence[Any] | Span]
    strategy: Strategy = "grid"
    count: int = 18
    seed: int = 0
    start: Mapping[str, float] = attribute(default_factory=dict)

    def __post_init__(self) -> None:
        if self.strategy not in get_args(Strategy):
            raise ValueError(f"unknown strategy '{self.strategy}'{nearest(self.strategy, get_args(Strategy))}")
        if not self.choices:
            raise ValueError("there is nothing to vary: give at least one key with its values")
        if self.count < 1:
            raise ValueError(f"count is {self.count}: a search needs at least one trial")
        if self.strategy == "line" and len(self.choices) > 1:
            raise ValueError(f"a line varies one key, not {len(self.choices)}: choose grid, random or halving")
        for key, values in self.choices.items():
            self._check(key, values)

    def _check(self, key: str, values: Sequence[Any] | Span) -> None:
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

    def planned(self) -> tuple[Values, ...]:
        """Return the values that a grid, a line or a random search will try."""
        if self.strategy in ("grid", "line"):
            axes = [each.values(5) if isinstance(each, Span) else tuple(each) for each in self.choices.values()]
            if math.prod(map(len, axes)) > MOST:
                raise ValueError(
                    f"the grid has {math.prod(map(len, axes))} trials, more than {MOST}: give fewer values, or choose random or halving"
                )
            return tuple(dict(zip(self.choices, each, strict=True)) for each in product(*axes))
        random = np.random.default_rng(self.seed)
        drawn = [{key: _drawn(random, each) for key, each in self.choices.items()} for _ in range(self.count)]
        return tuple(dict(each) for each in dict.fromkeys(tuple(each.items()) for each in drawn))

    def run(self, attempt: Attempt[Told]) -> Generator[Told, None, Found]:
        """Pass on what the attempts tell, and return all of them; closing the generator closes the attempt under way."""
        scored: list[Scored] = []

        def scoring(values: Values, count: int, share: float = 1.0) -> Generator[Told, None, float]:
            score = yield from attempt(values, count, share)
            scored.append(Scored(values, score, share))
            return score

        run = {"halving": self._halve, "gradient": self._descend}.get(self.strategy, self._try_all)
        yield from run(scoring)
        return Found(tuple(scored))

    def _try_all(self, scoring: Callable[..., Generator[Told, None, float]]) -> Generator[Told]:
        planned, scores = self.planned(), list[float]()
        for values in planned:
            scores.append((yield from scoring(values, len(planned))))
            if self.strategy == "line" and len(scores) > int(np.argmin(scores)) + WORSE:
                return

    def _halve(self, scoring: Callable[..., Generator[Told, None, float]]) -> Generator[Told]:
        left = list(self.planned())
        sizes = [max(1, math.ceil(len(left) / 3**rung)) for rung in range(len(RUNGS))]
        for share, size in zip(RUNGS, sizes, strict=True):
            ranked: list[tuple[float, int, Values]] = []
            for values in left[:size]:
                ranked.append(((yield from scoring(values, sum(sizes), share)), len(ranked), values))
            left = [values for _, _, values in sorted(ranked, key=lambda each: each[:2])]

    def _descend(self, scoring: Callable[..., Generator[Told, None, float]]) -> Generator[Told]:
        """Go downhill along the gradient by central differences; a step that does not lead down is halved."""
        spans = {key: each for key, each in self.choices.items() if isinstance(each, Span)}
        place = np.array([self.start.get(key, 0.5) for key in spans])
        scores: dict[tuple[Any, ...], float] = {}

        def score(at: np.ndarray[Any, Any]) -> Generator[Told, None, float]:
            values = {key: span.at(float(each)) for (key, span), each in zip(spans.items(), at, strict=True)}
            name = tuple(values.values())
            if name not in scores:
                scores[name] = yield from scoring(values, self.count)
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


def _drawn(random: np.random.Generator, values: Sequence[Any] | Span) -> Any:
    if isinstance(values, Span):
        return values.at(float(random.random()))
    return values[int(random.integers(len(values)))]
