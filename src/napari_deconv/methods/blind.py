r"""Blind: the object and the PSF's width, or all of the PSF, in turn; what predicts best the photons held back is taken.

An object can make up for a PSF that is too narrow by being blurred itself, so that the likelihood of all photons hardly tells. What a
restoration has not seen does, as long as the object has detail finer than the PSF: at each width f the object is restored from a share
of the photons, for as many iterations as predict the others best, and the widths are compared by that best score. A smooth object
looks like a sharper one under a wider PSF; so the given PSF is left only where it is worse than the best by more than the score's own
noise explains, where a still wider one is clearly worse, too (more than the given one is), and only up to `WIDEST`. Where a wider PSF
soon explains nothing any more, though a narrower one explains all (points, thin lines), that cliff tells the width: the one before it is
taken. Widths below 1 are not tried: what goes wrong in a microscope widens its PSF.

The PSF h(x / f), on every axis, stays positive, of unit sum and, for f >= 1, inside the support of the given transfer function; a
narrower one is cut at that support. A free PSF changes voxel by voxel instead (`free_psf`).

References
----------
Holmes, "Blind deconvolution of quantum-limited incoherent imagery", J. Opt. Soc. Am. A 9 (1992) 1052-1061.
Markham & Conchello, "Parametric blind deconvolution: a robust method for the simultaneous estimation of image and blur",
J. Opt. Soc. Am. A 16 (1999) 2377-2391.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..exploration import Exploration, Values
from ..settings import field
from .base import Estimate, Iterations, Method, Problem, iterations_field
from .choice import Choice, counted
from .free_psf import PASSED, STEPS, UnderPsf, find_free_psf, pack, psf_of, under_psf, unpack
from .heldout import choose_iterations, score_iterations
from .richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from .choice import Trial

__all__ = ["Blind", "psf_of", "widened"]

WIDTHS = (1.0, 1.12, 1.25, 1.4, 1.6)
"""What is tried, in units of the given PSF's width."""
WIDEST = 1.3
"""A width beyond this is rather a smooth object than a PSF that is so wrong."""
SURE, AS_GOOD = 3.0, 1.5
"""Standard errors by which the given PSF must be worse than the best to be left, and up to which another counts as good as the best."""
STEEPER, CLIFF = 1.2, 10.0
"""How many times as much worse than the best a much wider PSF must be as the given one, to be believed; standard errors by which the
next wider one is worse where there is a cliff."""
FREED = "photons held back from the restoration insist on another PSF: it was freed, voxel by voxel"
KEPT = "the image does not say that another PSF than that is right: it is kept"


class Blind(Method):
    """Richardson-Lucy with a PSF that is found from the image."""

    title: ClassVar[str] = "Blind (PSF from the image)"
    summary: ClassVar[str] = (
        "For a PSF that may be wrong, and a bright object with fine detail: changes it as far as held-back photons insist, else says so."
    )
    reference: ClassVar[str] = "Holmes 1992; Markham & Conchello 1999"
    order: ClassVar[int] = 40
    volumes: ClassVar[float] = 18.0
    reach: ClassVar[float] = 2.0

    kind: Literal["blind"] = "blind"
    width: Annotated[float, Field(ge=0.5, le=2)] | Literal["auto"] = field(
        "auto",
        title="Width",
        description="Of the true PSF in units of the given one's, on every axis. "
        "Auto takes the width that predicts best the photons held back from the restoration.",
        slider="log",
        shown_min=0.7,
        shown_max=1.6,
    )
    psf_update: Literal["free", "width"] = field(
        "free",
        title="PSF",
        description="What may change of the given PSF, as far as held-back photons insist: every voxel of it, from the width given (1 where "
        "auto), which takes a bright image; or its width alone, which thin lines tell, and which may widen the right PSF of an object without "
        "them. It stays positive, of unit sum, inside the band.",
    )
    iterations: Iterations = iterations_field(
        "Of accelerated Richardson-Lucy. Auto stops where photons held back from the restoration are predicted best."
    )

    @property
    def is_automatic(self) -> bool:
        """Whether the width, the free PSF or the iterations are still to be chosen."""
        return "auto" in (self.width, self.iterations) or self.psf_update == "free"

    @property
    def keeps_flux(self) -> bool:
        """Light is kept at any width."""
        return True

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 60

    def settled(self, value: float) -> Blind:
        """Return a copy with these iterations, and the given PSF as it is where the width is automatic."""
        width = 1.0 if self.width == "auto" else self.width
        chosen: Blind = self.replace(iterations=int(value), width=width, psf_update="width")
        return chosen

    def settled_by(self, choice: Choice) -> Any:
        """Return a copy with the width and the iterations chosen; where a free PSF was found, what restores under it."""
        iterations = int(choice.others["iterations"])
        if choice.found:
            return UnderPsf(psf=unpack(choice.found), iterations=iterations)
        return self.replace(width=choice.value, iterations=iterations, psf_update="width")

    def stopped_at(self, iterations: int) -> Any:
        """Return a copy that makes so many iterations; the width stays as it is."""
        return self.replace(iterations=iterations)

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of every width, then of the free PSF, and return the choice of width, PSF and iterations."""
        free = STEPS if self.psf_update == "free" else 0
        widths = len(WIDTHS) * self.trial_steps if self.width == "auto" and not free else 0
        steps = widths + free + self.trial_steps
        chosen = yield from counted(self._choose_width(problem), 0, steps)
        psf, why, posed = None, chosen.why, _under(problem, chosen.value)
        if free:
            start = widened(psf_of(problem.blur), chosen.value)
            psf = yield from counted(find_free_psf(problem, start), widths, steps)
            why = f"{why}; {KEPT if psf is None else FREED}"
            posed = posed if psf is None else under_psf(problem, psf)
        iterations = self.iterations
        if iterations == "auto":
            stopping = choose_iterations(RichardsonLucy(acceleration="heavy-ball"), posed)
            iterations = int((yield from counted(stopping, widths + free, steps)).value)
        why = f"{why} ({problem.noise.sentence})"
        found = "" if psf is None else pack(psf)
        return replace(chosen, why=why, others={"iterations": iterations}, found=found)

    def _choose_width(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials of every width and return the choice."""
        if self.width != "auto":
            return Choice("width", self.width, "the width is as given")
        if self.psf_update == "free":
            return Choice("width", 1.0, "the given PSF is where it begins")
        restoring, most = RichardsonLucy(acceleration="heavy-ball"), self.trial_steps
        rows: list[np.ndarray[Any, Any]] = []

        def attempt(values: Values, count: int, share: float) -> Generator[Trial, None, float]:
            trials = score_iterations(restoring, _under(problem, values["width"]), most, by_prediction=True)
            scores = yield from counted(trials, len(rows) * most, count * most)
            rows.append(scores[scores.mean(axis=1).argmin()])
            return float(rows[-1].mean())

        found = yield from Exploration({"width": WIDTHS}).run(attempt)
        chosen, why = _nearest_to_given(np.array(WIDTHS), np.array(rows))
        return Choice("width", chosen, why, tuple(round(each, 6) for each in found.scores))

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        if self.width == "auto" or self.psf_update == "free":
            raise ValueError(
                "the PSF is still open: settle it first (Method.choose), or give a width and psf_update: width"
            )
        inner = RichardsonLucy(iterations=self.steps, acceleration="heavy-ball")
        yield from inner.iterate(_under(problem, self.width))


def widened(psf: np.ndarray[Any, Any], factor: float) -> np.ndarray[Any, Any]:
    """Return a PSF (Z, Y, X) so many times as wide on every axis, in the same box, never negative, of unit sum.

    A narrower one keeps only what the given transfer function passes.
    """
    from scipy.ndimage import affine_transform

    if factor == 1:
        return psf
    centre = np.array(psf.shape) // 2
    scale = np.array([1 / factor if size > 1 else 1.0 for size in psf.shape])
    made = affine_transform(psf.astype(np.float64), scale, centre - centre * scale, order=3).clip(min=0)
    if factor < 1:
        passed = np.abs(np.fft.rfftn(psf)) > PASSED * psf.sum()
        made = np.fft.irfftn(np.fft.rfftn(made) * passed, psf.shape, axes=(0, 1, 2)).clip(min=0)
    return np.asarray(made / made.sum())


def _under(problem: Problem, width: float) -> Problem:
    """Return the problem under the PSF of another width, on the same object grid."""
    return problem if width == 1 else under_psf(problem, widened(psf_of(problem.blur), width))


def _nearest_to_given(widths: np.ndarray[Any, Any], scores: np.ndarray[Any, Any]) -> tuple[float, str]:
    """Return the width nearest to 1 of those whose scores (widths, groups) cannot be told from the best, and why."""
    mean = scores.mean(axis=1)
    best = int(mean.argmin())
    excess = scores - scores[best]
    worse = excess.mean(axis=1) / (excess.std(axis=1) / np.sqrt(scores.shape[1]) + 1e-12)
    given = int(np.abs(np.log(widths)).argmin())
    for number in range(len(widths) - 2, given, -1):
        if widths[number] <= WIDEST and worse[number] <= SURE and worse[number + 1] >= CLIFF:
            return _insisted(float(widths[number]))
    rise, fall = mean[-1] - mean[best], mean[given] - mean[best]
    if widths[best] > WIDEST or (worse[given] > SURE and not (rise > STEEPER * fall and worse[-1] > SURE)):
        return 1.0, (
            "the image is too smooth to tell a wider PSF from a blurred object: the given PSF is kept; a sharper or brighter image would tell"
        )
    if worse[given] <= SURE:
        return 1.0, "the image does not say that a wider PSF than the given one is right: it is kept"
    return _insisted(float(widths[(worse <= AS_GOOD) & (widths <= WIDEST)].min()))


def _insisted(width: float) -> tuple[float, str]:
    if width == 1:
        return 1.0, "the image does not say that a wider PSF than the given one is right: it is kept"
    return width, f"photons held back from the restoration insist on a PSF {width:.3g} times as wide as the given one"
