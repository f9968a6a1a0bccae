"""Judging typed values: valid settings or numbers out, or a sentence at the field that is wrong; no window here."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from pydantic import ValidationError

from ..psf.base import Grid, PsfModel
from ..psf.measured import Measured
from ..settings import Settings, describe

__all__ = ["parsed", "positive", "try_psf"]


def parsed(settings: type[Settings], values: Mapping[str, Any], noun: str, problems: dict[str, str]) -> Any:
    """Return the settings, or note every field that is not valid."""
    try:
        return settings.model_validate(dict(values))
    except ValidationError as error:
        titles = {each.name: each.title for each in describe(settings)}
        for each in error.errors(include_url=False):
            name = str(each["loc"][0]) if each["loc"] else ""
            problems.setdefault(f"{noun}.{name}", _sentence(titles.get(name, noun.capitalize()), each))
        return None


def _sentence(title: str, error: Mapping[str, Any]) -> str:
    """Return what is wrong with a field: ``Iterations should be greater than or equal to 1, not 0.``"""
    if error["type"] == "missing":
        return f"{title} is still empty: fill it in."
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    given = error.get("input")
    told = f", not {given}" if isinstance(given, (str, int, float)) else ""
    return f"{title} {message}{told}."


def positive(key: str, value: Any, problems: dict[str, str]) -> float:
    """Return a positive number, or note that it is none."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if math.isfinite(number) and number > 0:
        return number
    problems[key] = f"{key.split('.')[1].replace('_', ' ').capitalize()} must be a positive number, not '{value}'."
    return 1.0


@lru_cache(maxsize=16)
def try_psf(model: PsfModel, shape: Any, spacing: Any) -> None:
    """Try whether a resolved PSF can be had, on a grid of a few voxels; what could be had before is not tried again.

    Raises
    ------
    ValueError, OSError
        when it cannot.
    """
    if not isinstance(model, Measured):
        model.compute(Grid(shape, spacing))
