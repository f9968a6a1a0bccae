"""`Iterative`: a method that sharpens from step to step, and whose number of steps held-back photons choose."""

from __future__ import annotations

from collections.abc import Generator

from .base import Method, Problem
from .choice import Choice, Trial
from .heldout import choose_iterations

__all__ = ["Iterative"]


EXPECTED = 30
"""Iterations that tiles are planned for until the automatic number is known."""


class Iterative(Method):
    """A method with the field ``iterations``, automatic by default."""

    @property
    def expected_steps(self) -> int:
        """How many iterations it will make, as far as that is known."""
        return EXPECTED if self.is_automatic else self.steps

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials and return the iterations after which photons held back are predicted best.

        ``problem`` is posed on a part of the image that is rich in light.
        """
        return (yield from choose_iterations(self, problem))
