r"""`SquareField`: intensities of any pupil on a fine square grid by fast Fourier transforms.

The pupil is sampled at the frequencies s / wavelength of the grid, those on its rim weighted by the share that is inside.
The grid is at least twice as fine as the intensity's band asks for, so that means over pixels, pinholes and rings are exact products in
frequency; it is so wide that no light that wraps around reaches the pixels asked for.

References
----------
Goodman, "Introduction to Fourier Optics", Roberts & Company (2005), chapters 2 and 6.
Hanser, Gustafsson, Agard & Sedat, "Phase-retrieved pupil functions in wide-field fluorescence microscopy", Journal of
Microscopy 216 (2004) 32-48.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from scipy.fft import next_fast_len

if TYPE_CHECKING:
    from torch import Tensor

    from .pupil import Pupil

__all__ = ["SquareField"]

PARTS = 16
"""Parts, on each axis, of a sample of the pupil at its rim."""
SAMPLES = 1 << 20
"""Samples that are worked on at once."""


@dataclass(frozen=True)
class SquareField:
    """Intensities (Z, M, N) on a grid of ``size`` (M, N), ``step`` µm apart, its first sample on the axis.

    ``every`` is how many samples there are to a pixel, on each axis.
    """

    step: tuple[float, float]
    size: tuple[int, int]
    every: tuple[int, int]

    @property
    def planes_at_once(self) -> int:
        """How many planes are worked on at once, for the sake of memory."""
        return max(1, SAMPLES // math.prod(self.size))

    @classmethod
    def plan(cls, shape: tuple[int, int], pitch: tuple[float, float], band: float, cone: float) -> SquareField:
        """Return the field for pixels (Y, X) of a pitch, for light of a band (cycles/µm) that spreads to a radius."""
        every = tuple(math.ceil(2 * band * each) for each in pitch)
        step = tuple(each / count for each, count in zip(pitch, every, strict=True))
        size = tuple(
            next_fast_len(count * pixels // 2 + max(count * pixels // 2, math.ceil(cone / each)) + 1, real=True)
            for count, pixels, each in zip(every, shape, step, strict=True)
        )
        return cls((step[0], step[1]), (size[0], size[1]), (every[0], every[1]))

    def intensity(self, pupil: Pupil, z: Tensor, dtype: Any) -> Tensor:
        """Return the pupil's intensity (Z, M, N)."""
        import torch

        y, x = (frequency * pupil.wavelength for frequency in self._frequencies(z, half=False))
        covered = _covered(y, x, pupil.numerical_aperture)
        inside = covered > 0
        y, x, covered = y.expand_as(covered)[inside], x.expand_as(covered)[inside], covered[inside]  # (K,)
        s, angle = torch.hypot(y, x).clamp(max=pupil.numerical_aperture), torch.atan2(y, x)
        path, defocus = pupil.path(s, angle), pupil.medium.defocus(s)
        total = torch.zeros((), dtype=dtype, device=z.device)
        carried = covered * torch.exp(1j * pupil.wavenumber * (path + z[:, None] * defocus))  # (Z, K)
        for amplitude, share in pupil.polarised(s, angle):
            waves = torch.zeros(len(z), *self.size, dtype=_complex(dtype), device=z.device)
            waves[:, inside] = (carried * amplitude).to(waves.dtype)
            total = total + share * torch.fft.ifft2(waves).abs().square()
        return total

    def over_disc(self, intensity: Tensor, radius: float) -> Tensor:
        """Return the means over a disc of that radius (µm) around each point, such as a pinhole's."""
        import torch

        argument = 2 * math.pi * radius * torch.hypot(*self._frequencies(intensity))
        small = argument < 1e-6
        return self._filtered(intensity, torch.where(small, 1.0, 2 * torch.special.bessel_j1(argument) / argument))

    def over_rings(self, intensity: Tensor, radii: Sequence[float], shares: Sequence[float]) -> Tensor:
        """Return the sum of shares times the means over rings of those radii (µm) around each point."""
        import torch

        frequency = 2 * math.pi * torch.hypot(*self._frequencies(intensity))
        gains = [
            share * torch.special.bessel_j0(frequency * radius) for radius, share in zip(radii, shares, strict=True)
        ]
        return self._filtered(intensity, torch.stack(gains).sum(0))

    def voxels(self, intensity: Tensor, shape: tuple[int, int], pitch: tuple[float, float]) -> Tensor:
        """Return the means over pixels, (Z, Y, X) of odd sizes with the axis in the middle pixel."""
        import torch

        y, x = self._frequencies(intensity)
        means = self._filtered(intensity, torch.sinc(y * pitch[0]) * torch.sinc(x * pitch[1]))
        places = [
            torch.arange(-(pixels // 2), pixels // 2 + 1, device=intensity.device) * every % size
            for pixels, every, size in zip(shape, self.every, self.size, strict=True)
        ]
        return means[:, places[0]][:, :, places[1]].clamp(min=0)

    def _frequencies(self, like: Tensor, half: bool = True) -> tuple[Tensor, Tensor]:
        """Return the frequencies (M, 1) and (1, N), or the half of those for real transforms, in cycles/µm."""
        import torch

        last = torch.fft.rfftfreq if half else torch.fft.fftfreq
        y = torch.fft.fftfreq(self.size[0], self.step[0], dtype=like.dtype, device=like.device)
        return y[:, None], last(self.size[1], self.step[1], dtype=like.dtype, device=like.device)[None]

    def _filtered(self, intensity: Tensor, gain: Tensor) -> Tensor:
        import torch

        filtered: Tensor = torch.fft.irfft2(torch.fft.rfft2(intensity) * gain, s=self.size)
        return filtered


def _covered(y: Tensor, x: Tensor, radius: float) -> Tensor:
    """Return which share of each cell around (M, 1) and (1, N) lies within a radius."""
    import torch

    part = (torch.arange(PARTS, dtype=y.dtype, device=y.device) + 0.5) / PARTS - 0.5
    tall, wide = float((y[1] - y[0]).squeeze()), float((x[0, 1] - x[0, 0]).squeeze())
    distance = torch.hypot(y, x)
    covered = (distance < radius).to(y)
    rim = (distance - radius).abs() < math.hypot(tall, wide)
    down, across = y.expand_as(distance)[rim], x.expand_as(distance)[rim]
    parts = torch.hypot(down[:, None, None] + tall * part[:, None], across[:, None, None] + wide * part)
    covered[rim] = (parts < radius).to(y).mean((1, 2))
    return covered


def _complex(dtype: Any) -> Any:
    import torch

    return torch.complex128 if dtype == torch.float64 else torch.complex64
