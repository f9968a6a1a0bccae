r"""Richardson-Lucy: the maximum of the Poisson likelihood, climbed by multiplication, plain or accelerated.

With blur H, its adjoint H', sensitivity s = H'1, image y and background b, one iteration is

    x  <-  x / s * H'( y / (H x + b) )

Acceleration (Biggs & Andrews) takes that step from a point predicted along the last change of the estimate,
p = x_k + a (x_k - x_{k-1}), with a = <g_{k-1}, g_{k-2}> / <g_{k-2}, g_{k-2}> in [0, 1) and g_k = x_{k+1} - p_k.

References
----------
Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972) 55-59.
Lucy, "An iterative technique for the rectification of observed distributions", Astron. J. 79 (1974) 745-754.
Biggs & Andrews, "Acceleration of iterative image restoration algorithms", Applied Optics 36 (1997) 1766-1775.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, ClassVar, Literal

from ..settings import field
from .base import Estimate, Method, Problem

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["RichardsonLucy"]

TINY = 1e-6
"""Smallest expected count, as a share of the image's scale, that a ratio is formed with."""


class RichardsonLucy(Method):
    """Richardson-Lucy, plain or accelerated."""

    title: ClassVar[str] = "Richardson-Lucy"
    summary: ClassVar[str] = "The standard for photon-counting images: keeps the light, never goes negative."
    reference: ClassVar[str] = "Richardson 1972; Lucy 1974; Biggs & Andrews 1997"
    order: ClassVar[int] = 10
    keeps_flux: ClassVar[bool] = True
    volumes: ClassVar[float] = 8.0

    kind: Literal["richardson-lucy"] = "richardson-lucy"
    iterations: int = field(
        30, title="Iterations", description="More iterations sharpen further, and in the end amplify noise.",
        ge=1, le=10_000, slider="log", shown_min=1, shown_max=300,
    )
    acceleration: Literal["none", "biggs-andrews"] = field(
        "none", title="Acceleration",
        description="Biggs-Andrews reaches the same result in several times fewer iterations.",
    )

    @property
    def steps(self) -> int:
        """One estimate an iteration."""
        return self.iterations

    def iterate(self, problem: Problem) -> Iterator[Estimate]:
        """Yield the estimate after each iteration."""
        estimate = start(problem)
        momentum = Momentum() if self.acceleration == "biggs-andrews" else None
        for step in range(1, self.iterations + 1):
            point = momentum.predict(estimate) if momentum else estimate
            climbed = climb(problem, point)
            if momentum:
                momentum.remember(estimate, point, climbed)
            estimate = climbed
            yield Estimate(estimate, step, self.iterations)


def start(problem: Problem) -> Tensor:
    """Return a flat object of the image's mean level, dark where the frame catches nothing."""
    flat = problem.blur.new_object(max(problem.level, TINY * problem.scale))
    flat.mul_(problem.blur.inverse_sensitivity > 0)
    return flat


def climb(problem: Problem, point: Tensor) -> Tensor:
    """Return one Richardson-Lucy step from a point, in a new tensor."""
    import torch

    blur = problem.blur
    expected = blur.forward(point)
    expected.add_(problem.background).clamp_(min=max(TINY * problem.scale, 1e-30))
    ratio = torch.div(problem.image, expected, out=blur.in_frame)
    climbed = blur.adjoint(ratio) * point
    return climbed.mul_(blur.inverse_sensitivity).clamp_(min=0)


class Momentum:
    """Biggs-Andrews' prediction along the last change of the estimate."""

    def __init__(self) -> None:
        self._before: Tensor | None = None
        self._step: Tensor | None = None
        self._pace = 0.0

    def predict(self, estimate: Tensor) -> Tensor:
        """Return the point to climb from: non-negative, the estimate itself at first."""
        if self._before is None or self._pace <= 0:
            return estimate
        return (estimate + self._pace * (estimate - self._before)).clamp_(min=0)

    def remember(self, estimate: Tensor, point: Tensor, climbed: Tensor) -> None:
        """Keep the last estimate and step, and set the next pace."""
        step = climbed - point
        if self._step is not None:
            bottom = float((self._step * self._step).sum())
            pace = float((step * self._step).sum()) / bottom if bottom > 0 else 0.0
            self._pace = min(max(pace, 0.0), 0.999)
        self._before, self._step = estimate, step
