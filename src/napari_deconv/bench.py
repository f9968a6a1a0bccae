"""`Bench`: a part of an image on which recipes are tried, each judged by photons that it has not seen.

part of the image -> split into light to restore and light to predict (`methods.heldout`), the same split for every recipe
recipe -> restores the part, and each split's share of it -> how well the share left out is predicted: its score, lower is better
"""

from __future__ import annotations

import math
from collections.abc import Generator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .image import Image, Region
from .known import Known
from .methods.base import Estimate, Method, Problem
from .methods.blur import Blur
from .methods.heldout import PATIENCE, Split
from .methods.iterative import Iterative
from .noise import smoothed
from .passing import passed_on
from .posing import compute_psf_at, fit_to_image, pose_problem, resolve_psf, trial_box
from .recipe import Recipe
from .running.device import choose_device

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Bench", "Judged"]

DRAWS = 2


@dataclass(frozen=True)
class Judged:
    """What a recipe made of the part: pixels (Z, Y, X), the iterations it took, and its score, lower is better."""

    pixels: np.ndarray[Any, Any]
    iterations: int
    score: float


class Bench:
    """A part of one channel and time point of an image.

    Parameters
    ----------
    image, recipe : as in `restore`; the recipe's preparation is that of every trial.
    region : the part; its first channel and time point are taken. By default the part that is richest in light.
    whole_prediction : judge by the blurred prediction, which PSFs and backgrounds that differ can be compared by; else by the object
        within the band that the PSF passes, which tells sharpness from noise better.
    known : what earlier calls measured of the same image.

    Raises
    ------
    ValueError
        in one sentence with the remedy, when image and recipe do not fit.
    """

    def __init__(
        self,
        image: Image,
        recipe: Recipe,
        *,
        region: Region | None = None,
        whole_prediction: bool = False,
        device: str = "auto",
        known: Known | None = None,
    ) -> None:
        self.known = known or Known()
        self.device = choose_device(device)
        self._by_prediction = whole_prediction
        self._prepared = prepared = self.known.prepare(image, recipe, region or Region({}))
        self.image, bounds = prepared.image, prepared.region.bounds
        self.time, self.channel = (bounds.get(axis, (0, 0))[0] for axis in "TC")
        volume = self.image.block(self.time, self.channel)
        figures = self.known.measure(prepared, recipe, self.time, self.channel)
        if set(bounds) & set("ZYX"):
            self.box = tuple(
                slice(*bounds.get(axis, (0, size))) for axis, size in zip("ZYX", volume.shape, strict=True)
            )
        else:
            psf = compute_psf_at(self.image, resolve_psf(self.image, recipe, self.channel), 0)
            self.box = trial_box(volume, psf.shape, figures.background)
        self._pixels = np.asarray(volume[self.box])
        self._untrusted = prepared.untrusted(self.time, self.channel, self.box)  # type: ignore[arg-type]
        self._posed: dict[Any, tuple[Problem, list[Split]]] = {}

    @property
    def region(self) -> Region:
        """Where the part lies in the prepared image."""
        bounds = {"T": (self.time, self.time + 1), "C": (self.channel, self.channel + 1)}
        bounds |= {axis: (each.start, each.stop) for axis, each in zip("ZYX", self.box, strict=True)}
        return Region({axis: each for axis, each in bounds.items() if axis in self.image.axes})

    def pictured(self, pixels: np.ndarray[Any, Any]) -> Image:
        """Return pixels of the part as an `Image` with the part's place and voxel."""
        part = self.image.crop(self.region)
        return part.replace(data=pixels.reshape(part.shape))

    def try_out(self, recipe: Recipe, share: float = 1.0) -> Generator[int, None, Judged]:
        """Yield the iterations of a trial and return what came of it; ``share`` is how much of its iterations it may make.

        Automatic iterations end where the score is least; another automatic value is chosen first, as in a run.
        """
        problem, splits = self._pose(recipe)
        method: Method = recipe.method
        judges_each_step = method.is_automatic and isinstance(method, Iterative)
        if judges_each_step:
            method = method.settled(method.trial_steps)
        elif method.is_automatic:
            choice = yield from passed_on(method.choose(problem), lambda trial: trial.step)
            method = method.settled_by(choice)
        return (yield from self._judge(method, problem, splits, share, judges_each_step))

    def _judge(
        self, method: Method, problem: Problem, splits: list[Split], share: float, each_step: bool
    ) -> Generator[int, None, Judged]:
        last = max(1, math.ceil(share * method.steps))
        best: Judged | None = None
        with ExitStack() as stack:
            runs = [
                stack.enter_context(closing(method.iterate(each))) for each in (problem, *(s.train for s in splits))
            ]
            for estimates in zip(*runs, strict=False):
                step = estimates[0].step
                is_last = step >= last or any(each.step >= each.steps for each in estimates)
                if each_step or is_last:
                    score = self._score(splits, estimates[1:])
                    if best is None or score < best.score:
                        best = Judged(_copied(problem.blur, estimates[0].object), step, score)
                yield step
                if is_last or (best is not None and step > max(best.iterations + PATIENCE, 1.5 * best.iterations)):
                    break
        assert best is not None, "a method yields at least one estimate"
        return best

    def _score(self, splits: list[Split], estimates: tuple[Estimate, ...]) -> float:
        """Return the mean score of the splits' estimates, of their light alone: what is below zero would hide ripples of noise."""
        pairs = [(split, each.object.clamp(min=0)) for split, each in zip(splits, estimates, strict=True)]
        if self._by_prediction:
            return float(np.mean([split.score(light) for split, light in pairs]))
        return float(np.mean([split.object_score(light) for split, light in pairs]))

    def _pose(self, recipe: Recipe) -> tuple[Problem, list[Split]]:
        """Return the part as a problem under the recipe's PSF and background, and its splits; the newest are kept."""
        key = (recipe.psf, recipe.background)
        if key not in self._posed:
            self._posed.clear()
            model = resolve_psf(self.image, recipe, self.channel)
            psf = compute_psf_at(self.image, model, (self.box[0].start + self.box[0].stop - 1) / 2)
            shape = self._pixels.shape
            blur = Blur(fit_to_image(psf, shape), shape, self.device)  # type: ignore[arg-type]
            figures = self.known.measure(self._prepared, recipe, self.time, self.channel)
            place = self.box[0].start, self.box[1].start, self.box[2].start
            problem = pose_problem(self._pixels, figures, blur, self.image, place, self._untrusted)
            variance = problem.noise.variance(smoothed(problem.image))
            self._posed[key] = problem, [Split(problem, variance, seed) for seed in range(DRAWS)]
        return self._posed[key]


def _copied(blur: Blur, thing: Tensor) -> np.ndarray[Any, Any]:
    import torch

    return np.array(blur.crop(thing).detach().to("cpu", torch.float32).numpy())
