"""Reading and writing images: TIFF and OME-Zarr, with what they say of themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ..image import Image
from .whole import is_zarr_folder, written_whole

__all__ = ["READABLE", "WRITABLE", "read", "read_history", "supports", "write"]

WRITABLE = (".ome.tif", ".ome.tiff", ".tif", ".tiff", ".ome.zarr", ".zarr")
"""Suffixes that `write` knows; the longest that fits decides."""
READABLE = (*WRITABLE, ".ome.btf", ".btf", ".tf8", ".tf2")
LAZY_ABOVE = 10**9
"""Bytes of pixels above which a file is read lazily; the environment's ``NAPARI_DECONV_LAZY_ABOVE`` overrides."""


def supports(path: str | os.PathLike[str]) -> bool:
    """Whether `read` knows the file's suffix; nothing is opened."""
    return suffix_of(path, READABLE) is not None


def suffix_of(path: str | os.PathLike[str], known: tuple[str, ...]) -> str | None:
    """Return the longest known suffix that the file's name ends in, or None."""
    name = Path(path).name.lower()
    return max((each for each in known if name.endswith(each)), key=len, default=None)


def read(
    path: str | os.PathLike[str],
    *,
    axes: str | None = None,
    voxel: Any = None,
    series: int = 0,
    lazy: bool | float | None = None,
) -> Image:
    """Read an image file.

    Parameters
    ----------
    path : a TIFF file (ImageJ, OME, plain, BigTIFF) or an OME-Zarr folder.
    axes : a letter a dimension, such as ``ZYX``, instead of what the file says.
    voxel : µm per pixel, a mapping or a sequence for the spatial axes, instead of what the file says; axes left out stay.
    series : which image of a file that holds several, from 0.
    lazy : whether pixels are read only when asked for (dask), or the bytes above which they are; by default above 1 GB.

    Returns
    -------
    Image
        with axes in the order TCZYX, voxel in µm, and in ``notices`` what had to be assumed. Samples of a colour image are the
        channels red, green and blue.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError, ValueError
        in one sentence with the remedy.
    """
    place = Path(path).expanduser()
    limit = (
        {True: -1.0, False: float("inf"), None: _lazy_above()}[lazy] if lazy is None or isinstance(lazy, bool) else lazy
    )
    _check_readable(place)
    if place.is_dir():
        from .zarr import read_zarr as reader
    else:
        from .tiff import read_tiff as reader
    return reader(place, axes=axes, voxel=voxel, series=series, lazy_above=limit)


def write(path: str | os.PathLike[str], image: Image, *, overwrite: bool = False) -> None:
    """Write an image whole or not at all, in the format that the suffix names.

    ``.ome.tif`` and ``.ome.tiff``: OME-TIFF; ``.tif`` and ``.tiff``: ImageJ hyperstack; ``.ome.zarr``: OME-Zarr.
    Lazy images are written plane by plane.

    Raises
    ------
    FileExistsError
        when the file exists and ``overwrite`` is not given.
    FileNotFoundError, PermissionError, ValueError, OSError
        in one sentence with the remedy.
    """
    place = Path(path).expanduser()
    suffix = suffix_of(place, WRITABLE)
    if suffix is None:
        raise ValueError(f"{place.name} has no suffix that can be written: use one of {', '.join(WRITABLE)}")
    with written_whole(place, overwrite=overwrite) as temporary:
        _writer(suffix)(temporary, image)


def _writer(suffix: str) -> Callable[[Path, Image], None]:
    if suffix.endswith(".zarr"):
        from .zarr import write_zarr

        return write_zarr
    if suffix.startswith(".ome"):
        from .ome_tiff import write_ome_tiff

        return write_ome_tiff
    from .hyperstack import write_imagej

    return write_imagej


def read_history(path: str | os.PathLike[str]) -> tuple[Mapping[str, Any], ...]:
    """Return what was done to an image, oldest first, as a file says that this project wrote; pixels are not read."""
    return read(path, lazy=True).history


def _lazy_above() -> float:
    told = os.environ.get("NAPARI_DECONV_LAZY_ABOVE", "")
    try:
        return float(told) if told else LAZY_ABOVE
    except ValueError:
        raise ValueError(f"NAPARI_DECONV_LAZY_ABOVE is '{told}': it must be a number of bytes, such as 1e9") from None


def _check_readable(path: Path) -> None:
    if not path.exists():
        raise FileNotFoundError(f"there is no file {path}: check the path")
    if path.is_dir() and not is_zarr_folder(path):
        raise IsADirectoryError(f"{path} is a folder, but no OME-Zarr image: name a file in it")
    if not os.access(path, os.R_OK):
        raise PermissionError(f"{path} may not be read: change its permissions or copy it")
    if path.is_file() and path.stat().st_size == 0:
        raise ValueError(f"{path} is empty (0 bytes): copy it again from its source")
