r"""`HalfSpectrum`: the real FFT of an object, entered and left a few planes at a time, so that no second volume is needed.

    planes --- FFT of rows, columns ---> spectrum --- FFT along z, times a transfer function, and back ---> planes

What lies outside the box that holds light is not transformed, nor what lies outside the box that is asked for. A flat object's
rows take the place of planes. Planes, and columns along z, are done in parts that stay in a core's cache.

References
----------
Sorensen & Burrus, "Efficient computation of the DFT with only a subset of input or output points", IEEE Trans. Signal Process. 41
(1993) 1184-1200.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .workers import spread

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Box", "HalfSpectrum", "Part", "with_neighbours"]

Box = tuple[slice, slice, slice]
Part = tuple[slice, ...]
"""Index of a stretch of planes of a volume (Z, Y, X), of rows where that has but one plane."""

PART = {"cpu": 2**18}
"""Voxels of a part at most; on another device than the processor many more, for there a part costs the start of its kernels."""
SMALL_PART, LARGE_PART = 2**15, 2**26
PARTS = 16
"""Of a small volume, into how many parts: what is under way in them counts little beside it, and there is work for every core."""


class HalfSpectrum:
    """The half spectrum of objects of one shape (Z, Y, X), on a device; used in a ``with``, by one thread at a time."""

    def __init__(self, shape: tuple[int, int, int], device: Any, dtype: Any) -> None:
        import torch

        self.is_flat = shape[0] == 1
        self.device, self.dtype = device, dtype
        self.planes, self.rows, self.width = (shape[1], 1, shape[2]) if self.is_flat else shape
        self.columns = self.rows * (self.width // 2 + 1)
        self._values = torch.empty(self.planes, self.columns, dtype=dtype.to_complex(), device=device)
        self._by_plane = self._values.view(self.planes, self.rows, -1)
        self._lock = threading.Lock()
        self._part = PART.get(device.type, LARGE_PART)
        if device.type == "cpu":
            self._part = min(self._part, max(SMALL_PART, math.prod(shape) // PARTS))

    def __enter__(self) -> HalfSpectrum:
        self._lock.acquire()
        return self

    def __exit__(self, *error: object) -> None:
        self._lock.release()

    def enter(self, box: Box, make: Callable[[Part], Tensor]) -> None:
        """Transform the planes of a box; ``make`` returns the values of a part of it, and outside the box all is dark."""
        planes, rows, columns = self._folded(box)
        self._spread_planes(
            planes, lambda part: self._enter(planes, part, rows, columns, self._fold(make(self._index(part))))
        )

    def leave(self, box: Box, take: Callable[[Part, Tensor], None]) -> None:
        """Transform back what lies in a box, and hand each part of it to ``take``, which may write to it."""
        planes, rows, columns = self._folded(box)
        self._spread_planes(
            planes, lambda part: take(self._index(part), self._fold(self._leave(planes, part, rows, columns)))
        )

    def exchange(self, box: Box, meet: Callable[[Part, Tensor], Tensor]) -> None:
        """Replace what lies in a box by what ``meet`` makes of it, part by part; outside the box all is dark then."""
        planes, rows, columns = self._folded(box)

        def work(part: slice) -> None:
            found = self._fold(self._leave(planes, part, rows, columns))
            self._enter(planes, part, rows, columns, self._fold(meet(self._index(part), found)))

        self._spread_planes(planes, work)

    def carry(self, transfer: Tensor, entered: Box, left: Box, conjugate: bool = False) -> None:
        """Multiply by a transfer function (Z, Y, X // 2 + 1), or its conjugate, on the way along z.

        entered, left : the boxes that hold light before, and that are asked for after.
        """
        import torch

        factors = self._fold(transfer).reshape(self.planes, self.columns)
        before, after = self._folded(entered)[0], self._folded(left)[0]

        def work(columns: slice) -> None:
            values, factor = self._values[:, columns], factors[:, columns]
            factor = factor.conj() if conjugate else factor
            if self.planes == 1:
                values.mul_(factor)
                return
            spectrum = torch.fft.fft(_alone(values, before), dim=0).mul_(factor)
            values[after] = torch.fft.ifft(spectrum, dim=0)[after]

        spread(work, self.columns, max(1, self._part // (2 * self.planes)), self.device)

    def blend(
        self,
        other: HalfSpectrum,
        transfers: Sequence[Tensor],
        mix: Callable[..., tuple[Tensor, Tensor]],
    ) -> None:
        """Replace what this and another half spectrum hold by what ``mix`` makes of both, given them and transfer functions along z."""
        import torch

        factors = [self._fold(each).reshape(self.planes, self.columns) for each in transfers]

        def work(columns: slice) -> None:
            held = [each._values[:, columns] for each in (self, other)]
            spectra = [torch.fft.fft(each, dim=0) if self.planes > 1 else each.clone() for each in held]
            mixed = mix(*spectra, *(each[:, columns] for each in factors))
            for values, spectrum in zip(held, mixed, strict=True):
                values.copy_(torch.fft.ifft(spectrum, dim=0) if self.planes > 1 else spectrum)

        spread(work, self.columns, max(1, self._part // (4 * self.planes)), self.device)

    def visit(self, box: Box, work: Callable[[Part], None]) -> None:
        """Call work with the parts of a box, as `enter` and `leave` have them."""
        self._spread_planes(self._folded(box)[0], lambda part: work(self._index(part)))

    def transform(self, box: Box, make: Callable[[Part], Tensor]) -> Tensor:
        """Return the whole transform (Z, Y, X // 2 + 1) of what lies in a box, its z axis the quickest in memory."""
        import torch

        self.enter(box, make)
        before = self._folded(box)[0]
        whole = torch.empty(self.columns, self.planes, dtype=self._values.dtype, device=self.device)

        def work(columns: slice) -> None:
            values = _alone(self._values[:, columns], before)
            whole[columns] = (torch.fft.fft(values, dim=0) if self.planes > 1 else values).t()

        spread(work, self.columns, max(1, self._part // (2 * self.planes)), self.device)
        return self._fold(whole.t().view(self.planes, self.rows, -1))

    def _enter(self, planes: slice, part: slice, rows: slice, columns: slice, values: Tensor) -> None:
        import torch

        count = part.stop - part.start
        if columns != slice(0, self.width):
            wide = values.new_zeros(count, rows.stop - rows.start, self.width)
            wide[..., columns] = values
            values = wide
        spectrum = torch.fft.rfft(values, dim=2)
        if self.rows > 1:
            if rows != slice(0, self.rows):
                tall = spectrum.new_zeros(count, self.rows, spectrum.shape[2])
                tall[:, rows] = spectrum
                spectrum = tall
            spectrum = torch.fft.fft(spectrum, dim=1)
        self._by_plane[planes.start + part.start : planes.start + part.stop] = spectrum

    def _leave(self, planes: slice, part: slice, rows: slice, columns: slice) -> Tensor:
        import torch

        spectrum = self._by_plane[planes.start + part.start : planes.start + part.stop]
        if self.rows > 1:
            spectrum = torch.fft.ifft(spectrum, dim=1)[:, rows]
        values: Tensor = torch.fft.irfft(spectrum, n=self.width, dim=2)[..., columns]
        return values

    def _spread_planes(self, planes: slice, work: Callable[[slice], None]) -> None:
        step = max(1, self._part // (self.rows * self.width))
        spread(work, planes.stop - planes.start, step, self.device)

    def _index(self, part: slice) -> Part:
        return (slice(None), part) if self.is_flat else (part,)

    def _folded(self, box: Box) -> Box:
        return (box[1], box[0], box[2]) if self.is_flat else box

    def _fold(self, values: Tensor) -> Tensor:
        return values.transpose(0, 1) if self.is_flat else values


def with_neighbours(thing: Tensor, part: Part) -> tuple[Tensor, Part]:
    """Return a part of an object with the plane before and the plane behind it, where there are, and where it lies in that."""
    *before, stretch = part
    start, stop = max(0, stretch.start - 1), min(thing.shape[len(before)], stretch.stop + 1)
    return thing[(*before, slice(start, stop))], (*before, slice(stretch.start - start, stretch.stop - start))


def _alone(values: Tensor, planes: slice) -> Tensor:
    """Return values (planes, columns) with zeros in the other planes."""
    if planes == slice(0, len(values)):
        return values
    alone = values.new_zeros(values.shape)
    alone[planes] = values[planes]
    return alone
