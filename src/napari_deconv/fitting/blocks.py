"""`Block`: a bright part of the image, its photons split into those to restore from and those to predict."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..background import MEND, VolumeFigures
from ..methods.heldout import split_noise
from ..noise import estimate_noise, smoothed
from .asked import Fit

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Block", "choose_boxes", "take_block"]

HALF = 0.5
"""Share of the photons to restore from."""
CLIPPED = 1e-3
"""Share of pixels at the very highest value above which a block is saturated."""
DIM = 255
"""Counts below which many pixels may well share the highest value by chance."""

Box = tuple[slice, slice, slice]


@dataclass(frozen=True, eq=False)
class Block:
    """One part of the image: ``train``, ``test`` (Z, Y, X) counts, and ``weight``, 1 / variance of a test pixel."""

    train: Tensor
    test: Tensor
    weight: Tensor

    @property
    def shape(self) -> tuple[int, int, int]:
        """The size (Z, Y, X)."""
        z, y, x = self.train.shape
        return z, y, x

    @property
    def turned(self) -> Block:
        """The same part seen from the other half of its photons."""
        return Block(self.test, self.train, self.weight)

    def residual(self, expected: Tensor) -> Tensor:
        """Return the prediction's error (Z, Y, X) in standard deviations of a test pixel."""
        return (self.test - expected) * self.weight.sqrt()


def choose_boxes(volume: Any, asked: Fit, background: float) -> list[Box]:
    """Return boxes of a volume (Z, Y, X), the richest in light first, that do not overlap sideways.

    Light counts by its square root, so that a small bright spot does not outweigh a field of structure.
    """
    planes, height, width = (
        min(n, most) for n, most in zip(volume.shape, (asked.planes, asked.side, asked.side), strict=True)
    )
    step = max(1, volume.shape[0] // 64)
    light = np.sqrt(np.clip(np.asarray(volume[::step], dtype=np.float32) - background, 0, None))
    middle = _richest(light.sum(axis=(1, 2)), -(-planes // step)) * step
    begin = min(middle, volume.shape[0] - planes)
    flat = light[begin // step : -(-(begin + planes) // step)].sum(axis=0, dtype=np.float64)
    sums = _window_sums(flat, (height, width))
    boxes: list[Box] = []
    for _ in range(asked.blocks):
        y, x = (int(place) for place in np.unravel_index(int(sums.argmax()), sums.shape))
        if boxes and not sums[y, x] > 0:
            break
        boxes.append((slice(begin, begin + planes), slice(y, y + height), slice(x, x + width)))
        sums[max(0, y - height + 1) : y + height, max(0, x - width + 1) : x + width] = -1
    return boxes


def _richest(light: np.ndarray[Any, Any], size: int) -> int:
    """Return where the stretch of this size with the most light (N,) begins."""
    sums = np.convolve(light, np.ones(min(size, len(light))), mode="valid")
    return int(sums.argmax())


def _window_sums(light: np.ndarray[Any, Any], size: tuple[int, int]) -> np.ndarray[Any, Any]:
    """Return the sums over all windows of this size that lie within (Y, X)."""
    table = np.pad(light.cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    h, w = size
    sums: np.ndarray[Any, Any] = table[h:, w:] - table[:-h, w:] - table[h:, :-w] + table[:-h, :-w]
    return sums


def take_block(volume: Any, box: Box, figures: VolumeFigures, seed: int, device: Any) -> Block:
    """Return the block of a box of the volume.

    Raises
    ------
    ValueError
        when it is flat, saturated, or holds NaN or infinity.
    """
    import torch

    stored = np.asarray(volume[box])
    pixels = np.array(stored, dtype=np.float32)
    for complaint in _complaints(stored, pixels):
        raise ValueError(complaint)
    image = torch.from_numpy(pixels + np.float32(figures.lift)).clamp_(min=0).to(device)
    variance = estimate_noise(image.cpu().numpy()).variance(smoothed(image))
    train, test = split_noise(image, variance, HALF, seed)
    return Block(train.clamp_(min=0), test.clamp_(min=0), (1 - HALF) / variance)


def _complaints(stored: np.ndarray[Any, Any], pixels: np.ndarray[Any, Any]) -> Iterator[str]:
    bad = int(np.count_nonzero(~np.isfinite(pixels)))
    if bad:
        yield f"the image has {bad} pixels that are NaN or infinite: {MEND}"
    highest = float(pixels.max())
    if highest == float(pixels.min()):
        yield f"the image is flat ({highest:g} everywhere): there is nothing to fit a PSF to"
    share = float(np.mean(pixels == highest))
    if stored.dtype.kind in "iu" and highest >= DIM and share > CLIPPED:
        yield f"{share:.2%} of the pixels are saturated ({highest:g}): fit the PSF to an image with a shorter exposure"
