"""`Forecast`: how long a whole run will take and what memory, before it starts; from its tiles and from a measured pace.

seconds = padded voxels of all tiles × (iterations + what comes before them) / pace      pace = voxels × steps a second, timed on a block
peak = what a method keeps of the largest tile, of its padded and of its plain size, beside the result where that is in memory
"""

from __future__ import annotations

import math
import time as clock
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass, field as attribute
from itertools import pairwise
from typing import Any

from ..background import COST, measure_volume, measured_voxels
from ..canvas import canvas_bytes, left_for_tiles
from ..image import Image, Region
from ..methods.base import Method
from ..methods.blur import Blur
from ..piece import Piece, plan_pieces
from ..posing import AT_ONCE, compute_psf, fit_to_image, pose_problem, resolve_psf, trial_voxels
from ..preparing import prepare
from ..recipe import Recipe
from .device import choose_device, choose_precision, plan_budget
from .tiles import Tile, plan_seam_check

__all__ = ["Forecast", "Pace", "costing", "forecast"]

GUESSED = 40
"""Iterations that are reckoned with while the automatic number is not known."""
DRAWS = 5
"""What a trial of the automatic number costs, in runs over its part of the image: three draws and their predictions."""
BLOCK = (32, 128, 128)
TIMED = 4
BEFORE = 1.5
"""What the transfer function and the sensitivity of a tile take, in iterations of Richardson-Lucy."""


@dataclass(frozen=True)
class Forecast:
    """What a run will take.

    seconds : about; is_guess says that the number of iterations is still automatic and not known.
    peak : bytes at the most at once; available : bytes that the run may take.
    tiles : how many blocks are restored one after the other, the largest of `tile` voxels with its halo.
    volumes : channels × time points.
    is_cut : whether a volume is too large to be restored in one piece.
    """

    seconds: float
    is_guess: bool
    peak: int
    available: int
    tiles: int
    tile: tuple[int, int, int]
    volumes: int
    is_cut: bool = False

    @property
    def fits(self) -> bool:
        """Whether what is kept at once stays within what the run may take."""
        return self.tiles > 0 and self.peak <= self.available

    @property
    def words(self) -> str:
        """What to say to the person who is about to press Restore."""
        size = " × ".join(map(str, self.tile))
        if not self.tiles:
            return "This does not fit the memory, not even in small tiles: allow more in Preferences, or crop the PSF."
        pieces = f"{self.tiles} tiles of up to {size}" if self.tiles > self.volumes else "whole"
        told = f"The run: {in_words(self.seconds)}, {in_bytes(self.peak)}, "
        told += f"{self.volumes} volumes, {pieces}" if self.volumes > 1 else pieces
        if self.is_cut and self.fits:
            told += f": in one piece it does not fit the {in_bytes(self.available)} that it may take (Preferences)"
        if not self.fits:
            told += f"; only {in_bytes(self.available)} may be taken, so it may fail: crop the image or allow more"
        return told + "."


@dataclass
class Pace:
    """Voxels × steps a second by what a step costs and device, each timed once; what a run or a preview has shown goes over it."""

    timed: dict[tuple[str, str], float] = attribute(default_factory=dict)

    def of(self, image: Image, recipe: Recipe, device: Any) -> float:
        """Return the pace of a recipe's method, timed on a block from the middle of the image when it is not known."""
        key = (costing(recipe), str(device))
        if key not in self.timed:
            self.timed[key] = _timed(image, recipe, device)
        return self.timed[key]


def forecast(
    image: Image,
    recipe: Recipe,
    *,
    device: str = "auto",
    memory: str | int = "auto",
    pace: Pace | None = None,
    iterations: int | None = None,
) -> Forecast:
    """Return what restoring the whole image will take. Parameters as in `restore`.

    ``iterations`` is the automatic number where it is known already; ``pace`` keeps what was timed between calls.

    Raises
    ------
    ValueError
        when image and recipe do not fit.
    """
    chosen, method = choose_device(device), recipe.method
    image = prepare(image, recipe, Region({})).image
    channels = range(image.sizes.get("C", 1))
    models = {channel: resolve_psf(image, recipe, channel) for channel in channels}
    pieces, budget = plan_pieces(image, Region({}), models, method, chosen), plan_budget(memory, chosen)
    volumes = len(channels) * image.sizes.get("T", 1)
    try:
        beside = left_for_tiles(image.shape, budget)
        tiles = [(piece, tile) for piece in pieces for tile in piece.tiles(beside, recipe.volumes)]
    except MemoryError:
        return Forecast(math.inf, False, 0, budget, 0, (0, 0, 0), volumes)
    padded = [piece.padded(tile.outer_shape) for piece, tile in tiles]
    count = iterations or (GUESSED if getattr(method, "iterations", None) == "auto" else _steps(method))
    steps = method.whole_steps(count, pieces[0].psf, pieces[0].outer_shape)
    speed = (pace or Pace()).of(image, recipe, chosen)
    before = BEFORE if steps > 1 else 0.0
    work = (sum(padded) + _checking(tiles)) * (steps + before)
    trial = min(trial_voxels(budget, recipe.volumes), max(padded)) if method.is_automatic and iterations is None else 0
    work += len(channels) * trial * DRAWS * count
    return Forecast(
        seconds=work / speed,
        is_guess=getattr(method, "iterations", None) == "auto" and iterations is None,
        peak=_peak(image, recipe, max(tiles, key=lambda each: each[0].padded(each[1].outer_shape)), trial, budget),
        available=budget,
        tiles=len(tiles),
        tile=max((tile.outer_shape for _, tile in tiles), key=math.prod),
        volumes=volumes,
        is_cut=len(tiles) > len(pieces),
    )


def in_words(seconds: float) -> str:
    """Return a duration that is not known better than to a digit or two."""
    if seconds < 1:
        return "less than a second"
    if seconds < 90:
        return f"about {round(seconds)} s"
    return f"about {round(seconds / 60)} min" if seconds < 5400 else f"about {seconds / 3600:.1f} h"


def in_bytes(count: int) -> str:
    """Return ``1.2 GB``."""
    return f"{count / 1e9:.1f} GB" if count >= 1e8 else f"{max(1, round(count / 1e6))} MB"


def _steps(method: Method) -> int:
    return 1 if method.is_automatic else method.steps


def _peak(image: Image, recipe: Recipe, largest: tuple[Piece, Tile], trial: int, budget: int) -> int:
    """Return the bytes of the largest tile's work, or of the trial of an automatic number, and of the result where that is in memory."""
    piece, tile = largest
    padded, plain = piece.padded(tile.outer_shape), math.prod(tile.outer_shape)
    wide = recipe.volumes / recipe.method.volumes
    kept = wide * ((recipe.method.volumes - recipe.method.frames) * padded + recipe.method.frames * plain)
    measuring = (
        COST * min(math.prod(image.spatial_shape), measured_voxels(budget)) if recipe.background == "auto" else 0
    )
    return int(max(4 * kept, 4 * trial * recipe.volumes * AT_ONCE, measuring)) + canvas_bytes(image.shape, budget)


def _checking(tiles: Sequence[tuple[Piece, Tile]]) -> int:
    """Return the padded voxels of the stretch of a border that is restored again."""
    if len(tiles) < 2 or tiles[0][0] is not tiles[1][0]:
        return 0
    across = plan_seam_check(tiles[0][1], tiles[1][1])
    return 0 if across is None else tiles[0][0].padded(across.outer_shape)


def costing(recipe: Recipe) -> str:
    """Return what of a recipe decides the cost of a step: its choices, and whether a weight is there at all, but no number's size."""
    fields = recipe.method.field_values()
    told = {name: each if isinstance(each, (str, bool)) else bool(each) for name, each in fields.items()}
    return " ".join(
        [recipe.method.kind_name(), recipe.precision, *(f"{name}={each}" for name, each in sorted(told.items()))]
    )


def _timed(image: Image, recipe: Recipe, device: Any) -> float:
    """Return voxels × steps a second, from the quickest of a few steps on a block from the middle of the image."""
    middle = tuple(
        slice((size - min(size, most)) // 2, (size + min(size, most)) // 2)
        for size, most in zip(image.spatial_shape, BLOCK, strict=True)
    )
    pixels = image.block()[middle]
    psf = fit_to_image(compute_psf(image, recipe), pixels.shape)
    blur = Blur(psf, pixels.shape, device, choose_precision(recipe.precision, device))
    figures = measure_volume(pixels, recipe.background, recipe.saturation)
    problem = pose_problem(pixels, figures, blur, image)
    method: Method = recipe.method.for_volume(problem.blur.image_shape).evenly()
    method = method.provisional(TIMED) if method.is_automatic else method
    stamps = [clock.perf_counter()]
    with closing(method.iterate(problem)) as estimates:
        for estimate in estimates:
            float(estimate.object.sum())
            share = method.steps / estimate.steps
            stamps.append(clock.perf_counter())
            if len(stamps) > TIMED:
                break
    taken = [later - before for before, later in pairwise(stamps)]
    quickest = min(taken[1:] or taken)  # the first has no momentum yet, or is the division that rounds set out from
    return math.prod(blur.object_shape) * share / quickest
