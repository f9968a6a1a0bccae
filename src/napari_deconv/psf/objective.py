"""The fields of an objective that several PSFs share, declared once: aperture, emission and immersion."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationInfo

from ..settings import field

__all__ = ["EMISSION", "IMMERSION_INDEX", "LONGEST", "NUMERICAL_APERTURE", "in_micrometres"]

LONGEST = 10.0
"""A wavelength above this cannot be meant in µm."""

NUMERICAL_APERTURE: Any = field(
    None,
    title="Numerical aperture",
    description="The objective's NA.",
    gt=0,
    le=2,
    slider="linear",
    shown_min=0.1,
    shown_max=1.5,
)
EMISSION: Any = field(
    None,
    title="Emission",
    description="Emission wavelength.",
    unit="µm",
    gt=0.1,
    le=LONGEST,
    slider="linear",
    shown_min=0.4,
    shown_max=0.8,
)
IMMERSION_INDEX: Any = field(
    None,
    title="Immersion index",
    description="Refractive index of the immersion medium: air 1.0, water 1.33, oil 1.515.",
    ge=1,
    le=2.5,
    slider="linear",
    shown_min=1.0,
    shown_max=1.56,
)


def in_micrometres(value: Any, info: ValidationInfo) -> Any:
    """Return a wavelength, or say that it looks as if it were in nm."""
    if isinstance(value, (int, float)) and value > LONGEST:
        right = value / 1000
        raise ValueError(f"{info.field_name} {value:g} µm is no wavelength of light: give it in µm ({right:g})")
    return value
