"""`sweep`: the same part of an image restored under a range of one or two settings, each result with its held-out score.

recipe × values of a setting (× values of another) -> restore on the part -> Cell: pixels, score, what automatic came to

Every cell is what `restore` gives for that part, as a run of the whole would. Its score is the `Bench`'s, on the brightest box of the part
and its halo: with the blur undone where all cells have the same PSF, on the blurred prediction where the PSF or the background
itself is swept. Lower is better, between the cells of one sweep.
"""

from __future__ import annotations

import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from ..bench import Bench
from ..exploration import Exploration, Values
from ..image import Image, Region
from ..known import Known
from ..methods.base import Method
from ..methods.heldout import Choice
from ..passing import passed_on
from ..piece import plan_pieces
from ..posing import resolve_psf, trial_box
from ..recipe import Recipe
from ..restore import restore

__all__ = ["Cell", "Range", "best", "sweep", "varied"]


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
    number = 0

    def attempt(settings: Values, count: int, share: float) -> Generator[Cell | None, None, float]:
        nonlocal number
        try:
            tried = recipe
            for key, value in settings.items():
                tried = varied(image, tried, key, value)
            result = yield from _restored(image, region, tried, known, device, memory)
            record = result.history[-1]
            method = _settled(tried.method, record)
            score = yield from _score(image, region, tried.replace(method=method), known, device, is_same_blur)
            cell = Cell(number, settings, tried, result, score, _chosen(settings, record))
        except (ValueError, OSError, MemoryError, RuntimeError) as error:
            cell = Cell(number, settings, problem=str(error) or type(error).__name__)
        number += 1
        yield cell
        return math.inf if cell.score is None else cell.score

    yield from Exploration({each.key: each.values for each in ranges}).run(attempt)


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
    settled: Method = method.settled_by(Choice(**choices[0])) if method.is_automatic and choices else method
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
    """Yield None at each step and return the score of the part's first channel and time point; None where it is not finite."""
    part = _brightest(image, region, recipe, known)
    bench = Bench(image, recipe, region=part, whole_prediction=not is_same_blur, device=device, known=known)
    trial = bench.try_out(recipe)
    judged = yield from passed_on(trial, lambda step: None)
    return float(judged.score) if math.isfinite(judged.score) else None


def _brightest(image: Image, region: Region, recipe: Recipe, known: Known) -> Region:
    """Return the box of a part and its halo that is richest in light, as large as automatic choices are made on."""
    channel = range(image.sizes.get("C", 1))[slice(*region.bounds.get("C", (None, None)))][0]
    models = {channel: resolve_psf(image, recipe, channel)}
    piece = plan_pieces(image, region, models, recipe.method)[0]
    prepared = known.prepare(image, recipe, region)
    background = known.measure(prepared, recipe, piece.time, piece.channel).background
    box = trial_box(piece.pixels(image), piece.psf.shape, background)
    bounds = {"T": (piece.time, piece.time + 1), "C": (channel, channel + 1)}
    for axis, outer, inner in zip("ZYX", piece.outer, box, strict=True):
        bounds[axis] = outer.start + inner.start, outer.start + inner.stop
    return Region({axis: each for axis, each in bounds.items() if axis in image.axes})
