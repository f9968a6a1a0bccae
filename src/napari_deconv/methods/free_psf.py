r"""A free PSF: the object and every voxel of the PSF in turn, judged by photons held back.

One turn restores the object x under the PSF h, sharpens it a little, and lets h climb the same likelihood by Richardson-Lucy's own step,
in which object and PSF have changed places (y: image, b: background, M: trusted pixels of the frame):

    x'  =  x^g, its light kept          h  <-  h * ( x' (corr) y / (h * x' + b) ) / ( x' (corr) M )

Without the sharpening nothing would move: the restored object has made up for a PSF that is too narrow by being blurred itself. Then h is
brought back to what a PSF is: inside the support of the given transfer function (the given PSF's spectrum above `PASSED` of its top), never
negative, of unit sum, its centre of light where the given one's is; the first two by projecting in turn.

With it even a right PSF would slowly widen, and a smooth object may hide that for several turns. So the turns are made on a share of the
photons, the others are predicted after some of them, and a free PSF is taken only where the very first turn predicts them better by more than
chance (`SURE` standard errors), as it does where the given PSF is wrong: then the latest one that cannot be told from the best.

References
----------
Fish, Brinicombe, Pike & Walker, "Blind deconvolution by means of the Richardson-Lucy algorithm", J. Opt. Soc. Am. A 12 (1995) 58-65.
Holmes, "Blind deconvolution of quantum-limited incoherent imagery", J. Opt. Soc. Am. A 9 (1992) 1052-1061.
Money & Kang, "Total variation minimizing blind deconvolution with shock filter reference", Image Vis. Comput. 26 (2008), for the sharpening.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Generator, Iterator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from ..exploration import Exploration, Values
from ..noise import smoothed
from .base import Estimate, Method, Problem
from .choice import Trial
from .heldout import PATIENCE, Split
from .richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PASSED", "FreePsf", "UnderPsf", "find_free_psf", "pack", "psf_of", "under_psf", "unpack"]

Array = np.ndarray[Any, Any]
PASSED = 1e-3
"""Share of the light that a transfer function passes at the end of its support."""
SHARPENING, OBJECT_STEPS, PSF_STEPS, PROJECTIONS = 1.15, 30, 3, 8
TURNS = (1, 2, 4, 6, 8, 12)
"""After which of the turns the PSF is judged."""
DRAWS, MOST = 3, 60
"""Shares of the photons that are restored, and accelerated iterations at most to judge a PSF by."""
STEPS = (1 + len(TURNS)) * MOST + (DRAWS + 1) * TURNS[-1] * OBJECT_STEPS
"""Iterations that finding a free PSF takes at the most."""
SURE, AS_GOOD = 4.0, 1.0
"""Standard errors by which the first turn must predict better than the given PSF, and up to which another counts as good as the best."""


class UnderPsf(Method):
    """Accelerated Richardson-Lucy under a PSF (Z, Y, X) in place of the given one, the same for every tile."""

    title: ClassVar[str] = "Blind"
    volumes: ClassVar[float] = 18.0
    reach: ClassVar[float] = 2.0

    psf: Any
    iterations: int

    @property
    def keeps_flux(self) -> bool:
        """Light is kept under any PSF of unit sum."""
        return True

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        inner = RichardsonLucy(iterations=self.iterations, acceleration="heavy-ball")
        yield from inner.iterate(under_psf(problem, self.psf))


class FreePsf:
    """The turns on one problem: ``psf`` (Z, Y, X) is where they are."""

    def __init__(self, problem: Problem, start: Array) -> None:
        self._problem, self._given = problem, psf_of(problem.blur)
        self._passed = np.abs(np.fft.rfftn(self._given)) > PASSED * self._given.sum()
        self.psf = self._constrained(start)

    def turn(self) -> Iterator[int]:
        """Make one turn; yield at every iteration."""
        problem = under_psf(self._problem, self.psf)
        inner = RichardsonLucy(iterations=OBJECT_STEPS, acceleration="heavy-ball")
        for estimate in inner.iterate(problem):
            yield estimate.step
        self.psf = self._constrained(self._climbed(problem, _sharpened(estimate.object)))

    def beyond_support(self) -> float:
        """Return the share of the PSF's power that lies beyond the support of the given transfer function."""
        power = np.abs(np.fft.rfftn(self.psf)) ** 2
        return float(power[~self._passed].sum() / power.sum())

    def _climbed(self, problem: Problem, thing: Tensor) -> Array:
        """Return the PSF after a few multiplicative steps, the object fixed."""
        blur = problem.blur
        carry = blur.spectrum.transform(blur.whole, thing.__getitem__).conj().resolve_conj()
        floor = max(1e-6 * problem.scale, 1e-30)
        trusted = blur.crop(blur.new_object()).clone().fill_(1) if blur.mask is None else blur.mask
        caught = self._correlated(problem, trusted, carry).clip(min=1e-9)
        psf = self.psf
        for _ in range(PSF_STEPS):
            expected = under_psf(problem, psf).blur.forward(thing).clone().add_(problem.background).clamp_(min=floor)
            ratio = problem.counts(expected).div(expected).mul_(trusted)
            psf = psf * self._correlated(problem, ratio, carry).clip(min=0) / caught
            psf = psf / psf.sum()
        return psf

    def _correlated(self, problem: Problem, framed: Tensor, carry: Tensor) -> Array:
        """Return the correlation of what the frame holds with the object, at the shifts that a PSF has."""
        blur = problem.blur
        whole = blur.new_object()
        blur.crop(whole).copy_(framed)
        found = blur.filtered(whole, carry).roll([size // 2 for size in blur.psf_shape], dims=(0, 1, 2))
        z, y, x = blur.psf_shape
        return np.asarray(found[:z, :y, :x].cpu().numpy(), dtype=np.float64)

    def _constrained(self, psf: Array) -> Array:
        """Return the PSF brought inside the support, at its place, never negative, of unit sum."""
        psf = _moved_to(self._given, psf.astype(np.float64))
        for _ in range(PROJECTIONS):
            psf = np.fft.irfftn(np.fft.rfftn(psf) * self._passed, psf.shape, axes=(0, 1, 2)).clip(min=0)
        return np.asarray(psf / psf.sum())


def find_free_psf(problem: Problem, start: Array) -> Generator[Trial, None, Array | None]:
    """Yield the trials, and return the free PSF where held-back photons are surely predicted better by it than by where it began."""
    variance = problem.noise.variance(smoothed(problem.image))
    splits = [Split(problem, variance, seed) for seed in range(DRAWS)]
    turning = [FreePsf(split.train, start) for split in splits]
    scores: list[Array] = []
    done = count(1)

    def attempt(values: Values, most: int, share: float) -> Generator[Trial, None, float]:
        for _ in range(values["turns"] - (0, 0, *TURNS)[len(scores)]):
            for _step in (step for each in turning for step in each.turn()):
                yield Trial(next(done), STEPS, float(scores[-1].mean()))
        for best in _judged(splits, [each.psf if scores else start for each in turning]):
            yield Trial(next(done), STEPS, float(best.mean()))
        scores.append(best)
        return float(best.mean())

    yield from Exploration({"turns": (0, *TURNS)}, "line").run(attempt)
    turns = _latest_of_the_best(np.array(scores))
    whole = FreePsf(problem, start)
    for _step in (step for _ in range(turns) for step in whole.turn()):
        yield Trial(next(done), STEPS, float(scores[-1].mean()))
    return whole.psf if turns else None


def _judged(splits: Sequence[Split], psfs: Sequence[Array]) -> Iterator[Array]:
    """Yield, at every iteration of a restoration under each split's PSF, the least score (groups) of the others' prediction so far."""
    inner = RichardsonLucy(iterations=MOST, acceleration="heavy-ball")
    posed = [under_psf(split.train, psf) for split, psf in zip(splits, psfs, strict=True)]
    best: Array | None = None
    at = 0
    with ExitStack() as stack:
        runs = [stack.enter_context(closing(inner.iterate(each))) for each in posed]
        for estimates in zip(*runs, strict=True):
            rows = [
                split.score(estimate.object, each.blur)
                for split, estimate, each in zip(splits, estimates, posed, strict=True)
            ]
            score = np.mean(rows, axis=0)
            if best is None or score.mean() < best.mean():
                best, at = score, estimates[0].step
            yield best
            if estimates[0].step > max(at + PATIENCE, 1.5 * at):
                return


def _latest_of_the_best(scores: Array) -> int:
    """Return after how many turns the PSF is as good as the best, of scores (judgements, groups); 0 where the first is not surely better."""
    best = int(scores.mean(axis=1).argmin())
    if best == 0 or _worse(scores[0], scores[1]) <= SURE:
        return 0
    worse = [_worse(each, scores[best]) for each in scores]
    return (0, *TURNS)[max(number for number, each in enumerate(worse) if each <= AS_GOOD and each < worse[0])]


def _worse(scores: Array, others: Array) -> float:
    """Return by how many standard errors scores (groups) are worse than others."""
    excess = scores - others
    return float(excess.mean() / (excess.std() / np.sqrt(len(excess)) + 1e-12))


def psf_of(blur: Any) -> Array:
    """Return the PSF (Z, Y, X) of a blur, float64, centred at ``shape // 2``."""
    point = blur.new_object()
    place = tuple(size // 2 for size in blur.object_shape)
    point[place] = 1
    spread = blur.full(point).cpu().numpy().astype(np.float64)
    box = tuple(slice(at - size // 2, at - size // 2 + size) for at, size in zip(place, blur.psf_shape, strict=True))
    return np.asarray(spread[box].clip(min=0))


def under_psf(problem: Problem, psf: Array) -> Problem:
    """Return the problem under another PSF (Z, Y, X), on the same object grid; it is cut, or set into the dark, to the given one's size."""
    from .blur import Blur

    given = problem.blur
    fitted = np.zeros(given.psf_shape)
    into, out = zip(*(_overlap(size, own) for size, own in zip(given.psf_shape, psf.shape, strict=True)), strict=True)
    fitted[into] = psf[out]
    blur = Blur(fitted / fitted.sum(), given.image_shape, given.device, given.dtype)
    return replace(problem, blur=blur if given.mask is None else blur.masked(given.mask))


def _overlap(size: int, own: int) -> tuple[slice, slice]:
    """Return where an axis of ``own`` voxels lies in one of ``size``, both centred at their half, and the other way round."""
    shift = size // 2 - own // 2
    into = slice(max(0, shift), min(size, shift + own))
    return into, slice(into.start - shift, into.stop - shift)


def pack(psf: Array) -> str:
    """Return a PSF (Z, Y, X) as a line of text, float32."""
    values = base64.b64encode(zlib.compress(psf.astype("<f4").tobytes(), 9)).decode("ascii")
    return f"{'x'.join(map(str, psf.shape))}:{values}"


def unpack(text: str) -> Array:
    """Return the PSF that `pack` made a line of."""
    shape, _, values = text.partition(":")
    flat = np.frombuffer(zlib.decompress(base64.b64decode(values)), "<f4")
    return flat.reshape([int(each) for each in shape.split("x")]).astype(np.float64)


def _sharpened(thing: Tensor) -> Tensor:
    """Return an object whose bright voxels are brighter and whose dim ones dimmer, of the same light."""
    sharper = thing.clamp(min=0).pow(SHARPENING)
    return sharper.mul_(float(thing.sum(dtype=sharper.dtype)) / max(float(sharper.sum()), 1e-30))


def _moved_to(given: Array, psf: Array) -> Array:
    """Return a PSF moved so that its centre of light is where the given one's is."""
    spectrum = np.fft.rfftn(psf / psf.sum())
    for axis, size in enumerate(psf.shape):
        others = tuple(other for other in range(3) if other != axis)
        place = np.arange(size) - size // 2
        away = float((psf.sum(axis=others) / psf.sum() - given.sum(axis=others) / given.sum()) @ place)
        cycles = np.fft.rfftfreq(size) if axis == 2 else np.fft.fftfreq(size)
        spectrum = spectrum * np.exp(2j * np.pi * away * cycles).reshape([-1 if a == axis else 1 for a in range(3)])
    return np.asarray(np.fft.irfftn(spectrum, psf.shape, axes=(0, 1, 2)).clip(min=0))
