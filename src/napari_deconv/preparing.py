"""Preparation before the method and finishing after it: a recipe's steps over an image, each volume computed once, when it is asked for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .background import estimate_background, find_ceiling
from .image import Image, Region
from .recipe import Recipe
from .steps.base import Step, each_volume, lazily
from .steps.pixels import mark_saturated

__all__ = ["Prepared", "finish", "prepare", "untrusted_pixels"]


@dataclass(frozen=True)
class Prepared:
    """An image made ready for the method.

    marks : where pixels are not to be trusted (1 saturated, 2 left out), on the image's own grid; None where every one is, or where
    the figures of a volume tell (its ceiling).
    region : what was asked for, in the image's own pixels.
    notices : what a step does to the noise that the method relies on.
    """

    image: Image
    marks: Image | None
    region: Region
    notices: tuple[str, ...] = ()

    def untrusted(self, time: int, channel: int, box: tuple[slice, slice, slice]) -> np.ndarray[Any, Any] | None:
        """Return the marks of a box of a volume (Z, Y, X), or None."""
        return None if self.marks is None else np.asarray(self.marks.block(time, channel)[box])


def prepare(image: Image, recipe: Recipe, region: Region) -> Prepared:
    """Return what the recipe's preparation makes of an image; the image itself where there is none.

    Saturated pixels are found in the image as it came, and their marks go with it through every step.

    Raises
    ------
    ValueError, OSError
        in one sentence with the remedy, when a step does not fit the image.
    """
    if not recipe.prepare:
        _apply(image, recipe.finish)
        return Prepared(image, None, region)
    marks = each_volume(image, lambda volume, *_: _saturated(volume, recipe), dtype=np.uint8)
    source = image
    for step in recipe.prepare:
        marks = step.mark(marks, source)
        region = step.moved(region, source)
        source = step.apply(source)
    _apply(source, recipe.finish)
    notices = dict.fromkeys(step.notice() for step in recipe.prepare if step.notice())
    return Prepared(_kept(source), _kept(marks), region, tuple(notices))


def finish(result: Image, steps: Sequence[Step]) -> Image:
    """Return what finishing makes of a result, in memory."""
    finished = _apply(result, steps)
    return finished.replace(data=np.asarray(finished.data)) if steps else result


def untrusted_pixels(image: Image, recipe: Recipe) -> Image:
    """Return where the method does not take an image's pixels at their word: 1 where they are saturated and count as the least that
    they can be, 2 where they are left out, 0 elsewhere; uint8.

    It lies on the grid of the prepared image, whose voxel and origin it has.
    """
    marks = prepare(image, recipe, Region({})).marks
    if marks is None:
        marks = each_volume(image, lambda volume, *_: _saturated(volume, recipe), dtype=np.uint8)
    return marks.replace(data=np.asarray(marks.data))


def _apply(image: Image, steps: Sequence[Step]) -> Image:
    """Return the image after steps, none of which computes anything yet: one that does not fit is refused before a run begins."""
    for step in steps:
        image = step.apply(image)
    return image


def _saturated(volume: np.ndarray[Any, Any], recipe: Recipe) -> np.ndarray[Any, Any]:
    asked = recipe.saturation
    ceiling = find_ceiling(volume) if asked == "auto" else None if asked == "none" else float(asked)
    return mark_saturated(volume, ceiling, estimate_background(volume) if ceiling is not None else 0.0)


def _kept(image: Image) -> Image:
    """Return the image with its newest volume kept, so that its tiles do not compute it again and again."""
    lock, newest = threading.Lock(), dict[tuple[int, int], np.ndarray[Any, Any]]()

    def once(time: int, channel: int) -> np.ndarray[Any, Any]:
        with lock:
            if (time, channel) not in newest:
                newest.clear()
                newest[time, channel] = np.asarray(image.block(time, channel))
            return newest[time, channel]

    return lazily(image, once, image.spatial_shape, image.dtype)
