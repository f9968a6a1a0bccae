"""`Instrument`: the settings of the microscope itself: modality, aperture, wavelengths, pinhole, sheet."""

from __future__ import annotations

import math
from typing import ClassVar

from pydantic import field_validator

from ..image import Modality
from ..settings import field
from .base import PsfModel
from .objective import EMISSION, LONGEST, NUMERICAL_APERTURE, in_micrometres

__all__ = ["PINHOLED", "WAVELENGTHS", "Instrument"]

WAVELENGTHS: dict[Modality, tuple[str, ...]] = {
    "widefield": ("emission",),
    "confocal": ("emission", "excitation"),
    "spinning-disk": ("emission", "excitation"),
    "light-sheet": ("emission",),
    "two-photon": ("excitation",),
}
"""The wavelengths that a modality's PSF depends on."""
PINHOLED = ("confocal", "spinning-disk")


class Instrument(PsfModel):
    """What of the optics belongs to the microscope; None is filled from the image."""

    vectorial: ClassVar[bool] = False

    modality: Modality | None = field(
        None,
        title="Modality",
        description="How the microscope makes its image; widefield where the image does not say.",
    )
    numerical_aperture: float | None = NUMERICAL_APERTURE
    emission: float | None = EMISSION
    excitation: float | None = field(
        None,
        title="Excitation",
        description="Excitation wavelength; confocal, spinning-disk and two-photon need it.",
        unit="µm",
        gt=0.1,
        le=LONGEST,
        slider="linear",
        shown_min=0.35,
        shown_max=1.1,
    )
    pinhole: float | None = field(
        None,
        title="Pinhole",
        description="Diameter of the pinhole; left out, 1 Airy unit (1.22 emission / NA).",
        unit="AU",
        gt=0,
        le=100,
        slider="log",
        shown_min=0.2,
        shown_max=10,
    )
    pinhole_spacing: float | None = field(
        None,
        title="Pinhole spacing",
        description="Distance of a spinning disk's pinholes; left out, they do not disturb each other.",
        unit="AU",
        gt=1,
        le=1000,
        advanced=True,
    )
    sheet_thickness: float | None = field(
        None,
        title="Sheet thickness",
        description="Full width at half maximum of the light sheet.",
        unit="µm",
        gt=0,
        le=1000,
        slider="log",
        shown_min=0.5,
        shown_max=20,
    )
    sheet_numerical_aperture: float | None = field(
        None,
        title="Sheet NA",
        description="Numerical aperture of the light sheet, in place of its thickness.",
        gt=0,
        le=1,
        advanced=True,
    )

    _in_micrometres = field_validator("emission", "excitation", mode="before")(in_micrometres)

    def sheet_deviation(self) -> float:
        """Return the sheet's standard deviation in µm; a Gaussian beam's waist is wavelength / (pi NA)."""
        if self.sheet_thickness is not None:
            return self.sheet_thickness / math.sqrt(8 * math.log(2))
        if self.sheet_numerical_aperture is not None and self.excitation is not None:
            return self.excitation / (2 * math.pi * self.sheet_numerical_aperture)
        return 0.0
