"""TIFF files: ImageJ hyperstacks, OME-TIFF, plain and BigTIFF into an `Image`, and back into OME-TIFF.

Pixels are read at once, or plane by plane as they are asked for (dask) above a size. A file that ends before its pixels do is an
error: tifffile alone would fill some of them with zeros.
"""

from __future__ import annotations

import logging
import re
import struct
import threading
import weakref
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from ..image import Channel, Image
from .axes import resolve_axes, with_samples_as_channels
from .hyperstack import told_by_imagej
from .ome import make_xml, ome_dtype, told_by_ome
from .planes import five_axes, planes
from .provenance import with_document
from .told import RGB, Told, channels_for, color_of
from .units import is_believable, to_micrometres
from .whole import check_space

__all__ = ["LazyPixels", "read_tiff", "write_ome_tiff"]

BROKEN = re.compile(
    r"invalid page offset|invalid offset to page|invalid or corrupted|corrupted tag list|is missing \d+ (frames|pages)|OME series missing|"
    r"failed to read \d+ files|discontiguous"
)
"""What tifffile only logs, although pixels are missing."""
UNREADABLE = (
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    struct.error,
    RuntimeError,
    OverflowError,
    ZeroDivisionError,
)
BIG = 2**32 - 2**25
COLOURS = ("RGB", "YCBCR", "CIELAB")


def read_tiff(path: Path, *, axes: str | None, voxel: Any, series: int, lazy_above: float) -> Image:
    """Return one series of a file as an image.

    Raises
    ------
    ValueError
        in one sentence, when the file is no TIFF, is truncated, or does not hold a real-valued image.
    """
    with _opened(path) as (file, logged):
        chosen = _chosen_series(file, series, path)
        _check_complete(file, chosen, logged, path)
        told = _told(file, chosen, series)
        told.notices += [f"{path.name}: {each}" for each in logged]
        told.notices += _notices(file, series, path)
        is_lazy = chosen.size * chosen.dtype.itemsize > lazy_above
        keyframe = chosen.keyframe
        if chosen.dtype.kind not in "biuf":
            raise ValueError(f"{path} is of {chosen.dtype}: only real numbers (integer, float, bool) can be restored")
        is_rgb = keyframe.photometric.name in COLOURS and chosen.sizes.get("sample", 1) in (3, 4)
        letters, notice = resolve_axes(chosen.axes, chosen.shape, axes, is_rgb=is_rgb, name=path.name)
        told.notices += [notice] if notice else []
        data = LazyPixels(path, series).dask() if is_lazy else chosen.asarray()
    return _image(data, letters, told, voxel, path)


def _image(data: Any, letters: str, told: Told, voxel: Any, path: Path) -> Image:
    """Return the image of an array with axes out of TCZYXS and what was told of it."""
    if "S" in letters and data.shape[letters.index("S")] == 4:
        data = data[tuple(slice(3) if letter == "S" else slice(None) for letter in letters)]
        told.notices.append("the transparency of the colour image was left out")
    data, letters, is_rgb = with_samples_as_channels(data, letters)
    count = data.shape[letters.index("C")] if "C" in letters else 1
    spatial = [axis for axis in letters if axis in "ZYX"]
    known = {axis: size for axis, size in told.voxel.items() if axis in spatial}
    bare = Image(data, letters, voxel=voxel) if voxel is not None else Image(data, letters)
    image = bare.replace(
        voxel={**known, **bare.voxel},
        origin={axis: place for axis, place in told.origin.items() if axis in spatial},
        channels=RGB if is_rgb and count == 3 else channels_for(told.channels, count),
        optics=told.optics,
        time_step=told.time_step,
        metadata=told.metadata,
        name=re.sub(r"\.ome$", "", path.stem, flags=re.IGNORECASE),
    )
    return with_document(image, told.document).replace(notices=tuple(dict.fromkeys(told.notices)))


class LazyPixels:
    """The pixels of one series, read plane by plane as they are indexed; keeps the file open, and may be pickled."""

    def __init__(self, path: Path, series: int) -> None:
        import tifffile
        import zarr

        self.path, self.series = path, series
        file = tifffile.TiffFile(path)
        self._closing = weakref.finalize(self, file.close)
        self._reading = threading.Lock()
        store = file.series[series].aszarr(level=0, chunkmode=tifffile.CHUNKMODE.PAGE)
        self._planes: Any = zarr.open_array(store, mode="r")
        self.shape, self.dtype, self.ndim = self._planes.shape, self._planes.dtype, self._planes.ndim

    def __getitem__(self, where: Any) -> np.ndarray[Any, Any]:
        with self._reading:
            return np.asarray(self._planes[where])

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyPixels, (self.path, self.series)

    def dask(self) -> Any:
        """Return the dask array: a chunk a plane."""
        import dask.array

        meta = np.empty((0,) * self.ndim, self.dtype)
        return dask.array.from_array(
            self, chunks=self._planes.chunks, name=False, asarray=False, fancy=False, meta=meta
        )


@contextmanager
def _opened(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """Open a TIFF; whatever fails inside for the file's sake becomes one sentence. Gives also what tifffile logs."""
    import tifffile

    with _logged() as logged:
        try:
            with tifffile.TiffFile(path) as file:
                yield file, logged
        except tifffile.TiffFileError as error:
            raise ValueError(_no_tiff(path, str(error))) from None
        except MemoryError:
            raise
        except UNREADABLE as error:
            if str(error).startswith((str(path), path.name, "axes ", "voxel ", "the array")):
                raise
            raise ValueError(
                f"{path} cannot be read as a TIFF ({_short(error)}): it is damaged, or of a kind that is not known"
            ) from error


def _no_tiff(path: Path, why: str) -> str:
    start = path.read_bytes()[:4] if path.stat().st_size < 2**20 else b""
    if "invalid offset to first page" in why or start[:2] in (b"II", b"MM"):
        return f"{path} is truncated or damaged ({_short(ValueError(why))}): copy it again from its source"
    return f"{path} is not a TIFF file: convert it to TIFF or OME-Zarr, for example with Fiji"


def _short(error: Exception) -> str:
    return re.sub(r"<[^>]*>\s*", "", " ".join(str(error).split()))[:120] or type(error).__name__


@contextmanager
def _logged() -> Iterator[list[str]]:
    """Collect what tifffile logs meanwhile in this thread."""
    messages: list[str] = []
    thread = threading.get_ident()

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.thread == thread:
                messages.append(_short(ValueError(record.getMessage())))

    collector, logger = Collector(logging.WARNING), logging.getLogger("tifffile")
    logger.addHandler(collector)
    try:
        yield messages
    finally:
        logger.removeHandler(collector)


def _chosen_series(file: Any, series: int, path: Path) -> Any:
    count = len(file.series)
    if not count:
        raise ValueError(f"{path} holds no image: copy it again from its source")
    if not 0 <= series < count:
        raise ValueError(f"{path} has {count} series, numbered from 0: there is no series {series}")
    return file.series[series]


def _check_complete(file: Any, series: Any, logged: list[str], path: Path) -> None:
    """Refuse a file that ends before its pixels do."""
    broken = [each for each in logged if BROKEN.search(each)]
    pages = list(series._pages) if hasattr(series, "_pages") else list(series.pages)
    missing = sum(page is None for page in pages)
    if series.dataoffset is not None:
        needed = series.dataoffset + series.nbytes
    else:
        ends = [
            offset + count
            for page in pages
            if page is not None and page.parent is file
            for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False)
        ]
        needed = max(ends, default=0)
    size = file.filehandle.size
    if needed > size:
        raise ValueError(
            f"{path} is truncated: it has {size} bytes but its pixels end at byte {needed}, copy it again from its source"
        )
    if broken or missing:
        raise ValueError(
            f"{path} is truncated or parts of it are missing ({(broken or [f'{missing} planes'])[0]}): copy it again, with all its files"
        )


def _notices(file: Any, series: int, path: Path) -> Iterator[str]:
    count = len(file.series)
    if count > 1:
        listed = ", ".join(
            f"{number}: {each.axes} {' × '.join(map(str, each.shape))}" for number, each in enumerate(file.series[:8])
        )
        yield f"{path.name} holds {count} series ({listed}{', …' if count > 8 else ''}): series {series} was read, choose another with series=N"
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


def write_ome_tiff(path: Path, image: Image) -> None:
    """Write an OME-TIFF, plane by plane; a BigTIFF where 4 GB are not enough.

    float16 is written as float32; 64-bit integers as float64 when that keeps every value.

    Raises
    ------
    ValueError
        when a 64-bit integer is too large for that.
    """
    import tifffile

    dtype = ome_dtype(image.dtype)
    shape = five_axes(image).shape
    xml = make_xml(image)
    size = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
    check_space(path, size)
    with tifffile.TiffWriter(path, bigtiff=size + len(xml) > BIG, ome=False, shaped=False) as file:
        file.write(
            (_ome_plane(plane, dtype) for plane in planes(image)),
            shape=shape,
            dtype=dtype,
            photometric="minisblack",
            description=xml.encode(),
            metadata=None,
            software="napari-deconv",
            **_tags(image.voxel),
        )


def _tags(voxel: Mapping[str, float]) -> dict[str, Any]:
    """Return the resolution tags, for programs that do not read OME-XML."""
    if "Y" not in voxel or "X" not in voxel:
        return {}
    return {"resolution": (1e4 / voxel["X"], 1e4 / voxel["Y"]), "resolutionunit": "CENTIMETER"}


def _ome_plane(plane: np.ndarray[Any, Any], dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    if plane.dtype == dtype:
        return np.ascontiguousarray(plane)
    if plane.dtype.kind in "iu" and max(abs(int(plane.min())), abs(int(plane.max()))) > 2**53:
        raise ValueError(
            f"the image holds {plane.dtype} values above 2^53, which OME-TIFF cannot keep: write .ome.zarr instead"
        )
    return np.ascontiguousarray(plane.astype(dtype))
