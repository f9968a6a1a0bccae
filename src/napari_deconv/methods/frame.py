"""Continuing an image beyond its frame, smoothly and periodically, for one-step methods that divide spectra."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

    from .blur import Blur

__all__ = ["continue_smoothly"]


def continue_smoothly(framed: Tensor, blur: Blur) -> Tensor:
    """Return the framed values on the object grid, continued so that the grid's opposite ends meet.

    Beyond each end the image is mirrored; the two mirrored continuations fade into each other around the back:

        ... frame | mirrored from this end -> fades into <- mirrored from the other end | frame ...
    """
    continued = framed
    for axis, (margin, size) in enumerate(zip(blur.margin, blur.object_shape, strict=True)):
        continued = _continue_axis(continued, axis, margin, size)
    return continued


def _continue_axis(values: Tensor, axis: int, margin: int, size: int) -> Tensor:
    import torch

    inside = values.shape[axis]
    beyond = size - inside
    if beyond == 0:
        return values
    step = torch.arange(beyond, device=values.device)
    from_end = values.index_select(axis, _mirrored(inside + step, inside))
    from_start = values.index_select(axis, _mirrored(step - beyond, inside))
    fade = 0.5 - 0.5 * torch.cos(torch.pi * (step + 0.5) / beyond)
    fade = fade.to(values.dtype).reshape([-1 if other == axis else 1 for other in range(3)])
    outside = torch.lerp(from_end, from_start, fade.expand_as(from_end))
    return torch.cat([values, outside], dim=axis).roll(margin, dims=axis)


def _mirrored(index: Tensor, size: int) -> Tensor:
    """Return indices folded into [0, size) by reflection about the end pixels' outer edges."""
    folded = index.remainder(2 * size)
    return folded.where(folded < size, 2 * size - 1 - folded)
