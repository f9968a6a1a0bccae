r"""Tiles: pure shape arithmetic for restoring a volume in overlapping pieces that blend into a whole.

Along one axis, a tile's core meets its neighbour's at a border; weights ramp across it and add to one; the halo beyond
the ramp is computed and thrown away:

    weight   ______/¯¯¯¯¯¯¯¯¯¯¯¯\______
    outer    |halo |   core     | halo|
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise, product
from typing import Any

import numpy as np

__all__ = ["Tile", "plan_seam_check", "plan_tiles", "with_halo"]

Shape = tuple[int, int, int]
BLEND = 0.25
"""Share of the halo on each side of a border over which one tile fades into the next; beyond it the halo is thrown away."""


@dataclass(frozen=True)
class Tile:
    """A piece of a volume: the core it answers for, within a volume of this shape, and the halo it needs."""

    core: tuple[tuple[int, int], tuple[int, int], tuple[int, int]]
    volume: Shape
    halo: Shape

    @property
    def outer(self) -> tuple[slice, slice, slice]:
        """The slices to restore: core and halo, inside the volume."""
        z, y, x = (
            slice(max(0, start - halo), min(size, stop + halo))
            for (start, stop), size, halo in zip(self.core, self.volume, self.halo, strict=True)
        )
        return z, y, x

    @property
    def outer_shape(self) -> Shape:
        """The shape of `outer`."""
        z, y, x = (each.stop - each.start for each in self.outer)
        return z, y, x

    @property
    def voxels(self) -> int:
        """How many voxels the core has."""
        return math.prod(stop - start for start, stop in self.core)

    @property
    def is_whole(self) -> bool:
        """Whether the tile is the whole volume."""
        return self.outer_shape == self.volume and all(
            (start, stop) == (0, size) for (start, stop), size in zip(self.core, self.volume, strict=True)
        )

    def weights(self) -> list[np.ndarray[Any, Any]]:
        """Return the blending weights over `outer`, one broadcastable array an axis."""
        profiles = []
        for axis, ((start, stop), size, halo) in enumerate(zip(self.core, self.volume, self.halo, strict=True)):
            outer = self.outer[axis]
            place = np.arange(outer.start, outer.stop) + 0.5
            ramp = max(BLEND * halo, 0.5)
            rise = np.clip((place - start) / (2 * ramp) + 0.5, 0, 1) if start > 0 else np.ones(len(place))
            fall = np.clip((stop - place) / (2 * ramp) + 0.5, 0, 1) if stop < size else np.ones(len(place))
            profile = (rise * fall).astype(np.float32)
            profiles.append(profile.reshape([-1 if other == axis else 1 for other in range(3)]))
        return profiles

    def split(self) -> tuple[Tile, Tile] | None:
        """Return two halves along the core's longest axis, or None when the cores would be thinner than the blend."""
        lengths = [stop - start for start, stop in self.core]
        for axis in sorted(range(3), key=lambda each: -lengths[each]):
            start, stop = self.core[axis]
            if lengths[axis] >= 2 * max(2, _thinnest(self.halo[axis])):
                middle = (start + stop) // 2
                return self._with_core(axis, (start, middle)), self._with_core(axis, (middle, stop))
        return None

    def _with_core(self, axis: int, bounds: tuple[int, int]) -> Tile:
        core = list(self.core)
        core[axis] = bounds
        return Tile((core[0], core[1], core[2]), self.volume, self.halo)


def plan_tiles(
    volume: Shape, halo: Shape, padding: Shape, most: float, lengthen: Callable[[int], int] = int
) -> list[Tile]:
    """Return the tiles of least total work of which none, padded, has more than ``most`` voxels.

    Parameters
    ----------
    volume : (Z, Y, X) to cover.
    halo : what a tile needs beyond its core on each side.
    padding : what the transform adds to each axis of a tile (PSF - 1).
    most : voxels of a padded tile that fit the memory budget.
    lengthen : returns the length that an axis is padded to in the end, given the least that it needs.

    Raises
    ------
    MemoryError
        when not even the smallest tiles fit.
    """
    fitting = []
    for counts in product(*(_counts(size, margin) for size, margin in zip(volume, halo, strict=True))):
        padded = [
            lengthen(min(size, math.ceil(size / count) + (2 * margin if count > 1 else 0)) + more)
            for size, count, margin, more in zip(volume, counts, halo, padding, strict=True)
        ]
        voxels = math.prod(padded)
        if voxels <= most:
            fitting.append((voxels * math.prod(counts), math.prod(counts), counts))
    if not fitting:
        raise MemoryError(
            f"not even the smallest tiles of a {' × '.join(map(str, volume))} volume fit {most:.3g} voxels: "
            "give more memory (--memory) or crop the PSF"
        )
    return list(_cut(volume, halo, min(fitting)[2]))


def plan_seam_check(one: Tile, other: Tile) -> Tile | None:
    """Return a small tile across the border of two neighbours, with twice their halo; None where they have no common border.

    Its core reaches over the ramp of the blend, and along the border over the middle of what both have.
    """
    core: list[tuple[int, int]] = []
    borders = 0
    for (start, stop), (first, last), halo in zip(one.core, other.core, one.halo, strict=True):
        if stop == first:
            borders += 1
            ramp = max(1, math.ceil(BLEND * halo))
            core.append((max(start, stop - ramp), min(last, stop + ramp)))
        else:
            begin, end = max(start, first), min(stop, last)
            middle, reach = (begin + end) // 2, max(4, halo // 2)
            core.append((max(begin, middle - reach), min(end, middle + reach)))
    z, y, x = core
    z_halo, y_halo, x_halo = one.halo
    return Tile((z, y, x), one.volume, (2 * z_halo, 2 * y_halo, 2 * x_halo)) if borders == 1 else None


def _counts(size: int, halo: int) -> list[int]:
    """Return the numbers of pieces worth trying: cores no thinner than the blend."""
    most = max(1, size // max(8, _thinnest(halo)))
    return sorted({1, *(math.ceil(size / math.ceil(size / count)) for count in range(2, min(most, 64) + 1))})


def _thinnest(halo: int) -> int:
    """Return how thin a core may be: its ramps at both ends must not meet."""
    return math.ceil(2 * BLEND * halo)


def _cut(volume: Shape, halo: Shape, counts: tuple[int, ...]) -> Iterator[Tile]:
    edges = [np.linspace(0, size, count + 1).round().astype(int) for size, count in zip(volume, counts, strict=True)]
    pieces = [[(int(a), int(b)) for a, b in pairwise(each)] for each in edges]
    for z, y, x in product(*pieces):
        yield Tile((z, y, x), volume, halo)


def with_halo(
    volume: Shape, bounds: Mapping[str, tuple[int, int]], halo: Shape
) -> tuple[tuple[slice, slice, slice], tuple[slice, slice, slice]]:
    """Return the box of a volume (Z, Y, X) that holds bounds (axis -> start, stop) and their halo, and those within the box."""
    outer, inner = [], []
    for axis, size, margin in zip("ZYX", volume, halo, strict=True):
        start, stop = bounds.get(axis, (0, size))
        box = slice(max(0, start - margin), min(size, stop + margin))
        outer.append(box)
        inner.append(slice(start - box.start, stop - box.start))
    return (outer[0], outer[1], outer[2]), (inner[0], inner[1], inner[2])
