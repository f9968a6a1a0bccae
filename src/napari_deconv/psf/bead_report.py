"""What became of the beads: how many were used, why the others were not, widths, tilt, and how the PSF compares with theory."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from ..image import Image
from .base import Grid, fitted
from .bead_averaging import Average
from .bead_finding import REASONS, Bead
from .limits import Limits
from .width import measure_widths

__all__ = ["notices", "report_beads", "told_widths"]


def report_beads(
    image: Image,
    channel: int,
    psf: np.ndarray[Any, Any],
    average: Average,
    judged: Sequence[Sequence[Bead]],
    used: int,
) -> dict[str, Any]:
    """Return what became of one channel's beads, plain JSON-able values; lengths in ``unit``.

    psf : (Z, Y, X) the result; average : what it was made of; judged : all beads of each volume.
    """
    refused = Counter(bead.refused for beads in judged for bead in beads if bead.refused)
    unit = "µm" if image.spacing[1] else "pixels"
    return {
        "channel": image.channels[channel].name or str(channel),
        "found": sum(map(len, judged)),
        "used": used,
        "refused": {REASONS[reason]: count for reason, count in refused.most_common()},
        "shape": list(psf.shape),
        "unit": unit,
        "fwhm": _widths(psf, average, image.spacing),
        "flat_topped": bool(psf[tuple(size // 2 for size in psf.shape)] < 0.95 * psf.max()),
        "correlation": round(float(np.median(average.alike)), 4),
        **_leaning(psf, image.spacing),
        "theory": _theory(image, channel, psf),
        "beads": [_told(bead, number) for number, beads in enumerate(judged) for bead in beads],
    }


def _told(bead: Bead, volume: int) -> dict[str, Any]:
    told = {"volume": volume, "place": list(bead.place), "height": round(bead.height, 3)}
    return {**told, "used": not bead.refused, **({"refused": REASONS[bead.refused]} if bead.refused else {})}


def _widths(psf: np.ndarray[Any, Any], average: Average, pitch: tuple[float | None, ...]) -> dict[str, Any]:
    """Return of each axis the width of the PSF, and the beads' own: their median and (robust) spread."""
    own = [measure_widths(each, pitch) for each in average.aligned]
    told = {}
    for axis, name in enumerate("zyx"):
        value = measure_widths(psf, pitch)[axis]
        values = np.array([each[axis] for each in own if each[axis] is not None], dtype=float)
        if value is None or not len(values):
            continue
        middle = float(np.median(values))
        spread = 1.4826 * float(np.median(np.abs(values - middle))) if len(values) > 1 else None
        told[name] = {
            "psf": round(value, 4),
            "beads": round(middle, 4),
            "spread": None if spread is None else round(spread, 4),
        }
    return told


def _leaning(psf: np.ndarray[Any, Any], pitch: tuple[float | None, ...]) -> dict[str, Any]:
    """Return how far the light wanders sideways along z: the tilt of its axis, and the shift over the depth in focus."""
    width = measure_widths(psf)[0]
    if width is None:
        return {}
    middle, reach = psf.shape[0] // 2, max(1, round(0.75 * width))
    planes = np.arange(max(0, middle - reach), min(psf.shape[0], middle + reach + 1))
    places = []
    for plane in planes:
        light = np.clip(psf[plane] - 0.3 * psf[plane].max(), 0, None)
        places.append([float((light * index).sum() / light.sum()) for index in np.indices(light.shape, sparse=True)])
    pixel = [each or 1.0 for each in pitch]
    slopes = [
        float(np.polyfit(planes * pixel[0], np.array(each) * p, 1)[0])
        for each, p in zip(np.array(places).T, pixel[1:], strict=True)
    ]
    depth = width * pixel[0]
    return {
        "tilt_degrees": {
            name: round(math.degrees(math.atan(slope)), 3) for name, slope in zip("yx", slopes, strict=True)
        },
        "lateral_shift": {name: round(slope * depth, 5) for name, slope in zip("yx", slopes, strict=True)},
    }


def _theory(image: Image, channel: int, psf: np.ndarray[Any, Any]) -> dict[str, Any] | None:
    """Return the comparison with the theoretical PSF of the image's optics, or None where they are not known."""
    optics, told = image.optics, image.channels[channel]
    if None in (optics.numerical_aperture, optics.immersion_index, told.emission, image.spacing[1]):
        return None
    if psf.shape[0] > 1 and image.spacing[0] is None:
        return None
    from . import family

    model = family.parse("gibson-lanni").resolved(image, channel)
    theirs = model.compute(Grid((psf.shape[0], psf.shape[1], psf.shape[2]), image.spacing))
    both = [fitted(each, psf.shape) for each in (theirs, psf)]
    limits = Limits.of(model.microscope())
    return {
        "kind": "gibson-lanni",
        "fwhm": {n: round(w, 4) for n, w in zip("zyx", measure_widths(theirs, image.spacing), strict=True) if w},
        "limit": {
            "z": round(limits.axial_width, 4),
            "y": round(limits.lateral_width, 4),
            "x": round(limits.lateral_width, 4),
        },
        "difference": round(float(np.sqrt(np.mean((both[0] / both[0].max() - both[1] / both[1].max()) ** 2))), 5),
    }


def notices(report: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a user of the PSF should know, from a report."""
    used, found = report["used"], report["found"]
    why = ", ".join(f"{count} {reason}" for reason, count in report["refused"].items())
    yield f"the PSF is the average of {used} of {found} beads" + (f" ({why} left out)" if why else "")
    if report["flat_topped"]:
        yield "the beads look flat-topped, so they are larger than the resolution: give bead_diameter in µm, or use smaller beads"
    elif report["bead_diameter"] is None:
        yield "the beads' size was not undone, so the PSF is a little wider than the microscope's: give bead_diameter in µm"


def told_widths(report: Mapping[str, Any]) -> list[str]:
    """Return a few lines: how many beads, how wide, how it leans, and what theory says."""
    unit = report["unit"]
    widths = []
    for axis, width in report["fwhm"].items():
        spread = "" if width["spread"] is None else f" ± {width['spread']:.3g}"
        widths.append(f"{axis} {width['psf']:.3g} {unit} (beads {width['beads']:.3g}{spread})")
    lines = [
        f"{report['used']} of {report['found']} beads, {' × '.join(map(str, report['shape']))} voxels",
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
    return lines


def _listed(figures: Mapping[str, float], unit: str) -> str:
    return ", ".join(f"{axis} {each:.3g}{unit}" for axis, each in figures.items())
