"""Pieces in which a network is given an image: each with its neighbourhood, each beginning where the network's coarse grids do.

pads | outer: halo | core | halo | pads        outer begins at multiples of the stride, counted from the whole image's corner
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise, product

__all__ = ["NetworkPiece", "plan_pieces"]


@dataclass(frozen=True)
class NetworkPiece:
    """Slices of what is given (outer) and answered (core), of the answer within the piece, and zeros around it (torch's order)."""

    outer: tuple[slice, ...]
    core: tuple[slice, ...]
    inner: tuple[slice, ...]
    pads: tuple[int, ...]


def plan_pieces(
    size: Sequence[int], place: Sequence[int], stride: Sequence[int], halo: Sequence[int], most: int
) -> Iterator[NetworkPiece]:
    """Yield pieces that cover a block of this size which begins at ``place`` in the whole image, each of about ``most`` voxels."""
    counts = [1] * len(size)
    while math.prod(size) / math.prod(counts) > most:
        longest = max(range(len(size)), key=lambda axis: size[axis] / counts[axis] / (1 + halo[axis]))
        counts[longest] += 1
    axes = [list(_cut(*each)) for each in zip(size, place, stride, halo, counts, strict=True)]
    for parts in product(*axes):
        outer, core, inner, pads = zip(*parts, strict=True)
        yield NetworkPiece(outer, core, inner, tuple(pad for pair in reversed(pads) for pad in pair))


def _cut(
    size: int, place: int, stride: int, halo: int, count: int
) -> Iterator[tuple[slice, slice, slice, tuple[int, int]]]:
    """Yield outer, core, inner and pads of each piece along one axis."""
    edges = sorted({*(round(size * number / count) for number in range(count + 1))})
    for start, stop in pairwise(edges):
        first, last = max(0, start - halo), min(size, stop + halo)
        before = (place + first) % stride
        grown = min(before, first)
        first, before = first - grown, before - grown
        after = -(before + last - first) % stride
        inner = slice(before + start - first, before + stop - first)
        yield slice(first, last), slice(start, stop), inner, (before, after)
