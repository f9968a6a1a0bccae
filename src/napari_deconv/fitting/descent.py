r"""Newton's way to the parameters that held-back photons ask for, and what the photons' scatter says of the uncertainty.

With r the prediction's errors in standard deviations and J its slopes beyond what the object makes up for (`slopes`), summed over
all views (a block seen from either half of its photons),

    solve  J'r = 0        theta  <-  theta + (J'J + lambda diag J'J)^-1 J'r,      the object restored anew after every step
    cov    =   the larger of  (J'J)^-1  and  (J'J)^-1 (sum over parts g g') (J'J)^-1,    g = J'r of one part of the image

The second holds where noise is not quite as assumed, and where parts of the image contradict each other (White 1982). Where whole
blocks contradict each other more than that, all uncertainties grow by Birge's ratio. Values that cannot be told from the object and
are not moved, such as its smoothness and the background, are granted an uncertainty of their own, which is carried over.

References
----------
White, "Maximum likelihood estimation of misspecified models", Econometrica 50 (1982) 1-25.
Birge, "The calculation of errors by the method of least squares", Phys. Rev. 40 (1932) 207-227.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .blocks import Block
from .held_out import Prediction

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Axis", "Descent", "Look", "Place"]

Array = np.ndarray[Any, Any]

LONGEST = 4.0
"""Units by which a value moves at most in one round."""
DAMPING = 1e-3
WORSE = 0.3
"""Growth of the score in a step, in square roots of the pixels, that noise and an early end of the restoration explain."""
HALVINGS = 4
CLOSE = 0.3
"""Standard errors: a step shorter than this is the last."""
PARTS = 4
"""A block is cut into this many parts along Y and X to see whether they agree."""
RIDGE = 1e-6
"""Information, in units, that is always there: what the image does not determine gets an uncertainty of 1000 units."""


@dataclass(frozen=True)
class Axis:
    """One value: its bounds, and the unit in which it is scaled.

    ``vague`` is by how much (standard deviation) a value that is not moved may be off: it widens the uncertainty of the others.
    """

    low: float
    high: float
    unit: float
    vague: float = 0.0


@dataclass(frozen=True, eq=False)
class Look:
    """A view's prediction, and what its slopes need."""

    found: Prediction
    slopes: Callable[[Sequence[int]], Generator[None, None, list[Tensor]]]
    """Free axes -> the change (Z, Y, X) of the prediction with each, in standard deviations a native unit."""


@dataclass(frozen=True, eq=False)
class Place:
    """Where the descent is: values (N,), how each view looks from there, and last the covariance (N, N) of what was free.

    ``is_settled`` says of the last place that no step was left to make.
    """

    values: Array
    looks: list[Look]
    covariance: Array | None = None
    is_settled: bool = False

    @property
    def score(self) -> float:
        """Half the sum of squared errors in standard deviations, over all views: nats."""
        return sum(each.found.score for each in self.looks)


class Descent:
    """The descent over some axes; ``look`` restores and predicts all views for values (N,); ``folds`` views make a block."""

    def __init__(
        self,
        axes: Sequence[Axis],
        views: Sequence[Block],
        look: Callable[[Array], Generator[None, None, list[Look]]],
        folds: int = 1,
    ) -> None:
        self.axes, self.views, self.look, self.folds = axes, views, look, folds

    def run(self, values: Array, free: Sequence[int], rounds: int) -> Generator[Place | None, None, Place]:
        """Move the free axes to where J'r is 0; yields None at pauses and the place after each round, and returns the last.

        Where the rounds do not suffice, or the predictions grow worse, the step that is left counts as uncertainty.
        """
        place = Place(values, (yield from self.look(values)))
        yield place
        vague = [number for number, axis in enumerate(self.axes) if axis.vague and number not in free]
        covariance, is_settled = np.zeros((0, 0)), not free
        for last in range(rounds if free else -1, -1, -1):
            information, pulls, crossed = yield from self._measured(place, free, vague)
            step = self._step(place.values, information.sum(axis=0), pulls.sum(axis=(0, 1)), free)
            covariance = self._covariance(information, pulls, free) + self._doubt(information, crossed, free, vague)
            errors = np.sqrt(np.diag(covariance))
            is_settled = bool(np.all(np.abs(step[list(free)]) < CLOSE * errors))
            if is_settled:
                break
            there = (yield from self._moved(place, step)) if last else None
            if there is None:
                covariance = covariance + np.diag(step[list(free)] ** 2)
                break
            place = there
            yield place
        return replace(place, covariance=covariance, is_settled=is_settled)

    def _measured(
        self, place: Place, free: Sequence[int], vague: Sequence[int]
    ) -> Generator[None, None, tuple[Array, Array, Array]]:
        """Return each block's J'J (blocks, N, N) and J'r of its parts (blocks, parts, N), and J'J of free and vague axes (N, V), in units."""
        unit, count = np.array([self.axes[axis].unit for axis in (*free, *vague)]), len(free)
        information, pulls = [], []
        for view, look in zip(self.views, place.looks, strict=True):
            slopes = yield from look.slopes([*free, *vague])
            error = view.residual(look.found.expected)
            information.append([[float((a * b).double().sum()) for b in slopes] for a in slopes] * np.outer(unit, unit))
            pulls.append(np.stack([_sum_parts(each * error) for each in slopes[:count]], axis=1) * unit[:count])
        blocks = len(self.views) // self.folds
        whole = np.reshape(information, (blocks, self.folds, len(unit), len(unit))).sum(axis=1)
        parts = np.reshape(pulls, (blocks, self.folds, -1, count)).sum(axis=1)
        return whole[:, :count, :count], parts, whole[:, :count, count:].sum(axis=0)

    def _step(self, values: Array, information: Array, pull: Array, free: Sequence[int]) -> Array:
        """Return the change of all values, within their bounds."""
        damped = information + DAMPING * np.diag(np.diag(information)) + RIDGE * np.eye(len(free))
        moved = values.copy()
        for axis, change in zip(free, np.linalg.solve(damped, pull), strict=True):
            own = self.axes[axis]
            moved[axis] = np.clip(values[axis] + own.unit * np.clip(change, -LONGEST, LONGEST), own.low, own.high)
        return moved - values

    def _moved(self, place: Place, step: Array) -> Generator[None, None, Place | None]:
        """Return the place after a step, halved where the score grows too much; None where that does not help."""
        allowed = WORSE * math.sqrt(sum(view.train.numel() for view in self.views))
        for halving in range(HALVINGS):
            values = place.values + step / 2**halving
            there = Place(values, (yield from self.look(values)))
            if there.score < place.score + allowed:
                return there
        return None

    def _covariance(self, information: Array, pulls: Array, free: Sequence[int]) -> Array:
        """Return the covariance of the free axes (N, N)."""
        ridge = RIDGE * np.eye(len(free))
        inverse = np.linalg.inv(information.sum(axis=0) + ridge)
        each = pulls.reshape(-1, len(free))
        sandwich = inverse @ (each.T @ each) @ inverse
        wider = np.sqrt(np.maximum(1, np.diag(sandwich) / np.diag(inverse)))
        scale = (
            wider
            * np.array([self.axes[axis].unit for axis in free])
            * self._birge(information + ridge, pulls.sum(axis=1), wider)
        )
        covariance: Array = inverse * np.outer(scale, scale)
        return covariance

    def _doubt(self, information: Array, crossed: Array, free: Sequence[int], vague: Sequence[int]) -> Array:
        """Return the covariance of the free axes (N, N) that comes from values which are not moved."""
        ridge = RIDGE * np.eye(len(free))
        shift = np.linalg.solve(information.sum(axis=0) + ridge, crossed) * [[self.axes[axis].unit] for axis in free]
        shift = shift * [self.axes[axis].vague / self.axes[axis].unit for axis in vague]
        doubt: Array = shift @ shift.T
        return doubt

    @staticmethod
    def _birge(information: Array, pulls: Array, wider: Array) -> float:
        """Return by how much more than their uncertainties say the blocks scatter, at least 1."""
        if len(information) < 2:
            return 1.0
        whole = np.linalg.solve(information.sum(axis=0), pulls.sum(axis=0))
        square = 0.0
        for own, pull in zip(information, pulls, strict=True):
            away = (np.linalg.solve(own, pull) - whole) / wider
            square += float(away @ own @ away)
        return max(1.0, math.sqrt(square / ((len(information) - 1) * len(wider))))


def _sum_parts(values: Tensor) -> Array:
    """Return the sums of values (Z, Y, X) over each of the parts along Y and X."""
    plane = values.double().sum(dim=0)
    sums = [part.sum() for row in plane.tensor_split(PARTS, dim=0) for part in row.tensor_split(PARTS, dim=1)]
    return np.array([float(each) for each in sums])
