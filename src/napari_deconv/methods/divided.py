"""`Divided`: a linear method that is one division of spectra where everything is seen, and a few rounds where light comes from beyond."""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..settings import field
from .base import Estimate, Method, Problem
from .quadratic import Quadratic
from .reach import LEAK, reach_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

__all__ = ["Border", "Divided", "Weight", "border_field"]

ROUNDS, TRIED = 16, 8
"""Rounds that restore the light beyond the frame, at most, and in a trial."""

Weight = Annotated[float, Field(gt=0, le=1e6)] | Literal["auto"]
Border = Literal["restored", "mirrored"]


def border_field() -> Any:
    """Return the field ``border``, which the methods that divide spectra have."""
    return field(
        "restored",
        title="Beyond the frame",
        description="Restored: the light there is as unknown as inside, which takes a dozen rounds. "
        "Mirrored: the image goes on mirrored, one step, for light that ends well inside the frame.",
        advanced=True,
    )


class Divided(Method):
    """A method that is one division of spectra where everything is seen, and a few rounds where light comes from beyond the frame."""

    volumes: ClassVar[float] = 14.0

    @property
    def room(self) -> int:  # type: ignore[override]
        """A mirrored image needs room to fade in; what is restored beyond the frame needs none."""
        return 3 if self.is_mirrored else 1

    @property
    def height(self) -> float:
        """The typical ratio that is added to |H|^2, as far as it is known."""
        raise NotImplementedError

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return the voxels of an axis over which neighbours count."""
        height = self.height
        return reach_of(psf, axis, lambda gain: gain / (gain + height), LEAK)

    @property
    def non_negative(self) -> bool:
        """A linear step rings below zero."""
        return False

    @property
    def is_mirrored(self) -> bool:
        """Whether one step is all."""
        return getattr(self, "border", "restored") == "mirrored"

    @property
    def steps(self) -> int:
        """The division, and the rounds after it."""
        return 1 if self.is_mirrored else 1 + ROUNDS

    def stiffness(self, problem: Problem) -> Tensor:
        """Return what is added to |H|^2 on the half spectrum."""
        raise NotImplementedError

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate of the division, and after each round."""
        steps = self.steps
        quadratic = Quadratic(problem, self.stiffness(problem))
        yield Estimate(quadratic.object, 1, steps)
        for step, estimate in enumerate(quadratic.rounds(steps - 1), 2):
            yield Estimate(estimate, step, step if quadratic.is_near else steps)

    def restored(self, problem: Problem, value: float, start: Tensor | None) -> Tensor:
        """Return what the method makes of a trial under a value, from where the value before it ended."""
        settled = self.settled(value)
        quadratic = Quadratic(problem, settled.stiffness(problem), None if self.is_mirrored else start)
        for _ in quadratic.rounds(0 if self.is_mirrored else TRIED):
            pass
        return quadratic.object
