"""Continuing an image beyond its frame, smoothly and periodically, for one-step methods that divide spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from .blur import Blur

__all__ = ["continue_smoothly"]


def continue_smoothly(framed: Tensor, blur: Blur, level: float) -> Tensor:
    """Return the framed values on the object grid, continued so that the grid's opposite ends meet.

    Beyond each end the image is mirrored, and fades within the PSF's half width into a level (counts), the same for every block of an image:
    what happens at one end does not depend on the other, so a tile's rim is what the whole's is.

        ... level <- fades | mirrored from this end | frame | mirrored from the other end | fades -> level ...
    """
    continued = framed
    for axis, (margin, size) in enumerate(zip(blur.margin, blur.object_shape, strict=True)):
        continued = _continue_axis(continued, axis, margin, size, level)
    return continued


def _continue_axis(values: Tensor, axis: int, margin: int, size: int, level: float) -> Tensor:
    import torch

    inside = values.shape[axis]
    beyond = size - inside
    if beyond == 0:
        return values
    step = torch.arange(margin, device=values.device)
    fade = (0.5 + 0.5 * torch.cos(torch.pi * (step + 0.5) / max(margin, 1))).to(values.dtype)
    fade = fade.reshape([-1 if other == axis else 1 for other in range(3)])
    behind = values.index_select(axis, _mirrored(inside + step, inside)).sub_(level).mul_(fade).add_(level)
    before = values.index_select(axis, _mirrored(-1 - step, inside)).sub_(level).mul_(fade).add_(level)
    rest = [length if other != axis else beyond - 2 * margin for other, length in enumerate(values.shape)]
    return torch.cat([before.flip(axis), values, behind, values.new_full(rest, level)], dim=axis)


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Return indices folded into [0, size) by reflection about the end pixels' outer edges."""
    folded = index.remainder(2 * size)
    return folded.where(folded < size, 2 * size - 1 - folded)
