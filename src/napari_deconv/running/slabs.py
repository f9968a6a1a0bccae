r"""Slabs: a stack whose PSF changes with depth is restored once a depth, and the results fade into each other.

Each slab has a centre plane; its weight falls linearly from one there to nothing at its neighbours' centres, so that the weights
of all slabs add to one everywhere:

    weight 1   |¯¯¯\  /\  /¯¯¯|
               |    \/  \/    |
    planes     0   c0   c1   c2      n - 1

References
----------
Preza & Conchello, "Depth-variant maximum-likelihood restoration for three-dimensional fluorescence microscopy", J. Opt. Soc.
Am. A 21 (2004) 1593-1601, who blend the forward model; here the restorations are blended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["Slab", "plan_slabs"]


@dataclass(frozen=True)
class Slab:
    """Planes [start, stop) that share a PSF, that of the centre plane, and their weights."""

    centre: float
    start: int
    stop: int
    is_whole: bool
    weights: np.ndarray[Any, Any]


def plan_slabs(planes: int, count: int) -> Iterator[Slab]:
    """Yield ``count`` slabs of a stack of so many planes (fewer where there are not enough planes)."""
    count = max(1, min(count, planes))
    length = planes / count
    centres = (np.arange(count) + 0.5) * length - 0.5
    place = np.arange(planes)
    for number, centre in enumerate(centres):
        weights = np.ones(planes, dtype=np.float32)
        if number > 0:
            weights *= np.clip((place - centre) / length + 1, 0, 1)
        if number < count - 1:
            weights *= np.clip((centre - place) / length + 1, 0, 1)
        used = np.flatnonzero(weights)
        start, stop = int(used[0]), int(used[-1]) + 1
        yield Slab(float(centre), start, stop, count == 1, weights[start:stop])
