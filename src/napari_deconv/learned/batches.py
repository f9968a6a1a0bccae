"""Batches: examples side by side as tensors, with their microscopes; and the same examples mirrored and turned."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from .examples import Example
from .physics import Physics, transform_psfs
from .shapes import Array

__all__ = ["Batch", "turned"]


class Batch:
    """A batch as tensors: what the network is given, its microscope, and what it should say."""

    def __init__(self, batch: Example, device: torch.device) -> None:
        def of(values: Array, channel: bool = True) -> Tensor:
            tensor = torch.from_numpy(np.ascontiguousarray(values)).to(device)
            return tensor[:, None] if channel else tensor

        self.features = of(batch.features, channel=False)
        self.target, self.weight = of(batch.target), of(batch.weight)
        anchor, trusted = of(batch.anchor), of(batch.trusted)
        background = of(batch.background)
        self.physics = Physics(
            otf=transform_psfs(of(batch.psf), anchor.shape[2:]),
            image=of(batch.image),
            background=background.reshape(-1, *[1] * (anchor.ndim - 1)),
            anchor=anchor,
            inverse_sensitivity=of(batch.caught),
            mask=None if bool((trusted == 1).all()) else trusted,
            margin=[(size - 1) // 2 for size in batch.psf.shape[1:]],
        )


def turned(batch: Example, random: np.random.Generator, dims: int) -> Example:
    """Return the batch mirrored and turned about z, PSF and all; it needs PSFs of odd sizes and margins alike."""
    flips = [axis for axis in (-2, -1) if random.random() < 0.5]
    swap = bool(random.random() < 0.5)

    def of(values: Array) -> Array:
        values = np.flip(values, tuple(flips)) if flips else values
        return values.swapaxes(-1, -2) if swap else values

    return Example(**{name: values if name == "background" else of(values) for name, values in vars(batch).items()})
