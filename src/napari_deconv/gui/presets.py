"""Presets by situation, and a recipe as words to copy: Python, or a command line; no window here."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ..recipe import Recipe

__all__ = ["PRESETS", "Preset", "as_command", "as_python"]


@dataclass(frozen=True)
class Preset:
    """A method to begin with in a situation, and in one sentence why."""

    title: str
    why: str
    method: Mapping[str, Any]


PRESETS = (
    Preset(
        "Widefield, bright and fine",
        "Richardson-Lucy, accelerated, stopped where held-back photons are predicted best.",
        {"kind": "richardson-lucy"},
    ),
    Preset(
        "Widefield nuclei, dim",
        "Richardson-Lucy with a light penalty on slopes, which keeps noise from becoming grain.",
        {"kind": "richardson-lucy", "tv": 0.005},
    ),
    Preset(
        "Confocal membranes",
        "Gradient consensus moves a voxel only where two halves of the photons agree.",
        {"kind": "gradient-consensus"},
    ),
    Preset(
        "Very dim, flat areas with edges",
        "Total variation flattens noise and keeps edges; its weight is found from the image.",
        {"kind": "total-variation"},
    ),
    Preset(
        "Light-sheet embryo, large",
        "Fifteen accelerated iterations: nearly all that a light sheet's small PSF leaves to gain, in a fixed time.",
        {"kind": "richardson-lucy", "iterations": 15, "acceleration": "heavy-ball"},
    ),
    Preset("A quick look", "Wiener: a few steps, in seconds; may ring around bright things.", {"kind": "wiener"}),
)
"""Starting points: everything stays adjustable."""


def as_python(recipe: Recipe, source: str = "cells.tif") -> str:
    """Return a script that runs the recipe on a file."""
    values = json.dumps(recipe.dump(), indent=4, ensure_ascii=False)
    for word, ours in (("true", "True"), ("false", "False"), ("null", "None")):
        values = values.replace(f": {word}", f": {ours}")
    return (
        "import napari_deconv as nd\n\n"
        f"image = nd.read({source!r})\n"
        f"recipe = nd.Recipe.parse({values})\n"
        'nd.write("restored.ome.tif", nd.restored(image, recipe))\n'
    )


def as_command(recipe: Recipe, source: str = "cells.tif") -> str:
    """Return the command line that runs the recipe on a file."""
    words = ["napari-deconv", "restore", source, "restored.ome.tif"]
    values = recipe.dump()
    if "psf" in values:
        words += ["--psf", values["psf"]["kind"]]
    words += ["--method", values["method"]["kind"]]
    words += _set("background", values["background"])
    for part in ("psf", "method"):
        for name, value in values.get(part, {}).items():
            if name != "kind":
                words += _set(f"{part}.{name}", value)
    return shlex.join(words)


def _set(key: str, value: Any) -> list[str]:
    if isinstance(value, list):
        value = ",".join(map(str, value))
    return ["--set", f"{key}={str(value).lower() if isinstance(value, bool) else value}"]
