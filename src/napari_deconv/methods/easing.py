r"""`Easing`: a penalty's weight at every place, less where there is structure or much light, so that flat ground is smoothed and detail kept.

With the length L of the object's differences and its light x (counts over background b), both averaged over a neighbourhood of G,

    weight at a place  =  weight * [ e / (G*L + c e) * t / (G*x + b) ]^p          e = c x_mean,  t = x_mean + b

e and t are the same for every tile of an image. A weight that follows the structure comes near a penalty that counts differences instead
of adding them up; one that falls with the square root of the light (p = 1/2) asks of every place the same trust in its photons. It is
taken from the object so far, a few times, and then stays: what is minimised is convex again, and its certificate holds.

References
----------
Candès, Wakin & Boyd, "Enhancing sparsity by reweighted l1 minimization", J. Fourier Anal. Appl. 14 (2008) 877-905.
Dong, Hintermüller & Rincon-Camacho, "Automated regularization parameter selection in multi-scale total variation models for image
restoration", J. Math. Imaging Vis. 40 (2011) 82-104.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from .blur import Blur

__all__ = ["Easing"]

NEIGHBOURHOOD = 2.0
"""Standard deviation of G, in finest voxels."""
USUAL = 0.3
"""Length of differences where the weight stays what it is, as a share of the mean light; and the share of it that a length is never below."""


class Easing:
    """The factor of the weight at every place of an object's grid.

    voxel : (z, y, x) µm; power : p above; level, background : mean light of the whole image and counts beneath it, in one unit.
    """

    def __init__(self, blur: Blur, voxel: Sequence[float], power: float, level: float, background: float) -> None:
        self._blur, self._power, self._background = blur, power, max(background, 1e-6)
        self._length, self._light = USUAL * max(level, 1e-6), max(level + background, 1e-6)
        self._average = self._gaussian(voxel)

    def of(self, thing: Tensor, lengths: Tensor) -> Tensor:
        """Return the factor (Z, Y, X) for an object and the length of its differences, in whose place it is written."""
        structure = self._blur.filtered(lengths, self._average).clamp_(min=0).add_(USUAL * self._length)
        factor = lengths.copy_(structure).reciprocal_().mul_(self._length)
        light = self._blur.filtered(thing, self._average).clamp_(min=0).add_(self._background)
        return factor.mul_(self._light).div_(light).pow_(self._power)

    def _gaussian(self, voxel: Sequence[float]) -> Tensor:
        """Return the averaging's transfer function on the half spectrum."""
        import torch

        blur = self._blur
        finest = min(voxel[axis] for axis in blur.axes)
        total = torch.zeros((), dtype=blur.dtype, device=blur.device)
        for axis in blur.axes:
            frequency = torch.fft.rfftfreq if axis == blur.axes[-1] else torch.fft.fftfreq
            cycles = frequency(blur.object_shape[axis], dtype=blur.dtype, device=blur.device)
            squared = (math.pi * NEIGHBOURHOOD * finest / voxel[axis] * cycles).square().mul_(2)
            total = total + squared.reshape([-1 if other == axis else 1 for other in range(3)])
        return total.neg_().exp_()
