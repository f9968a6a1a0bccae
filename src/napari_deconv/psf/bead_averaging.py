r"""From many noisy beads to one PSF: registration, robust average, and taking the bead's own size out.

Each bead b is taken as a template T shifted by s: ``b(r) = a T(r - s) + c``. Height a, background c and shift s follow from
repeated linear least squares (T, 1 and T's three slopes); the average of the beads, shifted back, is the next template.

The average of beads of diameter d is the PSF blurred by a ball, whose transfer function is, with q = pi d \|k\|,

    H(k) = 3 (sin q - q cos q) / q^3

Noise is removed by the Wiener filter S / (S + N), where S + N is the average's own smoothed power spectrum and N the power of
the beads' scatter; then the ball is undone by a few Richardson-Lucy iterations, which never turn negative and bridge the
zeros of H where a division would fail (from beads as large as the resolution on).

References
----------
Lucas & Kanade, "An iterative image registration technique", IJCAI (1981) 674-679.
Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972) 55-59.
Hiraoka, Sedat & Agard, "Determination of three-dimensional imaging properties of a light microscope system", Biophys. J. 57
(1990) 325-333.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .floor import measure_floor, quieted
from .width import find_core, find_peak

__all__ = ["Average", "average_beads", "ball_transfer", "centred_on_peak", "moved", "undo_ball"]

ROUNDS = 5
"""Rounds of registration and averaging; shifts settle below a hundredth of a pixel within four."""
ITERATIONS = 30
"""Richardson-Lucy iterations that undo the ball: fewer leave blur, more bring noise (measured for 0.2 to 0.5 µm)."""


@dataclass(frozen=True)
class Average:
    """The average bead (Z, Y, X), peak near 1 and background 0, and what it was made of.

    shifts (N, 3) pixels from each box's middle; heights and backgrounds (N,) counts; alike (N,) correlation with the average;
    aligned (N, Z, Y, X) the beads themselves, shifted back and scaled; noise_power: sum over the voxels of the variance of
    the average, from the beads' scatter, or None for less than four beads.
    """

    psf: np.ndarray[Any, Any]
    shifts: np.ndarray[Any, Any]
    heights: np.ndarray[Any, Any]
    backgrounds: np.ndarray[Any, Any]
    alike: np.ndarray[Any, Any]
    aligned: np.ndarray[Any, Any]
    noise_power: float | None


def average_beads(cuts: Sequence[np.ndarray[Any, Any]]) -> Average:
    """Return the robust average of bead boxes (Z, Y, X) of one shape, each roughly centred."""
    boxes = np.asarray(cuts, dtype=np.float64)  # (N, Z, Y, X)
    middle = np.array([size // 2 for size in boxes.shape[1:]])
    grounds = np.array([measure_floor(box).offset for box in boxes])
    shifts = np.array([find_core(box - ground) for box, ground in zip(boxes, grounds, strict=True)]) - middle
    shifts = np.clip(shifts, -2, 2) * (np.array(boxes.shape[1:]) > 1)
    heights = np.array([box[_core(box.shape, 1)].max() - ground for box, ground in zip(boxes, grounds, strict=True)])
    template = _mean(_aligned(boxes, shifts, heights, grounds), heights)
    for _ in range(ROUNDS):
        fits = [_register(box, template, shift) for box, shift in zip(boxes, shifts, strict=True)]
        shifts, heights, grounds = (np.array(each) for each in zip(*fits, strict=True))
        template = _mean(_aligned(boxes, shifts, heights, grounds), heights)
        template = template - measure_floor(template).offset
        drift = np.array(find_core(template)) - middle
        template = moved(template, -drift)
        template /= template.max()
        shifts = shifts + drift
    aligned = _aligned(boxes, shifts, heights, grounds)
    alike = np.array([np.corrcoef(each.ravel(), template.ravel())[0, 1] for each in aligned])
    return Average(template, shifts, heights, grounds, alike, aligned, _noise_power(aligned, template, heights))


def _register(
    box: np.ndarray[Any, Any], template: np.ndarray[Any, Any], shift: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], float, float]:
    """Return (shift, height, background) of a bead after one step of least squares from a shift."""
    placed = moved(template, shift)
    axes = [axis for axis in range(3) if box.shape[axis] > 1]
    slopes = [np.gradient(placed, axis=axis).ravel() for axis in axes]
    columns = np.stack([placed.ravel(), np.ones(placed.size), *slopes], axis=1)
    solved = np.linalg.lstsq(columns, box.ravel(), rcond=None)[0]
    height = float(solved[0]) if solved[0] > 0 else float(np.ptp(box))
    better = shift.copy()
    for axis, slope in zip(axes, solved[2:], strict=True):
        better[axis] = np.clip(shift[axis] - np.clip(slope / height, -0.5, 0.5), -2, 2)
    return better, height, float(solved[1])


def _aligned(
    boxes: np.ndarray[Any, Any],
    shifts: np.ndarray[Any, Any],
    heights: np.ndarray[Any, Any],
    grounds: np.ndarray[Any, Any],
) -> np.ndarray[Any, Any]:
    parts = zip(boxes, shifts, heights, grounds, strict=True)
    return np.array([moved((box - ground) / height, -shift) for box, shift, height, ground in parts])


def moved(volume: np.ndarray[Any, Any], shift: Sequence[float] | np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return a volume (Z, Y, X) shifted by a fraction of a pixel, band-limited, its borders mirrored outwards."""
    from scipy.ndimage import fourier_shift

    margin = [(0, 0) if size == 1 else (4, 4) for size in volume.shape]
    padded = np.pad(volume, margin, mode="reflect" if min(s for s in volume.shape if s > 1) > 4 else "edge")
    spectrum = fourier_shift(np.fft.fftn(padded), np.asarray(shift, dtype=np.float64))
    result: np.ndarray[Any, Any] = np.fft.ifftn(spectrum).real[tuple(slice(a, -b or None) for a, b in margin)]
    return result


def centred_on_peak(psf: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the PSF with its peak in the middle, or its core where the top is flat and the peak means nothing."""
    core, peak = find_core(psf), find_peak(psf)
    flat = max(abs(a - b) for a, b in zip(core, peak, strict=True)) > 0.5
    where = np.array(core if flat else peak)
    middled: np.ndarray[Any, Any] = np.clip(moved(psf, [size // 2 for size in psf.shape] - where), 0, None)
    return middled


def _mean(aligned: np.ndarray[Any, Any], heights: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return the mean over beads, brighter ones counting more, with each voxel's outliers left out.

    An outlier is further than 3.5 robust standard deviations from that voxel's median; that takes at least four beads.
    """
    weights = np.clip(heights, 1e-12, None)[:, None, None, None] * np.ones_like(aligned)
    if len(aligned) >= 4:
        middle = np.median(aligned, axis=0)
        distance = np.abs(aligned - middle)
        spread = 1.4826 * np.median(distance, axis=0)
        weights = np.where(distance <= 3.5 * np.maximum(spread, np.median(spread)), weights, 0.0)
    total = weights.sum(axis=0)
    mean: np.ndarray[Any, Any] = (weights * aligned).sum(axis=0) / np.maximum(total, 1e-12)
    return mean


def _noise_power(
    aligned: np.ndarray[Any, Any], template: np.ndarray[Any, Any], heights: np.ndarray[Any, Any]
) -> float | None:
    if len(aligned) < 4:
        return None
    variance = (heights[:, None, None, None] * (aligned - template) ** 2).sum(axis=0) / heights.sum()
    spread = variance.sum() * len(aligned) / (len(aligned) - 1)
    return float(spread * (heights**2).sum() / heights.sum() ** 2)


def _core(shape: tuple[int, ...], reach: int) -> tuple[slice, ...]:
    return tuple(slice(max(0, size // 2 - reach), size // 2 + reach + 1) for size in shape)


def ball_transfer(shape: Sequence[int], voxel: Sequence[float], diameter: float) -> np.ndarray[Any, Any]:
    """Return the transfer function of a uniformly bright ball (µm) on the frequencies of `numpy.fft.fftn`."""
    grids = np.meshgrid(
        *(np.fft.fftfreq(size, pitch) for size, pitch in zip(shape, voxel, strict=True)), indexing="ij", sparse=True
    )
    q = np.pi * diameter * np.sqrt(sum(each**2 for each in grids))
    small = q < 1e-2
    safe = np.where(small, 1.0, q)
    transfer: np.ndarray[Any, Any] = np.where(small, 1 - q**2 / 10, 3 * (np.sin(safe) - safe * np.cos(safe)) / safe**3)
    return transfer


def undo_ball(
    psf: np.ndarray[Any, Any], transfer: np.ndarray[Any, Any] | None, noise_power: float | None = None
) -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X), non-negative, without the ball's blur (if a transfer function is given) and the noise.

    Where the noise power (the sum over voxels of the noise's variance) is not known, it is taken from the dark voxels and from
    the highest frequencies, whichever is more.
    """
    from scipy.ndimage import gaussian_filter

    floor = measure_floor(psf)
    light = psf - floor.offset
    spectrum = np.fft.fftn(light)
    power = np.abs(spectrum) ** 2
    noise = noise_power or max(floor.noise**2 * psf.size, float(np.median(power[_corner(psf.shape)])) / np.log(2))
    noise = max(noise, 1e-12 * float(power.max()))
    smooth = gaussian_filter(power, [1.0 if size > 8 else 0.0 for size in psf.shape], mode="wrap")
    signal = np.maximum(smooth - noise, 0)
    gain = signal / (signal + noise)
    quiet = quieted(np.fft.ifftn(spectrum * gain).real, floor.noise * float(np.sqrt(np.mean(gain**2))))
    return quiet if transfer is None else _smaller(quiet, transfer)


def _smaller(quiet: np.ndarray[Any, Any], transfer: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Return what a ball of this transfer function blurs to the given light, by Richardson-Lucy."""

    def blurred(light: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
        through: np.ndarray[Any, Any] = np.fft.ifftn(np.fft.fftn(light) * transfer).real
        return through

    least = 1e-6 * float(quiet.max())
    light = quiet + least
    for _ in range(ITERATIONS):
        light = np.clip(light * blurred(quiet / np.maximum(blurred(light), least)), 0, None)
    return np.where(light > 2 * least, light, 0.0)


def _corner(shape: Sequence[int]) -> tuple[np.ndarray[Any, Any], ...]:
    """Return the indices of the frequencies that are above 0.4 cycles a pixel on each axis."""
    high = [np.flatnonzero(np.abs(np.fft.fftfreq(size)) >= (0.4 if size > 4 else 0)) for size in shape]
    return np.ix_(*high)
