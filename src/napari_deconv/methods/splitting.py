r"""Poisson likelihood with a penalty on differences, minimised by splitting; its multipliers certify how near the minimum is.

With blur H, image y, background b and differences D (slopes, or curvatures), the object x >= 0 minimises

    P(x) = sum [ Hx + b - y + y log( y / (Hx + b) ) ]  +  w sum |Dx|  +  s w sum x

Three copies u1 = Hx, u2 = Dx, u3 = x make every part easy: the first is a quadratic equation for each pixel, the second a shrinkage
of each length |u2| by w / r2, the third a clamp at 0; x follows from all of them by division of spectra (the differences wrap
around the object grid, whose rim nobody sees). The multipliers q = r1 d1 and p = r2 d2 of the first two copies bound the minimum
from below: for any q < 1, |p| <= w, and any object whose voxels are at most m,

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

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .base import Problem

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Difference", "Gap", "Splitting", "curvatures", "slopes"]

BLUR_PACE, SLOPE_PACE, CLAMP_PACE = 0.2, 2.5, 0.2
"""Penalties of the three copies, in units of the mean expected count: the best of eight triples on 15 scenes."""
CAP = 2.0
"""The bound holds for every object up to this many times as bright as the brightest voxel of the estimate."""


@dataclass(frozen=True)
class Difference:
    """A periodic difference along an axis, or of differences along two axes, times a factor.

    Along one axis it looks forward; twice along the same axis it is centred.
    """

    axes: tuple[int, ...]
    factor: float

    def of(self, thing: Tensor, out: Tensor) -> Tensor:
        """Write the difference of an object (Z, Y, X) to ``out`` and return it."""
        for number, axis in enumerate(self.axes):
            _differ(thing if number == 0 else out.clone(), axis, out, forward=not self._looks_back(number))
        return out.mul_(self.factor)

    def adjoint(self, difference: Tensor, out: Tensor) -> Tensor:
        """Write the adjoint of `of` to ``out`` and return it."""
        for number, axis in enumerate(self.axes):
            _differ(difference if number == 0 else out.clone(), axis, out, forward=self._looks_back(number))
        return out.mul_(self.factor * (-1) ** len(self.axes))

    def gain(self, shape: Sequence[int], like: Tensor, halved: int = 2) -> Tensor:
        """Return the squared modulus of its transfer function on the spectrum of this shape, of which one axis is halved."""
        import torch

        total = torch.full([1, 1, 1], self.factor**2, dtype=like.dtype, device=like.device)
        for axis in self.axes:
            size = shape[axis]
            cycles = (
                torch.arange(size // 2 + 1 if axis == halved else size, dtype=like.dtype, device=like.device) / size
            )
            gain = (2 * torch.sin(torch.pi * cycles)).square()
            total = total * gain.reshape([-1 if other == axis else 1 for other in range(3)])
        return total

    def _looks_back(self, number: int) -> bool:
        return number == 1 and self.axes[0] == self.axes[1]


def _differ(thing: Tensor, axis: int, out: Tensor, *, forward: bool) -> None:
    """Write thing[i + 1] - thing[i] to ``out[i]``, or with it looking back thing[i] - thing[i - 1]; the ends meet."""
    import torch

    last = thing.shape[axis] - 1
    upper, lower = thing.narrow(axis, 1, last), thing.narrow(axis, 0, last)
    torch.sub(upper, lower, out=out.narrow(axis, 0 if forward else 1, last))
    torch.sub(thing.narrow(axis, 0, 1), thing.narrow(axis, last, 1), out=out.narrow(axis, last if forward else 0, 1))


def slopes(shape: Sequence[int], voxel: Sequence[float]) -> list[Difference]:
    """Return the differences that make up the slope of an object (Z, Y, X), per finest voxel."""
    return [Difference((axis,), step) for axis, step in _steps(shape, voxel).items()]


def curvatures(shape: Sequence[int], voxel: Sequence[float]) -> list[Difference]:
    """Return the second differences that make up the Hessian of an object (Z, Y, X), mixed ones counted twice."""
    steps = _steps(shape, voxel)
    return [
        Difference((one, other), steps[one] * steps[other] * (1 if one == other else 2**0.5))
        for one in steps
        for other in steps
        if one <= other
    ]


def _steps(shape: Sequence[int], voxel: Sequence[float]) -> dict[int, float]:
    """Return axis -> finest voxel over the axis's own, of the axes that an object has."""
    axes = [axis for axis in range(3) if shape[axis] > 1] or [2]
    finest = min(voxel[axis] for axis in axes)
    return {axis: finest / voxel[axis] for axis in axes}


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

    differences : what the penalty measures; weight : of sum |Dx|; sparsity : of sum x, as a share of the weight.
    """

    def __init__(
        self, problem: Problem, differences: Sequence[Difference], weight: float, sparsity: float = 0.0
    ) -> None:
        import torch

        blur = problem.blur
        self._blur, self._differences, self._sparsity = blur, differences, sparsity
        self.unit = max(problem.scale, 1e-30)
        self._image, self._background = problem.image / self.unit, problem.background / self.unit
        self._typical = max((problem.level + problem.background) / self.unit, 1e-6)
        self._dark = blur.inverse_sensitivity == 0
        self.object = blur.new_object(problem.level / self.unit).masked_fill_(self._dark, 0)
        self._full = blur.full(self.object).clone()
        self._right = torch.zeros_like(self.object)
        self._scratch, self._smooth = torch.empty_like(self.object), torch.empty_like(self.object)
        self._length = torch.empty_like(self.object)
        self._spectra = torch.empty_like(blur.otf), torch.empty_like(blur.otf)
        self._image_lag = torch.zeros_like(self._image)
        self._lags = [torch.zeros_like(self.object) for _ in differences]
        self._clamp_lag = torch.zeros_like(self.object)
        self.weigh(weight)

    def weigh(self, weight: float) -> None:
        """Go on with another weight, from where the object is."""
        self._weight = max(weight, 1e-12)
        self._blur_pace = BLUR_PACE / self._typical
        self._slope_pace = SLOPE_PACE * self._weight / self._typical
        self._clamp_pace = CLAMP_PACE * self._blur_pace
        gains = [each.gain(self._blur.object_shape, self.object, self._blur.axes[-1]) for each in self._differences]
        divisor = self._blur.otf.abs().square_().mul_(self._blur_pace).add_(self._clamp_pace)
        for gain in gains:
            divisor.add_(gain, alpha=self._slope_pace)
        self._inverse = divisor.reciprocal_()
        self._take_right_side()

    def _take_right_side(self) -> None:
        """Form what the penalties pull the object to, from the copies and their lags as they are."""
        import torch

        torch.sub(self.object, self._clamp_lag, out=self._right).mul_(self._clamp_pace)
        for each, lag in zip(self._differences, self._lags, strict=True):
            pulled = each.of(self.object, out=self._smooth).sub_(lag)
            self._right.add_(each.adjoint(pulled, out=self._scratch), alpha=self._slope_pace)

    def step(self) -> Tensor:
        """Make one round and return the object, in units of the scale."""
        import torch

        axes, sizes = self._blur.axes, [self._blur.object_shape[axis] for axis in self._blur.axes]
        spectrum, other = self._spectra
        torch.fft.rfftn(self._full, dim=axes, out=spectrum)
        torch.fft.rfftn(self._right, dim=axes, out=other)
        spectrum.mul_(self._blur.conjugate).mul_(self._blur_pace).add_(other).mul_(self._inverse)
        torch.mul(spectrum, self._blur.otf, out=other)
        torch.fft.irfftn(other, s=sizes, dim=axes, out=self._full)
        torch.fft.irfftn(spectrum, s=sizes, dim=axes, out=self._smooth)
        self._meet_the_image()
        self._shrink_differences()
        self._clamp()
        return self.object

    def _meet_the_image(self) -> None:
        """Solve m^2 - m (z + b - 1/r1) - y/r1 = 0 for the expected counts m of each trusted pixel, z = Hx + d1."""
        import torch

        framed = self._blur.crop(self._full)
        wanted = framed.add_(self._image_lag)
        half = wanted.add(self._background - 1 / self._blur_pace).mul_(0.5)
        expected = half.square().add_(self._image, alpha=1 / self._blur_pace).sqrt_().add_(half)
        copy = expected.sub_(self._background)
        if self._blur.mask is not None:
            copy = torch.where(self._blur.mask > 0, copy, wanted)
        self._image_lag.copy_(wanted).sub_(copy)
        framed.copy_(copy).sub_(self._image_lag)

    def _shrink_differences(self) -> None:
        """Shorten the differences of the object; what was taken off becomes their lag."""
        import torch

        self._length.zero_()
        for each, lag in zip(self._differences, self._lags, strict=True):
            lag.add_(each.of(self._smooth, out=self._scratch))
            self._length.addcmul_(lag, lag)
        most = self._weight / self._slope_pace
        share = self._length.sqrt_().clamp_(min=most).reciprocal_().mul_(most)
        self._right.zero_()
        for each, lag in zip(self._differences, self._lags, strict=True):
            torch.mul(lag, share, out=self.object)
            torch.sub(lag, self.object, alpha=2, out=lag)
            self._right.add_(each.adjoint(lag, out=self._scratch), alpha=self._slope_pace)
            lag.copy_(self.object)

    def _clamp(self) -> None:
        """Clamp the object at zero, after taking off the sparsity's share."""
        import torch

        wanted = self._clamp_lag.add_(self._smooth)
        torch.sub(wanted, self._sparsity * self._weight / self._clamp_pace, out=self.object).clamp_(min=0).masked_fill_(
            self._dark, 0
        )
        wanted.sub_(self.object)
        torch.sub(self.object, self._clamp_lag, out=self._scratch)
        self._right.add_(self._scratch, alpha=self._clamp_pace)

    def figures(self) -> dict[str, float]:
        """Return the objective and by what share of itself it is above its minimum at most, as proven."""
        gap = self.gap()
        return {"objective": gap.objective * self.unit, "gap": gap.share}

    def gap(self) -> Gap:
        """Return the certificate of the object as it is."""
        import torch

        expected = self._blur.forward(self.object).add(self._background).clamp_(min=1e-30)
        misfit = torch.xlogy(self._image, self._image / expected).add_(expected).sub_(self._image)
        if self._blur.mask is not None:
            misfit.mul_(self._blur.mask)
        objective = _total(misfit) + self._weight * (self._variation() + self._sparsity * _total(self.object))
        price = (self._image_lag * self._blur_pace).clamp_(max=1 - 1e-6)
        bound = _total(price * self._background + torch.xlogy(self._image, 1 - price))
        left = self._blur.adjoint(price).add_(self._sparsity * self._weight)
        for each, lag in zip(self._differences, self._lags, strict=True):
            left.add_(each.adjoint(lag, out=self._scratch), alpha=self._slope_pace)
        lack = left.neg_().clamp_(min=0).masked_fill_(self._dark, 0)
        return Gap(objective, bound - CAP * float(self.object.max()) * _total(lack))

    def _variation(self) -> float:
        self._length.zero_()
        for each in self._differences:
            difference = each.of(self.object, out=self._scratch)
            self._length.addcmul_(difference, difference)
        return _total(self._length.sqrt_())


def _total(values: Tensor) -> float:
    import torch

    return float(values.sum(dtype=torch.float64))
