r"""What the networks are built of, flat and deep alike: convolutions, residuals, and transposed convolutions without checkerboards.

A transposed convolution of stride 2 writes each pixel of a finer grid with the taps of its own phase. Where the taps of two phases
add to different sums, an even field comes out as a checkerboard, whatever the size of the kernel. Here the sums are made equal:

    w'[t, p]  =  w[t, p]  +  ( mean_p sum_t w[t, p]  -  sum_t w[t, p] ) / taps          t: tap, p: phase

so that an even field stays even before, during and after training.

References
----------
Odena, Dumoulin & Olah, "Deconvolution and checkerboard artifacts", Distill (2016).
He et al., "Deep residual learning for image recognition", CVPR (2016).
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Down", "Residual", "Up", "convolution"]

CONVOLUTIONS: dict[int, Any] = {2: nn.Conv2d, 3: nn.Conv3d}


def convolution(dims: int, inputs: int, outputs: int, size: int = 3) -> nn.Module:
    """Return a convolution that keeps the size of what it is given, (N, C, [Z,] Y, X)."""
    made: nn.Module = CONVOLUTIONS[dims](inputs, outputs, size, padding=size // 2)
    return made


class Residual(nn.Module):
    """Two convolutions whose sum with their input goes on; the second is nothing at the start."""

    def __init__(self, dims: int, width: int) -> None:
        super().__init__()
        self.first = convolution(dims, width, width)
        self.second = convolution(dims, width, width)
        nn.init.zeros_(self.second.weight)  # type: ignore[arg-type]

    def forward(self, values: Tensor) -> Tensor:
        """Return the input and what the convolutions add to it."""
        changed: Tensor = values + self.second(torch.relu(self.first(values)))
        return changed


class Down(nn.Module):
    """A strided convolution to a coarser grid; an axis of stride 1 keeps its size."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, ...]) -> None:
        super().__init__()
        size = tuple(4 if step == 2 else 3 for step in stride)
        self.convolution = CONVOLUTIONS[len(stride)](inputs, outputs, size, stride=stride, padding=1)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values on the coarser grid."""
        coarse: Tensor = torch.relu(self.convolution(values))
        return coarse


class Up(nn.Module):
    """A transposed convolution to a finer grid whose phases are balanced; an axis of stride 1 keeps its size."""

    def __init__(self, inputs: int, outputs: int, stride: tuple[int, ...]) -> None:
        super().__init__()
        self.stride = stride
        size = [4 if step == 2 else 3 for step in stride]
        self.weight = nn.Parameter(torch.empty(inputs, outputs, *size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        nn.init.kaiming_uniform_(self.weight, a=5**0.5)

    def balanced(self) -> Tensor:
        """Return the kernel whose taps add to the same sum in every phase."""
        shape = list(self.weight.shape[:2])
        for step, size in zip(self.stride, self.weight.shape[2:], strict=True):
            shape += [size // step, step]
        taps = list(range(2, len(shape), 2))
        split = self.weight.reshape(shape)
        sums = split.sum(dim=taps, keepdim=True)
        phases = list(range(3, len(shape), 2))
        count = 1
        for axis in taps:
            count *= shape[axis]
        return (split + (sums.mean(dim=phases, keepdim=True) - sums) / count).reshape(self.weight.shape)

    def forward(self, values: Tensor) -> Tensor:
        """Return the values on the finer grid."""
        spread = nn.functional.conv_transpose2d if len(self.stride) == 2 else nn.functional.conv_transpose3d
        return spread(values, self.balanced(), self.bias, stride=self.stride, padding=1)
