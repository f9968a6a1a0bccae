r"""Which weight, and after how many rounds: what predicts photons best that the restoration has not seen.

Weights are tried falling, each going on from where the last ended, so that every one of them comes near its minimum. A minimum is not
always the best of a weight: on the way to it, a penalty of steps has not yet made steps of what is smooth. So lesser weights are begun
anew and looked at after each round; where one of them predicts better than the minimum by more than chance makes, it is taken, and its
rounds with it.

References
----------
The scores are those of `heldout`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field as attribute
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exploration import Exploration, Values
from ..noise import smoothed
from .base import Problem
from .choice import Choice, Trial
from .heldout import Split, structure_score

if TYPE_CHECKING:
    from .weighed import Solver

__all__ = ["Weighing"]

Array = np.ndarray[Any, Any]
DRAWS = 3
SHARES = (1.0, 0.5, 0.25, 0.125)
"""Of the weight whose minimum predicts best, the weights that may be left before their minimum."""
SURE = 0.5
"""Standard errors by which one of them must predict better than the minimum."""
ROUNDS, PATIENCE = 40, 3
"""The most of them that are looked at, and how many without a better score end it."""


@dataclass
class Weighing:
    """The search for a weight: trials are yielded, the choice is returned."""

    problem: Problem
    solver: Callable[[Problem, float], Solver]
    splits: list[Split] = attribute(init=False)
    steps: int = attribute(init=False, default=0)
    most: int = attribute(init=False, default=1)

    def __post_init__(self) -> None:
        variance = self.problem.noise.variance(smoothed(self.problem.image))
        self.splits = [Split(self.problem, variance, seed) for seed in range(DRAWS)]

    def choose(
        self, weights: Sequence[float], rounds: int, lean: float, *, early: bool
    ) -> Generator[Trial, None, Choice]:
        """Return the weight, between those given and times ``lean``; if it may end ``early``, the rounds as well where they matter."""
        self.most = len(weights) * rounds + (len(SHARES) * ROUNDS if early else 0)
        weight, scores, reached = yield from self._near_minima(weights, rounds)
        told = f"with a weight of {weight * lean:.3g}"
        others: dict[str, float] = {}
        if early:
            sooner, after, better = yield from self._on_the_way(weight)
            if _surely_less(better, reached):
                weight, others, lean = sooner, {"iterations": float(after)}, 1.0
                told = f"with a weight of {weight:.3g} after {after} iterations; nearer its minimum they are predicted worse"
        why = f"photons held back from the restoration are predicted best {told} ({self.problem.noise.sentence})"
        return Choice("weight", weight * lean, why, tuple(round(each, 6) for each in scores), others)

    def _near_minima(
        self, weights: Sequence[float], rounds: int
    ) -> Generator[Trial, None, tuple[float, tuple[float, ...], Array]]:
        """Return the weight whose minimum predicts best, all scores, and that of the best by groups of pixels."""
        solvers = [self.solver(split.train, weights[0]) for split in self.splits]
        judged: list[Array] = []

        def attempt(values: Values, count: int, share: float) -> Generator[Trial, None, float]:
            for each in solvers:
                each.weigh(values["weight"])
            for _ in range(rounds):
                yield self._after_a_round(solvers, float(judged[-1].mean()) if judged else 0.0)
            judged.append(self._score(solvers))
            return float(judged[-1].mean())

        found = yield from Exploration({"weight": weights}, "line").run(attempt)
        return found.least("weight"), found.scores, min(judged, key=lambda each: float(each.mean()))

    def _on_the_way(self, weight: float) -> Generator[Trial, None, tuple[float, int, Array]]:
        """Return which lesser weight predicts best before its minimum, after how many rounds, and its score by groups of pixels."""
        seen: list[tuple[float, int, Array]] = []

        def attempt(values: Values, count: int, share: float) -> Generator[Trial, None, float]:
            solvers = [self.solver(split.train, values["weight"]) for split in self.splits]
            scores: list[Array] = []
            best = 0
            while len(scores) < ROUNDS and len(scores) <= best + PATIENCE:
                yield self._after_a_round(solvers, float(scores[-1].mean()) if scores else 0.0)
                scores.append(self._score(solvers))
                best = int(np.argmin([each.mean() for each in scores]))
            seen.append((values["weight"], best + 1, scores[best]))
            return float(scores[best].mean())

        yield from Exploration({"weight": tuple(weight * share for share in SHARES)}, "line").run(attempt)
        return min(seen, key=lambda each: float(each[2].mean()))

    def _after_a_round(self, solvers: Sequence[Solver], score: float) -> Trial:
        for each in solvers:
            each.step()
        self.steps = min(self.steps + 1, self.most)
        return Trial(self.steps, self.most, score)

    def _score(self, solvers: Sequence[Solver]) -> Array:
        return structure_score(self.splits, [each.object * each.unit for each in solvers])


def _surely_less(one: Array, other: Array) -> bool:
    """Whether scores by groups are less by more than chance makes."""
    less = other - one
    return bool(less.mean() > SURE * less.std() / len(less) ** 0.5)
