r"""How well a PSF predicts photons that were held back from the restoration.

The object of each block is restored from its train part by accelerated Richardson-Lucy, blurred, and compared with the test
part; of all iterations the best counts, so that neither too few nor too many favour a PSF:

    score(psf) = min over k of  sum (test - psf * grain * x_k(train; psf) - background)^2 / (2 variance)

A PSF that is too sharp or too wide is made up for by the object as far as it can; what it cannot make up for is what the image
knows of the PSF. ``grain`` is a narrow Gaussian by which every object is smooth, so that noise is not restored as points.

References
----------
Reeves & Mersereau, "Blur identification by the method of generalized cross-validation", IEEE Trans. Image Process. 1 (1992)
301-311.
Levin, Weiss, Durand & Freeman, "Understanding and evaluating blind deconvolution algorithms", CVPR (2009).
"""

from __future__ import annotations

import math
from collections.abc import Generator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..methods.base import Problem
from ..methods.blur import Blur
from ..methods.richardson_lucy import Climb, HeavyBall
from .blocks import Block

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["HeldOut", "Prediction"]

EVERY = 5
"""Iterations between two looks at the score."""
PATIENCE = 4
"""Looks without a better score after which the object is left."""


@dataclass(frozen=True, eq=False)
class Prediction:
    """What is expected of a block's test part (Z, Y, X), its score in nats, and the object (on the blur's grid) that says so."""

    expected: Tensor
    score: float
    object: Tensor


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What all blocks share: the image's scale, the lift, the voxel in µm, the most iterations."""

    scale: float
    lift: float
    voxel: tuple[float, float, float]
    iterations: int

    def blur(self, psf: Tensor, grain: float, block: Block) -> Blur:
        """Return the blur by a PSF (Z, Y, X; any sum, any sign) and the grain (a variance in µm²)."""
        blur = Blur(psf.cpu().numpy(), block.shape, block.train.device)
        blur.otf.mul_((spread(blur, self.voxel) * (grain / 2)).exp_())
        return blur

    def predict(self, block: Block, blur: Blur, background: float) -> Generator[None, None, Prediction]:
        """Return a block's prediction after as many iterations as predict best; pauses now and then. background : counts."""
        background += self.lift
        level = max(float(block.train.mean()) - background, 0.0)
        climb, momentum = Climb(Problem(block.train, background, blur, self.scale, level, self.voxel)), HeavyBall()
        estimate = climb.start()
        best: Prediction | None = None
        waited = 0
        for step in range(1, self.iterations + 1):
            estimate = momentum.step(climb, estimate)
            if step % EVERY and step != self.iterations:
                continue
            yield
            expected = blur.forward(estimate) + background
            score = 0.5 * float(block.residual(expected).double().square().sum())
            if best is None or score < best.score:
                best, waited = Prediction(expected, score, estimate.clone()), 0
            elif (waited := waited + 1) >= PATIENCE:
                break
        assert best is not None
        return best


def spread(blur: Blur, voxel: tuple[float, float, float]) -> Tensor:
    """Return -(2 pi f)^2 on the half spectrum of a blur's grid, 1/µm²: twice the slope of a Gaussian's logarithm with its variance."""
    import torch

    square: Any = 0.0
    for axis, (size, pitch) in enumerate(zip(blur.object_shape, voxel, strict=True)):
        frequency = torch.fft.rfftfreq(size, pitch) if axis == 2 else torch.fft.fftfreq(size, pitch)
        square = square + frequency.reshape([-1 if each == axis else 1 for each in range(3)]).square()
    found: Tensor = -((2 * math.pi) ** 2) * square
    return found.to(blur.device, blur.dtype)
