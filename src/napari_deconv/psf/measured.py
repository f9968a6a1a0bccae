"""A measured PSF: offset and noise removed, centred, resampled to the image's voxel, cropped to its support, normalised."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np

from ..home import user_folder
from ..image import Image
from ..settings import field
from .base import Grid, PsfModel, check_psf, crop_to_support
from .examining import misleading
from .findings import Specimen
from .floor import measure_floor, quieted
from .preparation import SAME, Centre, centred, choose_centre, off_centre, resampled
from .width import measure_widths

__all__ = ["Measured", "kept_psfs", "prepare_psf"]

AXES = "ZYX"


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
        description="Camera offset to remove; auto takes it from the darkest part of the PSF.",
    )
    clean: bool = field(
        True,
        title="Clean the tails",
        advanced=True,
        description="Average the tails until they stand clear of the noise, and leave dark what does not; otherwise only "
        "negative values are removed, and the noise counts as light.",
    )
    centre: Centre = field(
        "auto",
        title="Centre",
        advanced=True,
        description="Where the light comes from: the middle pixel (of the two middles of an even axis auto takes the one "
        "at the peak), the peak to sub-pixel, or the centre of mass.",
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
        description="The PSF is cropped to the smallest centred box that holds this share of its light on each axis; "
        "for a widefield PSF 0.999 changes the blurred image by at most 0.2 %, 0.99 already by 1.6 %.",
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
        file = psf_file(self.path)
        found = hashlib.sha256(file.read_bytes()).hexdigest()[:16] if file.is_file() else None
        if self.sha256 and found and self.sha256 != found:
            raise ValueError(
                f"the PSF file {self.path} is not the one recorded ({found} instead of {self.sha256}): "
                "restore it, or clear psf.sha256"
            )
        channels = read_psf(file).sizes.get("C", 1)
        own = channel if 1 < channels == len(image.channels) else self.channel
        matching: Measured = self.replace(sha256=found, channel=own)
        return matching

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the prepared PSF."""
        return self._prepared(grid)[0]

    def report(self, grid: Grid) -> Mapping[str, Any]:
        """Return what was done to the PSF, with figures, and the notices that follow from them."""
        return self._prepared(grid)[1]

    def notices(self, grid: Grid | None = None) -> Iterator[str]:
        """Say what the file's reader assumed."""
        yield from read_psf(psf_file(self.path)).notices

    def _prepared(self, grid: Grid) -> tuple[np.ndarray[Any, Any], Mapping[str, Any]]:
        file = psf_file(self.path)
        told = file.stat()
        return _prepared(self, grid, (told.st_mtime_ns, told.st_size))


@lru_cache(maxsize=8)
def _prepared(model: Measured, grid: Grid, stamp: tuple[int, int]) -> tuple[np.ndarray[Any, Any], Mapping[str, Any]]:
    """Prepare a file's PSF once for each state of the file (``stamp``)."""
    psf, report = prepare_psf(read_psf(psf_file(model.path)), model, grid)
    psf.flags.writeable = False
    return psf, report


def prepare_psf(image: Image, model: Measured, grid: Grid) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    """Return the PSF (Z, Y, X) of an image as a model asks, and the report of what was done.

    The report holds ``offset`` and ``noise`` (counts), ``moved`` and ``off_centre`` (z, y, x pixels), ``voxel`` (from, to, µm),
    ``shape`` (from, to), ``kept`` (share of the light left after cropping), ``fwhm`` (z, y, x; µm where the voxel is known)
    and ``notices``.

    Raises
    ------
    ValueError
        when the channel is not there, or the PSF is empty, negative or not finite.
    """
    pixels = _channel(image, model.channel)
    psf, floor = _cleaned(pixels, model)
    named = f"PSF {Path(model.path).name}"
    if psf.max() <= 0 < pixels.max():
        raise ValueError(
            f"the {named} holds nothing above its offset of {floor['offset']:g}: choose another file or set psf.offset"
        )
    psf = check_psf(psf, named).astype(np.float64)
    where = choose_centre(psf, model.centre)
    apart = off_centre(psf, where)
    psf = centred(psf, where)
    if grid.shape[0] == 1 and psf.shape[0] > 1:
        psf = psf[psf.shape[0] // 2][None]
    own = model.voxel or image.spacing
    psf = resampled(psf, own, grid.voxel)
    cropped = crop_to_support(psf, model.keep)
    report = {
        **floor,
        "moved": [round(m // 2 - w, 4) + 0.0 for m, w in zip(pixels.shape, where, strict=True)],
        "off_centre": [round(each, 3) for each in apart],
        "voxel": [list(own), list(grid.voxel)],
        "shape": [list(pixels.shape), list(cropped.shape)],
        "kept": round(_share(psf, cropped.shape), 6),
        "fwhm": [None if each is None else round(each, 4) for each in measure_widths(cropped, grid.voxel)],
        "notices": [
            *_channel_notices(image, model),
            *_centre_notices(apart),
            *_voxel_notices(pixels, own, grid),
            *misleading(replace(Specimen.of(image, None, model.channel), voxel=own, grid=grid)),
        ],
    }
    return cropped, report


def _channel(image: Image, channel: int) -> np.ndarray[Any, Any]:
    if not 0 <= channel < image.sizes.get("C", 1):
        raise ValueError(
            f"the PSF file has {image.sizes.get('C', 1)} channels: psf.channel {channel} is not among them"
        )
    return np.asarray(image.block(0, channel), dtype=np.float64)


def _cleaned(pixels: np.ndarray[Any, Any], model: Measured) -> tuple[np.ndarray[Any, Any], dict[str, float]]:
    """Return the PSF without offset and noise, and what was removed."""
    if not np.isfinite(pixels).all():
        return pixels, {"offset": 0.0, "noise": 0.0}
    floor = measure_floor(pixels)
    offset = floor.offset if model.offset == "auto" else float(model.offset)
    noise = floor.noise if model.clean else 0.0
    return quieted(pixels - offset, noise), {"offset": round(offset, 6), "noise": round(noise, 6)}


def _share(psf: np.ndarray[Any, Any], shape: tuple[int, ...]) -> float:
    """Return the share of a PSF's light that lies in a centred box of this shape."""
    box = tuple(
        slice(max(0, size // 2 - length // 2), size // 2 + length // 2 + 1)
        for size, length in zip(psf.shape, shape, strict=True)
    )
    return float(psf[box].sum() / psf.sum())


def _channel_notices(image: Image, model: Measured) -> Iterator[str]:
    channels, times = image.sizes.get("C", 1), image.sizes.get("T", 1)
    if channels > 1:
        yield f"the PSF file has {channels} channels: channel {model.channel} is used here (psf.channel)"
    if times > 1:
        yield f"the PSF file has {times} time points: the first is used"


def _centre_notices(apart: tuple[float, float, float]) -> Iterator[str]:
    if any(apart):
        told = ", ".join(f"{axis} {each:+.2f}" for axis, each in zip(AXES, apart, strict=True) if each)
        yield (
            f"the PSF's peak lies off its centre ({told} pixels), and the result is moved the other way by as much: "
            "set psf.centre to peak, unless the PSF is lopsided by nature"
        )


def _voxel_notices(pixels: np.ndarray[Any, Any], own: tuple[float | None, ...], grid: Grid) -> Iterator[str]:
    if pixels.shape[0] > 1 and grid.shape[0] == 1:
        yield "the PSF has depth but the image is flat: the PSF's focal plane is used"
    if pixels.shape[0] == 1 and grid.shape[0] > 1:
        yield "the PSF is flat but the image has depth: each plane is restored by itself (a 3-D PSF would use the others)"
    for axis, size, length, mine, wanted in zip(AXES, pixels.shape, grid.shape, own, grid.voxel, strict=True):
        if size == 1 or length == 1:
            continue
        if mine is None and wanted is not None:
            yield f"the PSF does not say its voxel along {axis}: taken as the image's, {wanted:g} µm (psf.voxel)"
        elif mine is not None and wanted is None:
            yield f"the image does not say its voxel along {axis}: the PSF is used as it is, with {mine:g} µm (--voxel)"
        elif mine and wanted and abs(mine / wanted - 1) > SAME:
            yield (
                f"the PSF's voxel along {axis} is {mine:g} µm but the image's is {wanted:g} µm: resampled "
                "(psf.voxel, if the file is wrong)"
            )


def kept_psfs() -> Path:
    """Return the folder where PSFs from memory are kept."""
    return user_folder() / "psf"


def psf_file(path: str) -> Path:
    """Return the path of a PSF file that exists.

    Raises
    ------
    FileNotFoundError
        when it does not.
    """
    file = Path(path).expanduser()
    if not file.exists():
        raise FileNotFoundError(f"there is no PSF file {path}: check psf.path")
    return file


def read_psf(file: Path) -> Image:
    """Read a PSF file."""
    from ..files import read

    return read(file)
