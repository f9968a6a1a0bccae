r"""The power spectrum of the object behind an image, from the image itself: what a Wiener filter needs to know.

With noise power N, transfer function H and a model of how an object's power falls with the frequency f (cycles per µm),

    |Y|^2  ~  exponential of mean  |H|^2 S(f) + N          S(f) = A / ( 1 + (f / f0)^2 )^p

the three values are those of greatest likelihood (Whittle's) over all frequencies of the image, its ends faded out. Textures and cells
of every kind follow such a law (Matérn's) closely enough. N is the mean noise variance that the image shows.

References
----------
Whittle, "Estimation and information in stationary time series", Ark. Mat. 2 (1953) 423-434.
Matérn, "Spatial variation", Medd. Statens Skogsforskningsinst. 49 (1960).
van der Schaaf & van Hateren, "Modelling the power spectra of natural images", Vision Res. 36 (1996) 2759-2770.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..noise import estimate_noise
from .base import Problem

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["ObjectSpectrum", "raised_frequency"]

Array = np.ndarray[Any, Any]
MOST = (32, 256, 256)
"""Voxels (z, y, x) of the middle of the image whose spectrum is taken."""
FLATTEST, STEEPEST = 0.3, 4.0
"""Between which the exponent p lies."""
RINGS, SHARES = 80, 8
"""Bins of the frequency, and of the power that the blur lets pass, by half decades."""


@dataclass(frozen=True)
class ObjectSpectrum:
    """Power of the object and of the noise: S(f) = ``power`` / (1 + f² / ``corner``) ^ ``fall``, ``noise`` likewise, in counts²."""

    power: float
    corner: float
    fall: float
    noise: float

    @classmethod
    def of(cls, problem: Problem) -> ObjectSpectrum:
        """Return the spectrum of a problem's whole volume, so that it is the same for every block; of its image where that is all."""
        from scipy.ndimage import gaussian_filter

        pixels = _middle(problem)
        noise = estimate_noise(pixels)
        level = float(np.mean(noise.variance(gaussian_filter(pixels, 2))))
        light = (pixels - pixels.mean(dtype=np.float64)) * _faded(pixels.shape)
        power = np.abs(np.fft.fftn(light)) ** 2 / light.size / max(level, 1e-30)
        if not power.max() > 0:
            return cls(1.0, 1.0, 1.0, 1.0)
        pitch = [each * times for each, times in zip(problem.voxel, problem.finer, strict=True)]
        bins = _binned(_squared(pixels.shape, pitch), _passed(problem, pixels.shape), power)
        height, corner, fall = _likeliest(*bins)
        return cls(height * level, corner, fall, level)

    @property
    def length(self) -> float:
        """The wavelength, µm, below which the signal falls."""
        return float(self.corner**-0.5)

    def ratio_at(self, problem: Problem) -> float:
        """Return the noise-to-signal ratio of details ten pixels wide."""
        return float(self.noise / self.power * _raised(_reference(problem), self.length, self.fall))


def raised_frequency(problem: Problem, length: float, fall: float) -> Tensor:
    """Return (1 + (f length)²) ^ fall on the half spectrum (Z, Y, X // 2 + 1) of a problem's object grid, 1 for details ten pixels wide.

    length : µm.
    """
    import torch

    blur = problem.blur
    squared = _squared(blur.object_shape, problem.voxel)[..., : blur.object_shape[2] // 2 + 1]
    raised = _raised(squared, length, fall) / _raised(_reference(problem), length, fall)
    return torch.from_numpy(np.broadcast_to(raised, blur.otf.shape).copy()).to(blur.device, blur.dtype)


def _reference(problem: Problem) -> float:
    """Return the squared frequency of details ten pixels wide, 1/µm²."""
    return float((10 * min(problem.voxel[1:])) ** -2.0)


def _raised(squared: Any, length: float, fall: float) -> Any:
    return (1 + squared * length**2) ** fall


def _middle(problem: Problem) -> Array:
    """Return the middle of the volume, or of the image where that is all there is; of finer grids the pixels that were measured."""
    whole = problem.image.cpu().numpy() if problem.volume is None else problem.volume
    measured = whole[tuple(slice(None, None, times) for times in problem.finer)]
    box = tuple(
        slice((size - most) // 2, (size + most) // 2) if size > most else slice(None)
        for size, most in zip(measured.shape, MOST, strict=True)
    )
    return np.asarray(measured[box], dtype=np.float32)


def _faded(shape: Sequence[int]) -> Array:
    """Return a window that fades out the ends of each axis, of mean square 1."""
    window = np.ones(1)
    for axis, size in enumerate(shape):
        if size > 1:
            along = np.hanning(size + 2)[1:-1]
            window = window * (along / np.sqrt(np.mean(along**2))).reshape([-1 if a == axis else 1 for a in range(3)])
    return window


def _squared(shape: Sequence[int], pitch: Sequence[float]) -> Array:
    """Return the squared frequency in 1/µm² (Z, Y, X)."""
    z, y, x = (np.fft.fftfreq(size, step) if size > 1 else np.zeros(1) for size, step in zip(shape, pitch, strict=True))
    return np.asarray(z[:, None, None] ** 2 + y[:, None] ** 2 + x**2)


def _passed(problem: Problem, shape: Sequence[int]) -> Array:
    """Return |H|^2 at the frequencies of an image of this shape, whose pixels are ``finer`` voxels wide."""
    from .free_psf import psf_of

    psf = psf_of(problem.blur)
    sizes = [size * times for size, times in zip(shape, problem.finer, strict=True)]
    reach = tuple(
        slice(max(0, (k - n + 1) // 2), max(0, (k - n + 1) // 2) + n) for k, n in zip(psf.shape, sizes, strict=True)
    )
    passed = np.abs(np.fft.fftn(psf[reach], sizes, axes=(0, 1, 2))) ** 2
    for axis, size in enumerate(shape):
        passed = np.take(passed, np.fft.fftfreq(size, 1 / size).round().astype(int), axis=axis, mode="wrap")
    return np.asarray(passed)


def _binned(squared: Array, passed: Array, power: Array) -> tuple[Array, Array, Array, Array]:
    """Return counts, and the means of the three, over bins of like frequency and like |H|^2; the mean of the image is left out."""
    squared, passed, power = squared.ravel()[1:], passed.ravel()[1:], power.ravel()[1:]
    rings = (np.sqrt(squared / squared.max()) * (RINGS - 1e-6)).astype(int)
    shares = np.clip(-2 * np.log10(passed.clip(min=1e-12)), 0, SHARES - 1).astype(int)
    number = rings * SHARES + shares
    counts = np.bincount(number)
    filled = counts > 0
    means = [np.bincount(number, each)[filled] / counts[filled] for each in (squared, passed, power)]
    return counts[filled], means[0], means[1], means[2]


def _likeliest(counts: Array, squared: Array, passed: Array, power: Array) -> tuple[float, float, float]:
    """Return power in units of the noise, squared corner and fall of greatest likelihood."""
    from scipy.optimize import minimize

    bounds = [
        (-12.0, 40.0),
        (math.log(squared.min()), math.log(squared.max())),
        (math.log(FLATTEST), math.log(STEEPEST)),
    ]

    def surprise(values: Array) -> float:
        height, corner, fall = np.exp(values)
        expected = passed * height * (1 + squared / corner) ** -fall + 1
        return float(np.average(np.log(expected) + power / expected, weights=counts))

    starts = [
        (math.log(max(float(power.max()), 1.0)), math.log(squared.max()) - decades, 0.2) for decades in (9.0, 5.0)
    ]
    found = [
        minimize(
            surprise,
            np.clip(start, *np.transpose(bounds)),
            method="Nelder-Mead",
            bounds=bounds,
            options={"maxiter": 400},
        )
        for start in starts
    ]
    height, corner, fall = np.exp(min(found, key=lambda each: each.fun).x)
    return float(height), float(corner), float(fall)
