"""`distil`: from images of beads to a PSF with a report of what was used, what was not, and how good it is.

find -> judge -> cut out -> register and average -> drop the odd ones, average again -> undo the bead's size -> report
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..image import Channel, Image
from .base import check_psf, fitted
from .bead_averaging import average_beads, ball_transfer, centred_on_peak, undo_ball
from .bead_finding import REASONS, Bead, find_beads, judge_beads, measure_bead_width, plan_radius, saturation_level
from .bead_report import report_beads

__all__ = ["Distilled", "distil"]

ODD = 0.85
"""Correlation with the average below which a bead is of another shape."""
Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Distilled:
    """A PSF made from beads, (C, Z, Y, X) where the images have several channels, and the report: plain JSON-able values."""

    psf: Image
    report: dict[str, Any]


def distil(
    images: Image | Sequence[Image],
    *,
    bead_diameter: float | None = None,
    voxel: Any = None,
    radius: Any = None,
    channel: int | None = None,
) -> Distilled:
    """Return the PSF that beads in one or several images show.

    Parameters
    ----------
    images : of the same microscope and voxel; beads of all of them are averaged.
    bead_diameter : µm; its blur is undone. None leaves the beads' size in the PSF.
    voxel : (z, y, x) µm, where the images do not say or are wrong.
    radius : µm, or (z, y, x) µm: half size of the box around a bead; None chooses the largest that leaves most beads usable.
    channel : only this one; None gives a PSF of each channel.

    Raises
    ------
    ValueError
        in one sentence with the remedy, when no bead is found or none can be used, or a size is impossible.
    """
    series = [_with_voxel(image, voxel) for image in ([images] if isinstance(images, Image) else images)]
    if not series:
        raise ValueError("no bead image was given: give at least one")
    _check_alike(series)
    pitch = series[0].spacing
    _check_diameter(bead_diameter, pitch, series[0])
    channels = range(series[0].sizes.get("C", 1)) if channel is None else [channel]
    parts = [_distil_channel(series, each, bead_diameter, _in_pixels(radius, pitch)) for each in channels]
    report = {
        **parts[0][1],
        "voxel": list(pitch),
        "bead_diameter": bead_diameter,
        "images": [each.name for each in series],
    }
    if len(parts) > 1:
        report["channels"] = [each for _, each in parts]
    return Distilled(
        _as_image(series[0], [psf for psf, _ in parts], [series[0].channels[each] for each in channels], report), report
    )


def _distil_channel(
    series: Sequence[Image], channel: int, diameter: float | None, radius: Triple | None
) -> tuple[np.ndarray[Any, Any], dict[str, Any]]:
    volumes = [np.asarray(image.block(time, channel)) for image in series for time in range(image.sizes.get("T", 1))]
    for volume in volumes:
        if not np.isfinite(volume).all():
            raise ValueError(
                "the bead image has values that are NaN or infinite: replace them, for example by their neighbours' median"
            )
    judged, box = _judged(volumes, radius, series[0].name)
    kept = [(number, bead) for number, beads in enumerate(judged) for bead in beads if not bead.refused]
    average = average_beads([_cut(volumes[number], bead, box) for number, bead in kept])
    odd = average.alike < min(ODD, float(np.median(average.alike)) - 0.1)
    if odd.any():
        for (number, bead), strange in zip(kept, odd, strict=True):
            if strange:
                judged[number][judged[number].index(bead)] = replace(bead, refused="odd")
        kept = [each for each, strange in zip(kept, odd, strict=True) if not strange]
        average = average_beads([_cut(volumes[number], bead, box) for number, bead in kept])
    pitch: Any = tuple(each or 1.0 for each in series[0].spacing)
    transfer = ball_transfer(average.psf.shape, pitch, diameter) if diameter else None
    left = centred_on_peak(undo_ball(average.psf, transfer, average.noise_power))
    if not left.any():
        raise ValueError(
            "nothing of the beads' average stands clear of its noise: record brighter beads or more of them, or give no "
            "bead_diameter"
        )
    psf = check_psf(left, "distilled PSF")
    return psf, report_beads(series[0], channel, psf, average, judged, len(kept))


def _judged(
    volumes: Sequence[np.ndarray[Any, Any]], radius: Triple | None, name: str
) -> tuple[list[list[Bead]], tuple[int, int, int]]:
    """Return the judged beads of each volume and the half size of their boxes.

    Raises
    ------
    ValueError
        when there is no bead, or none that can be used.
    """
    found, full, width = [], [], (2.0, 2.0, 2.0)
    for number, volume in enumerate(volumes):
        light = volume.astype(np.float64)
        width = measure_bead_width(light) if number == 0 else width
        found.append(find_beads(light, width) if np.ptp(volume) > 0 else [])
        level = saturation_level(volume)
        full.append([level is not None and bool((_core(volume, bead, width) >= level).any()) for bead in found[-1]])
    if not any(found):
        raise ValueError(
            f"no bead was found in {name or 'the image'}: nothing stands clear of its noise; "
            "give an image of separate bright beads"
        )
    if radius is None:
        plans = [
            plan_radius(beads, v.shape, width, f) for beads, v, f in zip(found, volumes, full, strict=True) if beads
        ]
        z, y, x = (min(each) for each in zip(*plans, strict=True))
    else:
        z, y, x = (
            0 if size == 1 else max(2, math.ceil(each)) for size, each in zip(volumes[0].shape, radius, strict=True)
        )
    judged = [
        judge_beads(beads, v.shape, (z, y, x), width, f) for beads, v, f in zip(found, volumes, full, strict=True)
    ]
    reasons = Counter(bead.refused for beads in judged for bead in beads)
    if not reasons[""]:
        raise ValueError(_none_usable(reasons))
    return judged, (z, y, x)


def _none_usable(reasons: Counter[str]) -> str:
    total = sum(reasons.values())
    if reasons["saturated"] == total:
        return f"all {total} beads are saturated: record them again with less light or a shorter exposure"
    told = ", ".join(f"{count} {REASONS[reason]}" for reason, count in reasons.most_common())
    return (
        f"none of the {total} beads can be used ({told}): record sparser and darker ones, further from the border, "
        "or set a smaller radius"
    )


def _core(volume: np.ndarray[Any, Any], bead: Bead, width: Sequence[float]) -> np.ndarray[Any, Any]:
    reach = [max(1, round(each / 2)) for each in width]
    return volume[
        tuple(slice(max(0, place - each), place + each + 1) for place, each in zip(bead.place, reach, strict=True))
    ]


def _cut(volume: np.ndarray[Any, Any], bead: Bead, box: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    return volume[tuple(slice(place - each, place + each + 1) for place, each in zip(bead.place, box, strict=True))]


def _as_image(
    source: Image, psfs: list[np.ndarray[Any, Any]], channels: list[Channel], report: Mapping[str, Any]
) -> Image:
    several = len(psfs) > 1
    size = [max(each) for each in zip(*(psf.shape for psf in psfs), strict=True)]
    data = np.stack([fitted(psf, tuple(size)) for psf in psfs]) if several else psfs[0]
    kept = {key: value for key, value in report.items() if key not in ("beads", "channels")}
    flat = data.shape[-3] == 1 and "Z" not in source.axes
    return Image(
        data[..., 0, :, :] if flat else data,
        ("C" if several else "") + ("YX" if flat else "ZYX"),
        source.voxel,
        tuple(channels),
        source.optics,
        history=({"software": "napari-deconv", "beads": kept},),
        name=f"{source.name or 'beads'} PSF",
    )


def _with_voxel(image: Image, voxel: Any) -> Image:
    return image if voxel is None else image.replace(voxel=voxel)


def _in_pixels(radius: Any, pitch: tuple[float | None, ...]) -> Triple | None:
    if radius is None:
        return None
    if np.size(radius) not in (1, 3):
        raise ValueError(f"the radius {radius} of a bead's box must be one number or three (z, y, x), in µm")
    given = [float(each) for each in np.broadcast_to(radius, 3)]
    if min(given) <= 0:
        raise ValueError(f"the radius {radius} of a bead's box must be positive, in µm")
    z, y, x = (each / (p or 1.0) for each, p in zip(given, pitch, strict=True))
    return z, y, x


def _check_alike(series: Sequence[Image]) -> None:
    for image in series[1:]:
        if image.spacing != series[0].spacing or image.sizes.get("C", 1) != series[0].sizes.get("C", 1):
            raise ValueError(
                f"bead images must have the same voxel and channels, but {image.name or 'one'} has {dict(image.voxel)} µm and "
                f"{series[0].name or 'the first'} {dict(series[0].voxel)} µm: distil them apart, or give the voxel"
            )


def _check_diameter(diameter: float | None, pitch: tuple[float | None, ...], image: Image) -> None:
    if diameter is None:
        return
    if not 0 < diameter < 20:
        raise ValueError(f"bead_diameter {diameter:g} µm is none: give it in µm, such as 0.1 for beads of 100 nm")
    if None in (pitch[1], pitch[2]) or (image.sizes.get("Z", 1) > 1 and pitch[0] is None):
        raise ValueError(
            "the bead image does not say its voxel, and the bead's size cannot be undone without: give voxel (z, y, x) in µm"
        )
