"""A Gaussian PSF: from widths, or from the optics by the formulas that fit a Gaussian to the true PSF.

For widefield, with k = 2 pi / emission, sin(alpha) = NA / n (nonparaxial fit, Zhang et al. 2007, table 5):

    sigma_xy = 1/(n k) * [ (4 - 7 c^(3/2) + 3 c^(7/2)) / (7 (1 - c^(3/2))) ]^(-1/2)
    sigma_z  = 5 sqrt(7) (1 - c^(3/2)) / ( sqrt(6) n k [4 c^5 - 25 c^(7/2) + 42 c^(5/2) - 25 c^(3/2) + 4]^(1/2) )

with c = cos(alpha). The Gaussian is integrated over each voxel.

References
----------
Zhang, Zerubia & Olivo-Marin, "Gaussian approximations of fluorescence microscope point-spread function models",
Applied Optics 46 (2007) 1819-1829.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, field_validator
from scipy.special import erf

from ..settings import field
from .base import Grid, PsfModel, check_psf
from .objective import EMISSION, IMMERSION_INDEX, NUMERICAL_APERTURE, in_micrometres

__all__ = ["Gaussian"]


class Gaussian(PsfModel):
    """A Gaussian of given widths, or the one that fits the optics."""

    title: ClassVar[str] = "Gaussian"
    reference: ClassVar[str] = "Zhang et al. 2007"
    order: ClassVar[int] = 20

    kind: Literal["gaussian"] = "gaussian"
    sigma: Annotated[float, Field(ge=0, le=1000)] | tuple[float, float, float] | None = field(
        None,
        title="Sigma",
        unit="µm",
        description="Standard deviation, one number or (z, y, x); left out, it is computed from the optics.",
    )
    numerical_aperture: float | None = NUMERICAL_APERTURE
    emission: float | None = EMISSION
    immersion_index: float | None = IMMERSION_INDEX

    _in_micrometres = field_validator("emission", mode="before")(in_micrometres)

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the Gaussian out to 4 sigma, integrated over each voxel."""
        sigma = self.widths(grid)
        profiles = []
        for size, width, pitch in zip(grid.shape, sigma, grid.voxel, strict=True):
            profiles.append(_integrated(width / (pitch or 1.0)) if size > 1 else np.ones(1))
        z, y, x = profiles
        return check_psf(z[:, None, None] * y[:, None] * x)

    def widths(self, grid: Grid) -> tuple[float, float, float]:
        """Return (z, y, x) sigma in µm.

        Raises
        ------
        ValueError
            when neither sigma nor the optics, or no voxel size, is known.
        """
        for axis, size, pitch in zip("ZYX", grid.shape, grid.voxel, strict=True):
            if pitch is None and size > 1:
                raise ValueError(f"the image does not say its voxel size along {axis}: give it (--voxel Z,Y,X in µm)")
        if self.sigma is not None:
            given = self.sigma if isinstance(self.sigma, tuple) else (self.sigma,) * 3
            if min(given) < 0:
                raise ValueError(f"psf sigma {given} must not be negative")
            return given
        return self._fitted()

    def _fitted(self) -> tuple[float, float, float]:
        aperture, emission, index = self.numerical_aperture, self.emission, self.immersion_index
        if aperture is None or emission is None or index is None:
            needed = ("numerical_aperture", "emission", "immersion_index")
            missing = [name for name in needed if getattr(self, name) is None]
            raise ValueError(f"a gaussian psf needs sigma, or also {' and '.join(missing)}: set psf.{missing[0]}")
        if aperture >= index:
            raise ValueError(
                f"NA {aperture:g} cannot reach the immersion index {index:g}: set psf.immersion_index (oil 1.515) or the NA"
            )
        c = math.cos(math.asin(aperture / index))
        k = 2 * math.pi * index / emission
        lateral = 1 / k / math.sqrt((4 - 7 * c**1.5 + 3 * c**3.5) / (7 * (1 - c**1.5)))
        axial = (
            5
            * math.sqrt(7)
            * (1 - c**1.5)
            / (math.sqrt(6) * k * math.sqrt(4 * c**5 - 25 * c**3.5 + 42 * c**2.5 - 25 * c**1.5 + 4))
        )
        return axial, lateral, lateral


def _integrated(sigma: float) -> np.ndarray[Any, Any]:
    """Return a Gaussian's share of each pixel out to 4 sigma (pixels)."""
    radius = max(1, math.ceil(4 * sigma))
    edges = np.arange(-radius, radius + 2) - 0.5
    if sigma < 1e-6:
        return np.asarray(np.arange(-radius, radius + 1) == 0, dtype=float)
    shares: np.ndarray[Any, Any] = np.diff(0.5 * (1 + erf(edges / (sigma * math.sqrt(2)))))
    return shares
