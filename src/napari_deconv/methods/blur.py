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
from collections.abc import Callable
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .spectrum import Box, HalfSpectrum, Part

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["CLOSE", "Blur", "Room", "fast_length", "plan_object_shape"]

Room = tuple[int, int, int]
CLOSE: Room = (1, 1, 1)
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
    room : how many half widths of the PSF the object reaches beyond the frame, (z, y, x).

    ``psf`` is what was given; ``spectrum`` is the half spectrum that all calls share, to be entered in a ``with``; ``whole`` the box of the
    object's grid, ``frame`` that of the image in it.

    What `forward` and `undo` return is one buffer, `in_frame`; what `full`, `filtered` and `adjoint` return is another: the next call
    overwrites it, so copy what you keep. `round_trip` needs neither.
    """

    def __init__(
        self,
        psf: np.ndarray[Any, Any],
        image_shape: tuple[int, int, int],
        device: Any = "cpu",
        dtype: Any = None,
        room: Room = CLOSE,
    ) -> None:
        import torch

        self.device = torch.device(device)
        self.dtype = dtype or torch.float32
        self.image_shape = image_shape
        self.psf = psf
        self.psf_shape = tuple(psf.shape)
        self.object_shape = plan_object_shape(image_shape, psf.shape, room)
        self.margin = tuple(halves * ((size - 1) // 2) for halves, size in zip(room, psf.shape, strict=True))
        z, y, x = (slice(m, m + n) for m, n in zip(self.margin, image_shape, strict=True))
        self.frame: Box = (z, y, x)
        self.axes = (*(axis for axis in (0, 1) if self.object_shape[axis] > 1), 2)
        z, y, x = (slice(0, size) for size in self.object_shape)
        self.whole: Box = (z, y, x)
        self.spectrum = HalfSpectrum(self.object_shape, self.device, self.dtype)
        self.otf = self._transform_psf(psf)
        self.mask: Tensor | None = None
        self.kernel_energy = float(np.square(psf, dtype=np.float64).sum())

    def masked(self, mask: Tensor) -> Blur:
        """Return a blur that shares everything with this one but trusts only the pixels (Z, Y, X) where the mask is 1."""
        other = copy.copy(self)
        other.mask = mask
        other.__dict__.pop("inverse_sensitivity", None)
        return other

    def twin(self) -> Blur:
        """Return a blur of the same PSF and shape that shares all that does not change, and returns buffers of its own.

        Both compute in the same place: of several threads, one waits for the other.
        """
        self.inverse_sensitivity  # noqa: B018 - computed now, it is shared
        other = copy.copy(self)
        for buffer in ("in_frame", "_object"):
            other.__dict__.pop(buffer, None)
        return other

    @cached_property
    def in_frame(self) -> Tensor:
        """What `forward` returns (Z, Y, X), and the adjoint takes without a copy."""
        import torch

        return torch.zeros(self.image_shape, dtype=self.dtype, device=self.device)

    @cached_property
    def _object(self) -> Tensor:
        return self.new_object()

    def new_object(self, value: float = 0.0) -> Tensor:
        """Return an object-sized tensor filled with a value."""
        import torch

        return torch.full(self.object_shape, value, dtype=self.dtype, device=self.device)

    def forward(self, thing: Tensor) -> Tensor:
        """Return the blurred object inside the frame, (Z, Y, X) of the image."""
        with self.spectrum as spectrum:
            spectrum.enter(self.whole, thing.__getitem__)
            spectrum.carry(self.otf, self.whole, self.frame)
            spectrum.leave(self.frame, _copying_to(self.in_frame))
        return self.in_frame if self.mask is None else self.in_frame.mul_(self.mask)

    def full(self, thing: Tensor) -> Tensor:
        """Return the blurred object on the whole object grid, whose ends meet."""
        return self.filtered(thing, self.otf)

    def filtered(self, thing: Tensor, transfer: Tensor) -> Tensor:
        """Return an object under another transfer function of the half spectrum, likewise."""
        with self.spectrum as spectrum:
            spectrum.enter(self.whole, thing.__getitem__)
            spectrum.carry(transfer, self.whole, self.whole)
            spectrum.leave(self.whole, _copying_to(self._object))
        return self._object

    def adjoint(self, framed: Tensor) -> Tensor:
        """Return the correlation of the PSF with what the frame holds, on the object grid."""
        return self._gather(framed, self._object)

    def round_trip(
        self,
        give: Callable[[Part], Tensor],
        meet: Callable[[Part, Tensor], Tensor],
        take: Callable[[Part, Tensor], None],
    ) -> None:
        """Blur an object, put something else in the place of what the frame sees, and carry that back by the adjoint.

        All goes by parts of a few planes, several at once where there are several cores, and no volume is kept on the way.

        Parameters
        ----------
        give : returns a part of the object.
        meet : returns what is carried back of a part of the frame, given its blurred light, which may be overwritten.
        take : gets a part of what came back, on the object grid; the object may be overwritten there, for all of it is read by then.
        """
        mask = self.mask
        if mask is None:
            trusted = meet
        else:

            def trusted(part: Part, seen: Tensor) -> Tensor:
                return meet(part, seen.mul_(mask[part])).mul_(mask[part])

        with self.spectrum as spectrum:
            spectrum.enter(self.whole, give)
            spectrum.carry(self.otf, self.whole, self.frame)
            spectrum.exchange(self.frame, trusted)
            spectrum.carry(self.otf, self.frame, self.whole, conjugate=True)
            spectrum.leave(self.whole, take)

    def undo(self, framed: Tensor) -> Tensor:
        """Return what the frame holds, dark outside, divided by the transfer function as far as that is well above zero."""
        with self.spectrum as spectrum:
            spectrum.enter(self.frame, framed.__getitem__)
            spectrum.carry(self._damped_inverse, self.frame, self.frame)
            spectrum.leave(self.frame, _copying_to(self.in_frame))
        return self.in_frame

    def crop(self, thing: Tensor) -> Tensor:
        """Return the part of an object inside the frame (a view)."""
        return thing[self.frame]

    @property
    def sensitivity(self) -> Tensor:
        """The adjoint of ones, in [0, 1]: the share of each voxel's light that the frame catches."""
        import torch

        ones = torch.ones((), dtype=self.dtype, device=self.device).expand(self.image_shape)
        return self._gather(ones, self.new_object()).clamp_(0, 1)

    @cached_property
    def inverse_sensitivity(self) -> Tensor:
        """1 / sensitivity, and 0 where the frame catches (almost) nothing."""
        caught = self.sensitivity
        dark = caught <= SEEN
        return caught.reciprocal_().masked_fill_(dark, 0.0)

    @cached_property
    def conjugate(self) -> Tensor:
        """The adjoint's transfer function."""
        return self.otf.conj().resolve_conj()

    @cached_property
    def _damped_inverse(self) -> Tensor:
        return self.otf.conj() / (self.otf.abs().square() + DAMPING)

    def _gather(self, framed: Tensor, out: Tensor) -> Tensor:
        mask = self.mask
        give = framed.__getitem__ if mask is None else lambda part: framed[part] * mask[part]
        with self.spectrum as spectrum:
            spectrum.enter(self.frame, give)
            spectrum.carry(self.otf, self.frame, self.whole, conjugate=True)
            spectrum.leave(self.whole, _copying_to(out))
        return out

    def _transform_psf(self, psf: np.ndarray[Any, Any]) -> Tensor:
        import torch

        kernel = self.new_object()
        corner = tuple(slice(0, size) for size in psf.shape)
        kernel[corner] = torch.tensor(psf, dtype=self.dtype, device=self.device)
        kernel = kernel.roll([-(size // 2) for size in psf.shape], dims=(0, 1, 2))
        return self.spectrum.transform(self.whole, kernel.__getitem__)


def _copying_to(target: Tensor) -> Callable[[Part, Tensor], None]:
    def copy_part(part: Part, values: Tensor) -> None:
        target[part] = values

    return copy_part


def plan_object_shape(
    image_shape: tuple[int, ...], psf_shape: tuple[int, ...], room: Room = CLOSE
) -> tuple[int, int, int]:
    """Return the next fast FFT size of image + room * (PSF - 1) on each axis; an axis that neither has stays 1."""
    z, y, x = (fast_length(n + halves * (k - 1)) for n, k, halves in zip(image_shape, psf_shape, room, strict=True))
    return z, y, x


@lru_cache(maxsize=1024)
def fast_length(least: int) -> int:
    """Return the next length that every library transforms quickly: factors up to 7, and above 16 a multiple of 4.

    Measured (`docs/speed.md`): MKL takes two to three times as long for an odd length as for the next multiple of 4.
    """
    step = 4 if least > 16 else 1
    length = -(-least // step) * step
    while not _is_smooth(length):
        length += step
    return length


def _is_smooth(length: int) -> bool:
    for factor in (2, 3, 5, 7):
        while length % factor == 0:
            length //= factor
    return length == 1
