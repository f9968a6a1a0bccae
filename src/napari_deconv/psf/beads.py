"""A PSF distilled from an image of beads, as a model that a recipe can name; `distil` does the work."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field

from ..image import Image
from ..settings import field
from .base import Grid, PsfModel
from .bead_report import notices
from .distilling import Distilled, distil
from .measured import Measured, prepare_psf, psf_file, read_psf

__all__ = ["Beads", "Distilled", "distil"]

HalfSize = Annotated[float, Field(gt=0, le=100)]


class Beads(PsfModel):
    """A PSF distilled from an image of beads."""

    title: ClassVar[str] = "Beads"
    reference: ClassVar[str] = "Hiraoka, Sedat & Agard, Biophys. J. 57 (1990) 325-333"
    order: ClassVar[int] = 15

    kind: Literal["beads"] = "beads"
    path: str = field(title="File", description="An image of fluorescent beads, recorded like the images to restore.")
    bead_diameter: float | None = field(
        None,
        title="Bead diameter",
        unit="µm",
        gt=0,
        lt=20,
        description="Its blur is undone; left out, the beads' size stays in the PSF.",
    )
    voxel: tuple[float, float, float] | None = field(
        None,
        title="Voxel",
        unit="µm",
        advanced=True,
        description="(z, y, x) voxel of the bead image, where the file does not say or is wrong.",
    )
    radius: HalfSize | tuple[HalfSize, HalfSize, HalfSize] | None = field(
        None,
        title="Box radius",
        unit="µm",
        advanced=True,
        description="Half size of the box around a bead, one number or (z, y, x); left out, the largest that leaves most beads "
        "usable.",
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

    def resolved(self, image: Image, channel: int = 0) -> Beads:
        """Return a copy that knows its file's checksum and takes the channel that belongs to the image's.

        Raises
        ------
        FileNotFoundError, ValueError
            when the file is missing, or is not the one that the checksum tells of.
        """
        file = Measured(path=self.path, channel=self.channel, sha256=self.sha256).resolved(image, channel)
        matching: Beads = self.replace(channel=file.channel, sha256=file.sha256)
        return matching

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the distilled PSF on the image's voxel."""
        return self._prepared(grid)[0]

    def report(self, grid: Grid) -> Mapping[str, Any]:
        """Return what was made of the beads, and how the PSF was brought onto the image's grid."""
        return self._prepared(grid)[1]

    def _prepared(self, grid: Grid) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
        distilled = self.distilled()
        model = Measured(path=self.path, offset=0, clean=False, centre="middle", keep=self.keep)
        psf, prepared = prepare_psf(distilled.psf, model, grid)
        beads = {key: value for key, value in distilled.report.items() if key != "beads"}
        return psf, {**prepared, "beads": beads, "notices": [*notices(distilled.report), *prepared["notices"]]}

    def distilled(self) -> Distilled:
        """Return the PSF on the bead image's own voxel, with the whole report."""
        told = psf_file(self.path).stat()
        return _distilled(
            self.path, self.bead_diameter, self.voxel, self.radius, self.channel, (told.st_mtime_ns, told.st_size)
        )


@lru_cache(maxsize=8)
def _distilled(
    path: str, diameter: float | None, voxel: Any, radius: Any, channel: int, stamp: tuple[int, int]
) -> Distilled:
    """Distil a file's beads once for each state of the file (``stamp``)."""
    image = read_psf(psf_file(path))
    if not channel < image.sizes.get("C", 1):
        raise ValueError(
            f"the bead file has {image.sizes.get('C', 1)} channels: psf.channel {channel} is not among them"
        )
    return distil(image, bead_diameter=diameter, voxel=voxel, radius=radius, channel=channel)
