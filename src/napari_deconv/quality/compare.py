"""How near a result comes to the truth: after fitting scale and offset, and as it is.

The fit takes the a and b of least squares |a result + b - truth|^2, so that counts, an offset or another unit do not decide.

References
----------
Wang et al., "Image quality assessment: from error visibility to structural similarity", IEEE Trans. Image Process. 13 (2004).
Guizar-Sicairos et al., "Efficient subpixel image registration algorithms", Optics Letters 33 (2008): the shift.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..image import Image

__all__ = ["compare_to_truth"]

Array = np.ndarray[Any, Any]

RIM = 8
"""Pixels from the frame's edge in y and x that count as its rim (fewer in a small image)."""


def compare_to_truth(result: Image, truth: Image) -> dict[str, Any]:
    """Return how near a result is to the truth, the mean over channels and time points.

    Returns
    -------
    dict
        ``psnr`` (dB), ``ssim`` and ``nrmse`` (error / root mean square of the truth) after fitting scale and offset; the same as
        ``plain_psnr``, ``plain_ssim`` and ``plain_nrmse`` without the fit; ``flux_ratio``, the sum over the truth's sum;
        ``shift``, (z, y, x) voxels by which the result lies beside the truth; ``rim_ratio``, error at the rim / in the interior.

    Raises
    ------
    ValueError
        when the axes or shapes disagree, a value is not finite, or the truth is constant.
    """
    if result.axes != truth.axes or result.shape != truth.shape:
        raise ValueError(
            f"the result is {result.axes} {result.shape} but the truth {truth.axes} {truth.shape}: crop or reorder one of them"
        )
    places = np.ndindex(truth.sizes.get("T", 1), truth.sizes.get("C", 1))
    each = [_compare_volume(_volume(result, *place), _volume(truth, *place)) for place in places]
    figures: dict[str, Any] = {name: float(np.mean([one[name] for one in each])) for name in each[0] if name != "shift"}
    figures["shift"] = [float(value) for value in np.mean([one["shift"] for one in each], axis=0)]
    return figures


def _volume(image: Image, time: int, channel: int) -> Array:
    volume = np.asarray(image.block(time, channel), dtype=np.float64)
    bad = int(np.count_nonzero(~np.isfinite(volume)))
    if bad:
        raise ValueError(
            f"{image.name or 'the image'} has pixels that are NaN or infinite ({bad} found): replace them first"
        )
    return volume


def _compare_volume(result: Array, truth: Array) -> dict[str, Any]:
    span = float(np.ptp(truth))
    if span == 0:
        raise ValueError(f"the truth is {truth.flat[0]:g} everywhere: there is nothing to compare with")
    fitted = fit_to_truth(result, truth)
    figures = _errors(fitted, truth, span)
    figures |= {f"plain_{name}": value for name, value in _errors(result, truth, span).items()}
    total = float(truth.sum())
    figures["flux_ratio"] = float(result.sum()) / total if total else float("nan")
    figures["shift"] = _shift(fitted, truth)
    figures["rim_ratio"] = _rim_ratio(fitted - truth)
    return figures


def fit_to_truth(result: Array, truth: Array) -> Array:
    """Return ``a * result + b`` nearest to the truth; a constant result becomes the truth's mean."""
    spread = result - result.mean()
    power = float((spread * spread).sum())
    scale = float((spread * truth).sum()) / power if power > 0 else 0.0
    return np.asarray(scale * spread + truth.mean())


def _errors(result: Array, truth: Array, span: float) -> dict[str, Any]:
    from skimage.metrics import structural_similarity

    flat, flat_truth = np.squeeze(result), np.squeeze(truth)
    error = float(np.sqrt(np.mean((result - truth) ** 2)))
    window = min(7, *(size - 1 + size % 2 for size in flat.shape))
    alike = structural_similarity(flat_truth, flat, data_range=span, win_size=window) if window >= 3 else float("nan")
    return {
        "psnr": 20 * float(np.log10(span / error)) if error > 0 else float("inf"),
        "ssim": float(alike),
        "nrmse": error / float(np.sqrt(np.mean(truth**2))),
    }


def _shift(result: Array, truth: Array) -> Array:
    """Return (z, y, x) voxels from the truth's place to the result's, to a hundredth."""
    from skimage.registration import phase_cross_correlation

    wide = [axis for axis, size in enumerate(truth.shape) if size > 1]
    back = phase_cross_correlation(np.squeeze(truth), np.squeeze(result), upsample_factor=100, normalization=None)[0]
    shift = np.zeros(3)
    shift[wide] = -np.asarray(back) + 0.0
    return shift


def _rim_ratio(error: Array) -> float:
    """Return the root mean square error within `RIM` pixels of the edge in y and x, over that of the interior."""
    rim = [min(RIM, size // 4) for size in error.shape[1:]]
    inside = np.zeros(error.shape, dtype=bool)
    inside[(slice(None), *(slice(part, size - part) for part, size in zip(rim, error.shape[1:], strict=True)))] = True
    within = float(np.mean(error[inside] ** 2))
    if inside.all() or within == 0:
        return float("nan")
    return float(np.sqrt(np.mean(error[~inside] ** 2) / within))
