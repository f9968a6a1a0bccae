"""``beads``: distil a PSF from images of beads, save it, and tell what was used, what was not, and how wide it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..files import write
from ..psf.bead_report import notices
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
        print(_tell(output, report))


def _tell(output: Path, report: dict[str, Any]) -> str:
    """Return a few lines: how many beads, how wide, how it leans, and what theory says."""
    unit = report["unit"]
    widths = []
    for axis, width in report["fwhm"].items():
        spread = "" if width["spread"] is None else f" ± {width['spread']:.3g}"
        widths.append(f"{axis} {width['psf']:.3g} {unit} (beads {width['beads']:.3g}{spread})")
    lines = [
        f"{output}: {report['used']} of {report['found']} beads, {' × '.join(map(str, report['shape']))} voxels",
        f"width at half maximum {', '.join(widths)}",
    ]
    if "tilt_degrees" in report:
        lines.append(
            f"tilt of the axis {_listed(report['tilt_degrees'], '°')}, which shifts the light over the depth in focus by "
            f"{_listed(report['lateral_shift'], ' ' + unit)}"
        )
    theory = report["theory"]
    if theory is not None:
        lines.append(
            f"theory ({theory['kind']}): {_listed(theory['fwhm'], ' ' + unit)}; "
            f"the PSF differs from it by {theory['difference']:.2%} of the peak (RMS)"
        )
    return "\n".join(lines)


def _listed(figures: dict[str, float], unit: str) -> str:
    return ", ".join(f"{axis} {each:.3g}{unit}" for axis, each in figures.items())
