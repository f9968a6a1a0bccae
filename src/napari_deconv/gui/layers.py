"""Between napari layers and `Image`: what a layer says of its pixels, and what a layer is told of an image's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..image import Channel, Image, Optics
from .axes import LABELS, guess_axes

__all__ = ["KEY", "told_of", "image_of", "image_of_layers", "layers_of", "notes_of"]

KEY = "napari_deconv"
"""Where a layer's metadata holds what this package knows of it."""
RGB = tuple(
    Channel(name=name, color=color) for name, color in (("red", "#ff0000"), ("green", "#00ff00"), ("blue", "#0000ff"))
)
PAIR = ("magenta", "green")
MANY = ("cyan", "magenta", "yellow", "red", "green", "blue")


def layers_of(image: Image, name: str = "") -> list[tuple[Any, dict[str, Any], str]]:
    """Return napari's layer data for an image: one layer a channel, or one RGB layer where the file says RGB.

    A lazy array stays lazy. Sizes are in µm and seconds where they are known, in pixels where they are not.
    """
    named = name or image.name or "image"
    if is_rgb(image):
        return [
            (_colours_last(image), {**_placed(image), "name": named, "rgb": True, "metadata": notes_of(image)}, "image")
        ]
    count = image.sizes.get("C", 1)
    made = []
    for number, channel in enumerate(image.channels):
        data = np.take(image.data, number, axis=image.axes.index("C")) if "C" in image.axes else image.data
        several = f"{named} {channel.name or f'channel {number}'}"
        told = {
            **_placed(image),
            "name": named if count == 1 else several,
            "colormap": _colormap(channel, number, count),
            "blending": "additive" if count > 1 else "translucent",
            "metadata": notes_of(image, number),
        }
        made.append((data, told, "image"))
    return made


def is_rgb(image: Image) -> bool:
    """Whether the channels are the red, green and blue of one picture."""
    named = [each.name.lower() for each in image.channels]
    return bool(image.metadata.get("rgb")) or (named == ["red", "green", "blue"] and image.dtype.kind == "u")


def notes_of(image: Image, channel: int = 0) -> dict[str, Any]:
    """Return the metadata that a layer carries so that it can be restored, saved and explained: plain JSON-able values.

    The last step's record lies open (``recipe``, ``digest``, ``versions``, ``device``, ``time``); ``history`` has all.
    """
    history = plain(image.history)
    notes = {
        **(history[-1] if history else {}),
        "history": history,
        "optics": image.optics.model_dump(mode="json", exclude_none=True),
        "channel": image.channels[channel].model_dump(mode="json", exclude_none=True),
        "notices": list(image.notices),
        "voxel": dict(image.voxel),
    }
    return {KEY: notes}


def plain(value: Any) -> Any:
    """Return a value as JSON would give it back."""
    return json.loads(json.dumps(value, default=_plain_one))


def _plain_one(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    return value.item() if hasattr(value, "item") else str(value)


def _placed(image: Image) -> dict[str, Any]:
    """Return scale, translate, units and axis labels, without the channel."""
    axes = [axis for axis in image.axes if axis != "C"]
    known = {**image.voxel, **({"T": image.time_step} if image.time_step else {})}
    return {
        "scale": [known.get(axis, 1.0) for axis in axes],
        "translate": [image.origin.get(axis, 0.0) if axis in known else 0.0 for axis in axes],
        "units": [("second" if axis == "T" else "micrometer") if axis in known else "pixel" for axis in axes],
        "axis_labels": [LABELS[axis] for axis in axes],
    }


def _colours_last(image: Image) -> Any:
    return image.data.transpose([*(i for i, axis in enumerate(image.axes) if axis != "C"), image.axes.index("C")])


def _colormap(channel: Channel, number: int, count: int) -> str:
    if channel.color:
        return channel.color
    palette = ("gray",) if count == 1 else PAIR if count == 2 else MANY
    return palette[number % len(palette)]


def told_of(layer: Any) -> Mapping[str, Any]:
    """Return what this package noted of a layer; empty for any other layer."""
    noted = layer.metadata.get(KEY, {})
    return noted if isinstance(noted, Mapping) else {}


def image_of(
    layer: Any, axes: str = "", *, voxel: Mapping[str, float] | None = None, optics: Mapping[str, float] | None = None
) -> Image:
    """Return an image layer as an `Image`; the array is the layer's own, not a copy.

    Parameters
    ----------
    layer : a napari image layer; of a multiscale one the finest level is taken.
    axes : one letter a dimension; by default as `guess_axes` reads them.
    voxel : µm, over what the layer says.
    optics : optical values by name, over what the layer says.

    Raises
    ------
    ValueError
        when the layer's array and axes do not fit.
    """
    axes = axes or guess_axes(layer)
    data = layer.data[0] if layer.multiscale else layer.data
    if layer.rgb:
        data = data[..., :3]
    noted, given = told_of(layer), dict(optics or {})
    known, time_step = _sizes(layer, axes)
    told = {**noted.get("optics", {}), **{key: each for key, each in given.items() if key in Optics.model_fields}}
    channel = {
        **noted.get("channel", {}),
        **{key: each for key, each in given.items() if key in ("emission", "excitation")},
    }
    count = data.shape[axes.index("C")] if "C" in axes else 1
    origin = {axis: float(at) for axis, at in zip(axes, layer.translate, strict=False) if axis in known}
    return Image(
        data,
        axes,
        voxel={**noted.get("voxel", {}), **known, **(voxel or {})},
        channels=RGB if layer.rgb else (Channel(**{"name": layer.name, **channel}),) * count,
        optics=Optics(**told),
        history=tuple(noted.get("history", ())),
        name=layer.name,
        origin=origin,
        time_step=time_step,
        notices=tuple(noted.get("notices", ())),
        metadata={"rgb": True} if layer.rgb else {},
    )


def image_of_layers(layers: Sequence[Any]) -> Image:
    """Return image layers of one shape as the channels of one `Image`.

    Raises
    ------
    ValueError
        when their shapes or sizes differ.
    """
    import dask.array as lazy

    images = [image_of(layer) for layer in layers]
    first = images[0]
    if len(images) == 1:
        colour = _colour_of(layers[0])
        return first.replace(channels=tuple(each.replace(color=each.color or colour) for each in first.channels))
    for each in images:
        if each.shape != first.shape or each.axes != first.axes or "C" in each.axes:
            raise ValueError(
                f"'{each.name}' ({each.axes} {each.shape}) and '{first.name}' ({first.axes} {first.shape}) "
                "cannot be channels of one file: save them one by one"
            )
    module: Any = lazy if any(each.is_lazy for each in images) else np
    data = module.stack([each.data for each in images], axis=first.axes.find("T") + 1)
    axes = first.axes[: first.axes.find("T") + 1] + "C" + first.axes[first.axes.find("T") + 1 :]
    channels = [
        each.channels[0].replace(
            name=each.channels[0].name or each.name, color=each.channels[0].color or _colour_of(layer)
        )
        for each, layer in zip(images, layers, strict=True)
    ]
    return first.replace(data=data, axes=axes, channels=tuple(channels))


def _colour_of(layer: Any) -> str | None:
    """Return the brightest colour of a layer's colormap, None for grey."""
    red, green, blue = (round(255 * float(part)) for part in layer.colormap.colors[-1][:3])
    return None if red == green == blue else f"#{red:02x}{green:02x}{blue:02x}"


def _sizes(layer: Any, axes: str) -> tuple[dict[str, float], float | None]:
    """Return the voxel in µm of the axes whose size is known, and the seconds between time points.

    A scale that was set without a unit is taken as µm, as most readers mean it; a scale of 1 pixel is no size.
    """
    voxel, time_step = {}, None
    for axis, scale, unit in zip(axes, layer.scale, layer.units, strict=False):
        size = abs(float(scale))
        if axis in "ZYX" and (size != 1 or str(unit) != "pixel"):
            voxel[axis] = size * _factor(unit, "micrometer")
        elif axis == "T" and (size != 1 or str(unit) != "pixel"):
            time_step = size * _factor(unit, "second")
    return voxel, time_step


def _factor(unit: Any, target: str) -> float:
    try:
        return float((1 * unit).to(target).magnitude)
    except Exception as error:
        if type(error).__name__ != "DimensionalityError":
            raise
        return 1.0
