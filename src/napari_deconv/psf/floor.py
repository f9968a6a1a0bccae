"""The floor of a measured PSF: its offset, its noise, and what of its tails is light.

Setting negative values to zero after the offset is removed would turn noise into light: 0.4 standard deviations in every dark
voxel, which in a large box adds up to more than the PSF itself. Instead, light is accepted from fine to coarse: at each scale
the voxels whose mean over their neighbourhood (of voxels not yet accepted) stands clear of the noise keep that mean; the
rest is dark.

    scale 0   peak and core: each voxel as it was measured
    scale 1…  tails: the local mean, as wide as it takes to tell it from noise
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

__all__ = ["Floor", "measure_floor", "quieted"]

CLEAR = 4.0
"""Standard deviations by which light stands clear of noise."""
SCALES = (0.7, 1.4, 2.8, 5.6, 11.2)
"""Widths (sigma, pixels) of the neighbourhoods, fine to coarse."""
FEWEST = 48
"""Voxels of a corner below which its noise cannot be told."""
FAINT = 1e-3
"""A floor below this share of the peak is left alone: it may be light."""


@dataclass(frozen=True)
class Floor:
    """The dark end of a PSF: offset and noise (standard deviation), in its own counts."""

    offset: float
    noise: float


def measure_floor(psf: np.ndarray[Any, Any]) -> Floor:
    """Return offset and noise of a PSF (Z, Y, X) from its darkest blocks, an eighth of each axis long.

    Where the light still falls towards the darkest block, the offset is what it falls to (Aitken's extrapolation of three
    blocks on the way out), so that the tails of a PSF that fills its box are not taken for an offset.
    """
    blocks = _cut(psf)
    medians = {place: float(np.median(block)) for place, block in blocks.items()}
    darkest = min(medians, key=lambda place: (medians[place], place))
    dark = sorted(medians, key=lambda place: medians[place])[: max(1, len(medians) // 8)]
    noise = float(np.median([_noise(blocks[place]) for place in dark]))
    doubt = 5 * noise / np.sqrt(blocks[darkest].size)
    middle = tuple((max(place[axis] for place in blocks) + 1) / 2 for axis in range(3))
    inner, innermost = (medians[_towards(darkest, middle, step)] for step in (1, 2))
    alike = [blocks[place].ravel() for place, median in medians.items() if median - medians[darkest] <= doubt]
    level = float(np.median(np.concatenate(alike)))
    core_is_far = innermost < 0.2 * float(psf.max())
    if core_is_far and inner - level > max(doubt, 0.02 * abs(level)):
        level = _limit(level, inner, innermost, doubt)
    return Floor(0.0 if -doubt <= level < FAINT * float(psf.max()) else level, noise)


def _cut(psf: np.ndarray[Any, Any]) -> dict[tuple[int, int, int], np.ndarray[Any, Any]]:
    """Return place -> block: eight an axis, or as many as there are pixels."""
    edges = [np.linspace(0, size, min(size, 8) + 1).astype(int) for size in psf.shape]
    z, y, x = ([slice(a, b) for a, b in pairwise(each)] for each in edges)
    return {(i, j, k): psf[z[i], y[j], x[k]] for i, j, k in product(range(len(z)), range(len(y)), range(len(x)))}


def _towards(place: tuple[int, ...], middle: tuple[float, ...], steps: int) -> tuple[int, int, int]:
    """Return the block some steps nearer the middle on each axis."""
    z, y, x = (
        min(each + steps, max(each, int(goal - 0.5))) if each < goal - 0.5 else max(each - steps, int(goal))
        for each, goal in zip(place, middle, strict=True)
    )
    return z, y, x


def _limit(outer: float, inner: float, innermost: float, doubt: float) -> float:
    """Return what three values that fall outwards run towards, not below 0 unless the outermost is.

    With falls f2 = innermost - inner and f1 = inner - outer the limit is outer - f1 r / (1 - r), r = f1 / f2; r is held
    below 0.7, and lower where the fall is hardly clear of noise, so that noise moves the limit little.
    """
    first, second = inner - outer, innermost - inner
    most = 0.7 * min(1.0, first / max(10 * doubt, 1e-300))
    ratio = min(most, first / second) if second > 0 else most
    return float(np.clip(outer - first * ratio / (1 - ratio), min(outer, 0.0), outer))


def _noise(block: np.ndarray[Any, Any]) -> float:
    """Return the standard deviation of what differs between neighbours along x, the largest fiftieth left out."""
    if block.size < FEWEST:
        return 0.0
    axis = int(np.argmax(block.shape))
    differences = np.abs(np.diff(block.astype(np.float64), n=2, axis=axis)).ravel() / np.sqrt(6)
    kept = np.sort(differences)[: max(1, int(0.98 * differences.size))]
    return float(np.sqrt(np.mean(kept**2)) * 1.07)


def quieted(psf: np.ndarray[Any, Any], noise: float) -> np.ndarray[Any, Any]:
    """Return a PSF (Z, Y, X) without offset, non-negative, whose dark voxels are dark.

    Parameters
    ----------
    psf : offset removed, negative values still in it.
    noise : standard deviation in the dark, same unit; with 0 only negative values are removed.
    """
    from scipy.ndimage import gaussian_filter

    if noise <= 0:
        dark: np.ndarray[Any, Any] = np.clip(psf, 0, None)
        return dark
    accepted = psf > CLEAR * noise
    result = np.where(accepted, psf, 0.0)
    for scale in SCALES:
        open_ = ~accepted
        weight = gaussian_filter(open_.astype(np.float64), scale, mode="constant")
        mean = gaussian_filter(np.where(open_, psf, 0.0), scale, mode="constant") / np.maximum(weight, 1e-9)
        spread = noise * _shrink(scale, psf.shape) / np.sqrt(np.maximum(weight, 1e-9))
        light = open_ & (mean > CLEAR * spread)
        result[light] = mean[light]
        accepted |= light
    return result


def _shrink(sigma: float, shape: tuple[int, ...]) -> float:
    """Return the factor by which a Gaussian mean of this width shrinks white noise."""
    factor = 1.0
    for size in shape:
        steps = np.arange(-int(4 * sigma + 0.5), int(4 * sigma + 0.5) + 1)
        weights = np.exp(-0.5 * (steps / sigma) ** 2)
        weights /= weights.sum()
        factor *= float(np.sqrt((weights**2).sum())) if size > 1 else 1.0
    return factor
