r"""`Limits`: what theory says of a microscope's sharpness and of the sampling that it needs.

With the objective's half angle alpha, n sin(alpha) = NA, for each pupil that an emitted or exciting photon passes

    band_xy = 2 NA / wavelength          band_z = n (1 - cos(alpha)) / wavelength             cycles/µm

Bands add where intensities are multiplied (confocal: both; two-photon: twice the excitation's), and Nyquist's voxel is half a
period of the band. Widths at half maximum in focus are those of the Airy pattern, 0.51 wavelength / NA, and along the axis
0.88 wavelength / (n - sqrt(n^2 - NA^2)); the product of several such peaks is narrower as that of Gaussians is.

References
----------
Sheppard, "The spatial frequency cut-off in three-dimensional imaging", Optik 72 (1986) 131-133.
Heintzmann & Sheppard, "The sampling limit in fluorescence microscopy", Micron 38 (2007) 145-149.
Born & Wolf, "Principles of Optics" (1999), section 8.8.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from .base import Grid
from .medium import number
from .microscope import Microscope

__all__ = ["TOLERANCE", "Limits"]

TOLERANCE = 1.02
"""A voxel that is coarser than Nyquist's by less than this factor is not worth a word."""


@dataclass(frozen=True)
class Limits:
    """Theoretical widths at half maximum and Nyquist's voxel, µm, of a microscope without aberrations."""

    lateral_width: float
    axial_width: float
    lateral_voxel: float
    axial_voxel: float

    @classmethod
    def of(cls, microscope: Microscope) -> Limits:
        """Return the limits of a microscope; a pinhole widens the peak that it looks at by its own size."""
        airy, lobe, sheet = [], [], []
        for each in microscope.pupils:
            index, aperture = number(each.medium.immersion_index), each.numerical_aperture
            seen = microscope.pinhole if each is microscope.pinholed else 0.0
            airy.append(math.hypot(0.514 * each.wavelength / aperture, DISC * seen))
            lobe.append(
                math.hypot(
                    0.886 * each.wavelength / (index - math.sqrt(index**2 - aperture**2)),
                    DISC * seen / math.tan(math.asin(aperture / index)),
                )
            )
        lateral, axial = 1 / (2 * microscope.lateral_band), 1 / (2 * microscope.axial_band)
        if microscope.modality == "light-sheet":
            sheet = [microscope.sheet * math.sqrt(8 * math.log(2))]
            axial = 1 / (2 * (microscope.axial_band + SHEET_BAND / microscope.sheet))
        return cls(_product(airy), _product([*lobe, *sheet]), lateral, axial)

    def warnings(self, grid: Grid) -> Iterator[str]:
        """Say for each axis of a grid whether its voxel is too coarse for the optics."""
        limits = self.axial_voxel, self.lateral_voxel, self.lateral_voxel
        for axis, size, voxel, limit in zip("ZYX", grid.shape, grid.voxel, limits, strict=True):
            if size > 1 and voxel and voxel > TOLERANCE * limit:
                yield (
                    f"the voxel along {axis} is {voxel:g} µm, coarser than the {limit:.3g} µm that Nyquist's criterion asks "
                    f"for with these optics: detail finer than {2 * voxel:.3g} µm cannot be restored there"
                )


DISC = math.sqrt(2 * math.log(2))
"""Width at half maximum of the Gaussian with the variance of a disc, in radii of the disc."""
SHEET_BAND = math.sqrt(2 * math.log(100)) / (2 * math.pi)
"""Where a Gaussian sheet's spectrum has fallen to a hundredth, in cycles per standard deviation."""


def _product(widths: list[float]) -> float:
    """Return the width of the product of peaks of these widths, as for Gaussians."""
    return 1 / math.sqrt(sum(1 / width**2 for width in widths))
