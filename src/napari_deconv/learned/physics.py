r"""The microscope inside a network: what an object would look like, and one step that agrees better with what was seen.

For an estimate x inside the frame, completed by the light beyond it, the step is Richardson-Lucy's own, for many images at once:

    x  <-  x / s * H'( y / (H x + b) )

so that gradients flow through it in training, and the same lines run when an image is restored.

A network that has learned from images whose background was estimated too high, as that of haze always is, says more light than the image
has over it. Where an image is restored, the light of every neighbourhood is therefore made that of the image, S being a mean over it, first
of wide neighbourhoods and then of narrow ones:

    x  <-  x ( S(y - b) + e ) / ( S(H x) + e )
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Physics", "transform_psfs"]

LEAST = 1e-6
"""Smallest expected light, in units of the scale, that a ratio is formed with."""
NEIGHBOURS = (17, 9)
"""Pixels a side over which light is averaged, twice; a third of that along z."""
FAINT = 0.005
"""Light e, in units of the scale, below which next to nothing is changed."""
MOST_RELIT = 4.0
"""Factor of a neighbourhood's light, at the most."""


@dataclass(frozen=True)
class Physics:
    """Images (N, 1, *frame), each with its microscope; light in units of each image's scale.

    otf : (N, 1, *half spectrum); image : what was seen, background and all; background : (N, 1, 1, ...);
    anchor : (N, 1, *object), whose part inside the frame does not matter; inverse_sensitivity : (N, 1, *frame);
    mask : (N, 1, *frame), 0 where a pixel is not trusted, or None; margin : pixels before the frame on each axis.
    """

    otf: Tensor
    image: Tensor
    background: Tensor
    anchor: Tensor
    inverse_sensitivity: Tensor
    margin: Sequence[int]
    mask: Tensor | None = None

    @property
    def axes(self) -> list[int]:
        """The spatial axes."""
        return list(range(2, self.anchor.ndim))

    def completed(self, estimate: Tensor) -> Tensor:
        """Return the objects: estimates inside the frame, the anchors beyond it."""
        pads = self._pads(estimate)
        inside = torch.nn.functional.pad(torch.ones_like(estimate[:1]), pads)
        return self.anchor * (1 - inside) + torch.nn.functional.pad(estimate, pads)

    def seen(self, estimate: Tensor) -> Tensor:
        """Return the expected images, background aside."""
        return self._framed(self._filtered(self.completed(estimate), self.otf))

    def consistent(self, estimate: Tensor) -> Tensor:
        """Return the estimates after one step up the likelihood; without background their total light is the images'."""
        expected = (self.seen(estimate) + self.background).clamp(min=LEAST)
        ratio = self.image / expected
        if self.mask is not None:
            ratio = ratio * self.mask
        back = self._framed(self._filtered(torch.nn.functional.pad(ratio, self._pads(ratio)), self.otf.conj()))
        return estimate * back.clamp(min=0) * self.inverse_sensitivity

    def relit(self, estimate: Tensor) -> Tensor:
        """Return the estimates with as much light in every neighbourhood, seen through the microscope, as the images have there."""
        light = self.image - self.background
        for size in NEIGHBOURS:
            seen, trusted = self.seen(estimate), 1.0 if self.mask is None else self.mask
            factor = (_near(light * trusted, size) + FAINT) / (_near(seen * trusted, size) + FAINT)
            estimate = estimate * factor.clamp(1 / MOST_RELIT, MOST_RELIT)
        return estimate

    def _pads(self, framed: Tensor) -> list[int]:
        pads: list[int] = []
        for margin, size, whole in zip(self.margin, framed.shape[2:], self.anchor.shape[2:], strict=True):
            pads = [margin, whole - size - margin, *pads]
        return pads

    def _filtered(self, objects: Tensor, transfer: Tensor) -> Tensor:
        spectrum = torch.fft.rfftn(objects, dim=self.axes) * transfer
        filtered: Tensor = torch.fft.irfftn(spectrum, s=objects.shape[2:], dim=self.axes)
        return filtered

    def _framed(self, objects: Tensor) -> Tensor:
        for axis, margin, size in zip(self.axes, self.margin, self.image.shape[2:], strict=True):
            objects = objects.narrow(axis, margin, size)
        return objects


def _near(values: Tensor, size: int) -> Tensor:
    """Return the mean over so many neighbours of each pixel in y and x, (N, 1, ...), the near ones counting most."""
    flat = values.ndim == 4
    sizes = (size, size) if flat else (size // 6 * 2 + 1, size, size)
    pool = torch.nn.functional.avg_pool2d if flat else torch.nn.functional.avg_pool3d
    for _ in range(2):
        values = pool(values, sizes, 1, tuple(each // 2 for each in sizes), count_include_pad=False)
    return values


def transform_psfs(psfs: Tensor, shape: Sequence[int]) -> Tensor:
    """Return the transfer functions (N, 1, *half spectrum) of PSFs (N, 1, *kernel), centred at ``shape // 2``, on an object grid."""
    axes = list(range(2, psfs.ndim))
    pads: list[int] = []
    for size, whole in zip(psfs.shape[2:], shape, strict=True):
        pads = [0, whole - size, *pads]
    padded = torch.nn.functional.pad(psfs, pads).roll([-(size // 2) for size in psfs.shape[2:]], axes)
    transfer: Tensor = torch.fft.rfftn(padded, dim=axes)
    return transfer
