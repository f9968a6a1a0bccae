r"""How a prediction moves with the PSF's parameters, beyond what the object makes up for.

The PSF's slopes are exact, by forward-mode automatic differentiation of the pupil integral; blurring the restored object x with
them, D_j = (dh/dtheta_j) * x, says how the prediction moves while the object stands still. What an object can make up for is
projected out,

    J_j = D_j - h * (sqrt(x) u_j),     u_j = argmin  | D_j - h * (sqrt(x) u) |^2     by a few steps of conjugate gradients

all in standard deviations of a pixel. The steps end before noise is fitted, as the restoration does; sqrt(x) keeps the object's dark
places dark. What is left of an error of x in the sum of J_j times the residual is of second order.

References
----------
Golub & Pereyra, "Separable nonlinear least squares: the variable projection method", Inverse Problems 19 (2003) R1-R26.
Chernozhukov et al., "Double/debiased machine learning for treatment and structural parameters", Econometrics Journal 21 (2018).
Björck, "Numerical Methods for Least Squares Problems", SIAM (1996), section 7.4 (conjugate gradients).
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from ..methods.blur import Blur
from ..psf.theoretical import Theoretical
from .blocks import Block
from .coefficients import Coefficient
from .held_out import HeldOut, Prediction, spread

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Bent", "differentiate_psf"]

STEPS = 20
"""Steps of conjugate gradients: with half as many values lean towards the start, with twice as many they are known half as well."""


@dataclass(frozen=True, eq=False)
class Bent:
    """A model at some values of its parts (N,), blurring blocks of one shape; the PSF has ``shape``, ``grain`` is a variance in µm²."""

    model: Theoretical
    parts: Sequence[Coefficient]
    values: Sequence[float]
    grain: float
    shape: tuple[int, int, int]
    held_out: HeldOut
    block: Block

    @cached_property
    def blur(self) -> Blur:
        """The blur by PSF and grain."""
        psf, _ = differentiate_psf(
            self.model, self.parts, self.values, None, self.shape, self.held_out.voxel, self._device
        )
        return self.held_out.blur(psf, self.grain, self.block)

    @property
    def _device(self) -> Any:
        return self.block.train.device

    @cached_property
    def _transfers(self) -> dict[int, Tensor]:
        """Axis -> the slope of the transfer function."""
        return {len(self.parts): self.blur.otf * (spread(self.blur, self.held_out.voxel) / 2)}

    def _transfer(self, axis: int) -> Tensor:
        if axis not in self._transfers:
            _, slope = differentiate_psf(
                self.model, self.parts, self.values, axis, self.shape, self.held_out.voxel, self._device
            )
            self._transfers[axis] = self.held_out.blur(slope, self.grain, self.block).otf
        return self._transfers[axis]

    def slopes(self, block: Block, found: Prediction, axes: Sequence[int]) -> Generator[None, None, list[Tensor]]:
        """Return the projected slopes (Z, Y, X) of a prediction, in standard deviations a unit; pauses on the way.

        Axes are the parts, then grain, then background.
        """
        import torch

        projected = []
        for axis in axes:
            if axis > len(self.parts):
                slope = torch.ones_like(found.expected)
            else:
                slope = self.blur.crop(self.blur.filtered(found.object, self._transfer(axis))).clone()
            projected.append((yield from self._project(slope, block, found)))
        return projected

    def _project(self, slope: Tensor, block: Block, found: Prediction) -> Generator[None, None, Tensor]:
        """Return what of a slope (Z, Y, X) no object makes up for, in standard deviations."""
        blur, deviation, bright = self.blur, block.weight.sqrt(), found.object.sqrt()
        left = slope * deviation
        pull = blur.adjoint(left * deviation) * bright
        way, square = pull.clone(), float(pull.square().sum())
        for step in range(STEPS):
            if not square > 0:
                break
            moved = blur.forward(bright * way) * deviation
            left = left - (square / float(moved.square().sum())) * moved
            pull = blur.adjoint(left * deviation) * bright
            before, square = square, float(pull.square().sum())
            way.mul_(square / before).add_(pull)
            if step % 5 == 4:
                yield
        return left


def differentiate_psf(
    model: Theoretical,
    parts: Sequence[Coefficient],
    values: Sequence[float],
    moved: int | None,
    shape: tuple[int, int, int],
    voxel: tuple[float, float, float],
    device: Any,
) -> tuple[Tensor, Any]:
    """Return the PSF (Z, Y, X) of unit sum at the parts' values (N,), and its slope with one of them (None where none is named)."""
    import torch
    from torch.autograd import forward_ad

    wide = torch.float32 if torch.device(device).type == "mps" else torch.float64
    fields: dict[str, Any] = {}
    bent: dict[int, Any] = {}
    with torch.no_grad(), forward_ad.dual_level():
        for number, (part, value) in enumerate(zip(parts, values, strict=True)):
            tensor = torch.tensor(float(value), dtype=wide, device=device)
            if number == moved:
                tensor = forward_ad.make_dual(tensor, torch.ones_like(tensor))  # type: ignore[no-untyped-call]
            if part.noll:
                bent[part.noll] = tensor
            else:
                fields[part.name] = tensor
        light = model.sample(shape, voxel, device, aberrations=bent, **fields).clamp(min=0)
        psf, slope = forward_ad.unpack_dual(light / light.sum())  # type: ignore[no-untyped-call]
    return psf, slope
