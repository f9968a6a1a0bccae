"""Networks with transposed-convolution decoders, flat and deep alike: each maps channels to channels on the same grid.

    u-net        coarser and coarser and back, what was seen on the way down added on the way up
    deconvnet    mirrored encoder and decoder; maxima are put back where they were taken from
    autoencoder  down to few numbers and back, nothing passed beside: what is not typical is lost, noise first
    recurrent    the U-Net, and beside it what was kept of the time points before (`recurrence`)

Sizes must be multiples of `total_stride`; `reach` tells how many pixels of the neighbourhood decide a pixel.

References
----------
Ronneberger, Fischer & Brox, "U-Net: convolutional networks for biomedical image segmentation", MICCAI (2015).
Noh, Hong & Han, "Learning deconvolution network for semantic segmentation", ICCV (2015).
Vincent et al., "Extracting and composing robust features with denoising autoencoders", ICML (2008).
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor, nn

from ..settings import Settings, field
from .blocks import Down, Residual, Up, convolution
from .training import Layout

__all__ = ["Architecture", "Autoencoder", "DeconvNet", "UNet", "make_body", "put_back"]

FINEST = 2
"""Residuals at full resolution."""


class Architecture(Settings):
    """Which network, for how many dimensions, and how large."""

    kind: Layout = field("u-net", title="Network", description="Its layout.")
    dims: Literal[2, 3] = field(2, title="Dimensions", description="2 for flat images, 3 for stacks.")
    width: int = field(48, title="Width", description="Channels at half resolution; twice as many below.", ge=4, le=256)
    fine: int = field(24, title="Fine width", description="Channels at full resolution.", ge=4, le=128)
    levels: int = field(3, title="Levels", description="How often the resolution is halved.", ge=1, le=4)
    isotropic: bool = field(
        False,
        title="Isotropic",
        description="Halve Z at the first two levels too: for voxels that are as deep as wide.",
    )

    def strides(self) -> list[tuple[int, ...]]:
        """Return the stride of each level; where planes lie far apart, Z is halved from the third level on only."""
        if self.dims == 2:
            return [(2, 2)] * self.levels
        return [(2 if self.isotropic or level >= 2 else 1, 2, 2) for level in range(self.levels)]

    @property
    def total_stride(self) -> tuple[int, ...]:
        """By how much each axis is coarser at the deepest level: sizes and offsets must be multiples of it."""
        total = [1] * self.dims
        for stride in self.strides():
            total = [size * step for size, step in zip(total, stride, strict=True)]
        return tuple(total)

    @property
    def widths(self) -> list[int]:
        """Channels of each level, the finest first."""
        return [self.width * factor for factor in (1, 2, 3, 4)[: self.levels]]


def make_body(architecture: Architecture, inputs: int, outputs: int) -> nn.Module:
    """Return a new network (N, inputs, [Z,] Y, X) -> (N, outputs, [Z,] Y, X) whose last layer is nothing at the start."""
    kinds: dict[str, type[UNet] | type[DeconvNet] | type[Autoencoder]] = {
        "u-net": UNet,
        "deconvnet": DeconvNet,
        "autoencoder": Autoencoder,
        "recurrent": UNet,
    }
    return kinds[architecture.kind](architecture, inputs, outputs)


class Head(nn.Module):
    """The layers at full resolution: what came up, and beside it the inputs themselves where they are shown."""

    def __init__(self, dims: int, width: int, inputs: int, outputs: int) -> None:
        super().__init__()
        self.first = convolution(dims, width, width)
        self.beside = convolution(dims, inputs, width) if inputs else None
        self.seen = nn.Sequential(*(Residual(dims, width) for _ in range(FINEST)))
        self.last = convolution(dims, width, outputs)
        nn.init.zeros_(self.last.weight)  # type: ignore[arg-type]
        nn.init.zeros_(self.last.bias)  # type: ignore[arg-type]

    def forward(self, risen: Tensor, inputs: Tensor | None = None) -> Tensor:
        """Return the outputs."""
        values = self.first(risen)
        if self.beside is not None:
            values = values + self.beside(inputs)
        given: Tensor = self.last(torch.relu(self.seen(values)))
        return given


class UNet(nn.Module):
    """A U-Net with its body at half resolution and below."""

    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        dims, widths, strides = architecture.dims, architecture.widths, architecture.strides()
        self.down = nn.ModuleList(
            Down(before, after, stride)
            for before, after, stride in zip([inputs, *widths], widths, strides, strict=False)
        )
        self.seen = nn.ModuleList(Residual(dims, width) for width in widths)
        self.deep = Residual(dims, widths[-1])
        self.up = nn.ModuleList(
            Up(before, after, stride)
            for before, after, stride in zip(widths, [architecture.fine, *widths], strides, strict=False)
        )
        self.made = nn.ModuleList(Residual(dims, width) for width in widths[:-1])
        self.head = Head(dims, architecture.fine, inputs, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of (N, C, [Z,] Y, X)."""
        values, kept = inputs, []
        for down, seen in zip(self.down, self.seen, strict=True):
            values = seen(down(values))
            kept.append(values)
        values = self.deep(values)
        for level in range(len(self.up) - 1, 0, -1):
            values = self.made[level - 1](torch.relu(self.up[level](values) + kept[level - 1]))
        given: Tensor = self.head(torch.relu(self.up[0](values)), inputs)
        return given


class DeconvNet(nn.Module):
    """A mirrored encoder and decoder: the places of the maxima are kept, and what comes up is put back there."""

    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        dims, widths, self.strides = architecture.dims, architecture.widths, architecture.strides()
        self.dims = dims
        finer = [architecture.fine, *widths]
        self.first = convolution(dims, inputs, architecture.fine)
        self.down = nn.ModuleList(convolution(dims, a, b) for a, b in zip(finer, widths, strict=False))
        self.deep = Residual(dims, widths[-1])
        self.up = nn.ModuleList(Up(b, a, (1,) * dims) for a, b in zip(finer, widths, strict=False))
        self.head = Head(dims, architecture.fine, inputs, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of (N, C, [Z,] Y, X)."""
        pool = nn.functional.max_pool2d if self.dims == 2 else nn.functional.max_pool3d
        values, places = torch.relu(self.first(inputs)), []
        for down, stride in zip(self.down, self.strides, strict=True):
            values = torch.relu(down(values))
            values, place = pool(values, stride, stride, return_indices=True)
            places.append(place)
        values = self.deep(values)
        for level in range(len(self.up) - 1, -1, -1):
            values = torch.relu(self.up[level](put_back(values, places[level], self.strides[level])))
        given: Tensor = self.head(values, inputs)
        return given


def put_back(values: Tensor, places: Tensor, stride: tuple[int, ...]) -> Tensor:
    """Return values (N, C, [Z,] Y, X) on a grid finer by a stride, each at the place that its maximum was taken from, zeros elsewhere.

    places : as pooling gives them, flat indices on the finer grid. The same as torch's unpooling, but with no size written into a trace.
    """
    for axis, step in enumerate(stride, start=2):
        values, places = values.repeat_interleave(step, axis), places.repeat_interleave(step, axis)
    own = torch.zeros(1, dtype=places.dtype, device=places.device)
    for axis in range(2, values.ndim):
        size = values.shape[axis]
        own = own[..., None] * size + torch.arange(size, device=places.device)
    return torch.where(places == own, values, torch.zeros_like(values))


class Autoencoder(nn.Module):
    """A denoising autoencoder: the decoder sees nothing but what passed the narrowest place."""

    def __init__(self, architecture: Architecture, inputs: int, outputs: int) -> None:
        super().__init__()
        dims, widths, strides = architecture.dims, architecture.widths, architecture.strides()
        narrow = max(4, architecture.width // 2)
        self.encoder = nn.Sequential(
            *(
                nn.Sequential(Down(before, after, stride), Residual(dims, after))
                for before, after, stride in zip([inputs, *widths], widths, strides, strict=False)
            ),
            convolution(dims, widths[-1], narrow, 1),
        )
        finer = [architecture.fine, *widths]
        self.widened = convolution(dims, narrow, widths[-1], 1)
        self.up = nn.ModuleList(Up(b, a, stride) for a, b, stride in zip(finer, widths, strides, strict=False))
        self.made = nn.ModuleList(Residual(dims, width) for width in finer[: len(widths)])
        self.head = Head(dims, architecture.fine, 0, outputs)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the outputs of (N, C, [Z,] Y, X)."""
        values = torch.relu(self.widened(self.encoder(inputs)))
        for level in range(len(self.up) - 1, -1, -1):
            values = self.made[level](torch.relu(self.up[level](values)))
        given: Tensor = self.head(values)
        return given
