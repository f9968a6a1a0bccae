"""The crop that sharpens while a network learns: a layer of its own beside the image, of help to the eye alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .compare import HELPER
from .train_model import side_by_side

__all__ = ["CropLayer"]

NAME = "training [image | network | goal]"


class CropLayer:
    """The layer in the viewer, made at the first crop and brought up to date in place."""

    def __init__(self, viewer: Any) -> None:
        self.viewer = viewer
        self.layer: Any = None
        self._told: dict[str, Any] = {}

    def place_beside(self, source: Any) -> None:
        """Lie to the right of a layer from now on, with pixels of its size; at the origin where there is none."""
        self._told = {}
        if source is not None:
            scale = np.asarray(source.scale, dtype=float)[-2:]
            right = float(source.extent.world[1][-1]) + 4 * scale[1]
            top = float(source.extent.world[0][-2]) + scale[0] / 2
            self._told = {"scale": scale, "translate": (top, right), "units": source.units[-2:]}

    def show_crop(self, crop: Sequence[np.ndarray[Any, Any]]) -> None:
        """Show image, result and target (Y, X) beside one another; the first time the view takes them in."""
        pixels = side_by_side(crop)
        if self.layer is None or self.layer not in self.viewer.layers or self.layer.data.shape != pixels.shape:
            self.remove()
            selected = set(self.viewer.layers.selection)
            told = {"name": NAME, "contrast_limits": (0, 1), "colormap": "gray", "metadata": {HELPER: True}}
            self.layer = self.viewer.add_image(pixels, **told, **self._told)
            if selected:
                self.viewer.layers.selection = selected
            self.viewer.reset_view()
            return
        self.layer.data = pixels

    def remove(self) -> None:
        """Take the layer away."""
        if self.layer is not None and self.layer in self.viewer.layers:
            self.viewer.layers.remove(self.layer)
        self.layer = None
