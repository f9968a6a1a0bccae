"""Windows: an image seen through a network piece by piece, on a grid that belongs to the whole volume.

    window   |<-rim->|<---- core ---->|<-rim->|        cores cover the block, rims overlap and are thrown away
    start    a multiple of the network's stride in the whole volume: the result does not depend on how it was cut

Where a window reaches beyond the block, the block is mirrored, so that the end of an image is no edge to the network.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from torch import Tensor

    from .layout import Layout

__all__ = ["Window", "mirrored", "plan_windows"]

Span = tuple[int, int, int, int]


@dataclass(frozen=True)
class Window:
    """Along z, y, x: (start, size) of what the network sees and (first, last) of what is kept, in pixels of the block."""

    spans: tuple[Span, Span, Span]

    def cut(self, block: Tensor) -> Tensor:
        """Return what the network sees of a block (Z, Y, X), mirrored beyond its ends."""
        import torch

        for axis, (start, size, _, _) in enumerate(self.spans):
            if (start, size) != (0, block.shape[axis]):
                places = mirrored(start, size, block.shape[axis])
                block = block.index_select(axis, torch.from_numpy(places).to(block.device))
        return block

    @property
    def kept(self) -> tuple[slice, ...]:
        """What of the block the window answers for (Z, Y, X)."""
        return tuple(slice(first, last) for _, _, first, last in self.spans)

    def core(self, given: Tensor, shrink: Sequence[int]) -> Tensor:
        """Return what is kept of a network's output (C, Z, Y, X), which is shorter than the window by ``shrink`` at each end."""
        own = tuple(
            slice(first - start - lost, last - start - lost)
            for (start, _, first, last), lost in zip(self.spans, shrink, strict=True)
        )
        return given[(slice(None), *own)]


def mirrored(start: int, size: int, length: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """Return which of ``length`` pixels lie at start, start + 1, … when they are mirrored at both ends, the end pixel not doubled."""
    if length == 1:
        return np.zeros(size, dtype=np.int64)
    period = 2 * (length - 1)
    places = np.arange(start, start + size, dtype=np.int64) % period
    return np.minimum(places, period - places)


def plan_windows(
    layout: Layout, shape: Sequence[int], place: Sequence[int] = (0, 0, 0), whole: Sequence[int] | None = None
) -> list[Window]:
    """Return the windows that cover a block of some shape (Z, Y, X), which lies at ``place`` in a volume of shape ``whole``."""
    ends = zip("zyx", shape, place, whole or shape, strict=True)
    axes = [list(_spans(layout, axis, size, at, all_of_it)) for axis, size, at, all_of_it in ends]
    return [Window((z, y, x)) for z, y, x in product(*axes)]


def _spans(layout: Layout, axis: str, length: int, place: int, whole: int) -> Iterator[Span]:
    if axis not in layout.sides:
        for plane in range(length):
            yield plane, 1, plane, plane + 1
        return
    side = layout.sides[axis]
    if whole == side.least and not side.step and not side.shrink:
        yield -place, whole, 0, length
        return
    size = layout.window(axis, length + place % side.stride)
    core = size - 2 * side.rim
    first = -(place % (side.stride if side.step else core))
    for start in range(first, length, core):
        yield start - side.rim, size, max(0, start), min(length, start + core)
