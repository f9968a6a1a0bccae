"""ImageJ hyperstacks: what one says of itself, and writing one that ImageJ and Fiji open with the right calibration.

ImageJ holds uint8, (u)int16 and float32. On writing, bool becomes uint8 (0 and 1), int8 becomes int16, and every other type
becomes float32, as ImageJ itself would make of it; OME-TIFF keeps all types. Three colour channels come back as channels
with coloured lookup tables (a composite), not as RGB samples.

References: https://imagej.net/ij/developer/source/ij/io/TiffDecoder.java.html (tags, ``spacing``, ``unit``, origin in pixels).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..image import Channel, Image
from .planes import display_ranges, five_axes, planes
from .provenance import KEY, WHITE, from_json, to_json
from .told import Told, color_of
from .units import is_believable, to_micrometres, to_seconds
from .whole import check_space

__all__ = ["ImageJReader", "told_by_imagej", "write_imagej"]

LARGEST = 2**32 - 2**25
"""Bytes of pixels that a TIFF with 32-bit offsets, as ImageJ writes it, has room for."""
EXACT = 2**24
"""Integers up to this are exact in float32."""


def told_by_imagej(meta: Mapping[str, Any], resolution: tuple[float, float], axes: str, channels: int) -> Told:
    """Return what ImageJ's metadata say.

    Parameters
    ----------
    meta : tifffile's ``imagej_metadata``.
    resolution : pixels per unit along (Y, X), 0 where there is no tag.
    axes : of the series, such as ``TZCYX``.
    channels : how many there are.
    """
    return ImageJReader(dict(meta), resolution, axes, channels).told()


class ImageJReader:
    """Reads one file's ImageJ metadata into `Told`."""

    def __init__(self, meta: dict[str, Any], resolution: tuple[float, float], axes: str, channels: int) -> None:
        self.meta, self.resolution, self.axes, self.count = meta, resolution, axes, channels
        self.info, self.document = split_info(str(meta.get("Info", "")))

    def told(self) -> Told:
        """Return all of it."""
        voxel = self.voxel()
        metadata: dict[str, Any] = {"format": "ImageJ TIFF", **({"info": self.info} if self.info else {})}
        ranges = np.asarray(self.meta.get("Ranges", ()), dtype=float).ravel()
        if len(ranges) == 2 * self.count:
            metadata["contrast_limits"] = [(float(low), float(high)) for low, high in ranges.reshape(-1, 2)]
        channels = tuple(Channel(name=self.label(place), color=self.color(place)) for place in range(self.count))
        told = Told(
            voxel=voxel, channels=channels, origin=self.origin(voxel), metadata=metadata, document=self.document
        )
        told.time_step = self.time_step()
        return told

    def voxel(self) -> dict[str, float]:
        """Return µm per pixel; our own exact figure where ImageJ's rounded one agrees with it."""
        unit = str(self.meta.get("unit", ""))
        units = {"Y": str(self.meta.get("yunit", unit)), "X": unit, "Z": str(self.meta.get("zunit", unit))}
        y, x = self.resolution
        steps = {"Z": abs(float(self.meta.get("spacing", 0))), "Y": 1 / y if y else 0.0, "X": 1 / x if x else 0.0}
        ours = self.document.get("voxel")
        voxel = {}
        for axis, step in steps.items():
            length = to_micrometres(step, units[axis]) if step > 0 else None
            if length is None or (units[axis].lower().startswith("inch") and not is_believable(length)):
                continue
            exact = ours.get(axis) if isinstance(ours, Mapping) else None
            if exact is None and isinstance(ours, Mapping) and step == 1:
                continue
            agrees = exact is not None and abs(length - exact) <= 1e-5 * exact
            voxel[axis] = float(exact) if agrees and exact is not None else float(f"{length:.7g}")
        return voxel

    def origin(self, voxel: Mapping[str, float]) -> dict[str, float]:
        """Return µm of the first pixel; ImageJ has the pixel that lies at zero."""
        pixels = {axis: self.meta.get(f"{axis.lower()}origin") for axis in "ZYX"}
        if all(value is None for value in pixels.values()):
            ours = self.document.get("origin")
            return dict(ours) if isinstance(ours, Mapping) else {}
        return {axis: float(f"{-float(pixels[axis] or 0) * step:.12g}") for axis, step in voxel.items() if pixels[axis]}

    def time_step(self) -> float | None:
        """Return seconds between frames, where there are frames."""
        step = to_seconds(float(self.meta.get("finterval", 0) or 0), str(self.meta.get("tunit", "s")))
        known = "T" in self.axes or self.document.get("time_step") is not None
        return step if step and step > 0 and known else None

    def label(self, place: int) -> str:
        """Return a channel's name: the label that all its planes share, and no other channel's do."""
        labels = self.meta.get("Labels")
        labels = [labels] if isinstance(labels, str) else list(labels or ())
        if len(labels) < self.count or len(labels) % self.count or "\n" in "".join(labels):
            return ""
        if (self.axes.find("C") > self.axes.find("Z") or "Z" not in self.axes) and len(labels) > self.count:
            return (
                labels[place] if len(set(labels[place :: self.count])) == 1 and len(set(labels)) == self.count else ""
            )
        return labels[place] if len(labels) == self.count and self.count > 1 else ""

    def color(self, place: int) -> str | None:
        """Return a channel's colour: the brightest entry of a lookup table that is a ramp."""
        tables = np.asarray(self.meta.get("LUTs", ()), dtype=float).reshape(-1, 3, 256)
        if place >= len(tables):
            return None
        table = tables[place]  # (3, 256)
        ramp = np.linspace(0, 1, 256) * table[:, -1:]
        return color_of(*table[:, -1]) if np.abs(table - ramp).max() <= 4 else None


def split_info(info: str) -> tuple[str, dict[str, Any]]:
    """Return the text of the property Info without our line, and our document."""
    mine = [line for line in info.splitlines() if line.startswith(f"{KEY} = ")]
    rest = "\n".join(line for line in info.splitlines() if not line.startswith(f"{KEY} = "))
    return rest.strip(), from_json(mine[-1].removeprefix(f"{KEY} = ")) if mine else {}


def write_imagej(path: Path, image: Image) -> None:
    """Write a hyperstack (T, Z, C, Y, X), plane by plane.

    Raises
    ------
    ValueError
        when it would have more than the 4 GB of pixels that ImageJ's TIFF has room for.
    """
    import tifffile

    dtype = imagej_dtype(image.dtype)
    time, channel, depth, height, width = five_axes(image).shape
    size = time * channel * depth * height * width * dtype.itemsize
    if size > LARGEST:
        raise ValueError(
            f"the image has {size / 1e9:.1f} GB, an ImageJ TIFF holds 4 GB: write .ome.tif or .ome.zarr instead"
        )
    check_space(path, size)
    y, x = image.voxel.get("Y"), image.voxel.get("X")
    with tifffile.TiffWriter(path, imagej=True) as file:
        file.write(
            (imagej_plane(plane, dtype) for plane in planes(image, "TZC")),
            shape=(time, depth, channel, height, width, 1),  # without the samples, tifffile takes a width of 1 for them
            dtype=dtype,
            photometric="minisblack",
            resolution=(1 / x if x else 1, 1 / y if y else 1),
            resolutionunit=1,
            metadata=dict(imagej_items(image)),
        )


def imagej_dtype(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the type that ImageJ can hold."""
    kept = {"uint8", "uint16", "int16", "float32"}
    return np.dtype(dtype.name if dtype.name in kept else {"bool": "uint8", "int8": "int16"}.get(dtype.name, "float32"))


def imagej_plane(plane: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """Return one plane (Y, X) in a type that ImageJ can hold; integers that float32 rounds are warned of."""
    if plane.dtype == dtype:
        return np.ascontiguousarray(plane)
    if plane.dtype.kind in "iu" and dtype.kind == "f" and max(abs(int(plane.min())), abs(int(plane.max()))) > EXACT:
        warnings.warn(
            f"values above {EXACT} are rounded, because ImageJ holds {plane.dtype} as float32: write .ome.tif to keep them",
            UserWarning,
            stacklevel=2,
        )
    try:
        with np.errstate(over="raise"):
            return np.ascontiguousarray(plane.astype(dtype))
    except FloatingPointError:
        raise ValueError(
            f"the image holds {plane.dtype} values that ImageJ's float32 has no room for: write .ome.tif"
        ) from None


def imagej_items(image: Image) -> Iterator[tuple[str, Any]]:
    """Yield the items of ImageJ's metadata."""
    yield "axes", "TZCYXS"
    count = len(image.channels)
    yield "mode", "composite" if count > 1 else "grayscale"
    if image.voxel:
        yield "unit", "micron"
    if "Z" in image.voxel:
        yield "spacing", image.voxel["Z"]
    for axis, step in image.voxel.items():
        if image.origin.get(axis):
            yield f"{axis.lower()}origin", -image.origin[axis] / step
    if image.time_step:
        yield "finterval", image.time_step
    ranges = display_ranges(image)
    yield "min", min(low for low, _ in ranges)
    yield "max", max(high for _, high in ranges)
    yield "Ranges", tuple(edge for limits in ranges for edge in limits)
    if any(channel.color for channel in image.channels):
        yield "LUTs", [lookup_table(channel.color or WHITE) for channel in image.channels]
    if any(channel.name for channel in image.channels):
        sizes = image.sizes
        yield (
            "Labels",
            [" ".join(channel.name.split()) for channel in image.channels] * (sizes.get("T", 1) * sizes.get("Z", 1)),
        )
    info = str(image.metadata.get("info", ""))
    yield "Info", f"{info}\n{KEY} = {to_json(image)}\n".lstrip()


def lookup_table(color: str) -> np.ndarray[Any, Any]:
    """Return the (3, 256) uint8 ramp from black to a colour."""
    top = np.array([int(color[place : place + 2], 16) for place in (1, 3, 5)])
    table: np.ndarray[Any, Any] = np.round(np.linspace(0, 1, 256) * top[:, None]).astype(np.uint8)
    return table
