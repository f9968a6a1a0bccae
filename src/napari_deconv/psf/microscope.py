r"""`Microscope`: what each modality makes of the pupil's intensity, for detection (D) and excitation (E).

    widefield      D
    confocal       E * (D over the pinhole)
    spinning-disk  D * (E over the pinhole, twice: light goes in and out through it; and over the neighbouring pinholes)
    light-sheet    D * sheet(z)
    two-photon     E^2

Pinholes are measured in the sample: a diameter of one Airy unit is 1.22 emission / NA.

References
----------
Wilson & Sheppard, "Theory and practice of scanning optical microscopy", Academic Press (1984).
Egner, Andresen & Hell, "Comparison of the axial resolution of practical Nipkow-disk confocal fluorescence microscopy with
that of multifocal multiphoton microscopy", Journal of Microscopy 206 (2002) 24-32.
Denk, Strickler & Webb, "Two-photon laser scanning fluorescence microscopy", Science 248 (1990) 73-76.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..image import Modality
from .medium import number
from .pupil import Pupil
from .radial import RadialField
from .square import SquareField

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Microscope"]

NEIGHBOURS = ((1.0, 6), (math.sqrt(3), 6), (2.0, 6), (math.sqrt(7), 12), (3.0, 6))
"""Distance, in spacings, and number of a hexagonal lattice's nearest points."""
FINE = 16
"""Samples per period of the finest axial detail when the focus is sought."""


@dataclass(frozen=True)
class Microscope:
    """A microscope: its modality, its pupils and what is between them; lengths in µm.

    detection, excitation : the pupils that the modality uses, else None.
    pinhole : radius in the sample; spacing : of a disk's pinholes there, None when none is near; sheet : standard
    deviation of the sheet along z.
    """

    modality: Modality
    detection: Pupil | None = None
    excitation: Pupil | None = None
    pinhole: float = 0.0
    spacing: float | None = None
    sheet: float = 0.0

    @property
    def pupils(self) -> tuple[Pupil, ...]:
        """The pupils whose intensities are multiplied with each other."""
        if self.modality == "two-photon":
            assert self.excitation
            return self.excitation, self.excitation
        return tuple(each for each in (self.detection, self.excitation) if each)

    @property
    def lateral_band(self) -> float:
        """The highest lateral frequency of the intensity, cycles/µm: 2 NA / wavelength, summed over the pupils."""
        return sum(2 * each.numerical_aperture / each.wavelength for each in self.pupils)

    @property
    def axial_band(self) -> float:
        """The highest axial frequency, cycles/µm: (n - sqrt(n^2 - NA^2)) / wavelength, summed over the pupils."""
        total = 0.0
        for each in self.pupils:
            index = number(each.medium.immersion_index)
            total += (index - math.sqrt(index**2 - each.numerical_aperture**2)) / each.wavelength
        return total

    @property
    def pinholed(self) -> Pupil | None:
        """The pupil whose light is widened by the pinhole."""
        return {"confocal": self.detection, "spinning-disk": self.excitation}.get(self.modality)

    @property
    def reach(self) -> float:
        """How far, µm, a point's intensity depends on the light around it."""
        if self.modality == "spinning-disk":
            return 2 * self.pinhole + NEIGHBOURS[-1][0] * (self.spacing or 0.0)
        return self.pinhole

    @property
    def is_rotational(self) -> bool:
        """Whether the PSF is the same at every angle."""
        return all(each.is_rotational for each in self.pupils)

    def intensity(self, field: RadialField | SquareField, z: Tensor, focus: Tensor, dtype: Any) -> Tensor:
        """Return the intensity on a field's points, (Z, …), at distances (Z,) from the focus, itself from the paraxial one."""
        light = [field.intensity(each, z + focus, dtype) for each in (self.detection, self.excitation) if each]
        if self.modality == "two-photon":
            return light[0].square()
        if self.modality == "confocal":
            return light[1] * field.over_disc(light[0], self.pinhole)
        if self.modality == "spinning-disk":
            return light[0] * self._through_disk(field, light[1])
        if self.modality == "light-sheet":
            sheet = (-z.square() / (2 * self.sheet**2)).exp().to(dtype)
            return light[0] * sheet.reshape(-1, *[1] * (light[0].ndim - 1))
        return light[0]

    def _through_disk(self, field: RadialField | SquareField, light: Tensor) -> Tensor:
        light = field.over_disc(field.over_disc(light, self.pinhole), self.pinhole)
        if self.spacing is None:
            return light
        radii = [distance * self.spacing for distance, _ in NEIGHBOURS]
        return light + field.over_rings(light, radii, [float(count) for _, count in NEIGHBOURS])

    def focus(self, z: Tensor) -> Tensor:
        """Return the defocus, a tensor of no dimension, at which the axis is brightest; gradients flow through it.

        It is sought among the geometrical foci of all zones, without the aberrations, and made exact by Newton's steps. z
        tells device and precision.
        """
        import torch

        ranges = [each.focal_range() for each in self.pupils]
        low, high = min(each[0] for each in ranges), max(each[1] for each in ranges)
        spread = 1 / self.axial_band
        if high - low < 1e-6 * spread:
            return torch.zeros((), dtype=z.dtype, device=z.device)
        count = math.ceil((high - low + 2 * spread) * self.axial_band * FINE) + 1
        tried = torch.linspace(low - spread, high + spread, count, dtype=z.dtype, device=z.device)
        with torch.no_grad():
            place = tried[self._slope(tried)[0].argmax()]
            for _ in range(3):
                place = place - self._newton(place)
        return place - self._newton(place)

    def _newton(self, place: Tensor) -> Tensor:
        """Return Newton's step at a place; only its numerator carries gradients."""
        import torch

        small = 1e-3 / self.axial_band
        around = torch.stack([place - small, place + small])
        with torch.no_grad():
            slopes = self._slope(around)[1]
            bend = (slopes[1] - slopes[0]) / (2 * small)
        slope = self._slope(place[None])[1][0]
        return (slope / bend).clamp(-1 / self.axial_band, 1 / self.axial_band) if float(bend) < 0 else 0 * slope

    def _slope(self, z: Tensor) -> tuple[Tensor, Tensor]:
        """Return the logarithm of the axis' intensity and its derivative."""
        total, slope = 0 * z, 0 * z
        for each in self.pupils:
            light, change = each.on_axis(z)
            total = total + light.log()
            slope = slope + change / light
        return total, slope
