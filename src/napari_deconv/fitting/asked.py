"""`Fit`: what of the optics is to be fitted, and with how much effort."""

from __future__ import annotations

from typing import Any

from pydantic import ValidationError, field_validator

from ..settings import Settings, explain_invalid, field
from .coefficients import coefficient

__all__ = ["Fit"]


class Fit(Settings):
    """What of a theoretical PSF to fit to an image, and with how much effort."""

    parameters: tuple[str, ...] = field(
        ("spherical",),
        title="Parameters",
        description="What to fit: depth, sample_index, immersion_index, coverslip_thickness, spherical, coma-x, coma-y, "
        "astigmatism, … or zernike-N by Noll's number. The fewer, the surer.",
    )
    blocks: int = field(3, title="Blocks", description="How many bright parts of the image to look at.", ge=1, le=16)
    side: int = field(40, title="Side", description="Side of a block.", unit="pixels", ge=16, le=512, advanced=True)
    planes: int = field(
        24, title="Planes", description="Most planes of a block.", unit="pixels", ge=1, le=256, advanced=True
    )
    rounds: int = field(
        8, title="Rounds", description="Most corrections of the parameters.", ge=1, le=50, advanced=True
    )
    iterations: int = field(
        80,
        title="Iterations",
        description="Most Richardson-Lucy iterations for the object of each trial; held-out photons say when to stop.",
        ge=10,
        le=1000,
        advanced=True,
    )
    seed: int = field(0, title="Seed", description="Which way the photons are split.", ge=0, advanced=True)

    @classmethod
    def kind_name(cls) -> str:
        """Say how messages call it."""
        return "fit"

    @classmethod
    def parse(cls, values: Any) -> Fit:
        """Make it from plain values; like ``model_validate``, but fails in one plain sentence."""
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            raise ValueError(explain_invalid(error)) from None

    @field_validator("parameters", mode="before")
    @classmethod
    def _as_words(cls, value: Any) -> Any:
        """Accept one text with commas between the names."""
        return tuple(each.strip() for each in value.split(",") if each.strip()) if isinstance(value, str) else value

    @field_validator("parameters")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if not value:
            raise ValueError("there is nothing to fit: name at least one, such as depth or spherical")
        names = [coefficient(each).name for each in value]
        if len(set(names)) < len(names):
            raise ValueError(f"parameters name the same twice: {', '.join(value)}")
        return tuple(names)
