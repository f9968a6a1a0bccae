"""The PSF's doctor: says what is wrong with any PSF before it is used, what it would do, and mends what one says yes to.

    examine(psf, image) -> findings          mended(psf, image, faults) -> PSF, the findings that were mended

Values come before shape, and each is looked for again after the mending of those before it, so that an offset is not taken for
tails, nor a camera's full well for a wide peak.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

import numpy as np

from ..image import Image
from .base import fitted
from .faulty_shape import SHAPES, direction, tails, width
from .faulty_values import VALUES, dark, quantised, saturated, several
from .findings import Finding, Specimen

__all__ = ["Finding", "examine", "mended", "misleading"]

RULES = (*VALUES, *SHAPES)


def examine(psf: Image, image: Image | None = None, channel: int = 0) -> tuple[Finding, ...]:
    """Return what is wrong with a PSF, for one channel of an image.

    Parameters
    ----------
    psf : any PSF, as it was stored.
    image : what it will be used for; without it, what depends on voxel, size and optics of the image is not looked at.

    Raises
    ------
    ValueError
        when there is no light in it at all.
    """
    return examine_specimen(Specimen.of(psf, image, channel))


def examine_specimen(specimen: Specimen) -> tuple[Finding, ...]:
    """Return what is wrong with a specimen; of one that is not finite, what is wrong with it once that is mended."""
    found = list(VALUES[0](specimen))
    if found:
        if found[0].mend is None:
            return tuple(found)
        specimen = found[0].mend(specimen)
    if not specimen.light.any():
        return (*found, *dark(specimen))
    return (*found, *(finding for rule in RULES[1:] for finding in rule(specimen)))


def misleading(specimen: Specimen) -> Iterator[str]:
    """Say what is wrong for sure and is not mended by itself when a PSF is prepared for an image."""
    if not specimen.light.any():
        yield from (f"the PSF may mislead: {finding.told}; {finding.remedy}" for finding in dark(specimen))
        return
    by_theory = () if specimen.model is None else (direction,)
    for rule in (saturated, several, quantised, width, tails, *by_theory):
        for finding in rule(specimen):
            if finding.is_certain:
                yield f"the PSF may mislead: {finding.told}; {finding.remedy}"


def mended(
    psf: Image, image: Image | None = None, faults: Collection[str] | None = None
) -> tuple[Image, tuple[Finding, ...]]:
    """Return a mended copy of a PSF, unit sum, float32, and the findings that were mended.

    Parameters
    ----------
    faults : by name, such as ``off-centre``; None for all that are certain.

    Raises
    ------
    ValueError
        when a fault is not among the findings, or cannot be mended.
    """
    channels = range(psf.sizes.get("C", 1))
    parts = [_mended_specimen(Specimen.of(psf, image, channel), faults) for channel in channels]
    done = tuple({finding.fault: finding for _, findings in parts for finding in findings}.values())
    if faults is not None:
        _check_known(faults, done, [each for channel in channels for each in examine(psf, image, channel)])
    sizes = [max(each) for each in zip(*(specimen.pixels.shape for specimen, _ in parts), strict=True)]
    several = len(parts) > 1
    volumes = [
        _of_unit_sum(fitted(each.pixels, tuple(size | 1 for size in sizes)) if several else each.pixels)
        for each, _ in parts
    ]
    flat = "Z" not in psf.axes
    data = np.stack(volumes) if several else volumes[0]
    record = {"software": "napari-deconv", "made": "mended PSF", "mended": [each.told for each in done]}
    return psf.replace(
        data=data[..., 0, :, :] if flat else data,
        axes=("C" if several else "") + ("YX" if flat else "ZYX"),
        voxel={axis: pitch for axis, pitch in zip("ZYX", parts[0][0].voxel, strict=True) if pitch and axis in psf.axes},
        channels=psf.channels,
        time_step=None,
        history=(*psf.history, record),
    ), done


def _of_unit_sum(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    total = float(pixels.sum())
    return np.ascontiguousarray((pixels / total if total > 0 else pixels).astype(np.float32))


def _mended_specimen(specimen: Specimen, faults: Collection[str] | None) -> tuple[Specimen, list[Finding]]:
    done: list[Finding] = []
    for rule in RULES:
        if np.isfinite(specimen.pixels).all() and not specimen.light.any():
            break
        for finding in rule(specimen):
            wanted = finding.is_certain if faults is None else finding.fault in faults
            if wanted and finding.mend is not None:
                specimen = finding.mend(specimen)
                done.append(finding)
    return specimen, done


def _check_known(faults: Collection[str], done: Sequence[Finding], found: Sequence[Finding]) -> None:
    """Refuse a fault that could not be mended."""
    for fault in faults:
        if fault in {each.fault for each in done}:
            continue
        named = [each for each in found if each.fault == fault]
        if named and named[0].mend is None:
            raise ValueError(f"'{fault}' cannot be mended here: {named[0].remedy}")
        if not named:
            there = ", ".join(dict.fromkeys(each.fault for each in found)) or "nothing"
            raise ValueError(f"this PSF has no '{fault}' to mend: it has {there}")
