"""Reading and writing images: TIFF and OME-Zarr, with what they say of themselves."""

from __future__ import annotations

from pathlib import Path

from ..image import Image

__all__ = ["read", "write"]


def read(path: str | Path) -> Image:
    """Read an image file."""
    import tifffile

    data = tifffile.imread(path)
    return Image(data, "TCZYX"[-data.ndim :])


def write(path: str | Path, image: Image, *, overwrite: bool = False) -> None:
    """Write an image file."""
    import tifffile

    tifffile.imwrite(path, image.numpy())
