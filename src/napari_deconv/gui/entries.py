"""What the Restore panel puts into the queue: the chosen layer, or every selected one, each with its own recipe."""

from __future__ import annotations

from typing import Any

from .axes import guess_axes
from .layer_box import image_layers
from .model import Check, RestoreModel
from .queue_model import Entry
from .results import Likeness, current_place

__all__ = ["entry_of", "selected_entries"]


def entry_of(viewer: Any, model: RestoreModel, layer: Any, check: Check) -> Entry:
    """Return the run of a layer; where its choices are not valid, one that will say so."""
    if not check.is_ready:
        return Entry(layer.name, None, None, words=" ".join(dict.fromkeys(check.problems.values())))
    axes = model.read_axes if layer is model.source else guess_axes(layer)
    region = current_place(viewer, layer, axes) if model.only_current else None
    likeness = Likeness.of(layer, axes, region, check.image)
    return Entry(layer.name, check.image, check.recipe, likeness, region, not model.keeps_results)


def selected_entries(viewer: Any, model: RestoreModel) -> list[Entry]:
    """Return the run of the chosen layer; where several image layers are selected, one of each, judged for itself."""
    selected = [each for each in image_layers(viewer) if each in viewer.layers.selection]
    if len(selected) < 2:
        selected = [model.source]
    checks = [model.check() if layer is model.source else model.check_of(layer) for layer in selected]
    return [entry_of(viewer, model, layer, check) for layer, check in zip(selected, checks, strict=True)]
