"""``check-psf``: say what is wrong with a PSF before it is used, and write a mended one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..files import read, write
from ..image import Image
from ..psf.examining import Finding, examine, mended
from ..psf.width import measure_widths
from ..running.job import check_output
from .asked import numbers, told
from .flags import ImageFlags
from .telling import print_json

__all__ = ["check_psf_file"]


def check_psf_file(
    file: Path,
    like: Path | None,
    image: ImageFlags,
    voxel: str | None,
    output: Path | None,
    faults: list[str] | None,
    overwrite: bool,
    as_json: bool,
) -> None:
    """Examine a PSF file, for an image where one is given, and write a mended PSF where one is asked for.

    Raises
    ------
    ValueError, FileNotFoundError, FileExistsError
        in one sentence with the remedy.
    """
    if output is not None:
        check_output(str(output), overwrite, str(file))
    elif faults:
        raise ValueError("--fault says what to mend: give --mend OUT too")
    psf = read(file)
    if voxel is not None:
        psf = psf.replace(voxel=numbers(voxel, "psf-voxel"))
    said = told(image)
    seen = None if like is None else said.select(said.read(like))
    findings = {channel: examine(psf, seen, channel) for channel in range(psf.sizes.get("C", 1))}
    summary: dict[str, Any] = {"file": str(file), **_described(psf)}
    summary["findings"] = [{"channel": c, **each.as_plain()} for c, found in findings.items() for each in found]
    done: tuple[Finding, ...] = ()
    if output is not None:
        better, done = mended(psf, seen, faults)
        write(output, better, overwrite=overwrite)
        summary |= {"output": str(output), "mended": [each.fault for each in done], "result": _described(better)}
    print_json(summary) if as_json else _print(summary, list(findings.values()))


def _described(psf: Image) -> dict[str, Any]:
    """Return shape, voxel and the width at half maximum of the first channel."""
    widths = dict(zip("zyx", measure_widths(psf.block(), psf.spacing), strict=True))
    unit = "µm" if psf.spacing[1] else "pixels"
    return {
        "shape": list(psf.shape),
        "voxel": dict(psf.voxel),
        "fwhm": {axis: round(width, 4) for axis, width in widths.items() if width},
        "unit": unit,
    }


def _print(summary: dict[str, Any], found: list[tuple[Finding, ...]]) -> None:
    sizes = " × ".join(map(str, summary["shape"]))
    widths = ", ".join(f"{axis} {width:.3g} {summary['unit']}" for axis, width in summary["fwhm"].items())
    print(f"{summary['file']}: {sizes} voxels" + (f", width at half maximum {widths}" if widths else ""))
    if not any(found):
        print("nothing is wrong with it")
    for channel, findings in enumerate(found):
        for each in findings:
            where = f" (channel {channel})" if len(found) > 1 else ""
            state = "wrong" if each.is_certain else "look"
            print(f"{state:<6}{each.fault}{where}: {each.sentence}")
            print(f"{'':<6}-> {each.remedy}")
    if "output" in summary:
        print(f"{summary['output']}: mended {', '.join(summary['mended']) or 'nothing'}")
