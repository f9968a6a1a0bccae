r"""The residual: what is left of an image when the restored object, blurred again, is taken away.

With image y (counts) and prediction m = H x + b, the standardised residual is r = (y - m) / sqrt(max(m, 1)). When the
object explains the image and the noise is that of photons, one count a photon, its mean is 0, its mean square (chi
squared a pixel) is 1, and neighbours are independent: the autocorrelation at lag 1, sum r_i r_{i+1} / sum r_i^2, is 0
along every axis. A camera with another gain scales chi squared by it; the autocorrelation does not change.

References
----------
Box & Pierce, "Distribution of residual autocorrelations", J. Am. Stat. Assoc. 65 (1970) 1509-1526.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["describe_residual", "standardised"]

Array = np.ndarray[Any, Any]

WHITE = 0.05
"""Neighbours correlated by less than this (or three standard errors) count as independent."""


def standardised(measured: Array, predicted: Array) -> Array:
    """Return (measured - predicted) / sqrt(predicted), both (Z, Y, X) in counts; a prediction below 1 counts as 1."""
    if measured.shape != predicted.shape:
        raise ValueError(
            f"the image has shape {measured.shape} but the prediction {predicted.shape}: compare what belongs together"
        )
    expected = predicted.astype(np.float64)
    return (measured.astype(np.float64) - expected) / np.sqrt(np.maximum(expected, 1.0))


def describe_residual(measured: Array, predicted: Array, trusted: Array | None = None) -> dict[str, Any]:
    """Return the figures of the residual of one volume (Z, Y, X).

    Parameters
    ----------
    measured, predicted : counts.
    trusted : where the prediction is complete, a mask of the same shape; everywhere when left out.

    Returns
    -------
    dict
        ``chi_squared`` a pixel, ``mean`` (standardised), ``autocorrelation`` at lag 1 an axis, ``white`` and ``pixels``.
    """
    residual = standardised(measured, predicted)
    inside = np.ones(residual.shape, bool) if trusted is None else trusted
    count = int(inside.sum())
    if count == 0:
        raise ValueError("no pixel is left to judge the residual by: give a larger image or a smaller PSF")
    power = float(np.mean(np.square(residual[inside])))
    lags = {
        axis: _autocorrelation(residual, inside, number)
        for number, axis in enumerate("ZYX")
        if residual.shape[number] > 1
    }
    limit = max(WHITE, 3 / math.sqrt(count))
    return {
        "chi_squared": power,
        "mean": float(residual[inside].mean()),
        "autocorrelation": lags,
        "white": all(abs(lag) < limit for lag in lags.values()),
        "pixels": count,
    }


def _autocorrelation(residual: Array, inside: Array, axis: int) -> float:
    """Return the correlation of neighbours along an axis, both of which are inside."""
    here, there = [slice(None)] * 3, [slice(None)] * 3
    here[axis], there[axis] = slice(None, -1), slice(1, None)
    pairs = inside[tuple(here)] & inside[tuple(there)]
    left, right = residual[tuple(here)][pairs], residual[tuple(there)][pairs]
    bottom = math.sqrt(float(left @ left) * float(right @ right))
    return float(left @ right) / bottom if bottom > 0 else 0.0
