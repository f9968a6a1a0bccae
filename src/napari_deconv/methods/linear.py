r"""Linear restorations in one step: the adjoint (matched filter), Wiener, Tikhonov.

With the transfer function H, image spectrum Y (background removed, frame continued smoothly) and H* the conjugate:

    adjoint    x = H'y / s                                  correlation with the kernel: blurs a second time
    Wiener     X = H* Y / (|H|^2 + noise)                    noise: the noise-to-signal power ratio
    Tikhonov   X = H* Y / (|H|^2 + weight |L|^2)             L: identity (order 0), gradient (1), Laplacian (2), in µm

References
----------
Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series" (1949).
Tikhonov & Arsenin, "Solutions of Ill-posed Problems" (1977).
van Kempen et al., "A quantitative comparison of image restoration methods for confocal microscopy", J. Microsc. 185 (1997).
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from ..settings import field
from .base import Estimate, Method, Problem
from .frame import continue_smoothly
from .heldout import Choice

if TYPE_CHECKING:
    from torch import Tensor

    from .heldout import Trial

__all__ = ["Adjoint", "Tikhonov", "Wiener"]

LEAST, MOST, CANDIDATES = -6, 2, 25
"""Logarithms of the least and the largest weight that an automatic choice tries, and how many, evenly spaced."""

Weight = Annotated[float, Field(gt=0, le=1e3)] | Literal["auto"]


class Adjoint(Method):
    """Correlation with the PSF: the matched filter, a baseline that teaches."""

    title: ClassVar[str] = "Adjoint (matched filter)"
    summary: ClassVar[str] = (
        "Correlates with the PSF: less noise, but blurs a second time. For teaching, not for measuring."
    )
    reference: ClassVar[str] = "Turin, IRE Trans. Inf. Theory 6 (1960) 311-329"
    order: ClassVar[int] = 90
    teaching: ClassVar[bool] = True

    kind: Literal["adjoint"] = "adjoint"

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the one estimate."""
        blur = problem.blur
        light = (problem.image - problem.background).clamp_(min=0)
        yield Estimate(blur.adjoint(light) * blur.inverse_sensitivity, 1, 1)


class Wiener(Method):
    """The Wiener filter with one noise-to-signal ratio."""

    title: ClassVar[str] = "Wiener"
    summary: ClassVar[str] = "One fast linear step; may ring and go negative around bright things."
    reference: ClassVar[str] = "Wiener 1949"
    order: ClassVar[int] = 30
    reach: ClassVar[float] = 2.0

    kind: Literal["wiener"] = "wiener"
    noise: Weight = field(
        "auto",
        title="Noise to signal",
        slider="log",
        shown_min=1e-6,
        shown_max=1,
        description="Noise-to-signal power ratio: larger is smoother. "
        "Auto takes it from the image, by cross-validation and by what light below zero would tell.",
    )

    @property
    def non_negative(self) -> bool:
        """A linear step rings below zero."""
        return False

    @property
    def is_automatic(self) -> bool:
        """Whether the weight is still to be chosen."""
        return self.noise == "auto"

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Return the weight whose non-negative part explains the image best."""
        yield from ()
        return _choice("noise", problem, order=0)

    def settled(self, value: float) -> Wiener:
        """Return a copy with this weight."""
        chosen: Wiener = self.replace(noise=value)
        return chosen

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the one estimate."""
        yield Estimate(_regularised_inverse(problem, self.noise, order=0), 1, 1)


class Tikhonov(Method):
    """Tikhonov's regularised inverse."""

    title: ClassVar[str] = "Tikhonov"
    summary: ClassVar[str] = "One fast linear step that penalises roughness in µm, so coarse z is treated fairly."
    reference: ClassVar[str] = "Tikhonov & Arsenin 1977; van Kempen et al. 1997"
    order: ClassVar[int] = 31
    reach: ClassVar[float] = 2.0

    kind: Literal["tikhonov"] = "tikhonov"
    weight: Weight = field(
        "auto",
        title="Weight",
        slider="log",
        shown_min=1e-6,
        shown_max=100,
        description="Weight of the penalty: larger is smoother. "
        "Auto takes it from the image, by cross-validation and by what light below zero would tell.",
    )
    penalty: Literal["size", "gradient", "laplacian"] = field(
        "gradient", title="Penalty", description="What is held small: the values, their slope, or their curvature."
    )

    @property
    def non_negative(self) -> bool:
        """A linear step rings below zero."""
        return False

    @property
    def is_automatic(self) -> bool:
        """Whether the weight is still to be chosen."""
        return self.weight == "auto"

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Return the weight whose non-negative part explains the image best."""
        yield from ()
        return _choice("weight", problem, order=self._order)

    def settled(self, value: float) -> Tikhonov:
        """Return a copy with this weight."""
        chosen: Tikhonov = self.replace(weight=value)
        return chosen

    @property
    def _order(self) -> int:
        return ("size", "gradient", "laplacian").index(self.penalty)

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the one estimate."""
        yield Estimate(_regularised_inverse(problem, self.weight, self._order), 1, 1)


def _choice(name: str, problem: Problem, order: int) -> Choice:
    """Return the weight that is found on a part of the image, to be used on all of it."""
    validated, consistent = _cross_validated(problem, order), _most_consistent(problem, order)
    if validated >= consistent:
        return Choice(name, validated, f"generalised cross-validation is least at {validated:.3g}")
    return Choice(
        name, consistent, f"without its negative values, the result at {consistent:.3g} explains the image best"
    )


def _regularised_inverse(problem: Problem, weight: Weight, order: int) -> Tensor:
    import torch

    blur = problem.blur
    if weight == "auto":
        weight = float(_choice("weight", problem, order).value)
    continued = continue_smoothly(problem.image - problem.background, blur)
    spectrum = torch.fft.rfftn(continued, dim=blur.axes)
    gain = blur.otf.abs().square()
    spectrum.mul_(blur.otf.conj()).div_(gain + weight * _roughness(problem, order))
    inverse: torch.Tensor = torch.fft.irfftn(spectrum, s=[blur.object_shape[axis] for axis in blur.axes], dim=blur.axes)
    return inverse


def _roughness(problem: Problem, order: int) -> Tensor:
    """Return |L|^2 on the half spectrum, 1 at the lateral Nyquist frequency; never 0, so that no division fails."""
    import torch

    blur = problem.blur
    finest = min(problem.voxel[1:])
    total = torch.zeros((), dtype=blur.dtype, device=blur.device)
    for axis in blur.axes:
        frequency = torch.fft.rfftfreq if axis == blur.axes[-1] else torch.fft.fftfreq
        cycles = frequency(blur.object_shape[axis], dtype=blur.dtype, device=blur.device)
        curvature = (2 * torch.sin(torch.pi * cycles) * finest / problem.voxel[axis]).square() / 4
        total = total + curvature.reshape([-1 if other == axis else 1 for other in range(3)])
    return total.pow(order).clamp(min=1e-6)


def _cross_validated(problem: Problem, order: int) -> float:
    """Return the weight of least generalised cross-validation score (Golub, Heath & Wahba, Technometrics 21 (1979))."""
    import torch

    blur = problem.blur
    power = torch.fft.rfftn(continue_smoothly(problem.image - problem.background, blur), dim=blur.axes).abs().square()
    gain, rough = blur.otf.abs().square(), _roughness(problem, order)
    best, chosen = float("inf"), 1e-2
    for weight in torch.logspace(LEAST, MOST, CANDIDATES).tolist():
        left = weight * rough / (gain + weight * rough)
        score = float((left.square() * power).mean(dtype=torch.float64)) / float(left.mean(dtype=torch.float64)) ** 2
        if score < best:
            best, chosen = score, weight
    return chosen


def _most_consistent(problem: Problem, order: int) -> float:
    """Return the weight whose result, its negative values set to zero, explains the image best (least squares).

    Light is never negative. Too small a weight makes ripples of either sign, and what is left of them above zero is too much light;
    too large a weight is blurred twice. Cross-validation does not see ripples at frequencies that the microscope hardly passes, which
    light from beyond the frame raises in thick stacks; where it asks for more than this, it is right.
    """
    import torch

    blur, light = problem.blur, problem.image - problem.background
    best, chosen = float("inf"), 1e-2
    for weight in torch.logspace(LEAST, MOST, CANDIDATES).tolist():
        restored = _regularised_inverse(problem, weight, order).clamp_(min=0)
        score = float((blur.forward(restored) - light).square().mean(dtype=torch.float64))
        if score < best:
            best, chosen = score, weight
    return chosen
