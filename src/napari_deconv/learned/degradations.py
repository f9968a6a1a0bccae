"""What happens to images between camera and file: lossy compression, and fewer pixels than were taken.

    compressed    blocks of 8 x 8 pixels as cosines, each rounded to a step that grows with its frequency (as JPEG does; Wallace 1992)
    shrunk        pixels averaged in groups, and straight lines drawn between the averages to fill the grid again

Both act on planes of a volume (Z, Y, X) and keep its shape. A network that has seen them does not take their blocks for structure.

References
----------
Wallace, "The JPEG still picture compression standard", IEEE Trans. Consumer Electronics 38 (1992) xviii-xxxiv.
"""

from __future__ import annotations

import numpy as np

from .shapes import Array

__all__ = ["compressed", "degraded", "shrunk"]

BLOCK = 8
STEPS = (0.003, 0.05)
"""Least and most step of the lowest frequencies, as a share of the image's brightest counts over its background."""


def degraded(counts: Array, random: np.random.Generator) -> Array:
    """Return counts (Z, Y, X) compressed or shrunk, as often the one as the other, at a random strength."""
    if random.random() < 0.5:
        span = float(counts.max()) - float(np.median(counts))
        step = float(np.exp(random.uniform(*np.log(STEPS)))) * max(span, 1.0)
        return compressed(counts, step)
    return shrunk(counts, 2)


def compressed(counts: Array, step: float) -> Array:
    """Return counts (Z, Y, X) whose cosines were rounded to ``step`` (counts) at the lowest frequency, to 8 times that at the highest."""
    from scipy.fft import dctn, idctn

    pads = [(0, 0), *((0, -size % BLOCK) for size in counts.shape[1:])]
    padded = np.pad(counts.astype(np.float32), pads, mode="edge")
    planes, height, width = padded.shape
    blocks = padded.reshape(planes, height // BLOCK, BLOCK, width // BLOCK, BLOCK)
    frequency = np.arange(BLOCK) / (BLOCK - 1)
    height_of, width_of = np.meshgrid(frequency, frequency, indexing="ij")
    steps = step * BLOCK ** (0.5 * (height_of + width_of))[:, None]  # (8, 1, 8), as the blocks lie
    cosines = dctn(blocks, axes=(2, 4), norm="ortho")
    rounded = np.rint(cosines / steps) * steps
    made = idctn(rounded, axes=(2, 4), norm="ortho").reshape(padded.shape)
    clipped: Array = np.clip(made[:, : counts.shape[1], : counts.shape[2]], 0, None).astype(np.float32)
    return clipped


def shrunk(counts: Array, times: int) -> Array:
    """Return counts (Z, Y, X) averaged over groups of ``times`` x ``times`` pixels, with straight lines between the averages."""
    made: Array = counts.astype(np.float32)
    for axis in (1, 2):
        size = made.shape[axis]
        places = np.arange(size)
        groups = places // times
        starts = np.flatnonzero(np.diff(groups, prepend=-1))
        sums = np.add.reduceat(made, starts, axis=axis)
        lengths = np.diff(np.append(starts, size))
        means = sums / lengths.reshape([-1 if a == axis else 1 for a in range(3)])
        centres = starts + (lengths - 1) / 2
        between = np.stack([np.interp(places, centres, row) for row in np.eye(len(centres))], axis=1)
        made = np.moveaxis(np.tensordot(between, means, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(made, dtype=np.float32)
