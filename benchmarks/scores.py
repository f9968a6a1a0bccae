"""How near a result is to the truth, after fitting scale and offset: one row of figures."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_deconv.quality.compare import fit_to_truth

Array = np.ndarray[Any, Any]
RIM = 5
BRIGHTEST = 1e-3


def psnr(result: Array, truth: Array) -> float:
    """Return the peak signal-to-noise ratio in dB, the truth's maximum over the error left after the fit."""
    error = fit_to_truth(result, truth) - truth
    return float(20 * np.log10(truth.max() / np.sqrt(np.mean(error**2))))


def score(result: Array, truth: Array) -> dict[str, float]:
    """Return all figures of a result (Z, Y, X).

    ``psnr``, ``ssim`` and ``nrmse`` (over the truth's root mean square) after the fit; ``nrmse_dim`` without the brightest
    thousandth of the truth; ``correlation``, the mean Fourier shell correlation with the truth; ``rim``, the mean absolute
    error of the outer pixels in y and x over that of the interior.
    """
    from skimage.metrics import structural_similarity

    truth = truth.astype(np.float64)
    fitted = fit_to_truth(result.astype(np.float64), truth)
    error = np.abs(fitted - truth)
    dim = truth <= np.quantile(truth, 1 - BRIGHTEST)
    inside = np.zeros(truth.shape, dtype=bool)
    inside[:, RIM:-RIM, RIM:-RIM] = True
    span = float(truth.max())
    return {
        "psnr": psnr(result, truth),
        "ssim": float(structural_similarity(np.squeeze(truth), np.squeeze(fitted), data_range=span)),
        "nrmse": _relative(error, truth),
        "nrmse_dim": _relative(error[dim], truth[dim]),
        "correlation": float(np.mean(shell_correlation(fitted, truth))),
        "rim": float(error[~inside].mean() / error[inside].mean()),
    }


def shell_correlation(one: Array, other: Array, shells: int = 24) -> Array:
    """Return the Fourier shell correlation of two volumes from frequency 0 to Nyquist, cycles a pixel.

    Saxton & Baumeister, "The correlation averaging of a regularly arranged bacterial cell envelope protein", J. Microsc. 127
    (1982) 127-138. The ends of the frame are faded out, so that they do not correlate.
    """
    window = np.ones(1)
    for axis, size in enumerate(one.shape):
        if size > 1:
            window = window * np.hanning(size + 2)[1:-1].reshape([-1 if a == axis else 1 for a in range(3)])
    first, second = (np.fft.fftn((each - each.mean()) * window) for each in (one, other))
    radius = np.sqrt(sum(f**2 for f in np.meshgrid(*(np.fft.fftfreq(n) for n in one.shape), indexing="ij")))
    shell = np.minimum((radius / 0.5 * shells).astype(int), shells).ravel()
    sums = [
        np.bincount(shell, values.ravel(), shells + 1)[:shells]
        for values in ((first * second.conj()).real, np.abs(first) ** 2, np.abs(second) ** 2)
    ]
    correlation: Array = sums[0] / np.sqrt(np.maximum(sums[1] * sums[2], 1e-300))
    return correlation


def _relative(error: Array, truth: Array) -> float:
    return float(np.sqrt(np.mean(error**2) / np.mean(truth**2)))
