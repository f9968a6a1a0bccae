"""What can be swept, over which values, and how a cell is named; no window here."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import psf as psfs
from ..background import measure_volume
from ..image import Image, Region
from ..recipe import Recipe
from ..running.sweep import Cell, best
from ..settings import Described, describe
from .model import ASKED, FROM_LAYER, FROM_METADATA, Check, RestoreModel, optical_fields, told

__all__ = ["Option", "cell_words", "crop", "default_bounds", "marks", "options", "plan_values", "take"]

SIDE = 160
"""Pixels at most, along y and x, of the part that a sweep restores: the middle of a larger view."""
BACKGROUND = next(each for each in describe(Recipe) if each.name == "background")
TRIES = 6
"""Values that are tried of one setting, unless the person wants another number."""


@dataclass(frozen=True)
class Option:
    """A setting that can be swept: its key in the recipe, its key among the panel's values, and its value now."""

    key: str
    typed: str
    described: Described
    value: Any

    @property
    def number(self) -> float | None:
        """The value now, where it is a number that is not zero."""
        is_number = isinstance(self.value, (int, float)) and not isinstance(self.value, bool)
        return float(self.value) if is_number and self.value else None


def options(model: RestoreModel, check: Check) -> list[Option]:
    """Return every number of the method, the background, and every number of the PSF that the panel can set."""
    if check.recipe is None or check.image is None:
        return []
    recipe, found = check.recipe, []
    for each in describe(type(recipe.method)):
        if _is_number(each):
            value = getattr(recipe.method, each.name)
            found.append(Option(f"method.{each.name}", f"method.{model.method}.{each.name}", each, value))
    found.append(Option("background", "background", BACKGROUND, recipe.background))
    if model.psf == FROM_METADATA:
        fields = optical_fields()
        for name in ASKED:
            value = model.typed("optics").get(name, told(check.image, name))
            found.append(Option(f"psf.{name}", f"optics.{name}", fields[name], value))
    elif model.psf != FROM_LAYER:
        for each in describe(psfs.family[model.psf]):
            if _is_number(each):
                value = getattr(recipe.psf, each.name)
                found.append(Option(f"psf.{each.name}", f"psf.{model.psf}.{each.name}", each, value))
    return found


def _is_number(described: Described) -> bool:
    return described.type in ("int", "float")


def take(model: RestoreModel, chosen: Sequence[Option], settings: Mapping[str, Any]) -> None:
    """Choose a cell's settings in the panel."""
    for option in chosen:
        value = settings[option.key]
        if option.typed == "background":
            model.choose(background=value)
        else:
            model.type(option.typed, None if value == option.described.default else value)


def default_bounds(option: Option, image: Image) -> tuple[float, float]:
    """Return from where to where a setting is swept at first: about its value now, else its slider's range."""
    value, shown = option.number, option.described.shown
    if value is None and option.key == "background":
        value = abs(measure_volume(image.block()[:1], "auto").background)
    if shown is None:
        low, high = (value / 2, value * 2) if value else (option.described.low or 0.1, option.described.high or 10.0)
    elif value is None:
        low, high = shown
    elif option.described.slider == "log":
        low, high = max(value / 8, shown[0]), min(value * 8, shown[1])
    else:
        reach = (shown[1] - shown[0]) / 6
        low, high = max(value - reach, shown[0]), min(value + reach, shown[1])
    return _rounded(low, option), _rounded(high, option)


def plan_values(option: Option, low: float, high: float, count: int = TRIES) -> tuple[Any, ...]:
    """Return so many values, rounded, ascending: evenly by factors where they span many, else by steps.

    A setting that may be ``auto`` begins with that, and one for which zero means none begins with zero.

    Raises
    ------
    ValueError
        when the bounds are not two numbers, the lower first.
    """
    if not (math.isfinite(low) and math.isfinite(high) and low < high):
        raise ValueError(f"{option.described.title}: sweep from a smaller to a larger number, not {low:g} to {high:g}.")
    by_factors = low > 0 and (option.described.slider == "log" or high / low > 20)
    places = np.geomspace(low, high, count) if by_factors else np.linspace(low, high, count)
    values: list[Any] = list(dict.fromkeys(_rounded(float(each), option) for each in places))
    if by_factors and option.described.low == 0 and not option.described.low_open:
        values.insert(0, 0)
    return ("auto", *values) if option.described.auto else tuple(values)


def _rounded(value: float, option: Option) -> Any:
    return round(value) if option.described.type == "int" else float(f"{value:.3g}")


def crop(region: Region) -> Region:
    """Return the middle of a view that is larger than a cell of the sheet needs."""
    bounds = dict(region.bounds)
    for axis in set("YX") & set(bounds):
        start, stop = bounds[axis]
        begin = start + max(0, stop - start - SIDE) // 2
        bounds[axis] = (begin, min(stop, begin + SIDE))
    return Region(bounds)


def cell_words(cell: Cell) -> str:
    """Return a cell's label: its values, and its score."""
    values = []
    for key, value in cell.settings.items():
        came_to = (cell.chosen or {}).get(key)
        values.append(f"auto: {came_to:.4g}" if came_to is not None else "auto" if value == "auto" else f"{value:.4g}")
    score = "cannot be restored" if cell.problem else "no score" if cell.score is None else f"score {cell.score:.5g}"
    return f"{' · '.join(values)}\n{score}"


def marks(cells: Sequence[Cell], chosen: Sequence[Option]) -> dict[int, tuple[str, ...]]:
    """Return what each cell is to be marked as: ``automatic``, ``best`` by its score, ``now`` for the settings in use."""
    lowest, marked = best(cells), {}
    for cell in cells:
        is_now = all(cell.settings[each.key] == each.value for each in chosen)
        is_automatic = all(value == "auto" for value in cell.settings.values())
        told = {"automatic": is_automatic, "best": lowest is cell and len(cells) > 1, "now": is_now}
        marked[cell.number] = tuple(word for word, is_so in told.items() if is_so)
    return marked
