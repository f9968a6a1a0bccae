"""The noise of an image, from the image itself: variance = gain * mean + rest.

A second difference across the rows and columns of each plane removes what is smooth; what is left is noise, whose variance is
compared with the local mean, bin by bin, and a line is fitted through the bins:

    (1 -2 1) x (1 -2 1) / 6      has unit noise gain (Immerkaer 1996)

The gain is the slope (counts per photoelectron); the rest is read noise less gain times camera offset.

References
----------
Immerkaer, "Fast noise variance estimation", Comput. Vis. Image Underst. 64 (1996) 300-302.
Foi et al., "Practical Poissonian-Gaussian noise modeling and fitting for single-image raw-data", IEEE Trans. Image Process.
17 (2008) 1737-1754.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Noise", "estimate_noise", "smoothed"]

BINS = 24
MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""


@dataclass(frozen=True)
class Noise:
    """Variance of a pixel of expected counts m: ``gain * m + rest``, never below ``floor`` (counts²)."""

    gain: float
    rest: float
    floor: float

    def variance(self, mean: Any) -> Any:
        """Return the variance at these expected counts (array, tensor or number of any shape)."""
        expected = self.gain * mean + self.rest
        return expected.clip(min=self.floor) if hasattr(expected, "clip") else max(expected, self.floor)

    @property
    def sentence(self) -> str:
        """The model in plain words."""
        return f"noise variance is {self.gain:.3g} × counts {self.rest:+.3g}, estimated from the image"


def estimate_noise(volume: np.ndarray[Any, Any]) -> Noise:
    """Return the noise model of a volume (Z, Y, X); a flat or tiny one has next to none."""
    from scipy.ndimage import correlate1d, uniform_filter

    values = np.asarray(volume, dtype=np.float32)
    smallest = float(np.ptp(values)) ** 2 * 1e-10 + 1e-30
    if min(values.shape[1:]) < 5 or np.ptp(values) == 0:
        return Noise(0.0, smallest, smallest)
    bend = np.array([1, -2, 1]) / np.sqrt(6)
    rough = correlate1d(correlate1d(values, bend, axis=1), bend, axis=2)[:, 2:-2, 2:-2]
    local = uniform_filter(values, size=(1, 5, 5))[:, 2:-2, 2:-2]
    means, variances = _binned(local.ravel(), rough.ravel())
    return _line(means, variances, smallest)


def _binned(
    local: np.ndarray[Any, Any], rough: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the mean and the robust variance of equally filled bins of brightness."""
    order = np.argsort(local, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(order) // 64)))
    means = np.array([local[part].mean(dtype=np.float64) for part in parts])
    variances = np.array([_robust_variance(rough[part]) for part in parts])
    return means, variances


def _robust_variance(values: np.ndarray[Any, Any]) -> float:
    """Return the variance by the median absolute deviation, or by the mean square where most values are equal."""
    robust = (MAD * float(np.median(np.abs(values)))) ** 2
    return robust if robust > 0 else float(np.mean(np.square(values, dtype=np.float64)))


def _line(means: np.ndarray[Any, Any], variances: np.ndarray[Any, Any], smallest: float) -> Noise:
    """Return the line through the bins, weighted by the precision of each variance, its slope never negative."""
    weights = 1 / np.maximum(variances, variances.max() * 1e-3 + smallest)
    spread = np.ptp(means)
    slope = 0.0
    if len(means) > 2 and spread > 0:
        slope = max(0.0, float(np.polyfit(means, variances, 1, w=weights)[0]))
    rest = float(np.average(variances - slope * means, weights=weights**2))
    floor = max(smallest, 0.5 * float(variances.min()))
    return Noise(slope, rest, floor)


def smoothed(image: Tensor) -> Tensor:
    """Return the image (Z, Y, X) averaged over 5 × 5 neighbours in its planes, as a guess of the expected counts."""
    import torch

    padded = torch.nn.functional.pad(image[:, None], (2, 2, 2, 2), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 5, stride=1)[:, 0]
