"""Finding beads in a volume, and saying of each whether it can be used and why not.

Beads are maxima of a difference of Gaussians that stand clear of its noise. One is refused when it lies too near the border,
too near another, is saturated, too faint, or so bright that it must be several.

References
----------
Crocker & Grier, "Methods of digital video microscopy for colloidal studies", J. Colloid Interface Sci. 179 (1996) 298-310.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np

from .width import core_mask

__all__ = ["REASONS", "Bead", "find_beads", "judge_beads", "measure_bead_width", "plan_radius", "saturation_level"]

REASONS = {
    "border": "at the border",
    "crowded": "too near another",
    "saturated": "saturated",
    "faint": "too faint",
    "aggregate": "several in one",
    "odd": "of another shape",
}
CLEAR = 6.0
"""Standard deviations of the filtered noise above which a maximum is a bead."""
LOBE = 0.1
"""A maximum below this share of a brighter one nearby belongs to it: a ring or a side lobe."""
FULL_WELLS = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16))
REACHES = (6.0, 5.0, 4.0, 3.5, 3.0, 2.5, 2.0, 1.5)
"""Half sizes of a bead's box, in full widths at half maximum, from large to small."""


@dataclass(frozen=True)
class Bead:
    """A bead: its brightest pixel (z, y, x), its height above the background in counts, and why it is refused ('' if not)."""

    place: tuple[int, int, int]
    height: float
    refused: str = ""


def measure_bead_width(volume: np.ndarray[Any, Any]) -> tuple[float, float, float]:
    """Return a first guess of the beads' full widths (z, y, x) in pixels, from the median of the brightest few maxima."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    smooth = gaussian_filter(volume, [0.7 if size > 1 else 0 for size in volume.shape])
    level = float(np.quantile(smooth, 0.1))
    tops = np.argwhere(smooth == maximum_filter(smooth, [min(size, 9) for size in volume.shape]))
    tops = tops[np.argsort([-smooth[tuple(top)] for top in tops])][:12]
    found = []
    for top in tops:
        if smooth[tuple(top)] - level < 0.3 * (smooth[tuple(tops[0])] - level):
            continue
        box = tuple(slice(max(0, place - 24), place + 25) for place in top)
        part = smooth[box] - level
        mask = core_mask(part)
        middle = [round(float(places.mean())) for places in np.nonzero(mask)]
        lines = (mask[tuple(slice(None) if a == axis else m for a, m in enumerate(middle))] for axis in range(3))
        found.append([int(line.sum()) for line in lines])
    z, y, x = (float(max(1.5, np.nanmedian(each))) for each in np.array(found, dtype=float).T)
    return z, y, x


def find_beads(volume: np.ndarray[Any, Any], width: Sequence[float]) -> list[Bead]:
    """Return all maxima that look like beads of this full width (z, y, x, pixels), brightest first, none refused yet."""
    from scipy.ndimage import gaussian_filter, maximum_filter

    sigma = [each / 2.355 if size > 1 else 0 for each, size in zip(width, volume.shape, strict=True)]
    wide = gaussian_filter(volume, [3 * each for each in sigma])
    filtered = gaussian_filter(volume, [0.7 * each for each in sigma]) - wide
    middle = float(np.median(filtered))
    noise = 1.4826 * float(np.median(np.abs(filtered - middle)))
    size = [min(2 * max(1, round(each)) + 1, length) for each, length in zip(width, volume.shape, strict=True)]
    light = max(middle + CLEAR * noise, 0.02 * float(filtered.max()))
    tops = np.argwhere((filtered == maximum_filter(filtered, size)) & (filtered > light))
    beads = [Bead((int(z), int(y), int(x)), float(volume[z, y, x] - wide[z, y, x])) for z, y, x in tops]
    beads.sort(key=lambda each: -each.height)
    kept: list[Bead] = []
    for bead in beads:
        if not any(
            _near(bead, other, [3 * each for each in width]) and bead.height < LOBE * other.height for other in kept
        ):
            kept.append(bead)
    return kept


def _near(one: Bead, other: Bead, reach: Sequence[float]) -> bool:
    return all(abs(a - b) <= each for a, b, each in zip(one.place, other.place, reach, strict=True))


def saturation_level(volume: np.ndarray[Any, Any]) -> float | None:
    """Return the count at which the camera is full: its dtype's or a usual full well that is reached, or a plateau at the top."""
    from scipy.ndimage import label

    top = volume.max()
    if volume.dtype.kind in "iu" and float(top) in FULL_WELLS:
        return float(top)
    full = volume >= top
    flat, count = label(full, structure=np.ones((3, 3, 3)))
    return float(top) if count and np.bincount(flat.ravel())[1:].max() >= 4 and volume.min() < top else None


def plan_radius(
    beads: Sequence[Bead], shape: tuple[int, ...], width: Sequence[float], full: Sequence[bool]
) -> tuple[int, int, int]:
    """Return the half size (z, y, x, pixels) of the beads' boxes: the largest that still leaves most usable beads.

    ``full`` says which beads are saturated.
    """
    best: tuple[float, tuple[int, int, int]] | None = None
    most = 0
    for axial, lateral in sorted(product(REACHES, REACHES), key=lambda each: each[0] * each[1] ** 2):
        z, y, x = (
            0 if size == 1 else max(2, round(reach * each))
            for reach, each, size in zip((axial, lateral, lateral), width, shape, strict=True)
        )
        judged = judge_beads(beads, shape, (z, y, x), width, full)
        count = sum(not each.refused for each in judged)
        most = max(most, count)
        if best is None or (count and count >= min(0.6 * most, 12)):
            best = (axial * lateral**2, (z, y, x))
    assert best is not None
    return best[1]


def judge_beads(
    beads: Sequence[Bead],
    shape: tuple[int, ...],
    radius: Sequence[int],
    width: Sequence[float],
    full: Sequence[bool],
) -> list[Bead]:
    """Return the beads with what speaks against each, for boxes of this half size."""
    judged = []
    heights = [bead.height for bead in beads]
    usual = float(np.median(heights)) if heights else 0.0
    reach = [each + 0.75 * more if each else 0.0 for each, more in zip(radius, width, strict=True)]
    for number, bead in enumerate(beads):
        others = (other for other in beads if other is not bead and other.height > LOBE * bead.height)
        refused = ""
        if full[number]:
            refused = "saturated"
        elif any(
            place < each or place >= size - each for place, each, size in zip(bead.place, radius, shape, strict=True)
        ):
            refused = "border"
        elif any(_near(bead, other, reach) for other in others):
            refused = "crowded"
        elif bead.height < 0.15 * usual:
            refused = "faint"
        elif len(beads) >= 5 and bead.height > 4 * usual:
            refused = "aggregate"
        judged.append(Bead(bead.place, bead.height, refused))
    return judged
