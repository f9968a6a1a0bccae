"""What may be wrong with a PSF's place and size: voxel, width, centre, even sizes, tails, box, direction."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from .base import Grid, crop_to_support, fitted
from .findings import Finding, Pitch, Specimen, difference, listed
from .preparation import FARTHEST, SAME, centred, choose_centre, resampled

__all__ = ["SHAPES"]

AXES = "zyx"
NARROW, WIDE = 0.8, 2.5
"""Widths outside these shares of the theoretical limit hint at a wrong voxel."""
TAILS = 0.04
"""Share of light beyond the box from which tails count as clipped."""
MOST_LOST = 0.2
"""Share of light beyond the box up to which it can be guessed from the tails' fall."""
SLOW = 0.97
"""A fall from pixel to pixel slower than this cannot be carried on beyond the box."""
LOPSIDED = 0.2
"""Relative RMS difference to its mirror image from which a PSF's direction matters."""


def voxel(specimen: Specimen) -> Iterator[Finding]:
    """Another voxel than the image's, or none."""
    if specimen.grid is None:
        return
    both = list(zip(AXES, specimen.pixels.shape, specimen.voxel, specimen.grid.voxel, specimen.grid.shape, strict=True))
    differing = {a: own / pitch for a, size, own, pitch, n in both if size > 1 < n and own and pitch}
    differing = {axis: ratio for axis, ratio in differing.items() if abs(ratio - 1) > SAME}
    silent = [a for a, size, own, pitch, n in both if size > 1 < n and pitch and not own]
    if differing:
        near = all(1 / FARTHEST < ratio < FARTHEST for ratio in differing.values())
        yield Finding(
            "voxel",
            f"its voxel is {listed(differing, '.3g')} times the image's",
            "taken pixel by pixel it would be as much too narrow or too wide; a quarter is enough to add a third to the error",
            "resample it to the image's voxel" if near else "give its true voxel in µm: this one may be in nm or mm",
            _on_image_voxel if near else None,
            error=difference(specimen, _on_image_voxel(specimen)) if near else None,
        )
    if silent:
        yield Finding(
            "voxel-unknown",
            f"it does not say its voxel along {', '.join(silent)}",
            "it is taken as the image's; if it is another, the result is too sharp or too soft",
            "note the image's voxel in it, if that is what it was recorded with",
            _with_image_voxel,
            is_certain=False,
        )


def _on_image_voxel(specimen: Specimen) -> Specimen:
    assert specimen.grid
    pixels = resampled(specimen.pixels, specimen.voxel, specimen.grid.voxel)
    z, y, x = (pitch if own and pitch else own for own, pitch in zip(specimen.voxel, specimen.grid.voxel, strict=True))
    return specimen.changed(pixels, (z, y, x))


def _with_image_voxel(specimen: Specimen) -> Specimen:
    assert specimen.grid
    z, y, x = (own or pitch for own, pitch in zip(specimen.voxel, specimen.grid.voxel, strict=True))
    return replace(specimen, voxel=(z, y, x))


def width(specimen: Specimen) -> Iterator[Finding]:
    """Narrower than the optics allow, or far wider: the voxel is wrong, or it belongs to another microscope."""
    if specimen.limits is None:
        return
    allowed = specimen.limits.axial_width, specimen.limits.lateral_width, specimen.limits.lateral_width
    shares = {
        axis: own * pitch / limit
        for axis, own, pitch, limit in zip(AXES, specimen.widths, _pitch(specimen), allowed, strict=True)
        if own and pitch
    }
    narrow = {axis: share for axis, share in shares.items() if share < NARROW}
    wide = {axis: share for axis, share in shares.items() if share > WIDE}
    if not narrow and not wide:
        return
    told = " and ".join(
        f"{listed(each, '.3g')} times {word}"
        for each, word in ((narrow, "as wide as the optics allow"), (wide, "the width that the optics allow"))
        if each
    )
    nanometres = all(share > 300 for share in shares.values())
    guess = "its voxel may have been given in nm" if nanometres else "its voxel or the optics may be wrong"
    yield Finding(
        "width",
        f"at half maximum it is {told}, so {guess}",
        "too wide a PSF restores rings and holes, too narrow a one leaves the blur in",
        "check its voxel, the NA, the wavelength and the index"
        + ("" if narrow else "; large beads (undo their diameter) and aberrations widen a PSF too"),
        is_certain=bool(narrow) or nanometres,
    )


def _pitch(specimen: Specimen) -> Pitch:
    z, y, x = (own or (specimen.grid.voxel[axis] if specimen.grid else None) for axis, own in enumerate(specimen.voxel))
    return z, y, x


def centre(specimen: Specimen) -> Iterator[Finding]:
    """A peak that is not in the middle."""
    apart = _apart(specimen)
    if not any(apart):
        return
    moved = {axis: each for axis, each in zip(AXES, apart, strict=True) if each}
    pitch = specimen.voxel
    lengths = {a: each * p for a, each, p in zip(AXES, apart, pitch, strict=True) if each and p}
    yield Finding(
        "off-centre",
        f"its peak lies off its middle by {listed(moved, '+.2f', 'pixels')}",
        "the result is moved the other way by as much"
        + (f" ({listed(lengths, '+.3g', 'µm')})" if lengths else "")
        + ", and no longer lies on the image",
        "move its peak to the middle of an odd box, unless it is lopsided by nature",
        _on_peak,
        error=difference(specimen, _on_peak(specimen)),
    )


def _apart(specimen: Specimen) -> tuple[float, ...]:
    """Return how far (z, y, x, pixels) the peak lies from the middle; 0 where that is less than a tenth of the width."""
    where = choose_centre(specimen.light, "auto")
    moves = [peak - own for peak, own in zip(specimen.peak, where, strict=True)]
    least = [max(0.25, 0.1 * (width or 0.0)) for width in specimen.widths]
    return tuple(each if abs(each) > enough else 0.0 for each, enough in zip(moves, least, strict=True))


def _on_peak(specimen: Specimen) -> Specimen:
    return specimen.changed(centred(specimen.pixels, specimen.peak))


def even(specimen: Specimen) -> Iterator[Finding]:
    """Axes of an even number of pixels have two middles."""
    axes = [axis for axis, size in zip(AXES, specimen.pixels.shape, strict=True) if size % 2 == 0]
    if axes:
        yield Finding(
            "even",
            f"it has an even number of pixels along {', '.join(axes)}, so there is no middle pixel",
            "of the two middles the one at the peak is taken here; other programs take another and move the result by a pixel",
            "pad it to an odd size about its middle",
            _odd,
            is_certain=not any(_apart(specimen)),
        )


def _odd(specimen: Specimen) -> Specimen:
    return specimen.changed(centred(specimen.pixels, choose_centre(specimen.light, "auto")))


def tails(specimen: Specimen) -> Iterator[Finding]:
    """Light that goes on beyond the box."""
    lost = {axis: _beyond(specimen, number) for number, axis in enumerate(AXES)}
    lost = {axis: each for axis, each in lost.items() if each[0] > TAILS}
    if not lost:
        return
    can = all(fall < SLOW and share < MOST_LOST for share, fall in lost.values())
    shares = ", ".join(
        f"{axis} {min(share, 0.99):.0%}{'' if fall < SLOW else ' or more'}" for axis, (share, fall) in lost.items()
    )
    yield Finding(
        "clipped-tails",
        f"its tails are clipped: light goes on beyond the box ({shares})",
        "the haze that lies there is not removed, and what remains counts as too bright",
        "carry the tails on as they fall"
        if can
        else "measure it with more planes and a wider field, or compute the PSF from the optics",
        _with_tails if can else None,
        error=difference(specimen, _with_tails(specimen)) if can else None,
    )


def _beyond(specimen: Specimen, axis: int) -> tuple[float, float]:
    """Return the share of light that lies beyond the box's two ends, and how slowly it falls from pixel to pixel.

    The fall is that of the last eighth, carried on as a geometric series; a box that is as long as the image
    counts as long enough.
    """
    size = specimen.light.shape[axis]
    length = None if specimen.grid is None else specimen.grid.shape[axis]
    if size < 5 or (length is not None and size >= length - 1):
        return 0.0, 0.0
    marginal = specimen.light.sum(axis=tuple(other for other in range(3) if other != axis))
    reach = max(1, size // 8)
    lost, slowest = 0.0, 0.0
    for line in (marginal, marginal[::-1]):
        last, before = line[:reach].mean(), line[reach : 2 * reach].mean()
        if last <= 0 or last <= 1e-4 * marginal.max():
            continue
        fall = float(min((last / before) ** (1 / reach), 0.999)) if before > 0 else 0.999
        room = 10 * size if length is None else max(0, length - 1 - size // 2)
        tail = line[0] * fall / (1 - fall)
        lost += float(min(tail, line[0] * room))
        slowest = max(slowest, fall)
    return lost / (float(marginal.sum()) + lost), slowest


def _with_tails(specimen: Specimen) -> Specimen:
    """Carry each clipped axis on by its own fall, down to a thousandth of the end's light."""
    pixels = specimen.light
    for axis in range(3):
        share, fall = _beyond(specimen, axis)
        if not TAILS < share < 1 or fall >= SLOW:
            continue
        more = min(int(np.ceil(np.log(1e-3) / np.log(fall))), pixels.shape[axis])
        grown = np.pad(pixels, [(more, more) if other == axis else (0, 0) for other in range(3)], mode="edge")
        place = np.arange(grown.shape[axis])
        outside = np.maximum(np.maximum(more - place, place - (grown.shape[axis] - 1 - more)), 0)
        pixels = grown * (fall**outside).reshape([-1 if other == axis else 1 for other in range(3)])
    return specimen.changed(pixels)


def size(specimen: Specimen) -> Iterator[Finding]:
    """A box larger than the image, most of it dark or out of reach."""
    if specimen.grid is None:
        return
    mended = _cropped(specimen)
    larger = {
        axis: float(own)
        for axis, own, left, n in zip(
            AXES, specimen.pixels.shape, mended.pixels.shape, specimen.grid.shape, strict=True
        )
        if own > n and left < own
    }
    if larger:
        yield Finding(
            "too-large",
            f"it is larger than the image ({listed(larger, '.0f', 'pixels')} "
            f"for {' × '.join(map(str, specimen.grid.shape))})",
            "what lies further away than the image is long cannot matter, but costs memory and time; "
            "if image and PSF were mixed up, the result is nonsense",
            "crop it about its middle to what holds light and can reach the image",
            _cropped,
        )


def _cropped(specimen: Specimen) -> Specimen:
    assert specimen.grid
    total = specimen.light.sum()
    support = crop_to_support(specimen.light / total).shape if total > 0 else specimen.pixels.shape
    longest = [min(own, 2 * n - 1) for own, n in zip(support, specimen.grid.shape, strict=True)]
    sizes = tuple(min(a | 1, b) for a, b in zip(longest, [s | 1 for s in specimen.pixels.shape], strict=True))
    return specimen.changed(fitted(specimen.pixels, sizes))


def direction(specimen: Specimen) -> Iterator[Finding]:
    """An axis along which it is not its own mirror image: there its direction matters."""
    light = centred(specimen.light, specimen.peak)
    scale = float(np.sqrt((light**2).sum()))
    for axis, name in enumerate(AXES):
        apart = float(np.sqrt(((light - np.flip(light, axis)) ** 2).sum())) / scale
        if apart < LOPSIDED:
            continue
        upside_down = axis == 0 and _is_upside_down(specimen, light)
        yield Finding(
            f"mirrored-{name}",
            f"along {name} it looks like the optics' own PSF mirrored"
            if upside_down
            else f"along {name} it is not its own mirror image (they differ by {apart:.0%})",
            "with the axis the wrong way round, light is put on the wrong side of every structure",
            f"turn its {name} axis round"
            + ("" if upside_down else ", if the image was recorded in the other direction"),
            _flipped(axis),
            is_certain=upside_down,
            error=apart,
        )


def _flipped(axis: int) -> Any:
    def mend(specimen: Specimen) -> Specimen:
        light = centred(specimen.pixels, choose_centre(specimen.light, "auto"))
        return specimen.changed(np.ascontiguousarray(np.flip(light, axis)))

    return mend


def _is_upside_down(specimen: Specimen, light: np.ndarray[Any, Any]) -> bool:
    """Whether the theoretical PSF, where it is lopsided along z, is liker the mirrored one."""
    z, y, x = _pitch(specimen)
    if specimen.model is None or not (z and y and x) or any(width(specimen)):
        return False
    theory = specimen.model.compute(Grid((light.shape[0], light.shape[1], light.shape[2]), (z, y, x)))
    theory = fitted(theory, light.shape).astype(np.float64)
    own = np.sqrt(((theory - theory[::-1]) ** 2).sum() / (theory**2).sum())
    straight, mirrored = (
        float((theory * each).sum() / np.sqrt((theory**2).sum() * (light**2).sum())) for each in (light, light[::-1])
    )
    return bool(own > LOPSIDED / 2 and mirrored > straight + 0.02)


SHAPES = (voxel, width, centre, even, tails, size, direction)
"""What is looked for, in the order in which it is mended."""
