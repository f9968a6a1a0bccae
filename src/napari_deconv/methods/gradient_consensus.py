r"""Gradient consensus: Richardson-Lucy in which a voxel moves only where two halves of the photons agree.

In each iteration the image is split anew into two halves of uncorrelated noise, y/2 + e and y/2 - e with e of the image's own
noise variance over four. Each half says by which factor a voxel should change, u_1 and u_2; where the two changes agree,
averaged over the PSF,

    h * [ (u_1 - 1)(u_2 - 1) ] > 0          x <- x (u_1 + u_2) / 2          elsewhere x stays

so that what only noise asks for stops by itself.

References
----------
Manton, "Richardson-Lucy deconvolution with gradient consensus", OSF preprint (2024), for photon halves drawn by a coin; here by
the noise estimated from the image, so that camera counts and read noise are treated alike.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar, Literal

from ..noise import smoothed
from ..settings import field
from .base import Estimate, Iterations, Problem, iterations_field
from .iterative import Iterative

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GradientConsensus"]

TINY = 1e-6
"""Smallest expected count, as a share of the image's scale, that a ratio is formed with."""


class GradientConsensus(Iterative):
    """Richardson-Lucy steps where two halves of the photons agree."""

    title: ClassVar[str] = "Gradient consensus"
    summary: ClassVar[str] = (
        "Moves a voxel only where two halves of the photons agree: amplifies noise little, however long it runs."
    )
    reference: ClassVar[str] = "Manton 2024"
    order: ClassVar[int] = 12
    volumes: ClassVar[float] = 14.5

    kind: Literal["gradient-consensus"] = "gradient-consensus"
    iterations: Iterations = iterations_field(
        "It comes to rest by itself; auto saves the iterations that no longer help."
    )
    seed: int = field(
        0, title="Seed", description="Of the random splits; the same seed gives the same result.", ge=0, advanced=True
    )

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 150

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        steps, blur = self.steps, problem.blur
        split = _Split(problem, self.seed)
        estimate = blur.new_object(max(problem.level, TINY * problem.scale)).mul_(blur.inverse_sensitivity > 0)
        for step in range(1, steps + 1):
            expected = blur.forward(estimate).add(problem.background).clamp_(min=max(TINY * problem.scale, 1e-30))
            noise = split.draw()
            counts = problem.counts(expected)
            first = _change(problem, counts + noise, expected)
            second = _change(problem, counts - noise, expected)
            agreed = blur.adjoint(blur.crop(first * second)) > 0
            estimate.mul_(first.add_(second).mul_(0.5).mul_(agreed).add_(1)).clamp_(min=0)
            yield Estimate(estimate, step, steps)


def _change(problem: Problem, counts: Tensor, expected: Tensor) -> Tensor:
    """Return by what share a part of the photons would change each voxel, on the object grid."""
    blur = problem.blur
    back = blur.adjoint(counts.div_(expected)) * blur.inverse_sensitivity
    return back.sub_(1).mul_(blur.inverse_sensitivity > 0)


class _Split:
    """Noise that splits an image into halves: drawn anew each time, the same for the same seed."""

    def __init__(self, problem: Problem, seed: int) -> None:
        import torch

        self._generator = torch.Generator().manual_seed(seed)
        noise = problem.noise
        self._width = noise.variance(smoothed(problem.image)).sqrt_()
        if problem.at_least is not None:
            self._width.masked_fill_(problem.at_least > 0, 0)

    def draw(self) -> Tensor:
        """Return one draw of the image's shape."""
        import torch

        drawn: Tensor = torch.randn(self._width.shape, generator=self._generator).to(self._width)
        return drawn.mul_(self._width)
