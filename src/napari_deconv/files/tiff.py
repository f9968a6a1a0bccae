"""TIFF files: ImageJ hyperstacks, OME-TIFF, plain and BigTIFF into an `Image`.

Pixels are read at once, or plane by plane as they are asked for (dask) above a size. A file that ends before its pixels do is an
error: tifffile alone would fill some of them with zeros.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..image import Channel, Image
from .axes import resolve_axes, with_samples_as_channels
from .hyperstack import told_by_imagej
from .ome import told_by_ome
from .opening import LazyPixels, Unreadable, check_complete, opened
from .told import RGB, Told, color_of
from .units import is_believable, to_micrometres

__all__ = ["read_tiff"]

COLOURS = ("RGB", "YCBCR", "CIELAB")


def read_tiff(path: Path, *, axes: str | None, voxel: Any, series: int, lazy_above: float) -> Image:
    """Return one series of a file as an image.

    Raises
    ------
    ValueError
        in one sentence, when the file is no TIFF, is truncated, or does not hold a real-valued image.
    """
    with opened(path) as (file, logged):
        chosen = _chosen_series(file, series, path)
        told = _told(file, chosen, series)
        check_complete(file, chosen, logged, path)
        told.notices += [f"{path.name}: {each}" for each in logged]
        told.notices += _notices(file, series, path)
        is_rgb = chosen.keyframe.photometric.name in COLOURS and chosen.sizes.get("sample", 1) in (3, 4)
        is_lazy = chosen.size * chosen.dtype.itemsize > lazy_above
        data = LazyPixels(path, series).dask() if is_lazy else chosen.asarray()
        letters = chosen.axes
        if data.shape != chosen.shape:
            raise Unreadable(f"{path} is truncated: it has fewer planes than it says, copy it again from its source")
    resolved, notice = resolve_axes(letters, data.shape, axes, is_rgb=is_rgb, name=path.name)
    told.notices += [notice] if notice else []
    return _image(data, resolved, told, voxel, path)


def _image(data: Any, letters: str, told: Told, voxel: Any, path: Path) -> Image:
    """Return the image of an array with axes out of TCZYXS and what was told of it."""
    if "S" in letters and data.shape[letters.index("S")] == 4:
        data = data[tuple(slice(3) if letter == "S" else slice(None) for letter in letters)]
        told.notices.append("the transparency of the colour image was left out")
    data, letters, is_rgb = with_samples_as_channels(data, letters)
    if is_rgb and data.shape[letters.index("C")] == 3:
        told.channels = RGB
    return told.image(data, letters, voxel, re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE))


def _chosen_series(file: Any, series: int, path: Path) -> Any:
    count = len(file.series)
    if not count:
        raise Unreadable(f"{path} holds no image: copy it again from its source")
    if not 0 <= series < count:
        raise Unreadable(f"{path} has {count} series, numbered from 0: there is no series {series}")
    chosen = file.series[series]
    if chosen.dtype is None or chosen.dtype.kind not in "biuf":
        raise Unreadable(f"{path} is of {chosen.dtype}: only real numbers (integer, float, bool) can be restored")
    return chosen


def _notices(file: Any, series: int, path: Path) -> Iterator[str]:
    count = len(file.series)
    if count > 1:
        listed = ", ".join(
            f"{number}: {each.axes} {' × '.join(map(str, each.shape))}" for number, each in enumerate(file.series[:8])
        )
        more = ", …" if count > 8 else ""
        yield f"{path.name} holds {count} series ({listed}{more}): series {series} was read, choose another with series=N"
    if file.series[series].keyframe.photometric.name == "MINISWHITE":
        yield f"{path.name} is marked as white-is-zero: its values are taken as they are"


def _told(file: Any, series: Any, number: int) -> Told:
    """Return what the file says, by whichever metadata it has."""
    page = series.keyframe
    resolution = _resolution(page)
    channels = series.sizes.get("channel", 1)
    if file.is_ome and file.ome_metadata:
        return told_by_ome(file.ome_metadata, number)
    if file.is_imagej:
        return _with_palette(told_by_imagej(file.imagej_metadata or {}, resolution, series.axes, channels), page)
    shaped = file.shaped_metadata or ()
    if number < len(shaped) and "unit" in shaped[number]:
        return told_by_imagej(shaped[number], resolution, series.axes, channels)
    told = Told(metadata={"format": "TIFF"})
    unit = {2: "inch", 3: "cm", 4: "mm", 5: "um"}.get(int(page.resolutionunit), "")
    for axis, per_unit in zip("YX", resolution, strict=True):
        length = to_micrometres(1 / per_unit, unit) if per_unit else None
        if length is not None and is_believable(length):
            told.voxel[axis] = float(f"{length:.7g}")
    return told


def _with_palette(told: Told, page: Any) -> Told:
    """Return what was told with the colour of a one-channel image's lookup table, where that is a ramp."""
    table = page.colormap
    if table is not None and len(told.channels) == 1 and table.shape[0] == 3 and not told.channels[0].color:
        top = np.asarray(table[:, -1], dtype=float)
        ramp = np.linspace(0, 1, table.shape[1]) * top[:, None]
        if np.abs(table - ramp).max() <= 4 * 257:
            told.channels = (Channel(name=told.channels[0].name, color=color_of(*(top / 257))),)
    return told


def _resolution(page: Any) -> tuple[float, float]:
    """Return pixels per unit along (Y, X), 0 where there is no tag."""
    values = []
    for tag in ("YResolution", "XResolution"):
        found: Any = page.tags.get(tag)
        above, below = found.value if found is not None and isinstance(found.value, tuple) else (0, 1)
        values.append(above / below if below else 0.0)
    return values[0], values[1]
