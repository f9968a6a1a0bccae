r"""Gauss-Newton on the held-out score, and what its curvature says of the uncertainty.

With r the prediction's errors in standard deviations and J = -dr/dtheta, the object restored anew for every theta,

    theta  <-  theta + (J'J + lambda diag J'J)^-1 J'r                                    (Levenberg-Marquardt)
    cov    =   the larger of  (J'J)^-1  and  (J'J)^-1 (sum over parts g g') (J'J)^-1,    g = J'r of one part of the image

The second holds where noise is not quite as assumed, and where parts of the image contradict each other (White 1982).

References
----------
Broyden, "A class of methods for solving nonlinear simultaneous equations", Math. Comput. 19 (1965) 577-593.
White, "Maximum likelihood estimation of misspecified models", Econometrica 50 (1982) 1-25.
Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11 (1963) 431-441.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .blocks import Block
from .held_out import Prediction

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ENOUGH", "Axis", "Descent", "Place"]

Array = np.ndarray[Any, Any]
Predict = Callable[[Array, Sequence[int] | None], Generator[None, None, list[Prediction]]]

LONGEST = 6.0
"""Units by which a value moves at most in one round."""
DAMPING = 1e-2
DAMPED_MORE = 10.0
DAMPED_MOST = 100.0
ENOUGH = 0.5
"""Gain of the score (nats) below which a round was the last."""
PARTS = 4
"""A block is cut into this many parts along Y and X to see whether they agree."""
RIDGE = 1e-6
"""Information, in units, that is always there: what the image does not determine gets an uncertainty of 1000 units."""


@dataclass(frozen=True)
class Axis:
    """One value: its bounds, the unit in which it is scaled, and the small change by which slopes are measured."""

    low: float
    high: float
    unit: float
    small: float


@dataclass(frozen=True, eq=False)
class Place:
    """Where the descent is: values (N,), their predictions, and last the covariance (N, N) of what was free."""

    values: Array
    predictions: list[Prediction]
    covariance: Array | None = None

    @property
    def score(self) -> float:
        """Half the sum of squared errors in standard deviations, over all blocks: nats."""
        return sum(each.score for each in self.predictions)


class Descent:
    """The descent over some axes; ``predict`` restores and predicts all blocks for values (N,)."""

    def __init__(self, axes: Sequence[Axis], blocks: Sequence[Block], predict: Predict) -> None:
        self.axes, self.blocks, self.predict = axes, blocks, predict
        self.unit = np.array([axis.unit for axis in axes])

    def run(
        self, values: Array, free: Sequence[int], rounds: int, gain: float = ENOUGH
    ) -> Generator[Place | None, None, Place]:
        """Move the free axes to the best place; yields None at pauses and the place after each round, and returns the last.

        Slopes are measured once and corrected by every step (Broyden 1965), and measured again where a step fails.
        """
        place = Place(values, (yield from self.predict(values, None)))
        yield place
        damping, fresh = DAMPING, True
        slopes = yield from self._slopes(place, free)
        for _ in range(rounds):
            better = yield from self._step(place, free, slopes, damping)
            if better is None and not fresh:
                slopes, fresh = (yield from self._slopes(place, free)), True
                continue
            if better is None:
                damping *= DAMPED_MORE
                if damping > DAMPED_MOST:
                    break
                continue
            self._correct(slopes, place, better, free)
            gained, place = place.score - better.score, better
            damping, fresh = damping / DAMPED_MORE, False
            yield place
            if gained < gain:
                break
        return replace(place, covariance=self._covariance(place, free, slopes))

    def _slopes(self, place: Place, free: Sequence[int]) -> Generator[None, None, list[list[Tensor]]]:
        """Return for each free axis and block how many standard deviations a unit changes the prediction."""
        steps = [each.steps for each in place.predictions]
        found = []
        for axis in free:
            own = self.axes[axis]
            small = own.small if place.values[axis] + own.small <= own.high else -own.small
            moved = place.values.copy()
            moved[axis] += small
            there = yield from self.predict(moved, steps)
            found.append([
                (after.expected - before.expected) * block.weight.sqrt() * (own.unit / small)
                for after, before, block in zip(there, place.predictions, self.blocks, strict=True)
            ])  # fmt: skip
        return found

    def _step(
        self, place: Place, free: Sequence[int], slopes: list[list[Tensor]], damping: float
    ) -> Generator[None, None, Place | None]:
        """Return the place after a step, or None where it is no better."""
        information, pull = _information(slopes), self._pulls(place, slopes).sum(axis=0)
        low, high = (np.array([getattr(axis, end) for axis in self.axes]) for end in ("low", "high"))
        damped = information + damping * np.diag(np.diag(information)) + RIDGE * np.eye(len(free))
        moved = place.values.copy()
        moved[list(free)] += np.clip(np.linalg.solve(damped, pull), -LONGEST, LONGEST) * self.unit[list(free)]
        moved = np.clip(moved, low, high)
        if np.array_equal(moved, place.values):
            return None
        there = Place(moved, (yield from self.predict(moved, None)))
        return there if there.score < place.score else None

    def _correct(self, slopes: list[list[Tensor]], before: Place, after: Place, free: Sequence[int]) -> None:
        """Correct the slopes so that they explain what the last step did to the prediction."""
        step = ((after.values - before.values) / self.unit)[list(free)]
        weights = step / (step @ step)
        for number, block in enumerate(self.blocks):
            change = (after.predictions[number].expected - before.predictions[number].expected) * block.weight.sqrt()
            for slope, moved in zip(slopes, step, strict=True):
                change = change - float(moved) * slope[number]
            for slope, weight in zip(slopes, weights, strict=True):
                slope[number] = slope[number] + float(weight) * change

    def _pulls(self, place: Place, slopes: list[list[Tensor]]) -> Array:
        """Return J'r of each part of the blocks (parts, N)."""
        pulls = []
        for number, (block, found) in enumerate(zip(self.blocks, place.predictions, strict=True)):
            error = block.residual(found.expected)
            pulls.append(np.stack([_sum_parts(each[number] * error) for each in slopes], axis=1))
        return np.concatenate(pulls)

    def _covariance(self, place: Place, free: Sequence[int], slopes: list[list[Tensor]]) -> Array:
        """Return the covariance of the free axes (N, N)."""
        information = _information(slopes)
        inverse = np.linalg.inv(information + RIDGE * np.eye(len(information)))
        pulls = self._pulls(place, slopes)
        pulls = pulls - pulls.mean(axis=0)
        sandwich = inverse @ (pulls.T @ pulls) @ inverse
        wider = np.sqrt(np.maximum(1, np.diag(sandwich) / np.diag(inverse)))
        scale = wider * self.unit[list(free)]
        covariance: Array = inverse * np.outer(scale, scale)
        return covariance


def _information(slopes: list[list[Tensor]]) -> Array:
    """Return J'J (N, N)."""
    return np.array([
        [sum(float((a * b).double().sum()) for a, b in zip(one, other, strict=True)) for other in slopes] for one in slopes
    ])  # fmt: skip


def _sum_parts(values: Tensor) -> Array:
    """Return the sums of values (Z, Y, X) over each of the parts along Y and X."""
    plane = values.double().sum(dim=0)
    sums = [part.sum() for row in plane.tensor_split(PARTS, dim=0) for part in row.tensor_split(PARTS, dim=1)]
    return np.array([float(each) for each in sums])
