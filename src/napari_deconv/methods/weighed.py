"""Methods that minimise a misfit plus a weight times a penalty: the rounds, their end, and the automatic weight."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Protocol

from pydantic import Field

from .base import Estimate, Method, Problem

if TYPE_CHECKING:
    from torch import Tensor

    from .choice import Choice, Trial

__all__ = ["Solver", "Weighed", "Weight"]

Weight = Annotated[float, Field(gt=0, le=10)] | Literal["auto"]

EVERY = 10
"""Rounds from one look at how near the minimum is to the next."""


class Solver(Protocol):
    """A minimisation under way: ``object`` in units of ``unit`` counts."""

    object: Tensor
    unit: float

    @property
    def is_settled(self) -> bool:
        """Whether what is minimised stays what it is."""

    def weigh(self, weight: float) -> None:
        """Go on with another weight."""

    def step(self) -> Tensor:
        """Make one round and return the object."""

    def figures(self) -> dict[str, float]:
        """Return how near the minimum the object is, under the name that its method goes by."""


class Weighed(Method):
    """A method with the fields ``weight`` and ``iterations``, both automatic by default.

    Automatic iterations end when the solver's figure named ``measure`` is at most ``near``, at the latest after ``most``.
    """

    measure: ClassVar[str] = "gap"
    near: ClassVar[float] = 0.01
    most: ClassVar[int] = 300
    weights: ClassVar[tuple[float, ...]] = tuple(0.8 * 0.5**step for step in range(12))
    """What the automatic choice tries, falling."""
    rounds: ClassVar[int] = 12
    """Rounds that it makes with each."""
    lean: ClassVar[float] = 1.0
    """Of the weight that predicts held-back photons best, the share that comes nearest the truth: the mean over simulated scenes. Not 1
    where the rounds of a trial do not come near the end."""

    @property
    def is_automatic(self) -> bool:
        """Whether the weight is still to be chosen; automatic iterations end by themselves."""
        return getattr(self, "weight", None) == "auto"

    @property
    def steps(self) -> int:
        """How many rounds at most."""
        iterations = getattr(self, "iterations", "auto")
        return iterations if isinstance(iterations, int) else self.most

    def solver(self, problem: Problem, weight: float) -> Solver:
        """Return the minimisation of a problem under this weight, about to begin."""
        raise NotImplementedError

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of the automatic weight and return it, with the iterations where it is better left before its minimum."""
        from .weighing import Weighing

        early = getattr(self, "iterations", None) == "auto"
        return (yield from Weighing(problem, self.solver).choose(self.weights, self.rounds, self.lean, early=early))

    def settled_by(self, choice: Choice) -> Any:
        """Return a copy with the weight that was chosen, and with its iterations where they were chosen as well."""
        return self.replace(weight=choice.value, **{name: int(value) for name, value in choice.others.items()})

    def settled(self, value: float) -> Any:
        """Return a copy with this weight."""
        return self.replace(weight=value)

    def stopped_at(self, iterations: int) -> Any:
        """Return a copy that makes so many iterations; the weight stays as it is."""
        return self.replace(iterations=iterations)

    def provisional(self, iterations: int) -> Any:
        """Return a copy that needs no choice, for a first look after so many iterations."""
        middle = self.weights[len(self.weights) // 2]
        weight = getattr(self, "weight", middle)
        return self.replace(weight=middle if weight == "auto" else weight, iterations=min(iterations, self.most))

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each round; its figures are taken every tenth round and at the end."""
        weight = getattr(self, "weight", "auto")
        if not isinstance(weight, float):
            raise ValueError("the weight is still 'auto': settle it first (Method.choose), or give a number")
        steps, open_ended = self.steps, getattr(self, "iterations", None) == "auto"
        solver, figures, near = self.solver(problem, weight), dict[str, float](), False
        shown = problem.blur.new_object()
        for step in range(1, steps + 1):
            solver.step()
            if step % EVERY == 0 or step == steps:
                figures = solver.figures()
                near = open_ended and solver.is_settled and figures[self.measure] <= self.near
            shown.copy_(solver.object).mul_(solver.unit)
            yield Estimate(shown, step, step if near else steps, figures)
            if near:
                return
