"""`Optical`: the layers between objective and emitter as settings, checked, and the `Microscope` that all describe."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from ..image import Image, Modality
from ..settings import field
from .base import Grid
from .instrument import PINHOLED, WAVELENGTHS, Instrument
from .limits import Limits
from .medium import Medium, number
from .microscope import Microscope
from .objective import IMMERSION_INDEX
from .pupil import Pupil
from .zernike import noll

__all__ = ["Optical", "known_optics"]

STANDARD_COVERSLIP = 170.0
"""µm; what objectives are designed for (ISO 8255-1)."""
MARECHAL = 1 / 14
"""Waves RMS; an aberration below leaves 80 % of the peak (Maréchal 1947; Born & Wolf, section 9.3)."""
MOST_DEPTHS = 16
EXAMPLES = {"numerical_aperture": "1.4", "immersion_index": "1.515 for oil", "emission": "0.52", "excitation": "0.488"}


class Optical(Instrument):
    """The optics that the theoretical PSFs share; None is filled from the image, or by a default that `notices` tells."""

    immersion_index: float | None = IMMERSION_INDEX
    sample_index: float | None = field(
        None,
        title="Sample index",
        description="Refractive index of what the sample lies in; left out, the immersion's.",
        ge=1,
        le=2.5,
        slider="linear",
        shown_min=1.0,
        shown_max=1.56,
    )
    depth: float | None = field(
        None,
        title="Depth",
        description="How deep below the coverslip the emitters lie; left out, 0.",
        unit="µm",
        ge=0,
        le=1000,
        slider="linear",
        shown_min=0,
        shown_max=50,
    )
    depths: Annotated[int, Field(ge=1, le=MOST_DEPTHS)] | Literal["auto"] = field(
        "auto",
        title="Depths",
        description="How many depths through the stack the PSF is computed for: more follow the growing aberration of a "
        "mismatched sample, and take longer. The depth above is that of the middle plane.",
        shown_min=1,
        shown_max=MOST_DEPTHS,
        advanced=True,
    )
    coverslip_thickness: float | None = field(
        None,
        title="Coverslip",
        description="Actual thickness of the coverslip, 0 for none; left out, as designed.",
        unit="µm",
        ge=0,
        le=2000,
        advanced=True,
    )
    coverslip_index: float = field(
        1.515, title="Coverslip index", description="Refractive index of the coverslip.", ge=1, le=2.5, advanced=True
    )
    design_coverslip_thickness: float | None = field(
        None,
        title="Design coverslip",
        unit="µm",
        ge=0,
        le=2000,
        advanced=True,
        description="Coverslip that the objective (or its collar) is set for; left out, 170, or 0 where there is none.",
    )
    design_immersion_index: float | None = field(
        None,
        title="Design immersion index",
        ge=1,
        le=2.5,
        advanced=True,
        description="Immersion index that the objective was designed for; left out, the actual one.",
    )
    working_distance: float = field(
        150.0,
        title="Working distance",
        unit="µm",
        gt=0,
        le=100_000,
        advanced=True,
        description="Of immersion medium, as designed; it matters where the immersion index is not the designed one.",
    )
    aberrations: tuple[tuple[int, float], ...] = field(
        (),
        title="Aberrations",
        description="Zernike coefficients in µm of path (RMS), by Noll's numbers: 11: 0.05 is primary spherical.",
        unit="µm",
        advanced=True,
    )
    first_plane: Literal["coverslip", "deepest"] = field(
        "coverslip",
        title="First plane",
        description="Which end of the stack comes first; it matters where the PSF is not the same above and below.",
        advanced=True,
    )

    @field_validator("aberrations", mode="before")
    @classmethod
    def _as_pairs(cls, value: Any) -> Any:
        """Accept a mapping, pairs, or words such as ``11: 0.05, 5: 0.02``."""
        if isinstance(value, str):
            try:
                value = [each.replace("=", ":").split(":") for each in value.split(",") if each.strip()]
                value = [(int(number), float(amount)) for number, amount in value]
            except ValueError:
                raise ValueError("aberrations are written as 11: 0.05, 5: 0.02 (Noll's number: µm)") from None
        return tuple(sorted(value.items() if isinstance(value, Mapping) else value))

    @field_validator("aberrations")
    @classmethod
    def _known_numbers(cls, value: tuple[tuple[int, float], ...]) -> tuple[tuple[int, float], ...]:
        numbers = [index for index, _ in value if noll(index)]
        if len(set(numbers)) < len(numbers):
            raise ValueError(f"aberrations name a Zernike number twice: {', '.join(map(str, numbers))}")
        return value

    @field_validator("coverslip_thickness", "design_coverslip_thickness", mode="before")
    @classmethod
    def _not_millimetres(cls, value: Any, info: ValidationInfo) -> Any:
        if isinstance(value, (int, float)) and 0 < value < 1:
            raise ValueError(f"{info.field_name} {value:g} µm is no coverslip: give it in µm ({value * 1000:g})")
        return value

    def microscope(self, **values: Any) -> Microscope:
        """Return the microscope that these settings describe, fields replaced by ``values`` (numbers or tensors).

        Raises
        ------
        ValueError
            in one sentence with the remedy, when something needed is unknown or the optics are impossible.
        """
        modality = self.modality or "widefield"
        self._check(modality)
        medium = self._medium(values)
        assert self.numerical_aperture
        aberrations = tuple(sorted({**dict(self.aberrations), **values.get("aberrations", {})}.items()))
        used = {name: getattr(self, name) for name in WAVELENGTHS[modality]}
        detection, excitation = (
            Pupil(used[name], self.numerical_aperture, medium, self.vectorial, aberrations) if name in used else None
            for name in ("emission", "excitation")
        )
        airy = 1.22 * (self.emission or 0.0) / self.numerical_aperture
        spacing = self.pinhole_spacing * airy if self.pinhole_spacing else None
        pinhole = (self.pinhole or 1.0) * airy / 2 if modality in PINHOLED else 0.0
        return Microscope(modality, detection, excitation, pinhole, spacing, self.sheet_deviation())

    def _medium(self, values: Mapping[str, Any]) -> Medium:
        own = {name: values.get(name, getattr(self, name, None)) for name in Medium.__dataclass_fields__}
        cover, design = own["coverslip_thickness"], own["design_coverslip_thickness"]
        if design is None:
            design = 0.0 if cover is not None and number(cover) == 0 else STANDARD_COVERSLIP
        own |= {"design_coverslip_thickness": design, "coverslip_thickness": design if cover is None else cover}
        own["design_coverslip_index"] = values.get("design_coverslip_index", self.coverslip_index)
        for name, default in (("sample_index", "immersion_index"), ("design_immersion_index", "immersion_index")):
            own[name] = own[default] if own[name] is None else own[name]
        own["depth"] = 0.0 if own["depth"] is None else own["depth"]
        return Medium(**own)

    def _check(self, modality: Modality) -> None:
        needed = ["numerical_aperture", "immersion_index", *WAVELENGTHS[modality]]
        missing = [name for name in needed if getattr(self, name) is None]
        if missing:
            told = f"set psf.{missing[0]} (such as {EXAMPLES[missing[0]]})"
            raise ValueError(f"a {modality} psf needs {', '.join(missing)}, and the image does not say: {told}")
        aperture, index = self.numerical_aperture, self.immersion_index
        assert aperture
        assert index
        limits = {"immersion_index": index, "design_immersion_index": self.design_immersion_index or index}
        for name, limit in limits.items():
            if aperture >= limit:
                told = f"set psf.{name} (oil 1.515, water 1.33) or the NA"
                raise ValueError(f"NA {aperture:g} cannot reach the {name.replace('_', ' ')} {limit:g}: {told}")
        if self.coverslip_thickness != 0 and aperture >= self.coverslip_index:
            told = "set psf.coverslip_index, or psf.coverslip_thickness to 0"
            raise ValueError(f"NA {aperture:g} cannot pass a coverslip of index {self.coverslip_index:g}: {told}")
        if modality == "light-sheet" and self.sheet_deviation() == 0:
            told = "set psf.sheet_thickness in µm, or psf.sheet_numerical_aperture with psf.excitation"
            raise ValueError(f"a light-sheet psf needs the sheet: {told}")

    def slabs(self, grid: Grid) -> int:
        """Return ``depths``; auto: so many that a slab's PSF is nowhere further than Maréchal's criterion from the light's own."""
        if self.sample_index in (None, self.immersion_index) or self.depth is None:
            return 1
        if self.depths != "auto":
            return self.depths
        thickness = grid.shape[0] * (grid.voxel[0] or 0.0)
        change = max(pupil.aberration_with_depth() for pupil in self.microscope().pupils)
        return max(1, min(MOST_DEPTHS, math.ceil(thickness * change / (2 * MARECHAL))))

    def at_offset(self, distance: float) -> Any:
        """Return the model deeper or shallower by a distance along z (µm), never above the coverslip."""
        deeper = -distance if self.first_plane == "deepest" else distance
        return self.replace(depth=max(0.0, (self.depth or 0.0) + deeper))

    def notices(self, grid: Grid | None = None) -> Iterator[str]:
        """Say what was assumed where neither the settings nor the image tell, and whether a grid's voxels are too coarse."""
        modality = self.modality or "widefield"
        if self.modality is None:
            yield "the modality is not known: widefield was assumed"
        if self.sample_index is None:
            index = self.immersion_index
            yield f"the sample index is not known: the immersion's ({index:g}) was assumed, so depth has no effect"
        elif self.depth is None and self.sample_index != self.immersion_index:
            yield "the depth below the coverslip is not known: 0 µm was assumed, that is no aberration by the sample"
        if modality in PINHOLED and self.pinhole is None:
            yield "the pinhole is not known: 1 Airy unit was assumed"
        if grid is not None:
            if (slabs := self.slabs(grid)) > 1:
                yield f"the aberration grows with depth: the stack was taken in {slabs} slabs, each with the PSF of its depth"
            yield from Limits.of(self.microscope()).warnings(grid)


def known_optics(image: Image, channel: int = 0) -> Optical | None:
    """Return the theoretical PSF of an image's own optics, None where they are not known or impossible."""
    from . import family

    try:
        model: Optical = family.parse("gibson-lanni").resolved(image, channel)
        model.microscope()
    except ValueError:
        return None
    return model
