r"""Poisson likelihood with a penalty on differences, minimised by splitting; its multipliers certify how near the minimum is.

With blur H, image y, background b and differences D (slopes, or curvatures), the object x >= 0 minimises

    P(x) = sum [ Hx + b - y + y log( y / (Hx + b) ) ]  +  w sum |Dx|  +  s w sum x

Three copies u1 = Hx, u2 = Dx, u3 = x make every part easy: the first is a quadratic equation for each pixel, the second a shrinkage
of each length |u2| by w / r2, the third a clamp at 0; x follows from all of them by division of spectra (the differences wrap
around the object grid, whose rim nobody sees). Copy and multiplier of a part are what a shrinkage or a clamp leaves and takes of one sum
v = Dx + d2, or c = x + d3, so the sums alone are kept; Hx is kept as a half spectrum. The multipliers q = r1 d1 and p = r2 d2 of the
first two copies bound the minimum from below: for any q < 1, |p| <= w, and any object whose voxels are at most m,

    P(x) >= sum [ q b + y log(1 - q) ] - m sum max( 0, - (H'q + D'p + s w) )

References
----------
Setzer, Steidl & Teuber, "Deblurring Poissonian images by split Bregman techniques", J. Vis. Commun. Image Represent. 21 (2010).
Figueiredo & Bioucas-Dias, "Restoration of Poissonian images using alternating direction optimization", IEEE Trans. Image Process.
19 (2010) 3133-3145.
Chambolle & Pock, "A first-order primal-dual algorithm for convex problems with applications to imaging", J. Math. Imaging Vis. 40
(2011), for the gap between primal and dual.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Problem
from .differences import Difference, with_ends_meeting
from .easing import Easing
from .spectrum import Box, HalfSpectrum, Part

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Gap", "Splitting"]

BLUR_PACE, SLOPE_PACE, CLAMP_PACE = 0.2, 2.5, 0.2
"""Penalties of the three copies, in units of the mean expected count: the best of eight triples on 15 scenes."""
CAP = 2.0
"""The bound holds for every object up to this many times as bright as the brightest voxel of the estimate."""


ADAPTED = (10, 30)
"""Rounds before which the weight's factors are taken from the object so far."""


@dataclass(frozen=True)
class Gap:
    """The objective, a proven lower bound of its minimum, and their difference as a share of the objective."""

    objective: float
    bound: float

    @property
    def share(self) -> float:
        """By what share of itself the objective is above its minimum, at most."""
        return max(self.objective - self.bound, 0.0) / max(abs(self.objective), 1e-30)


class Splitting:
    """One problem under way, in units of the image's scale, so that weights are pure numbers.

    differences : what the penalty measures; weight : of sum |Dx|; sparsity : of sum x, as a share of the weight; adaptation : how much
        less structure and bright places are held back, the power of `Easing`, whose factors w has in P then.
    ``object`` is the object after the last round, until the next one.
    """

    def __init__(
        self,
        problem: Problem,
        differences: Sequence[Difference],
        weight: float,
        sparsity: float = 0.0,
        adaptation: float = 0.0,
    ) -> None:
        import torch

        blur = problem.blur
        self._problem, self._blur = problem, blur
        self._differences, self._sparsity = differences, sparsity
        self.unit = max(problem.scale, 1e-30)
        self._image = problem.image if problem.at_least is None else problem.image.clone()
        self._background = problem.background / self.unit
        self._typical = max((problem.level + problem.background) / self.unit, 1e-6)
        self._blur_pace = BLUR_PACE / self._typical
        self._clamp_pace = CLAMP_PACE * self._blur_pace
        self._most, self._shift = self._typical / SLOPE_PACE, 0.0
        self.object = blur.new_object(problem.level / self.unit).masked_fill_(blur.inverse_sensitivity == 0, 0)
        self._clamped = self.object.clone()
        self._image_lag = torch.zeros_like(self._image)
        self._lagged = [each.of(self.object, out=torch.empty_like(self.object)) for each in differences]
        ease = (problem.voxel, adaptation, problem.level / self.unit, self._background)
        self._easing = Easing(blur, *ease) if adaptation else None
        self._eased: Tensor | None = None
        self._rounds = 0
        self._seen = HalfSpectrum(blur.object_shape, blur.device, blur.dtype)
        self._seen.enter(blur.whole, self.object.__getitem__)
        self._seen.carry(blur.otf, blur.whole, blur.whole)
        self.weigh(weight)

    def weigh(self, weight: float) -> None:
        """Go on with another weight, from where the object is."""
        if self._rounds:
            self._adapt()
        self._weight = max(weight, 1e-12)
        self._slope_pace = SLOPE_PACE * self._weight / self._typical
        before, self._shift = self._shift, self._sparsity * self._weight / self._clamp_pace
        if before != self._shift:
            self._clamped.add_(self.object > 0, alpha=self._shift - before)
        shape = self._blur.object_shape
        divisor = self._blur.otf.abs().square_().mul_(self._blur_pace).add_(self._clamp_pace)
        for each in self._differences:
            divisor.add_(each.gain(shape, self.object, self._blur.axes[-1]), alpha=self._slope_pace)
        self._inverse = divisor.reciprocal_()

    def step(self) -> Tensor:
        """Make one round and return the object, in units of the scale."""
        if self._rounds in ADAPTED:
            self._adapt()
        self._rounds += 1
        blur = self._blur
        with blur.spectrum as spectrum, self._seen as seen:
            spectrum.enter(blur.whole, self._pull)
            spectrum.blend(seen, (blur.otf, self._inverse), self._divide)
            spectrum.leave(blur.whole, self._take)
            seen.exchange(blur.whole, self._meet_the_image)
            spectrum.visit(blur.whole, self._shrink_differences)
            spectrum.visit(blur.whole, self._show)
        return self.object

    @property
    def is_settled(self) -> bool:
        """Whether what is minimised stays what it is."""
        return self._easing is None or self._rounds > max(ADAPTED)

    def _adapt(self) -> None:
        """Take the factors of the weight from the object as it is."""
        if self._easing is not None:
            self._eased = self._easing.of(self.object, self._lengths())

    def _pull(self, part: Part) -> Tensor:
        """Return what the penalties pull a part of the object to: copies less their lags."""
        pull = self._held(part).mul_(2).sub_(self._clamped[part]).mul_(self._clamp_pace)
        near = [with_ends_meeting(each, part) for each in self._lagged]
        rest = self._share([each for each, _ in near], self._most_beside(part)).mul_(-2).add_(1)
        for each, (lagged, inner) in zip(self._differences, near, strict=True):
            back = lagged * rest
            pull.add_(each.adjoint(back, out=back.new_empty(back.shape))[inner], alpha=self._slope_pace)
        return pull

    def _divide(self, pull: Tensor, seen: Tensor, otf: Tensor, inverse: Tensor) -> tuple[Tensor, Tensor]:
        """Return the spectrum of the object, and of the blurred object, from those of what both are pulled to."""
        thing = seen.mul_(otf.conj()).mul_(self._blur_pace).add_(pull).mul_(inverse)
        return thing, thing * otf

    def _take(self, part: Part, values: Tensor) -> None:
        self._clamped[part] = self._clamped[part].sub(self._held(part)).add_(values)
        self.object[part] = values

    def _meet_the_image(self, part: Part, full: Tensor) -> Tensor:
        """Solve m^2 - m (z + b - 1/r1) - y/r1 = 0 for the expected counts m of each trusted pixel, z = Hx + d1."""
        import torch

        found = _overlap(self._blur.frame, part)
        if found is None:
            return full
        inner, framed = found
        if self._problem.at_least is not None:
            self._image[framed] = self._problem.counts((full[inner] + self._background) * self.unit, framed)
        wanted = full[inner].add_(self._image_lag[framed])
        half = wanted.add(self._background - 1 / self._blur_pace).mul_(0.5)
        expected = half.square().add_(self._image[framed], alpha=1 / (self._blur_pace * self.unit)).sqrt_().add_(half)
        copy = expected.sub_(self._background)
        if self._blur.mask is not None:
            copy = torch.where(self._blur.mask[framed] > 0, copy, wanted)
        lag = self._image_lag[framed].copy_(wanted).sub_(copy)
        wanted.copy_(copy).sub_(lag)
        return full

    def _shrink_differences(self, part: Part) -> None:
        """Shorten the differences; what was taken off is their lag, to which the new differences are added."""
        near, inner = with_ends_meeting(self.object, part)
        lagged = [each[part] for each in self._lagged]
        share = self._share(lagged, self._most if self._eased is None else self._eased[part] * self._most)
        for each, values in zip(self._differences, lagged, strict=True):
            values.mul_(share).add_(each.of(near, out=near.new_empty(near.shape))[inner])

    def _most_beside(self, part: Part) -> float | Tensor:
        """Return the most that a shrinkage takes off, in a part and the planes beside it."""
        return self._most if self._eased is None else with_ends_meeting(self._eased, part)[0] * self._most

    def _share(self, lagged: Sequence[Tensor], most: float | Tensor) -> Tensor:
        """Return the share of each lagged difference that its shrinkage takes off."""
        length = lagged[0].square()
        for each in lagged[1:]:
            length.addcmul_(each, each)
        return length.sqrt_().clamp_(min=most).reciprocal_().mul_(most)

    def _held(self, part: Part) -> Tensor:
        """Return a part of the object as the clamp leaves it: not below zero, after taking off the sparsity's share."""
        dark = self._blur.inverse_sensitivity[part] == 0
        return self._clamped[part].sub(self._shift).clamp_(min=0).masked_fill_(dark, 0)

    def _show(self, part: Part) -> None:
        self.object[part] = self._held(part)

    def figures(self) -> dict[str, float]:
        """Return the objective and by what share of itself it is above its minimum at most, as proven."""
        gap = self.gap()
        return {"objective": gap.objective * self.unit, "gap": gap.share}

    def gap(self) -> Gap:
        """Return the certificate of the object as it is."""
        import torch

        misfits, bounds, lacks = dict[int, float](), dict[int, float](), dict[int, float]()
        mask = self._blur.mask

        def meet(part: Part, seen: Tensor) -> Tensor:
            image, expected = self._image[part] / self.unit, seen.add_(self._background).clamp_(min=1e-30)
            misfit = torch.xlogy(image, image / expected).add_(expected).sub_(image)
            misfits[part[-1].start] = _total(misfit if mask is None else misfit.mul_(mask[part]))
            price = (self._image_lag[part] * self._blur_pace).clamp_(max=1 - 1e-6)
            bounds[part[-1].start] = _total(price * self._background + torch.xlogy(image, 1 - price))
            return price

        def take(part: Part, back: Tensor) -> None:
            lacks[part[-1].start] = _total(self._lack_of(back, part))

        self._blur.round_trip(self.object.__getitem__, meet, take)
        penalty = self._variation() + self._sparsity * _total(self.object)
        return Gap(
            _in_order(misfits) + self._weight * penalty,
            _in_order(bounds) - CAP * float(self.object.max()) * _in_order(lacks),
        )

    def _variation(self) -> float:
        """Return sum |Dx| of the object, each with its factor of the weight."""
        lengths = self._lengths()
        return _total(lengths if self._eased is None else lengths.mul_(self._eased))

    def _lengths(self) -> Tensor:
        """Return |Dx| of the object."""
        import torch

        lengths = torch.empty_like(self.object)

        def measure(part: Part) -> None:
            near, inner = with_ends_meeting(self.object, part)
            squares = near.new_zeros(near.shape)
            for each in self._differences:
                difference = each.of(near, out=near.new_empty(near.shape))
                squares.addcmul_(difference, difference)
            lengths[part] = squares[inner].sqrt_()

        self._seen.visit(self._blur.whole, measure)
        return lengths

    def _lack_of(self, left: Tensor, part: Part) -> Tensor:
        """Return by how much H'q + D'p + s w falls short of zero in a part, given its H'q."""
        left.add_(self._sparsity * self._weight)
        near = [with_ends_meeting(each, part) for each in self._lagged]
        share = self._share([each for each, _ in near], self._most_beside(part))
        for each, (lagged, inner) in zip(self._differences, near, strict=True):
            taken = lagged * share
            left.add_(each.adjoint(taken, out=taken.new_empty(taken.shape))[inner], alpha=self._slope_pace)
        return left.neg_().clamp_(min=0).masked_fill_(self._blur.inverse_sensitivity[part] == 0, 0)


def _overlap(frame: Box, part: Part) -> tuple[Part, Part] | None:
    """Return where the frame lies in a part of the object's grid, and where that is in the frame; None where it does not."""
    *before, stretch = part
    along = frame[len(before)]
    start, stop = max(stretch.start, along.start), min(stretch.stop, along.stop)
    if start >= stop:
        return None
    inner = (*before, slice(start - stretch.start, stop - stretch.start), *frame[len(before) + 1 :])
    return inner, (*before, slice(start - along.start, stop - along.start))


def _total(values: Tensor) -> float:
    import torch

    return float(values.sum(dtype=torch.float64))


def _in_order(sums: Mapping[int, float]) -> float:
    """Return the sum of what parts came to, in their order, so that it does not depend on which was done first."""
    return sum(sums[start] for start in sorted(sums))
