"""`sweep`: the same part of an image restored under a range of one or two settings, each result with its held-out score.

recipe × values of a setting (× values of another) -> restore on the part -> Cell: pixels, score, what automatic came to

Every cell is what `restore` gives for that part. Its score is read from light that was held back from a second restoration of the
part's brightest box: as for the automatic iterations, with the blur undone, where all cells have the same PSF; as for the
automatic weights, on the blurred image, where the PSF or the background itself is swept. Lower is better, between cells of one sweep.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from ..background import measure_volume
from ..image import Image, Region
from ..known import Known
from ..methods.base import Method, Problem
from ..methods.blur import Blur
from ..methods.heldout import Split
from ..noise import estimate_noise, smoothed
from ..piece import plan_pieces
from ..posing import fit_to_image, pose_problem, resolve_psf, trial_box
from ..recipe import Recipe
from ..restore import restore
from .device import choose_device

__all__ = ["Cell", "Range", "best", "sweep", "varied"]

DRAWS = 2
"""Splits of the light that a score is the mean of; the same for every cell."""


@dataclass(frozen=True)
class Range:
    """A setting by its dotted key in the recipe (``method.tv``, ``psf.depth``, ``background``), and the values to try."""

    key: str
    values: tuple[Any, ...]


@dataclass(frozen=True)
class Cell:
    """One cell: the settings it was restored with, the part of the image, its score, or why there is none.

    ``chosen`` holds what a value that was asked to be ``auto`` came to.
    """

    number: int
    settings: Mapping[str, Any]
    recipe: Recipe | None = None
    image: Image | None = None
    score: float | None = None
    chosen: Mapping[str, float] | None = None
    problem: str = ""


def sweep(
    image: Image,
    region: Region,
    recipe: Recipe,
    ranges: Sequence[Range],
    *,
    device: str = "auto",
    memory: str | int = "auto",
    known: Known | None = None,
) -> Iterator[Cell | None]:
    """Yield a `Cell` for every combination of values, the last range running fastest, and None at each step between.

    Parameters as in `restore`; a combination that is not valid, or cannot be restored, is a cell that says why.
    """
    known = known or Known()
    keys = [each.key for each in ranges]
    is_same_blur = not any(key.split(".")[0] in ("psf", "background", "saturation") for key in keys)
    for number, values in enumerate(product(*(each.values for each in ranges))):
        settings = dict(zip(keys, values, strict=True))
        try:
            tried = recipe
            for key, value in settings.items():
                tried = varied(image, tried, key, value)
            result = yield from _restored(image, region, tried, known, device, memory)
            record = result.history[-1]
            method = _settled(tried.method, record)
            score = yield from _score(image, region, tried.replace(method=method), known, device, is_same_blur)
            yield Cell(number, settings, tried, result, score, _chosen(settings, record))
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            yield Cell(number, settings, problem=str(error) or type(error).__name__)


def varied(image: Image, recipe: Recipe, key: str, value: Any) -> Recipe:
    """Return the recipe with one setting changed; a setting of the PSF is changed in the model that the image resolves it to.

    Raises
    ------
    ValueError
        when the value is not valid.
    """
    part, _, name = key.partition(".")
    if not name:
        changed: Recipe = recipe.replace(**{part: value})
    elif part == "psf":
        changed = recipe.replace(psf=resolve_psf(image, recipe).replace(**{name: value}))
    else:
        changed = recipe.replace(**{part: getattr(recipe, part).replace(**{name: value})})
    return changed


def best(cells: Sequence[Cell]) -> Cell | None:
    """Return the cell with the lowest score, None where none has one."""
    scored = [each for each in cells if each.score is not None]
    return min(scored, key=lambda each: each.score or 0.0, default=None)


def _restored(
    image: Image, region: Region, recipe: Recipe, known: Known, device: str, memory: str | int
) -> Generator[None, None, Image]:
    """Yield None at each step and return the restored part."""
    with closing(restore(image, recipe, region=region, known=known, device=device, memory=memory)) as steps:
        for progress in steps:
            if progress.is_result:
                return progress.estimate
            yield None
    raise RuntimeError("the restoration ended without a result")


def _settled(method: Method, record: Mapping[str, Any]) -> Method:
    """Return the method with its automatic choice made as the run made it."""
    choices = record.get("choices", ())
    settled: Method = method.settled(choices[0]["value"]) if method.is_automatic and choices else method
    return settled


def _chosen(settings: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, float]:
    """Return what the automatic values among the settings came to, by their keys."""
    told = {f"method.{each['name']}": float(each["value"]) for each in record.get("choices", ())}
    if record.get("background"):
        told["background"] = float(record["background"][0])
    return {key: told[key] for key, value in settings.items() if value == "auto" and key in told}


def _score(
    image: Image, region: Region, recipe: Recipe, known: Known, device: str, is_same_blur: bool
) -> Generator[None, None, float | None]:
    """Yield None at each step and return the score, the mean over the part's channels; None where it is not finite."""
    scores = []
    for problem in _problems(image, region, recipe, known, device):
        noise = estimate_noise(problem.image.cpu().numpy())
        variance = noise.variance(smoothed(problem.image))
        for seed in range(DRAWS):
            split = Split(problem, variance, seed)
            with closing(recipe.method.iterate(split.train)) as estimates:
                for estimate in estimates:
                    reached = estimate.object
                    yield None
            measured = split.object_score if is_same_blur else split.score
            scores.append(float(measured(reached).mean()))
    mean = float(np.mean(scores)) if scores else math.nan
    return mean if math.isfinite(mean) else None


def _problems(image: Image, region: Region, recipe: Recipe, known: Known, device: str) -> Iterator[Problem]:
    """Yield the problem of each channel of the part's first time point, posed on its brightest box."""
    channels = range(image.sizes.get("C", 1))[slice(*region.bounds.get("C", (None, None)))]
    models = {channel: resolve_psf(image, recipe, channel) for channel in channels}
    asked = recipe.background, recipe.saturation
    pieces = plan_pieces(image, region, models, recipe.method)
    first = {piece.channel: piece for piece in reversed(pieces) if piece.time == pieces[0].time}
    for piece in first.values():
        place = piece.time, piece.channel
        if (place, asked) not in known.figures:
            known.figures[place, asked] = measure_volume(image.block(*place), *asked)
        figures, block = known.figures[place, asked], piece.pixels(image)
        pixels = block[trial_box(block, piece.psf.shape, figures.background)]
        blur = Blur(fit_to_image(piece.psf, pixels.shape), pixels.shape, choose_device(device))
        yield pose_problem(pixels, figures, blur, image)
