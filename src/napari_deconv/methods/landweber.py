r"""Landweber: gradient descent on the squared residual, kept above zero on request.

    x  <-  x + step * H'( y - b - H x )          and then, non-negative, x <- max(x, 0)

It converges for 0 < step < 2 / |H|^2, and |H| <= 1 for a PSF of unit sum.

References
----------
Landweber, "An iteration formula for Fredholm integral equations of the first kind", Amer. J. Math. 73 (1951) 615-624.
Bertero & Boccacci, "Introduction to Inverse Problems in Imaging" (1998), chapter 6.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..settings import field
from .base import Estimate, Iterations, Problem, iterations_field
from .iterative import Iterative
from .reach import LEAK, reach_of

if TYPE_CHECKING:
    import numpy as np

__all__ = ["Landweber"]


class Landweber(Iterative):
    """Landweber's iteration."""

    title: ClassVar[str] = "Landweber"
    summary: ClassVar[str] = "Least squares, step by step: for images whose noise does not grow with the light."
    reference: ClassVar[str] = "Landweber 1951; Bertero & Boccacci 1998"
    order: ClassVar[int] = 32
    volumes: ClassVar[float] = 6.0

    kind: Literal["landweber"] = "landweber"
    iterations: Iterations = iterations_field(
        "More iterations sharpen further, and in the end amplify noise. "
        "Auto stops where photons held back from the restoration are predicted best.",
        shown_max=500,
    )
    step: float = field(
        1.4,
        title="Step",
        description="Length of each step; below 2 it converges, larger is faster. Beyond 1.4, the first steps overshoot coarse detail by turns.",
        gt=0,
        lt=2,
        slider="linear",
        shown_min=0.1,
        shown_max=1.99,
        advanced=True,
    )
    positive: bool = field(True, title="Non-negative", description="Set what falls below zero to zero after each step.")

    @property
    def non_negative(self) -> bool:
        """As asked."""
        return self.positive

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 300

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return the voxels of an axis over which neighbours count in so many steps."""
        return reach_of(psf, axis, lambda gain: 1 - abs(1 - self.step * gain) ** self.expected_steps, LEAK)

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        import torch

        blur, steps = problem.blur, self.steps
        estimate = blur.new_object(problem.level)
        for step in range(1, steps + 1):
            expected = blur.forward(estimate).add_(problem.background)
            residual = torch.sub(problem.counts(expected), expected, out=blur.in_frame)
            estimate.add_(blur.adjoint(residual), alpha=self.step)
            if self.positive:
                estimate.clamp_(min=0)
            yield Estimate(estimate, step, steps)
