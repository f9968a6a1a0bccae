r"""`Pupil`: the field of a point emitter as an integral over the objective's pupil, scalar or vectorial.

With k = 2 pi / wavelength, s = n sin(theta) from 0 to NA, the path W(s) of the `Medium` and a defocus z:

    U_m(r, z) = integral of a_m(s) exp(i k [W(s) - z c_i(s)]) J_m(k s r) s ds

    scalar     I = |U_0|^2                          a_0 = 1
    vectorial  I = |U_0|^2 + 2 |U_1|^2 + |U_2|^2    a_0 = (t_s + t_p c_s/n_s) / sqrt(c_i),  a_1 = t_p s/n_s / sqrt(c_i),
                                                    a_2 = (t_s - t_p c_s/n_s) / sqrt(c_i)

The vectorial intensity is the mean over all orientations of the emitting dipole, and by reciprocity that of an unpolarised
focus. The integral is a Gauss-Legendre sum over theta whose number of nodes follows from the steepest phase; where the
sample's critical angle lies inside the pupil, the sum is split there and its nodes crowd towards it.

References
----------
Gibson & Lanni, J. Opt. Soc. Am. A 9 (1992) 154-166.
Richards & Wolf, "Electromagnetic diffraction in optical systems II", Proc. R. Soc. A 253 (1959) 358-379.
Török & Varga, Applied Optics 36 (1997) 2305-2312.
Aguet, Geissbühler, Märki, Lasser & Unser, "Super-resolution orientation estimation and localization of fluorescent
dipoles using 3-D steerable filters", Optics Express 17 (2009) 6829-6848.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .medium import Medium, axial, number
from .zernike import is_rotational, steepest, zernike

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Pupil"]

SPARE = 24
"""Nodes beyond those that the steepest phase asks for."""
ROUND = 32
"""The number of nodes is a multiple of this, so that neighbouring settings share their nodes."""
PROBES = 1024
"""Places at which the steepness of the phase is looked at."""
FOCUS_SHARE = (0.02, 0.98)
"""The focus is sought between where these shares of the pupil's light come to a focus."""


@dataclass(frozen=True)
class Pupil:
    """The pupil of an objective for one wavelength.

    Parameters
    ----------
    wavelength : µm, in vacuum.
    numerical_aperture : below the immersion index.
    medium : the layers, actual and as designed.
    vectorial : whether polarisation and the Fresnel coefficients are taken along.
    aberrations : (Noll number, µm of path RMS), numbers or tensors.
    """

    wavelength: float
    numerical_aperture: float
    medium: Medium
    vectorial: bool = False
    aberrations: Sequence[tuple[int, Any]] = ()

    @property
    def wavenumber(self) -> float:
        """2 pi / wavelength, in 1/µm."""
        return 2 * math.pi / self.wavelength

    @property
    def is_rotational(self) -> bool:
        """Whether the PSF is the same at every angle."""
        return all(is_rotational(index) for index, _ in self.aberrations)

    def aberration_with_depth(self) -> float:
        """Return the RMS over the pupil, in waves, of what a micrometre of depth adds to the path beyond defocus."""
        import torch

        edge = min(self.numerical_aperture, number(self.medium.sample_index))
        s = edge * torch.sqrt((torch.arange(256, dtype=torch.float64) + 0.5) / 256)  # rings of equal area
        path = self.medium.path_per_depth(s)
        known = torch.stack([torch.ones_like(s), self.medium.defocus(s)], dim=1)
        left = path - known @ torch.linalg.lstsq(known, path[:, None]).solution[:, 0]
        return float(left.square().mean().sqrt()) / self.wavelength

    def intensity(self, radii: Tensor, z: Tensor) -> Tensor:
        """Return the intensity (Z, R) of a rotational pupil at radii (R,) and defocus (Z,) from the paraxial focus, µm.

        Phases are formed in the precision of z, sums in that of the radii.
        """
        import torch

        s, weight = self._nodes(float(radii.max()), z)
        phase = self.wavenumber * (self.path(s) + z[:, None] * self.medium.defocus(s))  # (Z, K)
        carried = torch.exp(1j * phase) * weight
        argument = self.wavenumber * s[:, None] * radii.to(s)  # (K, R)
        total = torch.zeros((), dtype=radii.dtype, device=radii.device)
        for order, amplitude, share in self.components(s):
            total = total + share * _squared(carried * amplitude, _bessel(order, argument).to(radii))
        return total

    def components(self, s: Tensor) -> list[tuple[int, Tensor, float]]:
        """Return the order m, the amplitude a_m (K,) and the weight of each |U_m|^2."""
        import torch

        if not self.vectorial:
            return [(0, torch.ones_like(s), 1.0)]
        across, along, index = *self.medium.transmission(s), self.medium.sample_index
        tilted = along * axial(index, s) / index
        falloff = 1 / axial(self.medium.immersion_index, s).abs().sqrt()
        return [
            (0, (across + tilted) * falloff, 1.0),
            (1, along * s / index * falloff, 2.0),
            (2, (across - tilted) * falloff, 1.0),
        ]

    def polarised(self, s: Tensor, angle: Tensor) -> list[tuple[Tensor, float]]:
        """Return the amplitude (K,) at each s and angle, and the weight, of every field whose intensities add up."""
        import torch

        amplitudes = [amplitude for _, amplitude, _ in self.components(s)]
        if not self.vectorial:
            return [(amplitudes[0], 1.0)]
        zeroth, first, second = amplitudes
        cosine, sine = second * torch.cos(2 * angle), second * torch.sin(2 * angle)
        along = [(2 * first * torch.cos(angle), 1.0), (2 * first * torch.sin(angle), 1.0)]
        return [(zeroth + cosine, 1.0), (zeroth - cosine, 1.0), (sine, 2.0), *along]

    def path(self, s: Tensor, angle: Tensor | None = None) -> Tensor:
        """Return the medium's path and the aberrations', µm, complex."""
        path = self.medium.path(s)
        for index, amount in self.aberrations:
            path = path + amount * zernike(index, s / self.numerical_aperture, angle)
        return path

    def on_axis(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the intensity on the axis (Z,) without the aberrations, and its derivative along z."""
        import torch

        s, weight = self._nodes(0.0, z)
        slope = self.wavenumber * self.medium.defocus(s)
        carried = torch.exp(1j * (self.wavenumber * self.medium.path(s) + z[:, None] * slope))
        carried = carried * (weight * self.components(s)[0][1])
        field, change = carried.sum(-1), (1j * slope * carried).sum(-1)
        return field.abs().square(), 2 * (field.conj() * change).real

    def focal_range(self) -> tuple[float, float]:
        """Return between which defocus (µm) nearly all zones of the pupil come to their geometrical focus."""
        bent, curved = self._slopes
        low, high = np.quantile(-bent / curved, FOCUS_SHARE)
        return float(low), float(high)

    def light_cone(self, z: float) -> float:
        """Return the radius in µm within which nearly all geometrical rays cross the plane at a defocus z."""
        bent, curved = self._slopes
        lopsided = sum(abs(number(amount)) * steepest(index) for index, amount in self._lopsided)
        last = int(FOCUS_SHARE[1] * (PROBES - 1))
        crossing = np.partition(np.abs(bent + z * curved), last)[last]  # a tenth of the time of a quantile
        return float(crossing) + lopsided / self.numerical_aperture

    @property
    def _lopsided(self) -> list[tuple[int, Any]]:
        return [each for each in self.aberrations if not is_rotational(each[0])]

    @cached_property
    def _slopes(self) -> tuple[Any, Any]:
        """Return dW/ds and d(-c_i)/ds at places that are even in the pupil's area, as numpy arrays."""
        import torch

        top = self.numerical_aperture
        s = top * torch.sqrt(torch.linspace(1e-4, 1, PROBES, dtype=torch.float64))
        with torch.no_grad():
            rotational = [each for each in self.aberrations if is_rotational(each[0])]
            path = Pupil(self.wavelength, top, self.medium, aberrations=rotational).path(s.to(_device(self.medium)))
            curve = self.medium.defocus(s.to(_device(self.medium)))
        place = s.numpy()
        bent = np.gradient(path.real.cpu().numpy(), place)
        curved = np.gradient(curve.cpu().numpy(), place)
        return bent, curved

    def _nodes(self, radius: float, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the nodes s (K,) and their weights s ds for all defocus in z and out to a radius."""
        import torch

        ends = float(z.detach().min()), float(z.detach().max())
        steepest = max(self.light_cone(end) for end in ends) + radius
        phase = self.wavenumber * self.numerical_aperture * steepest
        index, sample = number(self.medium.immersion_index), number(self.medium.sample_index)
        s, weight = _rule(_count(phase), self.numerical_aperture, index, sample)
        return torch.from_numpy(s).to(z), torch.from_numpy(weight).to(z)


def _count(phase: float) -> int:
    """Return how many nodes a phase (radians, over the pupil) needs: half a node a radian, and some to spare."""
    return ROUND * math.ceil((0.55 * phase + SPARE) / ROUND)


@lru_cache(maxsize=64)
def _rule(count: int, aperture: float, index: float, sample: float) -> tuple[Any, Any]:
    """Return nodes s and weights s ds over [0, NA], crowded towards the critical angle if it is in or near the pupil."""
    t, weight = _legendre(count)
    top = math.asin(aperture / index)
    if sample > 1.1 * aperture:
        parts = [(top * t, top * weight)]
    else:
        edge = math.asin(min(aperture, sample) / index)
        parts = [(edge * (1 - (1 - t) ** 2), edge * 2 * (1 - t) * weight)]
        if sample < aperture:
            parts.append((edge + (top - edge) * t**2, (top - edge) * 2 * t * weight))
    theta, step = (np.concatenate(each) for each in zip(*parts, strict=True))
    s = index * np.sin(theta)
    return s, s * index * np.cos(theta) * step


@lru_cache(maxsize=64)
def _legendre(count: int) -> tuple[Any, Any]:
    """Return the Gauss-Legendre nodes and weights on [0, 1]."""
    from scipy.special import roots_legendre

    nodes, weights = roots_legendre(count)
    return (nodes + 1) / 2, weights / 2


def _bessel(order: int, argument: Tensor) -> Tensor:
    import torch

    zeroth: Tensor = torch.special.bessel_j0(argument)
    first: Tensor = torch.special.bessel_j1(argument)
    if order < 2:
        return (zeroth, first)[order]
    small = argument.abs() < 1e-6
    return torch.where(small, 0.0, 2 * first / torch.where(small, 1.0, argument) - zeroth)


def _squared(field: Tensor, kernel: Tensor) -> Tensor:
    """Return |field @ kernel|^2, (Z, K) @ (K, R), by two real products."""
    real, imaginary = field.real.to(kernel) @ kernel, field.imag.to(kernel) @ kernel
    return real.square() + imaginary.square()


def _device(medium: Medium) -> Any:
    import torch

    found = [each.device for each in vars(medium).values() if isinstance(each, torch.Tensor)]
    return found[0] if found else "cpu"
