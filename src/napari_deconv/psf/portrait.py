"""`Portrait`: what one looks at of a PSF: its sections across and along the axis, profiles, widths, and what theory says."""

from __future__ import annotations

import math
import time as clock
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..image import Image
from .base import Grid
from .limits import TOLERANCE, Limits
from .optical import known_optics
from .theoretical import Theoretical
from .width import measure_widths

__all__ = ["Portrait", "portray", "portray_image", "portray_pixels"]

LATERAL, AXIAL = 4.5, 3.5
"""How many theoretical widths a portrait reaches to each side."""
FEWEST, MOST = 12, 24
"""Pixels that it reaches to each side."""


@dataclass(frozen=True, eq=False)
class Portrait:
    """A PSF to look at.

    across (Y, X) and along (Z, X): sections through the middle, the peak at 1; voxel and widths (z, y, x) µm, None where not
    known; limits: of the optics; notices: what was assumed and what is amiss; seconds: that it took.
    """

    across: np.ndarray[Any, Any]
    along: np.ndarray[Any, Any]
    voxel: tuple[float, float, float]
    widths: tuple[float | None, float | None, float | None]
    limits: Limits | None = None
    notices: tuple[str, ...] = ()
    seconds: float = 0.0

    @property
    def profiles(self) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Axis -> (µm from the middle, intensity) on the lines through the middle; z only where there is depth."""
        lines = {"x": (self.across[self.across.shape[0] // 2], self.voxel[2])}
        if self.along.shape[0] > 1:
            lines["z"] = self.along[:, self.along.shape[1] // 2], self.voxel[0]
        return {axis: ((np.arange(len(line)) - len(line) // 2) * step, line) for axis, (line, step) in lines.items()}

    def rows(self) -> list[tuple[str, float | None, float | None, float, float | None]]:
        """Return for each axis: its name, the width, the theoretical limit, the voxel and the voxel that Nyquist asks for, µm."""
        limits = self.limits
        widest = (limits.lateral_width, limits.axial_width) if limits else (None, None)
        coarsest = (limits.lateral_voxel, limits.axial_voxel) if limits else (None, None)
        told = [("xy", self.widths[2], widest[0], self.voxel[2], coarsest[0])]
        if self.along.shape[0] > 1:
            told.append(("z", self.widths[0], widest[1], self.voxel[0], coarsest[1]))
        return told

    @property
    def coarse(self) -> tuple[str, ...]:
        """The axes (``xy``, ``z``) whose voxel is coarser than Nyquist's criterion asks for."""
        return tuple(axis for axis, _, _, voxel, nyquist in self.rows() if nyquist and voxel > TOLERANCE * nyquist)

    def shades(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        """Return both sections as uint8, the square root of the intensity, so that the tails are seen."""
        across, along = (
            np.round(255 * np.sqrt(np.clip(each, 0, 1))).astype(np.uint8) for each in (self.across, self.along)
        )
        return np.ascontiguousarray(across), np.ascontiguousarray(along)


def portray(model: Theoretical, grid: Grid) -> Portrait:
    """Return the portrait of a theoretical PSF on an image's voxel: only as large as one looks at.

    Raises
    ------
    ValueError
        when the optics are impossible or not known, or the image does not say its voxel.
    """
    began = clock.perf_counter()
    limits = Limits.of(model.microscope())
    pitch = model.pitch(grid)
    lateral, axial = LATERAL * limits.lateral_width, AXIAL * limits.axial_width
    z, y, x = (
        2 * min(max(math.ceil(reach / step), FEWEST), MOST) + 1
        for reach, step in zip((axial, lateral, lateral), pitch, strict=True)
    )
    with _alone():
        pixels = model.sample((z if grid.shape[0] > 1 else 1, y, x), pitch).numpy()
    notices = tuple(model.notices(grid))
    return portray_pixels(pixels, pitch, limits, notices, began)


@contextmanager
def _alone() -> Iterator[None]:
    """Compute in one thread: pieces this small wait longer for a second one than they save, most of all on a busy machine."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def portray_image(psf: Image, channel: int = 0) -> Portrait:
    """Return the portrait of a PSF that was measured, beside the limits of its own optics where they are known."""
    model = known_optics(psf, channel)
    return portray_pixels(psf.block(0, channel), psf.spacing, Limits.of(model.microscope()) if model else None)


def portray_pixels(
    psf: np.ndarray[Any, Any],
    voxel: tuple[float | None, float | None, float | None],
    limits: Limits | None = None,
    notices: tuple[str, ...] = (),
    began: float | None = None,
) -> Portrait:
    """Return the portrait of a PSF (Z, Y, X); where its voxel is not known, lengths are in pixels."""
    began = clock.perf_counter() if began is None else began
    pixels = psf / psf.max()
    middle = [size // 2 for size in psf.shape]
    z, y, x = (each or 1.0 for each in voxel)
    return Portrait(
        pixels[middle[0]],
        pixels[:, middle[1]],
        (z, y, x),
        measure_widths(pixels, (z, y, x)),
        limits,
        notices,
        clock.perf_counter() - began,
    )
