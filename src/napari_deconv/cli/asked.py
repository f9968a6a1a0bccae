"""What the flags ask for: a `Recipe` and what is `Told` of the image."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .. import psf as psfs
from ..posing import DEFAULT_PSF
from ..recipe import Recipe
from ..running.job import OF_CHANNELS, Told
from ..settings import nearest
from .flags import OPTICAL, ImageFlags, PsfFlags

__all__ = ["asked_recipe", "assigned", "numbers", "told"]


def asked_recipe(flags: PsfFlags, method: str | None, optics: Mapping[str, Any]) -> Recipe:
    """Return the recipe file, or the default recipe, with the flags over it.

    Raises
    ------
    ValueError, FileNotFoundError
        in one sentence that names the key and the remedy.
    """
    recipe = Recipe.load(flags.recipe) if flags.recipe else Recipe()
    changes: dict[str, Any] = {}
    if flags.psf is not None:
        changes["psf"] = asked_psf(flags.psf)
    if method is not None:
        changes["method.kind"] = method
    for stage, kinds, there in (("prepare", flags.prepare, recipe.prepare), ("finish", flags.finish, recipe.finish)):
        changes |= {f"{stage}.{len(there) + number}.kind": kind for number, kind in enumerate(kinds or ())}
    changes |= dict(assigned(each) for each in flags.changes or ())
    of_psf = any(key.startswith("psf.") for key in changes)
    if of_psf and recipe.psf is None and not {"psf", "psf.kind"} & set(changes):
        changes = {"psf.kind": DEFAULT_PSF, **changes}
    return with_flags_over(recipe.with_values(changes), optics)


def asked_psf(word: str) -> dict[str, Any]:
    """Return the plain values of what ``--psf`` names: a file that holds a PSF, or a kind of model."""
    if word in psfs.family and not Path(word).is_file():
        return {"kind": word}
    if Path(word).exists():
        return {"kind": "measured", "path": str(Path(word).absolute())}
    if Path(word).suffix or os.sep in word:
        raise FileNotFoundError(f"there is no PSF file {word}: check --psf")
    raise ValueError(f"--psf '{word}' is neither a file nor a model{nearest(word, psfs.family)}")


def with_flags_over(recipe: Recipe, optics: Mapping[str, Any]) -> Recipe:
    """Return the recipe with its PSF's own optical values replaced by the flags', so that the flags go first."""
    model = recipe.psf
    said = {name: getattr(model, name, None) for name in optics} if model is not None else {}
    changes = {
        f"psf.{name}": optics[name]
        for name, value in said.items()
        if value is not None and not isinstance(optics[name], tuple)
    }
    return recipe.with_values(changes) if changes else recipe


def told(flags: ImageFlags) -> Told:
    """Return what the flags say of the image."""
    optics = {name: getattr(flags, name) for name in OPTICAL if getattr(flags, name) is not None}
    for name in OF_CHANNELS:
        if name in optics:
            values = numbers(optics[name], name)
            optics[name] = values if len(values) > 1 else values[0]
    voxel = None if flags.voxel is None else numbers(flags.voxel, "voxel")
    return Told(flags.axes, voxel, flags.series, flags.channel, flags.time, optics)


def numbers(text: str, flag: str) -> tuple[float, ...]:
    """Return the numbers of a text with commas between them."""
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ValueError(f"--{flag} is '{text}': write numbers with commas between, such as 0.2,0.065,0.065") from None


def assigned(text: str) -> tuple[str, Any]:
    """Return the key and the value, read as YAML, of ``KEY=VALUE``; numbers with commas between are a list."""
    import yaml

    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ValueError(f"--set is '{text}': write KEY=VALUE, such as --set method.iterations=50")
    try:
        parsed = yaml.safe_load(value)
    except yaml.YAMLError:
        raise ValueError(f"--set {key}: the value '{value}' is not readable as YAML: put it in quotes") from None
    if isinstance(parsed, str) and "," in parsed:
        parts = [yaml.safe_load(part) for part in parsed.split(",")]
        parsed = parts if all(isinstance(part, (int, float)) for part in parts) else parsed
    return key.strip(), parsed
