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
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..settings import field
from .base import Estimate, Method, Problem
from .choice import Choice
from .frame import continue_smoothly
from .heldout import choose_by_light
from .reach import LEAK, reach_of

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from .choice import Trial

__all__ = ["Adjoint", "Tikhonov", "Wiener"]

WEIGHTS = tuple(10 ** (2 - number / 3) for number in range(25))
"""What an automatic choice tries, falling from 100 to 1e-6."""

EXPECTED = 1e-3
"""The weight that tiles are planned for until the automatic one is known."""

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
    volumes: ClassVar[float] = 7.5
    room: ClassVar[int] = 3

    kind: Literal["wiener"] = "wiener"
    noise: Weight = field(
        "auto",
        title="Noise to signal",
        slider="log",
        shown_min=1e-6,
        shown_max=1,
        description="Noise-to-signal power ratio: larger is smoother. "
        "Auto takes what predicts best the photons held back from the restoration.",
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
        """Yield the trials of weights and return the one that predicts best the photons held back."""
        return (yield from choose_by_light("noise", problem, partial(_regularised_inverse, order=0), WEIGHTS))

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return the voxels of an axis over which neighbours count."""
        return _reaches(psf, axis, self.noise)

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
    volumes: ClassVar[float] = 7.5
    room: ClassVar[int] = 3

    kind: Literal["tikhonov"] = "tikhonov"
    weight: Weight = field(
        "auto",
        title="Weight",
        slider="log",
        shown_min=1e-6,
        shown_max=100,
        description="Weight of the penalty: larger is smoother. "
        "Auto takes what predicts best the photons held back from the restoration.",
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
        """Yield the trials of weights and return the one that predicts best the photons held back."""
        return (
            yield from choose_by_light("weight", problem, partial(_regularised_inverse, order=self._order), WEIGHTS)
        )

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return the voxels of an axis over which neighbours count."""
        return _reaches(psf, axis, self.weight)

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


def _reaches(psf: np.ndarray[Any, Any], axis: int, weight: Weight) -> int:
    known = EXPECTED if weight == "auto" else weight
    return reach_of(psf, axis, lambda gain: gain / (gain + known), LEAK)


def _regularised_inverse(problem: Problem, weight: Weight, order: int) -> Tensor:
    import torch

    blur = problem.blur
    if weight == "auto":
        raise ValueError("the weight is still 'auto': settle it first (Method.choose), or give a number")
    continued = continue_smoothly(problem.image - problem.background, blur, problem.level)
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
