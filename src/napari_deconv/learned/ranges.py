"""Whether an image is such as weights were trained on: the width of its PSF, and its noise in bright and in dark places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ..noise import estimate_noise

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Ranges", "describe_case", "outside", "ranges_of"]

Ranges = Mapping[str, tuple[float, float]]
TOLD = {
    "psf_width": ("the PSF is {:.2g} pixels wide", "{:.2g} to {:.2g}"),
    "bright_noise": ("the noise in bright places is {:.2g} of the signal", "{:.2g} to {:.2g}"),
    "dark_noise": ("the noise in dark places is {:.2g} of the brightest signal", "{:.2g} to {:.2g}"),
}


def describe_case(image: Tensor, background: float, scale: float, blur: Any) -> dict[str, float]:
    """Return the figures of an image (Z, Y, X) and the blur that made it: width in pixels, noise as shares of the scale.

    The width is that of a box of the same sum of squares, (1 / sum h^2)^(1 / dimensions).
    """
    width = blur.kernel_energy ** (-1 / len(blur.axes))
    return {"psf_width": width, **noise_of(image.cpu().numpy() / max(scale, 1e-30), background / max(scale, 1e-30))}


def noise_of(image: np.ndarray[Any, Any], background: float) -> dict[str, float]:
    """Return the noise of an image (Z, Y, X) in units of its scale, where it is bright and where it is dark."""
    noise = estimate_noise(image)
    bright, dark = (float(np.sqrt(noise.variance(level))) for level in (background + 1.0, background))
    return {"bright_noise": bright, "dark_noise": dark}


def ranges_of(cases: Iterable[Mapping[str, float]]) -> dict[str, tuple[float, float]]:
    """Return what nearly all (99 %) of many cases lie within, a fifth wider."""
    known = list(cases)
    found = {}
    for name in TOLD:
        low, high = np.quantile([case[name] for case in known], [0.005, 0.995])
        found[name] = (float(f"{low / 1.2:.3g}"), float(f"{high * 1.2:.3g}"))
    return found


def outside(case: Mapping[str, float], ranges: Ranges) -> str:
    """Say in a clause what of a case lies outside; empty where nothing does."""
    for name, (said, between) in TOLD.items():
        if name in ranges:
            low, high = ranges[name]
            if not low <= case[name] <= high:
                return f"{said.format(case[name])}, outside the {between.format(low, high)} that the weights were trained on"
    return ""
