"""Opening a TIFF file so that whatever is wrong with it is one sentence, and reading its pixels plane by plane."""

from __future__ import annotations

import logging
import re
import struct
import threading
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["LazyPixels", "Unreadable", "check_complete", "opened"]

BROKEN = re.compile(
    r"invalid page offset|invalid offset to page|invalid or corrupted|corrupted tag list|is missing \d+ (frames|pages)|"
    r"OME series missing|failed to read \d+ files|discontiguous"
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


class Unreadable(ValueError):
    """A file that cannot be read as an image; its message is one sentence for the user."""


@contextmanager
def opened(path: Path) -> Iterator[tuple[Any, list[str]]]:
    """Open a TIFF; whatever fails inside for the file's sake becomes one sentence. Gives also what tifffile logs."""
    import tifffile

    with _logged() as logged:
        try:
            with tifffile.TiffFile(path) as file:
                yield file, logged
        except tifffile.TiffFileError as error:
            raise Unreadable(_no_tiff(path, str(error))) from None
        except Unreadable:
            raise
        except UNREADABLE as error:
            raise Unreadable(
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


def check_complete(file: Any, series: Any, logged: list[str], path: Path) -> None:
    """Refuse a file that ends before its pixels do."""
    pages = list(series.pages)
    broken = [each for each in logged if BROKEN.search(each)] + ["planes without pixels"] * (None in pages)
    size = file.filehandle.size
    lacking = size < series.dataoffset + series.nbytes if series.dataoffset is not None else any(map(_is_cut, pages))
    beyond = any(int(offset) >= 8 for each in logged for offset in re.findall(r"invalid value offset (\d+)", each))
    if lacking or beyond:
        raise Unreadable(f"{path} is truncated: it does not end within its {size} bytes, copy it again from its source")
    if broken:
        raise Unreadable(f"{path} is truncated or lacks parts ({broken[0]}): copy it again, with all its files")


def _is_cut(page: Any) -> bool:
    """Whether a page's pixels reach beyond the end of its file."""
    if page is None:
        return False
    ends = (offset + count for offset, count in zip(page.dataoffsets, page.databytecounts, strict=False))
    return bool(max(ends, default=0) > page.parent.filehandle.size)


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
        try:
            with self._reading:
                return np.asarray(self._planes[where])
        except UNREADABLE as error:
            raise Unreadable(
                f"{self.path} cannot be read ({_short(error)}): it is damaged, or was changed since"
            ) from error

    def __reduce__(self) -> tuple[Any, ...]:
        return LazyPixels, (self.path, self.series)

    def dask(self) -> Any:
        """Return the dask array: a chunk a plane."""
        import dask.array

        meta = np.empty((0,) * self.ndim, self.dtype)
        return dask.array.from_array(
            self, chunks=self._planes.chunks, name=False, asarray=False, fancy=False, meta=meta
        )
