"""What may be wrong with a PSF's values: not finite, saturated, an offset left in, negative, quantised, several points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from .bead_finding import FULL_WELLS
from .findings import Finding, Specimen, difference
from .floor import quieted
from .width import core_mask

__all__ = ["VALUES"]

MOST_BAD = 0.05
"""Share of values that may be filled in from their neighbours."""
OFFSET = 0.01
"""An offset that adds up to less than this share of the light is left alone."""
CAMERAS = FULL_WELLS[1:4]
"""Counts at which a camera is full, and to which nobody scales a computed PSF: 10, 12, 14 bits."""
STEP = 1 / 300
"""Steps coarser than this share of the peak are those of 8 bits."""


def not_finite(specimen: Specimen) -> Iterator[Finding]:
    """NaN or infinite values."""
    bad = ~np.isfinite(specimen.pixels)
    if bad.any():
        few = bad.mean() <= MOST_BAD
        yield Finding(
            "not-finite",
            f"{int(bad.sum())} of its values are NaN or infinite",
            "one of them makes the whole result NaN, so the PSF is refused",
            "fill them with the median of their neighbours" if few else "export or measure the PSF again",
            _filled if few else None,
        )


def _filled(specimen: Specimen) -> Specimen:
    pixels = specimen.pixels.copy()
    for place in np.argwhere(~np.isfinite(specimen.pixels)):
        box = specimen.pixels[tuple(slice(max(0, each - 1), each + 2) for each in place)]
        near = box[np.isfinite(box)]
        pixels[tuple(place)] = np.median(near) if near.size else 0.0
    return specimen.changed(pixels)


def dark(specimen: Specimen) -> Iterator[Finding]:
    """Nothing but noise."""
    if not specimen.light.any():
        yield Finding(
            "dark",
            "nothing in it stands clear of its noise",
            "it says nothing of the microscope",
            "choose another PSF, or record it with more light",
        )


def saturated(specimen: Specimen) -> Iterator[Finding]:
    """A flat top at one and the same count."""
    top = specimen.pixels.max()
    full = _plateau(specimen.pixels)
    camera = specimen.whole and float(top) in CAMERAS
    if not (camera or _is_flat(specimen, full)):
        return
    mended = _with_peak(specimen)
    rise = (mended.pixels.max() - specimen.offset) / (top - specimen.offset)
    yield Finding(
        "saturated",
        f"{int(full.sum())} of its brightest voxels are all {top:g}, so it is saturated",
        f"its peak is missing (about {rise:.2g} times higher, by its flanks), so it seems too wide, and what is restored "
        "with it gets rings",
        "fill the peak with the Gaussian that fits its flanks; better, record it again with less light",
        _with_peak,
        error=difference(specimen, mended),
    )


def _plateau(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return which voxels are as bright as the brightest and hang together with it."""
    from scipy.ndimage import label

    pieces, _ = label(pixels >= pixels.max(), structure=np.ones((3, 3, 3)))
    mask: np.ndarray[Any, Any] = pieces == pieces.flat[int(np.argmax(pixels))]
    return mask


def _is_flat(specimen: Specimen, full: np.ndarray[Any, Any]) -> bool:
    """Whether the plateau is longer than the rounding of whole numbers makes a smooth peak; an even one has two alike."""
    steps = specimen.step
    height = specimen.pixels.max() - specimen.offset
    for axis, width in enumerate(specimen.widths):
        length = int(full.any(tuple(other for other in range(3) if other != axis)).sum())
        rounding = 2 * (width or 1.0) * float(np.sqrt(steps / height / (4 * np.log(2)))) if height > 0 else 0.0
        if length > 2 + rounding:
            return True
    return False


def _with_peak(specimen: Specimen) -> Specimen:
    """Fill the plateau with a Gaussian whose logarithm is fitted to the flanks, never below the plateau."""
    light = specimen.pixels - specimen.offset
    level = light.max()
    full = _plateau(specimen.pixels)
    flank = core_mask(light) & (light < 0.97 * level)
    terms = _quadratic(flank)
    if len(terms) < terms.shape[1]:
        return specimen
    weight = light[flank]
    solved = np.linalg.lstsq(terms * weight[:, None], np.log(weight) * weight, rcond=None)[0]
    guessed = np.exp(np.clip(_quadratic(full) @ solved, None, np.log(20 * level)))
    pixels = specimen.pixels.copy()
    pixels[full] = np.maximum(guessed, level) + specimen.offset
    return specimen.changed(pixels)


def _quadratic(mask: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return 1, x and x^2 of each axis that has a length, for the voxels of a mask, (N, 1 + 2 axes)."""
    axes = [axis for axis in range(3) if mask.shape[axis] > 1]
    places = (np.argwhere(mask) - [size // 2 for size in mask.shape])[:, axes].astype(np.float64)
    return np.concatenate([np.ones((len(places), 1)), places, places**2], axis=1)


def offset(specimen: Specimen) -> Iterator[Finding]:
    """A camera's offset, or a background, under the whole PSF."""
    level = specimen.offset
    total = float(specimen.light.sum())
    share = abs(level) * specimen.pixels.size / (total + abs(level) * specimen.pixels.size)
    if share < OFFSET:
        return
    mended = _without_offset(specimen)
    yield Finding(
        "offset",
        f"an offset of {level:.4g} is left in it, {share:.0%} of what would count as light",
        "every point would seem to spread that share evenly over the whole box, so faint structures are lost and the "
        "brightness is wrong",
        "subtract it, and leave dark what does not stand clear of the noise",
        _without_offset,
        error=difference(specimen, mended),
    )


def _without_offset(specimen: Specimen) -> Specimen:
    return specimen.changed(specimen.light)


def negative(specimen: Specimen) -> Iterator[Finding]:
    """Values below zero: a background was subtracted, or it was filtered."""
    below = specimen.pixels < 0
    if below.any():
        mended = _never_negative(specimen)
        yield Finding(
            "negative",
            f"{below.mean():.0%} of its values are negative (down to {specimen.pixels.min():.3g})",
            "no light is negative: such a PSF makes dark holes beside bright structures, and Richardson-Lucy cannot use it",
            "set them to zero, and average the tails until they stand clear of the noise",
            _never_negative,
            error=difference(specimen, mended),
        )


def _never_negative(specimen: Specimen) -> Specimen:
    return specimen.changed(quieted(specimen.pixels - min(specimen.offset, 0.0), specimen.floor.noise))


def quantised(specimen: Specimen) -> Iterator[Finding]:
    """Few levels, as 8 bits have, and no noise that would blur them."""
    step = specimen.step
    height = specimen.pixels.max() - specimen.offset
    if specimen.pixels.size < 1000 or step < STEP * height or specimen.floor.noise > 0.4 * step:
        return
    dark = int((specimen.pixels - specimen.offset < step / 2).sum())
    lost = dark * step / 4 / (float(specimen.light.sum()) + dark * step / 4)
    mended = _smoothed(specimen)
    yield Finding(
        "quantised",
        f"it has only {len(np.unique(specimen.pixels))} levels, as 8 bits give",
        f"tails below {step / 2 / height:.1%} of the peak are missing"
        + (f", up to {lost:.0%} of its light" if lost > 0.005 else "")
        + ", so haze stays in the result",
        "average the steps of its tails; better, export it again with 16 bits or as float",
        _smoothed,
        error=max(
            lost, difference(specimen.changed(np.clip(specimen.pixels - specimen.offset, 0, None)), mended) or 0.0
        ),
    )


def _smoothed(specimen: Specimen) -> Specimen:
    noise = max(specimen.step / 2, specimen.floor.noise)
    return specimen.changed(quieted(specimen.pixels - specimen.offset, noise))


def several(specimen: Specimen) -> Iterator[Finding]:
    """More than one point of light: an image of beads, not a PSF."""
    from scipy.ndimage import center_of_mass, label

    light = specimen.light
    bright = light >= light.max() / 2
    pieces, count = label(bright)
    reach = [2 * (width or 1.0) for width in specimen.widths[1:]]
    places = np.array(center_of_mass(bright, pieces, np.arange(1, count + 1)))[:, 1:]
    far = int((np.abs(places - specimen.peak[1:]) > reach).any(axis=1).sum())
    if far:
        yield Finding(
            "several",
            f"it shows {far + 1} points of light",
            "every structure would be restored as if it had been imaged as many times",
            "distil a PSF from it: napari-deconv beads, or the panel's Beads tab",
        )


VALUES = (not_finite, dark, saturated, several, quantised, offset, negative)
"""What is looked for, in the order in which it is mended."""
