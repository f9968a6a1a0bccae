r"""How well a PSF predicts photons that were held back from the restoration.

The object of each block is restored from its train part by accelerated Richardson-Lucy, blurred, and compared with the test
part; of all iterations the best counts, so that neither too few nor too many favour a PSF:

    score(psf) = min over k of  sum (test - psf * grain * x_k(train; psf) - background)^2 / (2 variance)

A PSF that is too sharp or too wide is made up for by the object as far as it can; what it cannot make up for is what the image
knows of the PSF. ``grain`` is a Gaussian, as wide as the object is smooth: without it a smooth object would be taken for a
wider PSF.

References
----------
Reeves & Mersereau, "Blur identification by the method of generalized cross-validation", IEEE Trans. Image Process. 1 (1992)
301-311.
Levin, Weiss, Durand & Freeman, "Understanding and evaluating blind deconvolution algorithms", CVPR (2009).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..methods.base import Problem
from ..methods.blur import Blur
from ..methods.richardson_lucy import Climb, HeavyBall
from ..posing import fit_to_image
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
    """What is expected of a block's test part (Z, Y, X), its score, and the iterations that the object took."""

    expected: Tensor
    score: float
    steps: int


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What all blocks share: the image's scale, the lift, the voxel in µm, the most iterations."""

    scale: float
    lift: float
    voxel: tuple[float, float, float]
    iterations: int

    def predict(
        self,
        blocks: Sequence[Block],
        psf: np.ndarray[Any, Any],
        background: float,
        grain: float,
        steps: Sequence[int] | None = None,
    ) -> Generator[None, None, list[Prediction]]:
        """Return each block's prediction, after as many iterations as predict best, or as ``steps`` says; pauses between looks.

        psf : (Z, Y, X), unit sum, odd; background : counts; grain : variance of the Gaussian in µm².
        """
        blur = self._blurred(blocks[0], psf, grain)
        found = []
        for number, block in enumerate(blocks):
            limit = None if steps is None else steps[number]
            found.append((yield from self._restore(block, blur, background + self.lift, limit)))
        return found

    def _blurred(self, block: Block, psf: np.ndarray[Any, Any], grain: float) -> Blur:
        blur = Blur(fit_to_image(psf, block.shape), block.shape, block.train.device)
        if grain > 0:
            blur.otf.mul_(_gaussian(blur, grain, self.voxel))
        return blur

    def _restore(
        self, block: Block, blur: Blur, background: float, steps: int | None
    ) -> Generator[None, None, Prediction]:
        """Restore the object of a block; pause now and then, and return the best prediction."""
        level = max(float(block.train.mean()) - background, 0.0)
        problem = Problem(block.train, background, blur, self.scale, level, self.voxel)
        climb, momentum = Climb(problem), HeavyBall()
        estimate = climb.start()
        best: Prediction | None = None
        last = steps or self.iterations
        for step in range(1, last + 1):
            estimate = momentum.step(climb, estimate)
            if step % EVERY == 0:
                yield
            if step != last and (steps or step % EVERY):
                continue
            expected = blur.forward(estimate) + background
            score = 0.5 * float(block.residual(expected).double().square().sum())
            if best is None or score < best.score:
                best = Prediction(expected, score, step)
            elif step >= best.steps + PATIENCE * EVERY:
                break
        assert best is not None
        return best


def _gaussian(blur: Blur, variance: float, voxel: tuple[float, float, float]) -> Tensor:
    """Return the transfer function of a Gaussian of this variance (µm²) on the blur's object grid."""
    import torch

    square: Any = 0.0
    for axis, (size, pitch) in enumerate(zip(blur.object_shape, voxel, strict=True)):
        frequency = torch.fft.rfftfreq(size, pitch) if axis == 2 else torch.fft.fftfreq(size, pitch)
        square = square + frequency.reshape([-1 if each == axis else 1 for each in range(3)]).square()
    transfer: Tensor = torch.exp(-2 * math.pi**2 * variance * square)
    return transfer.to(blur.device, blur.dtype)
