"""Canvas: where a result is put together, in memory, or in a file on disk when it is large beside what the run may take."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from typing import Any

import numpy as np

__all__ = ["SHARE", "as_data", "canvas_bytes", "left_for_tiles", "new_canvas"]

SHARE = 0.25
"""Of the memory that a run may take, the part that its result may have, and its source; a larger one is kept, or left, on disk."""
UNDER_WAY = 2**24
"""Bytes that chunks of files take which are being read or written, beside a tile; less is set aside of a small budget."""
LEAST = 2**24
"""Bytes of a result that stays in memory in any case."""
CHUNK = (1, 1, 8, 256, 256)


def new_canvas(shape: tuple[int, ...], budget: int) -> Any:
    """Return zeros (float32) that can be read and written by slices: a numpy array, or a zarr array in a folder of its own.

    The folder lies where temporary files do (the environment's ``TMPDIR``), and goes with the array.

    Raises
    ------
    OSError
        when the disk has no room for it.
    """
    size = _bytes_of(shape)
    if _stays_in_memory(shape, budget):
        return np.zeros(shape, dtype=np.float32)
    import zarr

    folder = tempfile.mkdtemp(prefix="napari-deconv-")
    free = shutil.disk_usage(folder).free
    if free < size:
        shutil.rmtree(folder, ignore_errors=True)
        raise OSError(
            f"the result of {size / 1e9:.1f} GB fits neither the memory nor the disk of {tempfile.gettempdir()} "
            f"({free / 1e9:.1f} GB free): set TMPDIR to a larger disk"
        )
    chunks = tuple(min(part, length) for part, length in zip(CHUNK[-len(shape) :], shape, strict=True))
    canvas = zarr.create_array(
        store=folder, shape=shape, chunks=chunks, dtype="float32", fill_value=0.0, compressors=None
    )
    weakref.finalize(canvas, shutil.rmtree, folder, ignore_errors=True)
    return canvas


def canvas_bytes(shape: tuple[int, ...], budget: int) -> int:
    """Return the memory (bytes) that the canvas of a result takes: none where it is on disk."""
    return _bytes_of(shape) if _stays_in_memory(shape, budget) else 0


def left_for_tiles(shape: tuple[int, ...], budget: int) -> int:
    """Return what of a budget (bytes) is left for tiles beside the canvas of a result, and chunks of files where that is on disk."""
    beside = canvas_bytes(shape, budget) or min(UNDER_WAY, budget // 4)
    return max(budget - beside, budget // 2)


def _bytes_of(shape: tuple[int, ...]) -> int:
    return 4 * int(np.prod(shape, dtype=np.int64))


def _stays_in_memory(shape: tuple[int, ...], budget: int) -> bool:
    return _bytes_of(shape) <= max(LEAST, SHARE * budget)


def as_data(canvas: Any) -> Any:
    """Return what an image holds as its data: the numpy array itself, or a lazy (dask) array over the file."""
    if isinstance(canvas, np.ndarray):
        return canvas
    import dask.array

    return dask.array.from_array(canvas, chunks=canvas.chunks, name=False)
