r"""Momentum: the point that the next step of Richardson-Lucy is taken from, predicted along the last change of the estimate.

The formulas and who published them stand in `richardson_lucy`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from .richardson_lucy import Climb
    from .spectrum import Part

__all__ = ["BiggsAndrews", "HeavyBall"]


class HeavyBall:
    """Nesterov's momentum: its pace follows from the step's number alone, so that a tile goes as the whole does."""

    def __init__(self) -> None:
        self._before: Tensor | None = None
        self._pace = 1.0

    def step(self, climb: Climb, estimate: Tensor) -> Tensor:
        """Return the next estimate; the buffers of the two last ones are used in turn."""
        import torch

        if self._before is None:
            self._before = estimate
            return climb.step(estimate.__getitem__, out=torch.empty_like(estimate))
        pace = (1 + math.sqrt(1 + 4 * self._pace**2)) / 2
        share = 1 + (self._pace - 1) / pace
        before, self._before, self._pace = self._before, estimate, pace
        return climb.step(_predicting(before, estimate, share), out=before)

    def carry(self, over: Callable[[Tensor], Tensor]) -> None:
        """Go on with the pace and the direction that it has, on the grid that estimates are carried over to."""
        if self._before is not None:
            self._before = over(self._before)


class BiggsAndrews:
    """Biggs and Andrews' prediction along the last change of the estimate."""

    def __init__(self) -> None:
        self._before: Tensor | None = None
        self._change: Tensor | None = None
        self._square = 0.0
        self._pace = 0.0

    def step(self, climb: Climb, estimate: Tensor) -> Tensor:
        """Return the next estimate; the buffers of the two last ones are used in turn."""
        import torch

        if self._before is None or self._change is None:
            self._before, self._change = estimate, torch.zeros_like(estimate)
            return climb.step(estimate.__getitem__, out=torch.empty_like(estimate))
        change = self._change
        products: dict[int, Tensor] = {}

        def tell(part: Part, point: Tensor, reached: Tensor) -> None:
            step = reached - point
            products[part[-1].start] = torch.stack([(step * change[part]).sum(), step.square().sum()])
            change[part] = step

        before, self._before = self._before, estimate
        climbed = climb.step(_predicting(before, estimate, 1 + self._pace), out=before, tell=tell)
        along, square = torch.stack([products[start] for start in sorted(products)]).double().sum(dim=0).tolist()
        self._pace = min(max(along / self._square, 0.0), 0.999) if self._square > 0 else 0.0
        self._square = square
        return climbed


def _predicting(before: Tensor, estimate: Tensor, share: float) -> Callable[[Part], Tensor]:
    """Return what gives a part of the point beyond an estimate on the line from the one before it, never below zero."""
    import torch

    return lambda part: torch.lerp(before[part], estimate[part], share).clamp_(min=0)
