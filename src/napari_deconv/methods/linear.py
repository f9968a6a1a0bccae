r"""Linear restorations: the adjoint (matched filter), Wiener, Tikhonov.

With the transfer function H, image spectrum Y (background removed) and H* the conjugate:

    adjoint    x = H'y / s                                    correlation with the kernel: blurs a second time
    Wiener     X = H* Y / (|H|^2 + noise(f))                  noise: the noise-to-signal power ratio at each frequency
    Tikhonov   X = H* Y / (|H|^2 + weight |L|^2)              L: identity (order 0), gradient (1), Laplacian (2), in µm

The signal's power falls as ( 1 + (f / f0)^2 )^-p; both are read from the image's own spectrum (`object_spectrum`), and held-back photons
have the last word on the ratio's height. The formulas hold where the whole grid is seen; what lies beyond the frame is restored with
the rest (`quadratic`), or, on request, the image is mirrored there and the formula is all.

References
----------
Wiener, "Extrapolation, Interpolation, and Smoothing of Stationary Time Series" (1949).
Tikhonov & Arsenin, "Solutions of Ill-posed Problems" (1977).
van Kempen et al., "A quantitative comparison of image restoration methods for confocal microscopy", J. Microsc. 185 (1997).
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from ..settings import field
from .base import Estimate, Method, Problem
from .choice import Choice, counted
from .divided import Border, Divided, Weight, border_field
from .heldout import choose_by_light
from .object_spectrum import ObjectSpectrum, raised_frequency

if TYPE_CHECKING:
    from torch import Tensor

    from .choice import Trial

__all__ = ["Adjoint", "Tikhonov", "Wiener"]

WEIGHTS = tuple(10 ** (2 - number / 2) for number in range(15))
"""What an automatic weight of Tikhonov's tries, falling from 100 to 1e-5."""
FACTORS = tuple(10 ** (1.5 - number / 2) for number in range(7))
"""What an automatic noise-to-signal ratio of Wiener's tries, in units of what the image's spectrum says."""
COURSES, NEARER = ((1.0, 100.0), (0.5, 30.0)), (10**0.5, 1.0, 10**-0.5)
"""Falls and lengths (pixels) that are tried beside the image's, each at so many times the best ratio so far. Of a stack, whose spectrum
has holes that only the fall fills, none is steeper than the first."""
LEAST = 1e-5
"""The ratio of an image without noise: below, rounding is amplified."""

EXPECTED = 1e-3
"""The ratio or weight that tiles are planned for until the automatic one is known."""


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


class Wiener(Divided):
    """The Wiener filter, the signal's power spectrum taken from the image."""

    title: ClassVar[str] = "Wiener"
    summary: ClassVar[str] = (
        "The best linear filter for the image's own spectrum: quick; may ring and go negative around bright things."
    )
    reference: ClassVar[str] = "Wiener 1949"
    order: ClassVar[int] = 30

    kind: Literal["wiener"] = "wiener"
    noise: Weight = field(
        "auto",
        title="Noise to signal",
        slider="log",
        shown_min=1e-6,
        shown_max=1,
        description="Noise-to-signal power ratio of details ten pixels wide: larger is smoother. "
        "Auto takes it from the image's power spectrum, and what predicts best the photons held back from the restoration.",
    )
    fall: Annotated[float, Field(ge=0, le=4)] | Literal["auto"] = field(
        "auto",
        title="Signal's fall",
        slider="linear",
        shown_min=0,
        shown_max=4,
        description="How fast the signal's power falls towards fine detail: 0 is not at all (white), 1 as in most pictures. "
        "Auto takes it from the image.",
        advanced=True,
    )
    length: Annotated[float, Field(gt=0)] | Literal["auto"] = field(
        "auto",
        title="Signal's length",
        unit="µm",
        slider="log",
        shown_min=0.1,
        shown_max=10,
        description="Wavelength below which it falls. Auto takes it from the image.",
        advanced=True,
    )
    border: Border = border_field()

    @property
    def is_automatic(self) -> bool:
        """Whether the ratio or its course is still to be chosen."""
        return "auto" in (self.noise, self.fall, self.length if self.fall != 0 else 0)

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of ratios and courses, and return what predicts best the photons held back; a ratio that is given stays."""
        said = ObjectSpectrum.of(problem)
        pixel, steepest = min(problem.voxel[1:]), 4.0 if problem.image.shape[0] == 1 else 1.0
        own = min(said.fall, steepest), said.length / pixel
        if self.noise != "auto":
            course = self._with_course(own[0], own[1] * pixel)
            why = "as given, and how the signal falls is the image's"
            return Choice("noise", self.noise, why, (), {"fall": course.fall, "length": course.length})
        ratio = min(max(said.ratio_at(problem), LEAST), 1e4)
        best: Choice | None = None
        done, steps = 0, len(FACTORS) + len(COURSES) * len(NEARER)
        for fall, pixels in (own, *COURSES):
            course = self._with_course(fall, pixels * pixel)
            factors = FACTORS if best is None else NEARER
            trials = choose_by_light("noise", problem, course.restored, [ratio * each for each in factors])
            choice = yield from counted(trials, done, steps)
            done += len(factors)
            if best is None or min(choice.curve) < min(best.curve):
                best = replace(choice, others={"fall": course.fall, "length": course.length})
            ratio = best.value
            if "auto" not in (self.fall, self.length):
                break
        assert best is not None
        return best

    def _with_course(self, fall: float, length: float) -> Any:
        """Return a copy whose signal falls so, where that is open."""
        return self.replace(
            fall=fall if self.fall == "auto" else self.fall,
            length=length if self.length == "auto" else self.length,
        )

    @property
    def height(self) -> float:
        """The ratio of details ten pixels wide."""
        return EXPECTED if self.noise == "auto" else self.noise

    def settled(self, value: float) -> Wiener:
        """Return a copy with this ratio; white where the signal's course is still open."""
        fall, length = (0.0, 1.0) if "auto" in (self.fall, self.length) else (self.fall, self.length)
        chosen: Wiener = self.replace(noise=value, fall=fall, length=length)
        return chosen

    def settled_by(self, choice: Choice) -> Wiener:
        """Return a copy with the ratio and the signal's course."""
        chosen: Wiener = self.replace(noise=choice.value, **choice.others)
        return chosen

    def stiffness(self, problem: Problem) -> Tensor:
        """Return the noise-to-signal ratio at each frequency."""
        if self.noise == "auto" or self.fall == "auto" or (self.length == "auto" and self.fall != 0):
            raise ValueError(
                "the ratio is still 'auto': settle it first (Method.choose), or give noise, fall and length"
            )
        length = 1.0 if self.length == "auto" else self.length
        return raised_frequency(problem, length, self.fall).mul_(self.noise).clamp_(max=1e9)


class Tikhonov(Divided):
    """Tikhonov's regularised inverse."""

    title: ClassVar[str] = "Tikhonov"
    summary: ClassVar[str] = "A quick linear restoration that penalises roughness in µm, so coarse z is treated fairly."
    reference: ClassVar[str] = "Tikhonov & Arsenin 1977; van Kempen et al. 1997"
    order: ClassVar[int] = 31

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
    border: Border = border_field()

    @property
    def is_automatic(self) -> bool:
        """Whether the weight is still to be chosen."""
        return self.weight == "auto"

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of weights and return the one that predicts best the photons held back."""
        return (yield from choose_by_light("weight", problem, self.restored, WEIGHTS))

    @property
    def height(self) -> float:
        """The weight of the finest details."""
        return EXPECTED if self.weight == "auto" else self.weight

    def settled(self, value: float) -> Tikhonov:
        """Return a copy with this weight."""
        chosen: Tikhonov = self.replace(weight=value)
        return chosen

    def stiffness(self, problem: Problem) -> Tensor:
        """Return the weighted squared roughness of each frequency."""
        if self.weight == "auto":
            raise ValueError("the weight is still 'auto': settle it first (Method.choose), or give a number")
        return (
            _roughness(problem, ("size", "gradient", "laplacian").index(self.penalty))
            .mul(self.weight)
            .expand(problem.blur.otf.shape)
        )


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
