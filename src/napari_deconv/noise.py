"""The noise of an image, from the image itself: variance = gain * mean + rest.

A second difference across the rows and columns of each plane removes what is smooth; what is left is noise, whose variance is
compared with the local mean, bin by bin, and a line is fitted through the bins:

    (1 -2 1) x (1 -2 1) / 6      has unit noise gain (Immerkaer 1996)

A bin's variance is the mean square with what is beyond 2.5 standard deviations cut to that, which edges hardly move and which is half as
uncertain as the median's. A bin weighs by the variance that the line gives it: by its own, bins that came out low would count for more.

The gain is the slope (counts per photoelectron); the rest is read noise less gain times camera offset.

References
----------
Immerkaer, "Fast noise variance estimation", Comput. Vis. Image Underst. 64 (1996) 300-302.
Huber, "Robust estimation of a location parameter", Ann. Math. Stat. 35 (1964) 73-101, for the cut.
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

BINS, FEWEST, ROUNDS = 12, 64, 4
"""Bins of brightness, pixels that each has at least, and rounds of the fit in which their weights follow the line."""
MAD = 1.4826
"""Standard deviation of a normal distribution over its median absolute deviation."""
CUT, KEPT = 2.5, 0.97756
"""Standard deviations beyond which a value is cut, and what that leaves of a normal distribution's variance."""


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

    def lifted(self, counts: float) -> Noise:
        """Return the model of the same image with counts added to every pixel."""
        return Noise(self.gain, self.rest - self.gain * counts, self.floor)

    @property
    def sentence(self) -> str:
        """The model in plain words."""
        return f"noise variance is {self.gain:.3g} × counts {self.rest:+.3g}, estimated from the image"


def estimate_noise(volume: np.ndarray[Any, Any], trusted: np.ndarray[Any, Any] | None = None) -> Noise:
    """Return the noise model of a volume (Z, Y, X); a flat or tiny one has next to none.

    trusted : (Z, Y, X) true where a pixel is not saturated; what lies near others is left out.
    """
    from scipy.ndimage import correlate1d, minimum_filter, uniform_filter

    values = np.asarray(volume, dtype=np.float32)
    smallest = float(np.ptp(values)) ** 2 * 1e-10 + 1e-30
    if min(values.shape[1:]) < 5 or np.ptp(values) == 0:
        return Noise(0.0, smallest, smallest)
    bend = np.array([1, -2, 1]) / np.sqrt(6)
    rough = correlate1d(correlate1d(values, bend, axis=1), bend, axis=2)[:, 2:-2, 2:-2]
    local = uniform_filter(values, size=(1, 5, 5))[:, 2:-2, 2:-2]
    local, rough = local.ravel(), rough.ravel()
    if trusted is not None:
        clear = minimum_filter(trusted, size=(1, 5, 5))[:, 2:-2, 2:-2].ravel()
        if np.count_nonzero(clear) >= FEWEST:
            local, rough = local[clear], rough[clear]
    means, variances = _binned(local, rough)
    return _line(means, variances, smallest)


def _binned(
    local: np.ndarray[Any, Any], rough: np.ndarray[Any, Any]
) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the mean and the robust variance of equally filled bins of brightness."""
    order = np.argsort(local, kind="stable")
    parts = np.array_split(order, min(BINS, max(1, len(order) // FEWEST)))
    means = np.array([local[part].mean(dtype=np.float64) for part in parts])
    variances = np.array([_robust_variance(rough[part]) for part in parts])
    return means, variances


def _robust_variance(values: np.ndarray[Any, Any]) -> float:
    """Return the variance with far values cut, or the mean square where most values are equal."""
    squares = np.square(values, dtype=np.float64)
    robust = (MAD * float(np.median(np.abs(values)))) ** 2
    for _ in range(2 if robust > 0 else 0):
        robust = float(np.minimum(squares, CUT**2 * robust).mean()) / KEPT
    return robust if robust > 0 else float(squares.mean())


def _line(means: np.ndarray[Any, Any], variances: np.ndarray[Any, Any], smallest: float) -> Noise:
    """Return the line through the bins, each weighted by the precision that the line itself gives it, its slope never negative."""
    least = variances.max() * 1e-3 + smallest
    expected = np.full(len(means), max(float(variances.mean()), least))
    slope = rest = 0.0
    for _ in range(ROUNDS):
        if len(means) > 2 and np.ptp(means) > 0:
            slope = max(0.0, float(np.polyfit(means, variances, 1, w=1 / expected)[0]))
        rest = float(np.average(variances - slope * means, weights=expected**-2.0))
        expected = np.maximum(slope * means + rest, least)
    return Noise(slope, rest, max(smallest, 0.5 * float(variances.min())))


def smoothed(image: Tensor) -> Tensor:
    """Return the image (Z, Y, X) averaged over 5 × 5 neighbours in its planes, as a guess of the expected counts."""
    import torch

    padded = torch.nn.functional.pad(image[:, None], (2, 2, 2, 2), mode="replicate")
    return torch.nn.functional.avg_pool2d(padded, 5, stride=1)[:, 0]
