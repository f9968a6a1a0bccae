"""A measured PSF: offset removed, centred, resampled to the image's voxel, cropped to its support, normalised."""

from __future__ import annotations

import hashlib
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ..image import Image
from ..settings import field
from .base import Grid, PsfModel, check_psf, crop_to_support

__all__ = ["Measured", "kept_psfs"]

SAME = 0.01
"""Voxel sizes that differ by less than this share count as the same."""


class Measured(PsfModel):
    """A PSF from a file."""

    title: ClassVar[str] = "Measured"
    reference: ClassVar[str] = "a bead image, or any PSF that was computed elsewhere"
    order: ClassVar[int] = 10

    kind: Literal["measured"] = "measured"
    path: str = field(title="File", description="A TIFF or OME-Zarr file that holds the PSF.")
    offset: Literal["auto"] | float = field(
        "auto",
        title="Offset",
        unit="counts",
        advanced=True,
        description="Camera offset to remove; auto takes it from the darkest corner.",
    )
    centre: Literal["auto", "middle", "peak", "centroid"] = field(
        "auto",
        title="Centre",
        advanced=True,
        description="Where the light comes from: the middle pixel (of the two middles of an even axis auto takes the one "
        "nearer the peak), the peak to sub-pixel, or the centre of mass.",
    )
    voxel: tuple[float, float, float] | None = field(
        None,
        title="Voxel",
        unit="µm",
        advanced=True,
        description="(z, y, x) voxel of the PSF, where the file does not say or is wrong.",
    )
    keep: float = field(
        0.999,
        title="Light kept",
        gt=0.5,
        le=1,
        advanced=True,
        description="The PSF is cropped to the smallest centred box that holds this share of its light on each axis.",
    )
    channel: int = field(0, ge=0, title="Channel", advanced=True, description="Which channel of the file, from 0.")
    sha256: str | None = field(
        None, title="Checksum", advanced=True, description="Of the file's content; filled in by a run."
    )

    @classmethod
    def of(cls, source: Any, **fields: Any) -> Measured:
        """Return the model of a PSF that is in memory: an `Image`, an array, or whatever has ``.data``.

        It is written once, under its checksum, into the user's data folder, so that a recipe can name it and be replayed.
        """
        image = source if isinstance(source, Image) else Image(np.asarray(getattr(source, "data", source)))
        pixels = np.ascontiguousarray(image.numpy())
        told = repr((image.axes, image.shape, str(image.dtype), sorted(image.voxel.items())))
        name = hashlib.sha256(told.encode() + pixels.tobytes()).hexdigest()[:24]
        path = kept_psfs() / f"{name}.ome.tif"
        if not path.exists():
            from ..files import write

            path.parent.mkdir(parents=True, exist_ok=True)
            write(path, image)
        return cls(path=str(path), **fields)

    def resolved(self, image: Image, channel: int = 0) -> Measured:
        """Return a copy that knows its file's checksum and takes the channel that belongs to the image's.

        Raises
        ------
        FileNotFoundError, ValueError
            when the file is missing, or is not the one that the checksum tells of.
        """
        found = hashlib.sha256(self._file().read_bytes()).hexdigest()[:16] if self._file().is_file() else None
        if self.sha256 and found and self.sha256 != found:
            raise ValueError(
                f"the PSF file {self.path} is not the one recorded ({found} instead of {self.sha256}): "
                "restore it, or clear psf.sha256"
            )
        channels = self._read().sizes.get("C", 1)
        matching: Measured = self.replace(
            sha256=found, channel=channel if 1 < channels == len(image.channels) else self.channel
        )
        return matching

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the prepared PSF."""
        image = self._read()
        if not 0 <= self.channel < image.sizes.get("C", 1):
            raise ValueError(
                f"the PSF file has {image.sizes.get('C', 1)} channels: psf.channel {self.channel} is not among them"
            )
        psf = np.asarray(image.block(0, self.channel), dtype=np.float64)
        bad = int(np.count_nonzero(~np.isfinite(psf)))
        if bad:
            raise ValueError(f"the PSF {self.path} has {bad} values that are NaN or infinite: mend or re-measure it")
        psf = without_offset(psf, self.offset)
        psf = check_psf(psf, f"PSF {Path(self.path).name}")
        psf = centred(psf, self.centre)
        psf = resampled(psf, self.voxel or image.spacing, grid.voxel)
        return crop_to_support(psf, self.keep)

    def notices(self) -> Iterator[str]:
        """Say what the file's reader assumed."""
        yield from self._read().notices

    def _file(self) -> Path:
        path = Path(self.path).expanduser()
        if not path.exists():
            raise FileNotFoundError(f"there is no PSF file {self.path}: check psf.path")
        return path

    def _read(self) -> Image:
        from ..files import read

        return read(self._file())


def kept_psfs() -> Path:
    """Return the folder where PSFs from memory are kept (``NAPARI_DECONV_HOME`` overrides)."""
    import platformdirs

    home = os.environ.get("NAPARI_DECONV_HOME") or platformdirs.user_data_dir("napari-deconv", appauthor=False)
    return Path(home) / "psf"


def without_offset(psf: np.ndarray[Any, Any], offset: Literal["auto"] | float) -> np.ndarray[Any, Any]:
    """Return the PSF less its offset, negative rest set to 0; auto is the median of the darkest of its corners.

    A PSF that has no floor to speak of (its darkest corner below a thousandth of the peak) is left alone.
    """
    level = _darkest_corner(psf) if offset == "auto" else float(offset)
    if offset == "auto" and abs(level) < 1e-3 * psf.max():
        level = 0.0
    return np.clip(psf - level, 0, None)


def _darkest_corner(psf: np.ndarray[Any, Any]) -> float:
    corners = [psf]
    for axis, size in enumerate(psf.shape):
        part = max(1, size // 8)
        low, high = np.arange(part), np.arange(size - part, size)
        corners = [each.take(side, axis) for each in corners for side in (low, high)]
    return float(min(np.median(each) for each in corners))


def centred(psf: np.ndarray[Any, Any], centre: str) -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) with its centre at ``shape // 2`` of a shape that may have grown.

    Only ``peak`` and ``centroid`` interpolate (cubic); the others move by whole pixels.
    """
    middle = [size // 2 for size in psf.shape]
    peak = [int(each) for each in np.unravel_index(int(psf.argmax()), psf.shape)]
    if centre == "middle":
        where: list[float] = [float(each) for each in middle]
    elif centre == "auto":
        where = [
            float(m - 1 if size % 2 == 0 and p <= m - 1 else m)
            for size, m, p in zip(psf.shape, middle, peak, strict=True)
        ]
    elif centre == "peak":
        where = [_sub_pixel(psf, peak, axis) for axis in range(3)]
    else:
        where = [float((psf * index).sum() / psf.sum()) for index in np.indices(psf.shape, sparse=True)]
    return _moved(psf, where)


def _sub_pixel(psf: np.ndarray[Any, Any], peak: list[int], axis: int) -> float:
    """Return the vertex of the parabola through the peak and its two neighbours along an axis."""
    place = peak[axis]
    if not 0 < place < psf.shape[axis] - 1:
        return float(place)
    line = np.take(
        psf[tuple(slice(p, p + 1) if a != axis else slice(None) for a, p in enumerate(peak))].ravel(),
        [place - 1, place, place + 1],
    )
    bend = line[0] - 2 * line[1] + line[2]
    return place + float(0.5 * (line[0] - line[2]) / bend) if bend < 0 else float(place)


def _moved(psf: np.ndarray[Any, Any], where: list[float]) -> np.ndarray[Any, Any]:
    """Return the PSF in an odd box around ``where``, grown with zeros, the fraction of a pixel interpolated."""
    from scipy.ndimage import shift

    nearest = [math.floor(each + 0.5) for each in where]
    pads, cuts = [], []
    for size, centre in zip(psf.shape, nearest, strict=True):
        radius = max(centre, size - 1 - centre)
        pads.append((radius - centre, radius - (size - 1 - centre)))
        cuts.append(radius)
    moved = np.pad(psf, pads)
    rest = [n - w for n, w in zip(nearest, where, strict=True)]
    if any(abs(each) > 1e-6 for each in rest):
        moved = np.clip(
            shift(moved, [0.0 if size == 1 else r for size, r in zip(moved.shape, rest, strict=True)], order=3), 0, None
        )
    return moved


def resampled(
    psf: np.ndarray[Any, Any], source: tuple[float | None, ...], target: tuple[float | None, ...]
) -> np.ndarray[Any, Any]:
    """Return the PSF on another voxel, its centre kept: cubic interpolation, averaged over each coarser voxel.

    Where either voxel is unknown, or both are the same within 1 %, the axis is left as it is.
    """
    for axis, (own, wanted) in enumerate(zip(source, target, strict=True)):
        if own and wanted and psf.shape[axis] > 1 and abs(own / wanted - 1) > SAME:
            psf = _resampled_axis(psf, axis, wanted / own)
    return psf


def _resampled_axis(psf: np.ndarray[Any, Any], axis: int, factor: float) -> np.ndarray[Any, Any]:
    from scipy.interpolate import CubicSpline

    centre = psf.shape[axis] // 2
    radius = max(1, math.ceil(centre / factor))
    fine = max(1, math.ceil(factor)) * 2 + 1
    steps = (np.arange(-radius, radius + 1)[:, None] + (np.arange(fine) - fine // 2) / fine) * factor
    place = np.arange(-1, psf.shape[axis] + 1) - centre
    ends = [(1, 1) if other == axis else (0, 0) for other in range(psf.ndim)]
    spline = CubicSpline(place, np.pad(psf, ends), axis=axis, bc_type="natural")
    steps = np.clip(steps, place[0], place[-1])
    values = spline(steps.ravel())
    averaged = values.reshape(*psf.shape[:axis], len(steps), fine, *psf.shape[axis + 1 :]).mean(axis=axis + 1)
    clipped: np.ndarray[Any, Any] = np.clip(averaged, 0, None)
    return clipped
