"""Theoretical PSFs: scalar (Gibson-Lanni) and vectorial, for every modality, from the optics that the image names.

The PSF is integrated over each voxel, and its brightest point on the axis lies in the middle voxel: the focal shift that a
mismatch of refractive indices brings is taken out, so that a restored object stays in the plane where it is brightest in the
image. (`Theoretical.focal_shift` tells the shift.) Aberrations that are given as Zernike coefficients act as they are
given, defocus and tilt included. Distances along z are the stage's, as in the file.

References
----------
Gibson & Lanni, J. Opt. Soc. Am. A 9 (1992) 154-166; Török & Varga, Applied Optics 36 (1997) 2305-2312.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from .base import Grid, check_psf, crop_to_support
from .microscope import Microscope
from .optical import Optical
from .radial import RadialField, gauss
from .square import SquareField

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["GibsonLanni", "Theoretical", "Vectorial"]

KEEP = 0.995
"""Share of the light, on each axis, that the trimmed PSF keeps."""
PER_PERIOD = 10
"""Radii per period of the finest lateral detail."""
AIRY_RINGS = 5
"""Airy radii that the PSF reaches beyond the geometrical cone of light."""


class Theoretical(Optical):
    """What the theoretical PSFs share: the way from the optics to voxels."""

    def compute(self, grid: Grid) -> np.ndarray[Any, Any]:
        """Return the PSF (Z, Y, X), trimmed to where 99.5 % of its light is on each axis."""
        pitch = self.pitch(grid)
        microscope = self.microscope()
        focus = microscope.focus(_nothing(grid.device))
        psf = self._sampled(microscope, focus, _support(microscope, float(focus), grid.shape, pitch), pitch)
        return crop_to_support(check_psf(np.clip(psf.cpu().numpy(), 0, None)), KEEP)

    def sample(
        self,
        shape: tuple[int, int, int],
        voxel: tuple[float, float, float],
        device: Any = "cpu",
        *,
        precise: bool = False,
        **values: Any,
    ) -> Tensor:
        """Return the PSF (Z, Y, X) of odd sizes as a tensor of intensities, its brightest point in the middle voxel.

        ``values`` replaces fields by tensors of no dimension (the indices, depth, thicknesses), and gradients flow
        through them; ``precise`` computes in float64.
        """
        import torch

        microscope = self.microscope(**values)
        wide = torch.float32 if torch.device(device).type == "mps" else torch.float64
        focus = microscope.focus(torch.zeros(0, dtype=wide, device=device))
        return self._sampled(microscope, focus, shape, voxel, precise=precise)

    def _sampled(
        self,
        microscope: Microscope,
        focus: Tensor,
        shape: tuple[int, int, int],
        voxel: tuple[float, float, float],
        precise: bool = False,
    ) -> Tensor:
        import torch

        narrow = focus.dtype if precise else torch.float32
        place, share = _axial_points(microscope, voxel[0]) if shape[0] > 1 else gauss(1)
        z = torch.from_numpy((np.arange(shape[0])[:, None] - shape[0] // 2 + place) * voxel[0]).to(focus)  # (Z, points)
        field = _field(microscope, shape, voxel, float(focus.detach()))
        weights = torch.from_numpy(share).to(focus.device, narrow)

        def planes(some: Tensor) -> Tensor:
            light = microscope.intensity(field, some.ravel(), focus, narrow)
            light = torch.tensordot(weights, light.reshape(*some.shape, *light.shape[1:]), ([0], [1]))
            return field.voxels(light, shape[1:], voxel[1:])

        psf = torch.cat([planes(some) for some in torch.split(z, field.planes_at_once)])
        return psf.flip(0) if self.first_plane == "deepest" else psf

    def pitch(self, grid: Grid) -> tuple[float, float, float]:
        """Return the voxel (z, y, x) in µm on which the PSF is computed.

        Raises
        ------
        ValueError
            when an axis with more than one pixel has none.
        """
        for axis, size, pitch in zip("ZYX", grid.shape, grid.voxel, strict=True):
            if size > 1 and (pitch is None or not pitch > 0):
                told = "does not say its voxel size" if pitch is None else f"has a voxel of {pitch:g} µm"
                raise ValueError(f"the image {told} along {axis}: give it (--voxel Z,Y,X in µm)")
        z, y, x = grid.voxel
        lateral = y or x or 1.0
        return z or lateral, y or lateral, x or lateral

    def focal_shift(self) -> float:
        """Return how far, in µm along the stage's z, the brightest point lies deeper than the paraxial focus."""
        return float(self.microscope().focus(_nothing()))


class GibsonLanni(Theoretical):
    """The scalar model."""

    title: ClassVar[str] = "Gibson-Lanni"
    reference: ClassVar[str] = "Gibson & Lanni 1992"
    order: ClassVar[int] = 30

    kind: Literal["gibson-lanni"] = "gibson-lanni"


class Vectorial(Theoretical):
    """The vectorial model: polarisation and the Fresnel coefficients taken along, for high apertures."""

    title: ClassVar[str] = "Vectorial"
    reference: ClassVar[str] = "Richards & Wolf 1959; Török & Varga 1997"
    order: ClassVar[int] = 31
    vectorial: ClassVar[bool] = True

    kind: Literal["vectorial"] = "vectorial"


def _nothing(device: str = "cpu") -> Tensor:
    import torch

    return torch.zeros(0, dtype=torch.float64, device=device)


def _support(
    microscope: Microscope, focus: float, image: tuple[int, int, int], pitch: tuple[float, float, float]
) -> tuple[int, int, int]:
    """Return odd sizes: about as many planes as the image, as wide as the light spreads there or as the image."""
    planes = image[0] // 2
    widest = _spread(microscope, focus - planes * pitch[0], focus + planes * pitch[0])
    y, x = (min(size // 2, math.ceil(widest / step)) for size, step in zip(image[1:], pitch[1:], strict=True))
    return 2 * planes + 1, 2 * y + 1, 2 * x + 1


def _axial_points(microscope: Microscope, pitch: float) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Return the places within a voxel along z, in voxels, and their weights: enough for the finest axial detail."""
    detail = math.pi * pitch * microscope.axial_band
    if microscope.modality == "light-sheet":
        detail += pitch / microscope.sheet
    return gauss(math.ceil(detail / 2) + 2)


def _field(
    microscope: Microscope, shape: tuple[int, int, int], voxel: tuple[float, float, float], focus: float
) -> RadialField | SquareField:
    """Return the points at which intensities are formed: radii where the PSF is rotational, else a square grid."""
    pitch, band = voxel[1:], microscope.lateral_band
    if microscope.is_rotational:
        step = 1 / (PER_PERIOD * band)
        corner = math.hypot(*(size / 2 * each for size, each in zip(shape[1:], pitch, strict=True)))
        count = math.ceil((corner + microscope.reach) / step) + 4
        return RadialField(step, count, math.ceil(math.pi * max(pitch) * band / 2) + 2)
    half = shape[0] / 2 * voxel[0]
    return SquareField.plan(shape[1:], pitch, band, _spread(microscope, focus - half, focus + half) + microscope.reach)


def _spread(microscope: Microscope, first: float, last: float) -> float:
    """Return the radius, µm, of the light between two distances from the paraxial focus."""
    cone = max(each.light_cone(end) for each in microscope.pupils for end in (first, last))
    return cone + microscope.pinhole + AIRY_RINGS * 2.44 / microscope.lateral_band
