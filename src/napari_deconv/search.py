"""`Search`: settings of a recipe varied, tried on a part of the image, and judged by photons held back; a generator, without Qt.

    search = Search(image, recipe, {"method.tv": Span(1e-4, 0.1), "method.iterations": (10, 20, 40)}, strategy="random", count=12)
    for tried in search.run():                   # in a worker's thread; closing the generator cancels at the next iteration
        show(tried.estimate, tried.settings, tried.score, tried.is_best)
    best = min(all_tried, key=lambda tried: tried.score)          # best.recipe is the whole recipe, ready for `restore`

A key is dotted as in ``--set``; what may be varied is the method, the PSF and the background. `suggest` makes values for a key from
its field's own slider. The strategies are `Exploration`'s: grid, line, random, halving (of the iterations), and gradient, which starts
from the recipe's own values.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field as attribute
from typing import Any

from .bench import Bench
from .exploration import Exploration, Strategy, Values
from .image import Image, Region
from .known import Known
from .passing import drained
from .recipe import Recipe
from .settings import describe, nearest
from .span import Span

__all__ = ["Search", "Span", "Tried", "suggest"]

VARIED = ("method", "psf", "background")


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
    strategy, count : as `Exploration` has them.
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
    strategy: Strategy = "grid"
    count: int = 18
    region: Region | None = None
    device: str = "auto"
    seed: int = 0
    known: Known | None = None

    def __post_init__(self) -> None:
        for key in self.choices:
            if key.split(".")[0] not in VARIED:
                raise ValueError(f"'{key}' cannot be varied{nearest(key.split('.')[0], VARIED)}")
        for key, values in self.exploration.choices.items():
            for value in (values.low, values.high) if isinstance(values, Span) else values:
                self.recipe.with_values({key: value})

    @property
    def exploration(self) -> Exploration:
        """What is tried, from the recipe's own values where a descent begins."""
        spans = {key: each for key, each in self.choices.items() if isinstance(each, Span) and each.low < each.high}
        start = {key: _start(self.recipe, key, span) for key, span in spans.items()}
        return Exploration(self.choices, self.strategy, self.count, self.seed, start)

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
        yield from self.exploration.run(_Trials(bench, self.recipe).run)

    def planned(self) -> tuple[Values, ...]:
        """Return the settings that a grid, a line or a random search will try."""
        return self.exploration.planned()


class _Trials:
    """The trials of one search, counted."""

    def __init__(self, bench: Bench, recipe: Recipe) -> None:
        self._bench, self._recipe = bench, recipe
        self._number, self._least = 0, math.inf

    def run(self, settings: Values, count: int, share: float) -> Generator[Tried, None, float]:
        """Yield the one trial of these settings and return its score."""
        recipe = self._recipe.with_values(dict(settings))
        judged = drained(self._bench.try_out(recipe, share))
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
        return judged.score


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


def _start(recipe: Recipe, key: str, span: Span) -> float:
    """Return the place of the recipe's own value, the middle where that is automatic."""
    part, _, name = key.partition(".")
    value = getattr(getattr(recipe, part), name, None) if name else getattr(recipe, part)
    return span.place(value) if isinstance(value, (int, float)) else 0.5
