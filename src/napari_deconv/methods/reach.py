r"""Reach: how far what a pixel becomes depends on its neighbours, from the PSF and from what a method makes of each frequency.

A method that brings back the share p(g) of a frequency whose transfer function has the squared modulus g answers a point of light by the
inverse transform of p: wide where p has a sharp end, so the more iterations the wider. Of the PSF summed over the other two axes, which is
what a border meets across it, all but a small share of that answer (its leak) lies within the reach:

    Richardson-Lucy, Landweber  p = 1 - (1 - g)^n         Wiener  p = g / (g + noise)

The share that may lie beyond was chosen so that tiles differ from the whole by less than a thousandth of the maximum
(``python -m benchmarks.tiles``).

References
----------
Bertero & Boccacci, "Introduction to Inverse Problems in Imaging" (1998), chapter 6, for the filters that iterations amount to.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

__all__ = ["LEAK", "reach_of"]

Array = np.ndarray[Any, Any]
LEAK = 5e-4
"""Share of the answer's absolute values that may lie beyond."""
LEAST, MOST = 1.0, 4.5
"""Half widths of the PSF that it is at least and at most."""
AROUND = 16
"""Widths of the PSF that its answer is looked at on, so that it dies away before the ends meet."""


def reach_of(psf: Array, axis: int, passed: Callable[[Array], Array], leak: float = LEAK) -> int:
    """Return over how many voxels of an axis neighbours count, for a PSF (Z, Y, X) and the share ``passed`` of each frequency.

    leak : share of the answer's absolute values that may lie beyond.
    """
    line = psf.sum(axis=tuple(other for other in range(3) if other != axis), dtype=np.float64)
    half = len(line) // 2
    gain = np.abs(np.fft.rfft(line, AROUND * len(line))) ** 2
    answer = np.abs(np.fft.irfft(passed(np.clip(gain, 0, 1)), AROUND * len(line)))[: AROUND * len(line) // 2]
    beyond = np.cumsum(answer[::-1])[::-1]
    far = int(np.argmax(beyond <= leak * beyond[0]))
    return int(np.clip(far, np.ceil(LEAST * half), MOST * half))
