"""Results as layers: beside their source, looking and lying like it, their numbers their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Image, Region
from .layers import KEY, notes_of, told_of

__all__ = ["Likeness", "current_place", "place_result", "result_name", "same_selection", "sensible_limits"]

PLACED = ("units", "axis_labels", "rotate", "shear", "affine")
LOOKS = ("blending", "interpolation2d", "interpolation3d", "rendering", "depiction")
MOST = 2**22
"""Pixels that contrast limits are taken from."""


def result_name(source: str, method: str) -> str:
    """Return ``cells [Richardson-Lucy]``."""
    return f"{source} [{method}]"


def current_place(viewer: Any, layer: Any, axes: str) -> Region:
    """Return the time point and channel of a layer that the viewer's sliders show; empty where it has neither."""
    where = np.asarray(viewer.dims.point)[-layer.ndim :]
    index = np.round(layer.world_to_data(where)).astype(int)
    shape = (layer.data[0] if layer.multiscale else layer.data).shape
    bounds = {}
    for number, axis in enumerate(axes[: layer.ndim]):
        if axis in "TC":
            at = int(np.clip(index[number], 0, shape[number] - 1))
            bounds[axis] = (at, at + 1)
    return Region(bounds)


@dataclass(frozen=True)
class Likeness:
    """What a result takes over from its source, caught when the run starts, so that the source may go meanwhile."""

    name: str
    axes: str
    attributes: Mapping[str, Any]
    metadata: Mapping[str, Any]
    rgb_peak: float | None
    layer: Any
    image: Image | None = None
    starts: tuple[float, ...] = ()

    @classmethod
    def of(cls, layer: Any, axes: str, region: Region | None = None, image: Image | None = None) -> Likeness:
        """Return the likeness of an image layer, moved to a region of it; ``image`` is what the layer was read as."""
        attributes = {name: getattr(layer, name) for name in ("scale", "translate", *PLACED, *LOOKS)}
        if not layer.rgb:
            attributes["colormap"] = layer.colormap
        starts = [region.bounds.get(axis, (0, 0))[0] if region else 0 for axis in axes[: layer.ndim]]
        if any(starts):
            attributes["translate"] = np.asarray(layer.translate) + _moved(layer, starts)
        peak = None
        if layer.rgb:
            dtype = np.dtype(layer.dtype)
            peak = float(np.iinfo(dtype).max) if dtype.kind in "iu" else 1.0
        return cls(layer.name, axes, attributes, layer.metadata, peak, layer, image, tuple(starts))

    def shown(self, result: Image) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        """Return the result's array in the source's order of axes, and the attributes of its layer."""
        data = np.transpose(result.numpy(), [result.axes.index(axis) for axis in self.axes])
        metadata = {**self.metadata, **notes_of(result)}
        metadata[KEY]["source"] = self.name
        told = {**self.attributes, **self._place(result), "metadata": metadata, "rgb": self.rgb_peak is not None}
        if self.rgb_peak is not None:
            return np.clip(data / np.float32(self.rgb_peak), 0, 1), told
        return data, told

    def _place(self, result: Image) -> dict[str, Any]:
        """Return scale and translate where a step has cropped the image or made other pixels of it."""
        steps = (result.history[-1].get("recipe", {}) if result.history else {}).get("prepare", [])
        if self.image is None or (
            result.voxel == self.image.voxel and not any(each["kind"] == "crop" for each in steps)
        ):
            return {}
        image, axes = self.image, self.axes[: self.layer.ndim]
        ratio = [result.voxel.get(axis, 1.0) / image.voxel.get(axis, 1.0) for axis in axes]
        moved = {axis: result.origin.get(axis, 0.0) - image.origin.get(axis, 0.0) for axis in axes if axis in "ZYX"}
        starts = [moved.get(axis, 0.0) / image.voxel.get(axis, 1.0) for axis in axes]
        fixed = np.asarray(self.attributes["translate"]) - _moved(self.layer, self.starts)
        at = [start if axis in "ZYX" else own for axis, start, own in zip(axes, starts, self.starts, strict=True)]
        return {"scale": np.asarray(self.layer.scale) * ratio, "translate": fixed + _moved(self.layer, at)}


def _moved(layer: Any, starts: Sequence[float]) -> np.ndarray[Any, Any]:
    """Return by how much (in the layer's own frame, before its affine) a region's first pixel lies off the layer's."""
    from napari.utils.transforms import Affine

    linear = Affine(scale=layer.scale, rotate=layer.rotate, shear=layer.shear).linear_matrix
    moved: np.ndarray[Any, Any] = linear @ np.asarray(starts, dtype=float)
    return moved


def place_result(viewer: Any, likeness: Likeness, result: Image, method: str, *, replace: bool) -> Any:
    """Show a result and return its layer.

    With ``replace``, the layer of the same name that an earlier run made is brought up to date, its contrast and
    colormap left as the user has them; otherwise a new layer lies right above the source.
    """
    data, told = likeness.shown(result)
    name = result_name(likeness.name, method)
    earlier = next((each for each in viewer.layers if each.name == name and told_of(each).get("digest")), None)
    if replace and earlier is not None and earlier.data.shape == data.shape:
        _update(earlier, data, told)
        return earlier
    at = _place(viewer, likeness, earlier) if replace else _place(viewer, likeness, None)
    if replace and earlier is not None:
        viewer.layers.remove(earlier)
    return _insert(viewer, at, data, {**told, "name": name})


def _place(viewer: Any, likeness: Likeness, earlier: Any) -> int:
    if earlier is not None:
        return int(viewer.layers.index(earlier))
    return int(viewer.layers.index(likeness.layer)) + 1 if likeness.layer in viewer.layers else len(viewer.layers)


def _insert(viewer: Any, at: int, data: Any, told: dict[str, Any]) -> Any:
    from napari.layers import Image as ImageLayer

    if not told["rgb"]:
        told["contrast_limits"] = sensible_limits(data)
    layer = ImageLayer(data, **told)
    if not told["rgb"]:
        layer.reset_contrast_limits_range()
        layer.contrast_limits = told["contrast_limits"]
    viewer.layers.insert(at, layer)
    viewer.layers.selection = {layer}
    return layer


def _update(layer: Any, data: Any, told: dict[str, Any]) -> None:
    limits = layer.contrast_limits
    layer.data = data
    layer.metadata = told["metadata"]
    for name in ("scale", "translate", *PLACED):
        setattr(layer, name, told[name])
    if not layer.rgb:
        layer.reset_contrast_limits_range()
        layer.contrast_limits = limits


def sensible_limits(data: np.ndarray[Any, Any], most: int = MOST) -> tuple[float, float]:
    """Return contrast limits that a few very bright or dark pixels do not decide, from so many pixels at most."""
    every = max(1, data.size // most)
    sample = data.reshape(-1)[::every]
    low, high = (float(each) for each in np.quantile(sample, [0.002, 0.998]))
    if high <= low:
        low, high = float(sample.min()), float(sample.max())
    return (low, high) if high > low else (low, low + 1)


@contextmanager
def same_selection(viewer: Any) -> Any:
    """Leave the selected layers as they are."""
    selected, active = set(viewer.layers.selection), viewer.layers.selection.active
    yield
    selection = viewer.layers.selection
    selection.clear()
    selection.update(each for each in selected if each in viewer.layers)
    if active in viewer.layers:
        selection.active = active
