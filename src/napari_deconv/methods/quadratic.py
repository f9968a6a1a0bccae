r"""`Quadratic`: least squares with a quadratic penalty, the light beyond the frame as unknown as the light inside.

With frame and mask M, blur H, light y and a penalty that is diagonal in frequency, R, the object x minimises

    | M H x - y |^2 + < x, R x >

Were every voxel of the grid seen, x would be one division of spectra, H* Y / (|H|^2 + R). It is the start, from the image mirrored
beyond its frame, and the preconditioner of conjugate gradients, which a dozen rounds bring to the end. Where the PSF is as wide as the
image, as in a widefield stack, what lies beyond the frame decides; a mirrored guess of it spoils all.

References
----------
Reeves, "Fast image restoration without boundary artifacts", IEEE Trans. Image Process. 14 (2005) 1448-1453.
Almeida & Figueiredo, "Deconvolving images with unknown boundaries using the alternating direction method of multipliers", IEEE Trans.
Image Process. 22 (2013) 3074-3086.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from .base import Problem
from .frame import continue_smoothly

if TYPE_CHECKING:
    from torch import Tensor

    from .spectrum import Part

__all__ = ["Quadratic"]

NEAR = 1e-4
"""Share of the first residual's length at which the rounds end."""


class Quadratic:
    """One minimisation under way: ``object`` is where it is, ``is_near`` whether the residual has all but gone.

    stiffness : R on the half spectrum of the object grid, never 0.
    start : where to begin; by default one division of spectra.
    """

    def __init__(self, problem: Problem, stiffness: Tensor, start: Tensor | None = None) -> None:
        self._problem, self._blur = problem, problem.blur
        self._stiffness, self.is_near = stiffness, False
        self._inverse = (self._blur.otf.abs().square() + stiffness).reciprocal_()
        self.object = self._divided() if start is None else start.clone()

    def _divided(self) -> Tensor:
        """Return what one division of spectra makes of the image, mirrored beyond its frame."""
        continued = continue_smoothly(self._problem.image - self._problem.background, self._blur, self._problem.level)
        return self._under(continued, self._blur.otf.conj() * self._inverse)

    def _under(self, thing: Tensor, transfer: Tensor) -> Tensor:
        import torch

        axes = self._blur.axes
        spectrum = torch.fft.rfftn(thing, dim=axes).mul_(transfer)
        found: Tensor = torch.fft.irfftn(spectrum, s=[self._blur.object_shape[axis] for axis in axes], dim=axes)
        return found

    def rounds(self, most: int) -> Iterator[Tensor]:
        """Yield the object after each round, at most so many and at least one; the last is the one where `is_near` is true.

        Saturated pixels are taken as what they are likely to have been, given where the rounds began.
        """
        residual = self._residual()
        way = pulled = self._under(residual, self._inverse)
        length = first = _product(residual, pulled)
        for _ in range(most):
            bent = self._bent(way)
            bend = _product(way, bent)
            pace = length / bend if bend > 0 else 0.0
            self.object.add_(way, alpha=pace)
            residual.sub_(bent, alpha=pace)
            pulled = self._under(residual, self._inverse)
            before, length = length, _product(residual, pulled)
            self.is_near = length <= NEAR**2 * first or pace == 0
            yield self.object
            if self.is_near:
                return
            way = pulled.add_(way, alpha=length / before)

    def _residual(self) -> Tensor:
        missed = self._problem.missed(self._blur.forward(self.object), 1.0)
        return self._blur.adjoint(missed).clone().sub_(self._under(self.object, self._stiffness))

    def _bent(self, way: Tensor) -> Tensor:
        """Return what the quadratic form makes of a direction: H' M H + R."""
        bent = self._under(way, self._stiffness)

        def take(part: Part, back: Tensor) -> None:
            bent[part] += back

        self._blur.round_trip(way.__getitem__, lambda part, seen: seen, take)
        return bent


def _product(one: Tensor, other: Tensor) -> float:
    return float((one * other).double().sum())
