r"""`Blur`: the linear operator of the microscope on an object grid larger than the image.

The object grid reaches beyond the frame by the PSF's half width on each side, so that light from outside has
somewhere to come from and nothing wraps around:

      object  |---- h ----|======= image =======|---- h ----|      size >= image + PSF - 1, the next fast FFT size
      image               |======= frame =======|

``forward`` is frame(h * x); ``adjoint`` correlates with h what is zero outside the frame; ``sensitivity`` is the adjoint of
ones, the share of a voxel's light that the frame catches. With a mask, pixels that are not trusted count as if they lay outside the
frame: ``forward`` is 0 there, ``adjoint`` takes nothing from them, ``sensitivity`` is the adjoint of the mask.

References
----------
Bertero & Boccacci, "A simple method for the reduction of boundary effects in the Richardson-Lucy approach to image
deconvolution", Astronomy & Astrophysics 437 (2005) 369-374.
"""

from __future__ import annotations

import copy
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.fft import next_fast_len

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = ["Blur"]

DAMPING = 0.01
"""What is added to |H|^2 before a spectrum is divided by it: frequencies that pass less than a tenth stay as dim as they are."""
SEEN = 1e-3
"""A voxel of which the frame catches a smaller share than this is left dark."""


class Blur:
    """Convolution with a PSF, its adjoint and its sensitivity, by real FFTs.

    Parameters
    ----------
    psf : (Z, Y, X), unit sum, centred at ``shape // 2``.
    image_shape : (Z, Y, X) of the frame.
    device : where the transforms run.
    dtype : torch.float32 or torch.float64.

    What `forward`, `full`, `filtered`, `adjoint` and `undo` return is a view of one buffer that the next call of any of them overwrites:
    copy what you keep.
    """

    def __init__(
        self, psf: np.ndarray[Any, Any], image_shape: tuple[int, int, int], device: Any = "cpu", dtype: Any = None
    ) -> None:
        import torch

        self.device = torch.device(device)
        self.dtype = dtype or torch.float32
        self.image_shape = image_shape
        self.psf_shape = tuple(psf.shape)
        self.object_shape = plan_object_shape(image_shape, psf.shape)
        self.margin = tuple((size - 1) // 2 for size in psf.shape)
        self.frame = tuple(slice(m, m + n) for m, n in zip(self.margin, image_shape, strict=True))
        self.axes = tuple(axis for axis in range(3) if self.object_shape[axis] > 1) or (2,)
        self._sizes = [self.object_shape[axis] for axis in self.axes]
        self.otf = self._transform_psf(psf)
        self.mask: Tensor | None = None
        self._make_buffers()

    def masked(self, mask: Tensor) -> Blur:
        """Return a blur that shares everything with this one but trusts only the pixels (Z, Y, X) where the mask is 1."""
        other = copy.copy(self)
        other.mask = mask
        for known in ("sensitivity", "inverse_sensitivity"):
            other.__dict__.pop(known, None)
        return other

    def twin(self) -> Blur:
        """Return a blur of the same PSF and shape that shares the transfer function and has buffers of its own."""
        other = copy.copy(self)
        other._make_buffers()
        return other

    def _make_buffers(self) -> None:
        import torch

        self._filtered = self.new_object()
        self._framed = self.new_object()
        self._spectrum = torch.empty_like(self.otf)

    def new_object(self, value: float = 0.0) -> Tensor:
        """Return an object-sized tensor filled with a value."""
        import torch

        return torch.full(self.object_shape, value, dtype=self.dtype, device=self.device)

    def forward(self, thing: Tensor) -> Tensor:
        """Return the blurred object inside the frame, (Z, Y, X) of the image."""
        seen = self._filter(thing, self.otf)[self.frame]
        return seen if self.mask is None else seen.mul_(self.mask)

    def full(self, thing: Tensor) -> Tensor:
        """Return the blurred object on the whole object grid, whose ends meet."""
        return self._filter(thing, self.otf)

    def filtered(self, thing: Tensor, transfer: Tensor) -> Tensor:
        """Return an object under another transfer function of the half spectrum, likewise."""
        return self._filter(thing, transfer)

    def adjoint(self, framed: Tensor) -> Tensor:
        """Return the correlation of the PSF with what the frame holds, on the object grid."""
        inside = self._framed[self.frame]
        if framed.data_ptr() != inside.data_ptr():
            inside.copy_(framed)
        if self.mask is not None:
            inside.mul_(self.mask)
        return self._filter(self._framed, self.conjugate)

    def undo(self, framed: Tensor) -> Tensor:
        """Return what the frame holds, dark outside, divided by the transfer function as far as that is well above zero."""
        self.in_frame.copy_(framed)
        return self._filter(self._framed, self._damped_inverse)[self.frame]

    @property
    def in_frame(self) -> Tensor:
        """The adjoint's own input buffer, inside the frame: what is written here need not be copied."""
        return self._framed[self.frame]

    def crop(self, thing: Tensor) -> Tensor:
        """Return the part of an object inside the frame (a view)."""
        return thing[self.frame]

    @cached_property
    def sensitivity(self) -> Tensor:
        """The adjoint of ones, in [0, 1]: the share of each voxel's light that the frame catches."""
        framed = self.new_object()
        framed[self.frame] = 1 if self.mask is None else self.mask
        return self._filter(framed, self.conjugate, self.new_object()).clamp_(0, 1)

    @cached_property
    def inverse_sensitivity(self) -> Tensor:
        """1 / sensitivity, and 0 where the frame catches (almost) nothing."""
        import torch

        caught = self.sensitivity
        return torch.where(caught > SEEN, caught.reciprocal(), 0.0)

    @cached_property
    def conjugate(self) -> Tensor:
        """The adjoint's transfer function."""
        return self.otf.conj().resolve_conj()

    @cached_property
    def _damped_inverse(self) -> Tensor:
        return self.conjugate / (self.otf.abs().square() + DAMPING)

    def _filter(self, thing: Tensor, transfer: Tensor, out: Tensor | None = None) -> Tensor:
        import torch

        out = self._filtered if out is None else out
        torch.fft.rfftn(thing, dim=self.axes, out=self._spectrum)
        self._spectrum.mul_(transfer)
        torch.fft.irfftn(self._spectrum, s=self._sizes, dim=self.axes, out=out)
        return out

    def _transform_psf(self, psf: np.ndarray[Any, Any]) -> Tensor:
        import torch

        padded = np.zeros(self.object_shape, dtype=np.float64)
        padded[tuple(slice(0, size) for size in psf.shape)] = psf
        padded = np.roll(padded, [-(size // 2) for size in psf.shape], axis=(0, 1, 2))
        kernel = torch.from_numpy(padded).to(self.dtype).to(self.device)
        otf: torch.Tensor = torch.fft.rfftn(kernel, dim=self.axes)
        return otf


def plan_object_shape(image_shape: tuple[int, ...], psf_shape: tuple[int, ...]) -> tuple[int, int, int]:
    """Return the next fast real-FFT size of (image + PSF - 1) on each axis; an axis that neither has stays 1."""
    z, y, x = (n + k - 1 for n, k in zip(image_shape, psf_shape, strict=True))
    return next_fast_len(z, real=True), next_fast_len(y, real=True), next_fast_len(x, real=True)
