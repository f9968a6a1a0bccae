"""``beads``: distil a PSF from images of beads, save it, and tell what was used, what was not, and how wide it is."""

from __future__ import annotations

from pathlib import Path

from ..files import write
from ..psf.bead_report import notices, told_widths
from ..psf.beads import distil
from ..running.job import check_output
from .asked import numbers, told
from .flags import ImageFlags
from .progress import tell_notice
from .telling import print_json

__all__ = ["distil_files"]


def distil_files(
    sources: list[Path],
    output: Path,
    diameter: float | None,
    radius: str | None,
    image: ImageFlags,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Distil one PSF from the beads in all images, and write it.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        in one sentence with the remedy.
    """
    for source in sources:
        check_output(str(output), overwrite, str(source))
    said = told(image)
    images = [said.select(said.read(source)) for source in sources]
    for notice in dict.fromkeys(notice for each in images for notice in each.notices):
        tell_notice(notice)
    box = None if radius is None else numbers(radius, "radius")
    distilled = distil(images, bead_diameter=diameter, radius=box)
    for report in distilled.report.get("channels", [distilled.report]):
        for notice in notices({**distilled.report, **report}):
            tell_notice(notice)
    write(output, distilled.psf, overwrite=overwrite)
    if as_json:
        print_json({"output": str(output), **distilled.report})
        return
    for report in distilled.report.get("channels", [distilled.report]):
        print(f"{output}: " + "\n".join(told_widths(report)))
