"""`Known`: what has been measured of one image, so that a part of it is restored as the whole will be."""

from __future__ import annotations

import math
from dataclasses import dataclass, field as attribute, replace
from typing import Any

import numpy as np

from .background import MOST, VolumeFigures, measure_volume
from .image import Image, Region
from .methods.blur import CLOSE, Blur, Room, plan_object_shape
from .methods.choice import Choice
from .preparing import Prepared, prepare
from .recipe import Recipe
from .running.device import trim

__all__ = ["Known"]

LARGE = 2**23
"""Voxels of an object grid of which no second blur is kept."""


@dataclass
class Known:
    """What has been measured of one image: kept by whoever restores parts of it again and again, such as a preview.

    Figures do not depend on the method, choices not on the region; both are of the whole image, so that a part is
    restored as the whole will be.
    """

    figures: dict[Any, VolumeFigures] = attribute(default_factory=dict)
    choices: dict[Any, Choice] = attribute(default_factory=dict)
    blurs: dict[Any, tuple[Any, Blur]] = attribute(default_factory=dict)
    prepared: dict[Any, Prepared] = attribute(default_factory=dict)

    def prepare(self, image: Image, recipe: Recipe, region: Region) -> Prepared:
        """Return the image made ready by the recipe; the volumes of the newest preparation are kept."""
        key = (recipe.prepare, recipe.saturation, image.axes, image.shape, image.spacing)
        made = prepare(image, recipe, region)
        kept = self.prepared.get(key)
        if kept is None:
            self.prepared = {key: made}
            return made
        return replace(made, image=made.image.replace(data=kept.image.data), marks=kept.marks)

    def measure(self, prepared: Prepared, recipe: Recipe, time: int, channel: int, most: int = MOST) -> VolumeFigures:
        """Return the figures of a whole volume of the prepared image; a ceiling only where no marks tell what is saturated."""
        asked = recipe.background, "none" if prepared.marks is not None else recipe.saturation
        key = (time, channel), asked, recipe.prepare
        if key not in self.figures:
            self.figures[key] = measure_volume(prepared.image.block(time, channel), *asked, most=most)
        return self.figures[key]

    def blur(
        self,
        psf: np.ndarray[Any, Any],
        shape: tuple[int, int, int],
        device: Any,
        dtype: Any = None,
        room: Room = CLOSE,
        is_alone: bool = False,
    ) -> Blur:
        """Return the blur of a PSF and a block's shape, as `Blur` has it; the last two are kept if they are small, or the last one.

        is_alone : whether no other may be kept beside it.
        """
        key = (id(psf), shape, str(device), dtype, room)
        kept, blur = self.blurs.pop(key, (None, None))
        large = is_alone or math.prod(plan_object_shape(shape, psf.shape, room)) > LARGE
        while len(self.blurs) > (0 if large else 1):
            self.blurs.pop(next(iter(self.blurs)))
        if is_alone:
            trim()
        if blur is None or kept is not psf:
            blur = Blur(psf, shape, device, dtype, room)
        self.blurs[key] = (psf, blur)
        return blur.twin()
