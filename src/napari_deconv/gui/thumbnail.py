"""Small pictures of an image: one plane in the source's colours, as wide and high as its voxels say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap

from ..image import Image
from .results import sensible_limits

__all__ = ["common_limits", "draw_thumbnail"]

THIN = 2**16


def common_limits(images: Sequence[Image]) -> tuple[float, float]:
    """Return contrast limits for several images beside one another: the middle ones of their own."""
    own = np.array([sensible_limits(image.numpy(), THIN) for image in images])
    low, high = np.median(own, axis=0)
    return float(low), float(high)


def draw_thumbnail(image: Image, layer: Any, shown: str, limits: tuple[float, float], side: int) -> QPixmap:
    """Return a picture of an image's middle plane.

    Parameters
    ----------
    shown : the axes that run from top to bottom and from left to right.
    layer : whose colormap is taken; an RGB layer's channels are the colours.
    side : screen pixels of the longer side.
    """
    axes, values = image.axes, np.asarray(image.data, dtype=np.float32)
    is_coloured = layer.rgb and "C" in axes
    kept = shown + ("C" if is_coloured else "")
    plane = values[
        tuple(slice(None) if axis in kept else size // 2 for axis, size in zip(axes, values.shape, strict=True))
    ]
    left = [axis for axis in axes if axis in kept]
    plane = np.transpose(plane, [left.index(axis) for axis in kept])
    scaled = np.clip((plane - limits[0]) / max(limits[1] - limits[0], 1e-12), 0, 1)
    colours = scaled if is_coloured else layer.colormap.map(scaled.ravel()).reshape(*scaled.shape, 4)[..., :3]
    pixels = np.ascontiguousarray(np.round(255 * colours).astype(np.uint8))
    height, width = pixels.shape[:2]
    picture = QPixmap.fromImage(QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888).copy())
    tall, wide = (size * (image.voxel.get(axis) or 1.0) for axis, size in zip(shown, (height, width), strict=True))
    factor = side / max(tall, wide)
    smooth = Qt.TransformationMode.SmoothTransformation
    ignoring = Qt.AspectRatioMode.IgnoreAspectRatio
    return picture.scaled(max(1, round(wide * factor)), max(1, round(tall * factor)), ignoring, smooth)
