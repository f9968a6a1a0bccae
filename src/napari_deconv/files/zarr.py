"""OME-Zarr: NGFF 0.5 (Zarr 3) is written, 0.5, 0.4 and older are read; by chunk, so that large images stay on disk.

The metadata is a few lines of JSON beside Zarr arrays, so zarr is used by itself: images are written slab by slab, and whole or
not at all, which the libraries for OME-Zarr do not offer.

Reference: https://ngff.openmicroscopy.org/0.5/ (Moore et al., Histochem. Cell Biol. 160:223, 2023).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

from ..image import AXES, Channel, Image
from .axes import resolve_axes
from .planes import display_ranges, five_axes
from .provenance import KEY, WHITE, document_of
from .told import Told
from .units import to_micrometres, to_seconds

__all__ = ["bands", "read_zarr", "write_zarr"]

CHUNK = {"T": 1, "C": 1, "Z": 16, "Y": 256, "X": 256}
"""Pixels of a chunk: 4 MB of float32."""
BAND = 512
"""Columns that are written together: with the planes and rows of a chunk 8 MB of float32, however wide the image is."""
SMALL = 1024
"""Images wider or higher than this get levels of half the size until they are at most that, four at most."""
UNITS = {"T": "second", "Z": "micrometer", "Y": "micrometer", "X": "micrometer"}
TYPES = {"T": "time", "C": "channel", "Z": "space", "Y": "space", "X": "space"}


def read_zarr(path: Path, *, axes: str | None, voxel: Any, series: int, lazy_above: float) -> Image:
    """Return the finest level of one image of an OME-Zarr folder.

    Raises
    ------
    ValueError
        in one sentence, when the folder holds no such image, or only a part of it.
    """
    import zarr

    try:
        root = zarr.open_group(str(path), mode="r")
        found = list(_images(root))
    except Exception as error:  # zarr, its codecs and JSON have many kinds of errors for folders that are no store
        raise ValueError(f"{path} cannot be read as an OME-Zarr ({' '.join(str(error).split())[:120]})") from error
    if not found:
        raise ValueError(f"{path} holds no OME-Zarr image (no multiscales metadata): give the folder of one")
    if not 0 <= series < len(found):
        raise ValueError(f"{path} has {len(found)} series, numbered from 0: there is no series {series}")
    group, multiscale = found[series]
    try:
        array = group[multiscale["datasets"][0]["path"]]
        letters, told = _told(group, multiscale, array)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} has broken OME-Zarr metadata ({type(error).__name__} {error}): repair or rewrite it"
        ) from error
    _check_complete(path, group, array)
    if len(found) > 1:
        told.notices.append(
            f"{path.name} holds {len(found)} series: series {series} was read, choose another with series=N"
        )
    resolved, notice = resolve_axes(letters, array.shape, axes, is_rgb=False, name=path.name)
    told.notices += [notice] if notice else []
    data = _lazy(array) if array.nbytes > lazy_above else _loaded(path, array)
    return told.image(data, resolved, voxel, re.sub(r"(\.ome)?\.zarr$", "", path.name, flags=re.IGNORECASE))


def _lazy(array: Any) -> Any:
    import dask.array

    return dask.array.from_array(array, chunks=array.chunks, name=False)


def _loaded(path: Path, array: Any) -> np.ndarray[Any, Any]:
    try:
        return np.asarray(array[...])
    except MemoryError:
        raise
    except Exception as error:  # codecs raise what they like for damaged chunks
        raise ValueError(
            f"{path} has damaged chunks ({' '.join(str(error).split())[:120]}): copy it again from its source"
        ) from error


def _images(group: Any, depth: int = 3) -> Iterator[tuple[Any, Mapping[str, Any]]]:
    """Yield (group, multiscale) of every image: of this group, else of the groups in it (collections, plates)."""
    own = _metadata(group).get("multiscales", ())
    for multiscale in own:
        yield group, multiscale
    if own or not depth:
        return
    for _, inner in sorted(
        group.groups(), key=lambda each: [int(part) if part.isdigit() else 0 for part in (each[0],)] + [each[0]]
    ):
        yield from _images(inner, depth - 1)


def _metadata(group: Any) -> Mapping[str, Any]:
    """Return the NGFF metadata: below ``ome`` since 0.5, among the attributes before."""
    attributes = group.attrs.asdict()
    inner = attributes.get("ome")
    return inner if isinstance(inner, Mapping) else attributes


def _told(group: Any, multiscale: Mapping[str, Any], array: Any) -> tuple[str, Told]:
    """Return the axes' letters, and what is told of the image."""
    metadata = _metadata(group)
    version = metadata.get("version") or multiscale.get("version") or "0.1"
    given = multiscale.get("axes") or list("tczyx")[-array.ndim :]
    axes = [each if isinstance(each, Mapping) else {"name": each} for each in given]
    letters = "".join(_letter(each) for each in axes)
    scale, translation = np.ones(array.ndim), np.zeros(array.ndim)
    for transform in (
        *multiscale["datasets"][0].get("coordinateTransformations", ()),
        *multiscale.get("coordinateTransformations", ()),
    ):
        step = np.asarray(transform.get("scale", np.ones(array.ndim)), dtype=float)
        scale, translation = (
            scale * step,
            translation * step + np.asarray(transform.get("translation", 0.0), dtype=float),
        )
    told = Told(metadata={"format": f"OME-Zarr {version}"}, document=group.attrs.asdict().get(KEY, {}))
    for axis, letter, step, place in zip(axes, letters, scale.tolist(), translation.tolist(), strict=True):
        unit = axis.get("unit")
        if letter in "ZYX" and unit is None and step != 1:
            told.notices.append(
                f"axis {letter} has a scale of {step:g} without a unit: read as µm; give --voxel to override"
            )
            unit = "micrometer"
        length = to_micrometres(step, unit) if letter in "ZYX" else None
        if length is not None and length > 0:
            told.voxel[letter] = length
        if place and letter in "ZYX":
            told.origin[letter] = to_micrometres(place, unit or "micrometer") or 0.0
        if letter == "T":
            told.time_step = to_seconds(step, unit) or None
    told.origin = {**told.document.get("origin", {}), **told.origin}
    told.channels, limits = _channels_told(metadata.get("omero", {}))
    if limits:
        told.metadata["contrast_limits"] = limits
    return letters, told


def _letter(axis: Mapping[str, Any]) -> str:
    """Return an axis's letter, by its name or by its type; Q where neither tells."""
    name = str(axis["name"]).upper()
    return name if len(name) == 1 else {"time": "T", "channel": "C"}.get(str(axis.get("type")), "Q")


def _channels_told(omero: Mapping[str, Any]) -> tuple[tuple[Channel, ...], list[tuple[float, float]]]:
    channels, limits = [], []
    for each in omero.get("channels", ()):
        color = str(each.get("color", "")).lstrip("#")[:6]
        valid = re.fullmatch("[0-9a-fA-F]{6}", color)
        channels.append(Channel(name=str(each.get("label") or ""), color=f"#{color.upper()}" if valid else None))
        window = each.get("window") or {}
        if "start" in window and "end" in window:
            limits.append((float(window["start"]), float(window["end"])))
    return tuple(channels), limits if len(limits) == len(channels) else []


def _check_complete(path: Path, group: Any, array: Any) -> None:
    """Refuse a folder of ours that lacks chunks: Zarr alone would fill them with zeros."""
    if KEY in group.attrs.asdict() and array.nchunks_initialized != array.nchunks:
        missing = array.nchunks - array.nchunks_initialized
        raise ValueError(f"{path} lacks {missing} of its {array.nchunks} chunks: copy it again, with all its files")


def write_zarr(path: Path, image: Image) -> None:
    """Write an OME-Zarr folder, slab by slab, with levels of half the size in Y and X for large images."""
    import zarr

    root = zarr.open_group(str(path), mode="w", zarr_format=3)
    level = _level(root, 0, image.shape, image)
    data = five_axes(image)
    for place in bands(image, level.shape):
        slab = np.asarray(data[place])
        level[_place(image.axes, place)] = slab if "Z" in image.axes else slab[0]
    count = 1
    while max(level.shape[-2:]) > SMALL and count < 5:
        level = _halved(root, count, level, image)
        count += 1
    root.attrs.update({"ome": _ome(image, count), KEY: document_of(image)})


def _level(root: Any, number: int, shape: tuple[int, ...], image: Image) -> Any:
    chunks = tuple(min(size, CHUNK[axis]) for axis, size in zip(image.axes, shape, strict=True))
    names = list(image.axes.lower())
    config = {"write_empty_chunks": True}
    return root.create_array(
        str(number), shape=shape, chunks=chunks, dtype=image.dtype, dimension_names=names, config=config
    )


def bands(image: Image, shape: tuple[int, ...]) -> Iterator[tuple[int, int, slice, slice, slice]]:
    """Yield (time, channel, planes, rows, columns) that cover an array of this shape, as deep and high as its chunks."""
    sizes, (height, width) = image.sizes, shape[-2:]
    lengths = (range(0, sizes.get("Z", 1), CHUNK["Z"]), range(0, height, CHUNK["Y"]), range(0, width, BAND))
    for time, channel in product(range(sizes.get("T", 1)), range(sizes.get("C", 1))):
        for plane, row, column in product(*lengths):
            rows, columns = slice(row, min(row + CHUNK["Y"], height)), slice(column, min(column + BAND, width))
            yield time, channel, slice(plane, plane + CHUNK["Z"]), rows, columns


def _place(axes: str, place: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return what of (time, channel, planes, rows, columns) these axes have."""
    return tuple(each for axis, each in zip(AXES, place, strict=True) if axis in axes)


def _halved(root: Any, number: int, finer: Any, image: Image) -> Any:
    """Return the next level: the mean of 2 × 2 pixels in Y and X, an odd edge repeated."""
    height, width = finer.shape[-2:]
    level = _level(root, number, (*finer.shape[:-2], -(-height // 2), -(-width // 2)), image)
    for *outer, rows, columns in bands(image, finer.shape):
        slab = np.asarray(finer[_place(image.axes, (*outer, rows, columns))])  # (Z, Y, X) or (Y, X)
        coarse = (slice(each.start // 2, -(-each.stop // 2)) for each in (rows, columns))
        values = np.stack([halved(plane) for plane in slab]) if slab.ndim == 3 else halved(slab)
        level[_place(image.axes, (*outer, *coarse))] = values
    return level


def halved(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the mean of 2 × 2 pixels of the last two axes, in the same type; a bool is the majority's."""
    height, width = pixels.shape[-2:]
    edges = [(0, 0)] * (pixels.ndim - 2) + [(0, height % 2), (0, width % 2)]
    even = np.pad(pixels, edges, mode="edge").astype(np.result_type(pixels.dtype, np.float32), copy=False)
    mean = even.reshape(*even.shape[:-2], even.shape[-2] // 2, 2, even.shape[-1] // 2, 2).mean(axis=(-3, -1))
    if pixels.dtype.kind == "b":
        return np.asarray(mean >= 0.5)
    return np.asarray((np.rint(mean) if pixels.dtype.kind in "iu" else mean).astype(pixels.dtype))


def _ome(image: Image, levels: int) -> dict[str, Any]:
    """Return the NGFF metadata."""
    known = {**image.voxel, **({"T": image.time_step} if image.time_step else {})}
    axes = [
        {"name": axis.lower(), "type": TYPES[axis], **({"unit": UNITS[axis]} if axis in known else {})}
        for axis in image.axes
    ]
    datasets = []
    for level in range(levels):
        shrunk = {axis: 2**level if axis in "YX" else 1 for axis in image.axes}
        scale = [float(known.get(axis, 1.0)) * shrunk[axis] for axis in image.axes]
        moved = [image.origin.get(axis, 0.0) + known.get(axis, 1.0) * (shrunk[axis] - 1) / 2 for axis in image.axes]
        transforms = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": moved}]
        datasets.append({"path": str(level), "coordinateTransformations": transforms})
    multiscale = {"name": image.name, "axes": axes, "datasets": datasets, "type": "mean"}
    return {"version": "0.5", "multiscales": [multiscale], "omero": {"channels": list(_omero(image)), "version": "0.5"}}


def _omero(image: Image) -> Iterator[dict[str, Any]]:
    for channel, (low, high) in zip(image.channels, display_ranges(image), strict=True):
        window = {"min": low, "max": high, "start": low, "end": high}
        yield {"label": channel.name, "color": (channel.color or WHITE)[1:], "active": True, "window": window}
