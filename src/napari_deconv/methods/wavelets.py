r"""Undecimated wavelets: a tight frame that knows no grid of blocks, so that a shifted object has shifted coefficients.

At level j, with Daubechies' taps h and g_m = (-1)^m h_{2n-1-m}, both over sqrt 2, an axis is split by

    (L a)_k = sum_m h_m a_{k + m 2^j}          (H a)_k = sum_m g_m a_{k + m 2^j}          L'L + H'H = 1

first along x, the smooth part then along y, its smooth part along z, and the next level goes on from there, so that
the sum of squares is kept:  a = H_x' H_x a + L_x' ( H_y' H_y + L_y' ( ... ) L_y ) L_x a.

References
----------
Daubechies, "Orthonormal bases of compactly supported wavelets", Comm. Pure Appl. Math. 41 (1988) 909-996.
Coifman & Donoho, "Translation-invariant de-noising", in Wavelets and Statistics (1995) 125-150.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["FILTERS", "Wavelets"]

_R = math.sqrt(3)
FILTERS: dict[str, tuple[float, ...]] = {
    "haar": (0.5, 0.5),
    "daubechies": tuple(tap / 8 for tap in (1 + _R, 3 + _R, 3 - _R, 1 - _R)),
}
"""Name -> low-pass taps of sum 1; daubechies' wavelet has two vanishing moments."""
SHORTEST = 4
"""An axis is split while it is at least so many times as long as the step between taps."""


class Wavelets:
    """The frame of one shape (Z, Y, X); its ends meet."""

    def __init__(self, shape: Sequence[int], taps: Sequence[float], levels: int = 3) -> None:
        self._taps = tuple(taps)
        self._details = tuple((-1) ** m * tap for m, tap in enumerate(reversed(taps)))
        self.splits = [
            (axis, 2**level)
            for level in range(levels)
            for axis in (2, 1, 0)
            if shape[axis] >= SHORTEST * 2**level and shape[axis] > 1
        ]

    def analyse(self, thing: Tensor) -> list[Tensor]:
        """Return the details of every split, and last what is smooth."""
        bands = []
        for axis, step in self.splits:
            bands.append(_filtered(thing, axis, step, self._details))
            thing = _filtered(thing, axis, step, self._taps)
        return [*bands, thing]

    def synthesise(self, bands: Sequence[Tensor]) -> Tensor:
        """Return the adjoint of `analyse`, which is its inverse on what comes from it."""
        *details, thing = bands
        for (axis, step), band in zip(reversed(self.splits), reversed(details), strict=True):
            thing = _filtered(thing, axis, -step, self._taps).add_(_filtered(band, axis, -step, self._details))
        return thing

    def shrunk(self, thing: Tensor, threshold: float) -> Tensor:
        """Return the object made from coefficients brought nearer zero by the threshold, all but the smooth ones."""
        bands = self.analyse(thing)
        for band in bands[:-1]:
            band.sub_(band.clamp(-threshold, threshold))
        return self.synthesise(bands)


def _filtered(thing: Tensor, axis: int, step: int, taps: Sequence[float]) -> Tensor:
    total = thing * taps[0]
    for number, tap in enumerate(taps[1:], start=1):
        total.add_(thing.roll(-number * step, axis), alpha=tap)
    return total
