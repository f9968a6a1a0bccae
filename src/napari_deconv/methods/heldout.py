"""How many iterations, and which weight: what predicts photons best that the restoration has not seen.

The image y with noise variance v is split into a part to restore and a part to predict, whose noises are uncorrelated:

    train = y + sqrt((1 - p) / p * v) e        test = y - sqrt(p / (1 - p) * v) e        e ~ N(0, 1)

Each estimate x of the train part is blurred and taken from the test part. To judge the blurred image, by the mean of
(test - blur(x) - background)^2 / v, would be to judge where the noise that deconvolution amplifies most is seen least; so the blur is
first undone as far as it can be (D = H* / (|H|^2 + d)), and the score is the mean of (D (test - background) - a D blur(x) - c)^2 with
the scale a and the offset c that fit best, the same for all draws: how far the darkest places have come down to zero after so many
iterations, or under so large a weight, which hardly changes the picture, shall not outweigh its detail. (A scale below 1 is not
granted: it would forgive noise that has been amplified.) But for a constant, the test part's own noise, that is the expected error
of the object itself within the band that the microscope passes. The score falls while detail is restored and rises when noise is. It is
averaged over several draws of e; the earliest iteration whose score cannot be told from the best (within a quarter of its standard
error) is taken.

References
----------
Eldar, "Generalized SURE for exponential families: applications to regularization", IEEE Trans. Signal Process. 57 (2009) 471-481.
Giryes, Elad & Eldar, "The projected GSURE for automatic parameter tuning in iterative shrinkage methods", Appl. Comput. Harmon.
Anal. 30 (2011) 407-422.
Oliveira, Lei & Tibshirani, "Unbiased risk estimation in the normal means problem via coupled bootstrap techniques",
Electron. J. Stat. 18 (2024).
Pang et al., "Recorrupted-to-recorrupted: unsupervised deep learning for image denoising", CVPR (2021).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from ..exploration import Exploration, Values
from ..noise import Noise, smoothed
from .base import Method, Problem
from .choice import Choice, Trial

if TYPE_CHECKING:
    from torch import Tensor

    from .blur import Blur

__all__ = [
    "Choice",
    "Split",
    "Trial",
    "choose_by_light",
    "choose_iterations",
    "score_iterations",
    "split_noise",
    "structure_score",
]

FEWEST, MOST, VOXELS = 3, 6, 2**17
"""Draws that a number of iterations is chosen by: more where the part is small, so that they see about as many voxels."""
TRAIN_SHARE = 0.7
SLACK = 0.25
"""Standard errors by which a score must be beaten to count as beaten."""
PATIENCE = 8
"""Iterations without a better score after which, and after half as many again as the best, the trial ends."""
GROUPS = 512
LIGHT_DRAWS = 2


def choose_iterations(method: Method, problem: Problem) -> Generator[Trial, None, Choice]:
    """Yield the trial's iterations and return the choice.

    ``problem`` is posed on a part of the image that is rich in light.
    """
    misfits: list[float] = []
    scores = yield from score_iterations(method, problem, method.trial_steps, misfits=misfits)
    return _earliest(scores, method.trial_steps, problem.noise, misfits)


def score_iterations(
    method: Method, problem: Problem, most: int, *, by_prediction: bool = False, misfits: list[float] | None = None
) -> Generator[Trial, None, np.ndarray[Any, Any]]:
    """Yield the iterations of a trial until some way beyond the best, and return their scores (steps, groups).

    By prediction, the blurred image is judged, which different PSFs can be compared by; else the object. ``misfits`` gets, an iteration
    each, how far the objects are from what they were restored from.
    """
    bounded: Method = method.settled(most)
    variance = problem.noise.variance(smoothed(problem.image))
    scores: list[np.ndarray[Any, Any]] = []
    with ExitStack() as stack:
        draws = min(max(VOXELS // problem.image.numel(), FEWEST), MOST)
        splits = [Split(problem, variance, seed) for seed in range(draws)]
        runs = [stack.enter_context(closing(bounded.iterate(split.train))) for split in splits]
        for estimates in zip(*runs, strict=False):
            things = [each.object for each in estimates]
            judged = _predictions(splits, things) if by_prediction else structure_score(splits, things)
            scores.append(judged)
            if misfits is not None:
                misfits.append(float(np.mean([split.misfit for split in splits])))
            yield Trial(len(scores), most, float(scores[-1].mean()))
            best = int(np.argmin([each.mean() for each in scores])) + 1
            if len(scores) > max(best + PATIENCE, 1.5 * best):
                break
    return np.array(scores)


def _predictions(splits: Sequence[Split], things: Sequence[Tensor]) -> np.ndarray[Any, Any]:
    found: np.ndarray[Any, Any] = np.mean(
        [split.score(each) for split, each in zip(splits, things, strict=True)], axis=0
    )
    return found


def structure_score(splits: Sequence[Split], things: Sequence[Tensor]) -> np.ndarray[Any, Any]:
    """Return the squared error of the splits' predictions with the blur undone, one scale and offset fitted to all, by groups of pixels."""
    import torch

    light = torch.stack([split.light for split in splits]).double()
    seen = torch.stack([split.undone(each) for split, each in zip(splits, things, strict=True)]).double()
    light, seen = light - light.mean(), seen - seen.mean()
    scale = float((light * seen).sum()) / max(float(seen.square().sum()), 1e-300)
    missed = light.sub_(seen, alpha=max(scale, 1.0)).square_()
    found: np.ndarray[Any, Any] = np.mean([_grouped(each) for each in missed], axis=0)
    return found


def split_noise(image: Tensor, variance: Tensor, share: float, seed: int) -> tuple[Tensor, Tensor]:
    """Return a train and a test part of an image whose noises, of variance / share and variance / (1 - share), are uncorrelated."""
    import torch

    noise = torch.randn(image.shape, generator=torch.Generator().manual_seed(seed)).to(image) * variance.sqrt()
    odds = (1 - share) / share
    return image + odds**0.5 * noise, image - odds**-0.5 * noise


class Split:
    """One split of an image's light: ``train``, a problem to restore, and a test part to predict.

    ``misfit`` is how far the newest object that was judged is from the train part, in units of the noise: 1 says that what is left is noise.
    """

    def __init__(self, problem: Problem, variance: Tensor, seed: int) -> None:
        train, test = split_noise(problem.image, variance, TRAIN_SHARE, seed)
        if problem.at_least is not None:
            train = problem.image.where(problem.at_least > 0, train)
        self._test, self._trusted = test - problem.background, problem.trusted
        self._weight, self._blur = 1 / variance, problem.blur
        if self._trusted is not None:
            self._weight = self._weight * self._trusted
        self._trained, self._share = train - problem.background, self._trusted_share()
        self.misfit = float("inf")
        self.train = replace(problem, image=train.clamp_(min=0), blur=problem.blur.twin(), measured=None)

    def _trusted_share(self) -> float:
        return 1.0 if self._trusted is None else max(float(self._trusted.mean()), 1e-6)

    def score(self, thing: Tensor, blur: Blur | None = None) -> np.ndarray[Any, Any]:
        """Return the weighted squared error of the prediction, under another blur where one is given, averaged over groups of neighbours."""
        return _grouped((self._test - (blur or self._blur).forward(thing)).square_().mul_(self._weight))

    @cached_property
    def light(self) -> Tensor:
        """The test part with the blur undone."""
        return self._blur.undo(self._test if self._trusted is None else self._test * self._trusted).clone()

    def undone(self, thing: Tensor) -> Tensor:
        """Return what is predicted of `light`."""
        seen = self._blur.forward(thing)
        self.misfit = float((self._trained - seen).square_().mul_(self._weight).mean() * TRAIN_SHARE / self._share)
        return self._blur.undo(seen if self._trusted is None else seen.mul_(self._trusted)).clone()

    def object_score(self, thing: Tensor) -> np.ndarray[Any, Any]:
        """Return the squared error of the prediction with the blur undone, averaged likewise."""
        return _grouped((self.light - self.undone(thing)).square_())


def _grouped(error: Tensor) -> np.ndarray[Any, Any]:
    flat = error.ravel()
    groups = min(GROUPS, len(flat))
    means: np.ndarray[Any, Any] = flat[: len(flat) // groups * groups].view(groups, -1).mean(dim=1).cpu().numpy()
    return means


def choose_by_light(
    name: str,
    problem: Problem,
    restored: Callable[[Problem, float, Tensor | None], Tensor],
    weights: Sequence[float],
) -> Generator[Trial, None, Choice]:
    """Yield the trials of weights, falling, and return the one of a linear method whose light predicts the object best.

    restored : (problem, weight, what the weight before it gave) -> object, a buffer of its own.

    Only what is above zero is judged: ripples of noise beyond what the microscope passes would predict as well as nothing,
    but without their lower halves they are too much light.
    """
    noise = problem.noise
    splits = [Split(problem, noise.variance(smoothed(problem.image)), seed) for seed in range(LIGHT_DRAWS)]
    things: list[Tensor | None] = [None] * len(splits)
    done = 0

    def attempt(values: Values, count: int, share: float) -> Generator[Trial, None, float]:
        nonlocal done
        for number, split in enumerate(splits):
            things[number] = restored(split.train, values[name], things[number])
        light = [(split, thing.clamp(min=0)) for split, thing in zip(splits, things, strict=True) if thing is not None]
        score, done = float(np.mean([split.object_score(each) for split, each in light])), done + 1
        yield Trial(done, count, score)
        return score

    found = yield from Exploration({name: weights}, "line").run(attempt)
    value = found.least(name)
    why = f"photons held back from the restoration are predicted best at {value:.3g} ({noise.sentence})"
    return Choice(name, value, why, tuple(round(each, 6) for each in found.scores))


def _earliest(scores: np.ndarray[Any, Any], most: int, noise: Noise, misfits: Sequence[float]) -> Choice:
    """Return the earliest iteration whose score (steps, groups) cannot be told from the best."""
    curve = scores.mean(axis=1)
    best = int(curve.argmin())
    difference = scores - scores[best]
    error = difference.std(axis=1) / np.sqrt(scores.shape[1])
    chosen = int(np.argmax(difference.mean(axis=1) <= SLACK * error + 1e-12)) + 1
    why = f"photons held back from the restoration are predicted best after {chosen} iterations; more would fit noise"
    if best + 1 == most:
        why = f"held-back photons are still predicted better after {most} iterations, the most that are tried"
    reached = next((step for step, misfit in enumerate(misfits, 1) if misfit <= 1), None)
    second = (
        f"what is left looks like noise after {reached}" if reached else "what is left does not yet look like noise"
    )
    others = {"discrepancy": float(reached)} if reached else {}
    curve_told = tuple(round(float(each), 6) for each in curve)
    return Choice("iterations", chosen, f"{why}; {second} ({noise.sentence})", curve_told, others)
