r"""Iterative constrained Tikhonov-Miller: least squares with a penalty on squared slopes, by conjugate gradients, never negative.

The object x >= 0 minimises  |Hx + b - y|^2 + w |Dx|^2 . With A = H'H + w D'D, residual r = H'(y - b) - A x and F the voxels that are
free (above zero, or drawn upwards), a round is

    p <- F ( r + p |r|^2 / |r_before|^2 )          x <- max( 0, x + p <p, r> / <p, A p> )

References
----------
van der Voort & Strasters, "Restoration of confocal images for quantitative image analysis", J. Microsc. 178 (1995) 165-181.
van Kempen et al., "A quantitative comparison of image restoration methods for confocal microscopy", J. Microsc. 185 (1997) 354-365.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from ..settings import field
from .base import Iterations, Problem, iterations_field
from .differences import slopes
from .weighed import Weighed, Weight

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ConjugateGradients", "TikhonovMiller"]


class TikhonovMiller(Weighed):
    """Iterative constrained Tikhonov-Miller."""

    title: ClassVar[str] = "Tikhonov-Miller"
    summary: ClassVar[str] = (
        "Least squares that stays smooth and never goes negative: quick and even, edges a little soft."
    )
    reference: ClassVar[str] = "van der Voort & Strasters 1995; van Kempen et al. 1997"
    order: ClassVar[int] = 34
    volumes: ClassVar[float] = 15.5
    reach: ClassVar[float] = 2.0
    measure: ClassVar[str] = "change"
    near: ClassVar[float] = 2e-3
    most: ClassVar[int] = 100
    weights: ClassVar[tuple[float, ...]] = tuple(6.0 * 0.33**step for step in range(10))
    rounds: ClassVar[int] = 8
    lean: ClassVar[float] = 1.5

    kind: Literal["tikhonov-miller"] = "tikhonov-miller"
    weight: Weight = field(
        "auto",
        title="Weight",
        description="Of squared slopes, in µm, against the misfit: larger is smoother. "
        "Auto takes the weight that predicts best the photons held back from the restoration.",
        slider="log",
        shown_min=1e-4,
        shown_max=1,
    )
    iterations: Iterations = iterations_field(
        "Auto ends when a round changes the object by less than 0.2 %, or after 100. "
        "With an automatic weight it ends sooner where photons held back are predicted better on the way.",
        advanced=True,
    )

    def solver(self, problem: Problem, weight: float) -> ConjugateGradients:
        """Return the minimisation under this weight."""
        return ConjugateGradients(problem, weight)


class ConjugateGradients:
    """One minimisation under way, in units of the image's scale."""

    def __init__(self, problem: Problem, weight: float) -> None:
        import torch

        self._problem, self._blur = problem, problem.blur
        self._differences = slopes(problem.blur.object_shape, problem.voxel)
        self.unit = max(problem.scale, 1e-30)
        self.object = problem.blur.new_object(problem.level / self.unit)
        self._direction = torch.zeros_like(self.object)
        self._slope, self._scratch = torch.empty_like(self.object), torch.empty_like(self.object)
        self._length = self._change = 0.0
        self.weigh(weight)

    @property
    def is_settled(self) -> bool:
        """What is minimised is so from the first round."""
        return True

    def weigh(self, weight: float) -> None:
        """Go on with another weight, down the slope at first."""
        self._weight = weight
        self._length = 0.0

    def step(self) -> Tensor:
        """Make one round and return the object, in units of the scale."""
        import torch

        residual = self._problem.missed(self._blur.forward(self.object), self.unit)
        pull = self._blur.adjoint(residual).clone().sub_(self._stiffness(self.object), alpha=self._weight)
        pull.mul_((self.object > 0) | (pull > 0))
        length = _product(pull, pull)
        direction = self._direction.mul_(length / self._length if self._length else 0.0).add_(pull)
        direction.mul_((self.object > 0) | (direction > 0))
        seen = self._blur.forward(direction)
        bend = _product(seen, seen) + self._weight * _product(direction, self._stiffness(direction))
        pace = _product(direction, pull) / bend if bend > 0 else 0.0
        reached = torch.add(self.object, direction, alpha=pace, out=self._scratch).clamp_(min=0)
        self._change = abs(pace) * _product(direction, direction) ** 0.5
        self._scratch, self.object, self._length = self.object, reached, length if pace > 0 else 0.0
        return reached

    def figures(self) -> dict[str, float]:
        """Return by what share of itself the last round changed the object."""
        return {"change": self._change / max(_product(self.object, self.object) ** 0.5, 1e-30)}

    def _stiffness(self, thing: Tensor) -> Tensor:
        """Return D'D of an object."""
        import torch

        total = torch.zeros_like(thing)
        for each in self._differences:
            total.add_(each.adjoint(each.of(thing, out=self._slope), out=self._scratch))
        return total


def _product(one: Tensor, other: Tensor) -> float:
    return float((one * other).double().sum())
