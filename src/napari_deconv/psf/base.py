"""`PsfModel`: frozen settings that compute a PSF on a grid, unit sum, centred at ``shape // 2``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from ..image import Image, Optics
from ..settings import Settings

__all__ = ["Grid", "PsfModel", "check_psf", "crop_to_support", "fitted"]


@dataclass(frozen=True)
class Grid:
    """Where a PSF is computed: ``shape`` (Z, Y, X) and ``voxel`` (z, y, x) in µm, None where the image does not say.

    ``device`` is that of the work, ``cpu`` or ``cuda``; what comes back is numpy's.
    """

    shape: tuple[int, int, int]
    voxel: tuple[float | None, float | None, float | None]
    device: str = "cpu"

    @classmethod
    def of(cls, image: Image, device: Any = "cpu") -> Grid:
        """Return the grid of one volume of an image; a device without double precision leaves the PSF to the CPU."""
        name = str(device)
        return cls(image.spatial_shape, image.spacing, name if name.startswith("cuda") else "cpu")


class PsfModel(Settings):
    """Frozen settings that compute a PSF.

    A subclass has a field ``kind`` and `compute`; a field that is named as in `Optics` or `Channel` and left at None
    is filled from the image by `resolved`.
    """

    title: ClassVar[str] = ""
    reference: ClassVar[str] = ""
    order: ClassVar[int] = 100

    @classmethod
    def kind_name(cls) -> str:
        """Say how messages call it."""
        return f"psf {cls.model_fields['kind'].default}" if "kind" in cls.model_fields else "psf"

    def resolved(self, image: Image, channel: int = 0) -> Any:
        """Return a copy whose empty optical fields are filled from the image's optics and channel.

        ``emission`` and ``excitation`` come from ``image.channels[channel]``; the rest from ``image.optics``.
        """
        told = image.channels[channel]
        found: dict[str, Any] = {}
        for name in type(self).model_fields:
            if getattr(self, name) is not None:
                continue
            source = told if name in ("emission", "excitation") else image.optics
            value = getattr(source, name, None)
            if value is not None:
                found[name] = value
        return self.replace(**found) if found else self

    def slabs(self, grid: Grid) -> int:
        """Return for how many depths of a stack the PSF is computed; 1 where it is the same throughout."""
        return 1

    def at_offset(self, distance: float) -> Any:
        """Return the model of light this far along z (µm, towards later planes) from the middle of the stack."""
        return self

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the PSF (Z, Y, X), float32, non-negative, unit sum, centred at ``shape // 2``.

        The shape is the model's own choice: about the grid's, trimmed to where there is light.

        Raises
        ------
        ValueError
            in one sentence with the remedy, when something needed is unknown or impossible.
        """
        raise NotImplementedError

    def notices(self, grid: Grid | None = None) -> Iterator[str]:
        """Say what was assumed, and what is amiss on this grid, for the history and the log."""
        return iter(())

    def report(self, grid: Grid) -> Mapping[str, Any]:
        """Return what was done to make the PSF on this grid: plain figures, and ``notices`` in plain sentences."""
        return {}


OPTICAL_FIELDS = tuple(Optics.model_fields)


def check_psf(psf: np.ndarray[Any, Any], named: str = "PSF") -> np.ndarray[Any, Any]:
    """Return the PSF as float32 of unit sum, or say in one sentence why it is none.

    Raises
    ------
    ValueError
        when it holds NaN or infinity, a negative value, or no light at all.
    """
    if psf.ndim == 2:
        psf = psf[None]
    if psf.ndim != 3 or 0 in psf.shape:
        raise ValueError(f"the {named} has shape {psf.shape}: it must be (Z, Y, X) or (Y, X)")
    bad = int(np.count_nonzero(~np.isfinite(psf)))
    if bad:
        raise ValueError(f"the {named} has values that are NaN or infinite ({bad} found): mend or re-measure it")
    lowest = float(psf.min())
    if lowest < 0:
        raise ValueError(f"the {named} has negative values (down to {lowest:g}): remove its offset or clip it at 0")
    total = float(psf.sum(dtype=np.float64))
    if total <= 0:
        raise ValueError(f"the {named} is zero everywhere: choose another file or model")
    return np.ascontiguousarray((psf / total).astype(np.float32))


def fitted(psf: np.ndarray[Any, Any], shape: Sequence[int]) -> np.ndarray[Any, Any]:
    """Return a PSF cut, or padded with zeros, to a shape: its middle ``shape // 2`` stays the middle; the sum may change."""
    box = np.zeros(tuple(shape), dtype=psf.dtype)
    here, there = [], []
    for size, wanted in zip(psf.shape, shape, strict=True):
        move = wanted // 2 - size // 2
        here.append(slice(max(0, -move), min(size, wanted - move)))
        there.append(slice(max(0, move), min(wanted, size + move)))
    box[tuple(there)] = psf[tuple(here)]
    return box


def crop_to_support(psf: np.ndarray[Any, Any], keep: float = 0.999) -> np.ndarray[Any, Any]:
    """Return the smallest centred odd box that keeps this share of the PSF's sum on every axis, renormalised.

    The centre ``shape // 2`` stays the centre. Each axis is cut by its own marginal sum.
    """
    box = []
    for axis, size in enumerate(psf.shape):
        marginal = psf.sum(axis=tuple(other for other in range(psf.ndim) if other != axis), dtype=np.float64)
        centre = size // 2
        distance = np.abs(np.arange(size) - centre)
        by_distance = np.bincount(distance, weights=marginal)
        enough = np.cumsum(by_distance) >= keep * by_distance.sum() * (1 - 1e-12)
        radius = int(np.argmax(enough))
        box.append(slice(max(0, centre - radius), min(size, centre + radius + 1)))
    cropped = psf[tuple(box)]
    return _symmetric(cropped, [s.start for s in box], psf.shape)


def _symmetric(cropped: np.ndarray[Any, Any], starts: list[int], full: tuple[int, ...]) -> np.ndarray[Any, Any]:
    """Pad with zeros where an even-sized source ran out, so that the centre is again at ``shape // 2``."""
    pads = []
    for size, start, whole in zip(cropped.shape, starts, full, strict=True):
        before = whole // 2 - start
        after = size - before - 1
        radius = max(before, after)
        pads.append((radius - before, radius - after))
    padded = np.pad(cropped, pads)
    return np.ascontiguousarray((padded / padded.sum(dtype=np.float64)).astype(np.float32))
