"""What the PSF panel knows, without a window: a layer and typed values in, a theoretical PSF or plain sentences out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field as attribute
from typing import Any

import numpy as np
from psygnal import Signal
from pydantic import ValidationError

from .. import psf as psfs
from ..image import Channel, Image, Optics
from ..psf.base import Grid
from ..psf.instrument import PINHOLED, WAVELENGTHS
from ..psf.theoretical import Theoretical
from ..settings import describe
from .axes import guess_axes
from .fields import as_text
from .judging import parsed, positive
from .layers import image_of
from .model import told

__all__ = ["EXAMPLE", "PsfChoices", "PsfLook", "models"]

EXAMPLE = Image(
    np.broadcast_to(np.float32(0), (64, 256, 256)),
    "ZYX",
    (0.2, 0.065, 0.065),
    (Channel(emission=0.52, excitation=0.488),),
    Optics(modality="widefield", numerical_aperture=1.4, immersion_index=1.515, sample_index=1.45),
    name="example",
)
"""What the panel shows while no image is open: an oil objective on mounted cells."""
ALWAYS = ("numerical_aperture", "immersion_index")


@dataclass(frozen=True)
class PsfLook:
    """What a look at all choices found: a model and the image that it is for, or the problems by field."""

    model: Theoretical | None = None
    image: Image | None = None
    problems: Mapping[str, str] = attribute(default_factory=dict)

    @property
    def grid(self) -> Grid:
        """The grid of the image."""
        assert self.image
        return Grid.of(self.image)


class PsfChoices:
    """The choices of the panel's microscope tab; ``changed`` tells of every one."""

    changed = Signal()

    def __init__(self) -> None:
        self.source: Any = None
        self.kind = next(iter(models()))
        self._typed: dict[str, Any] = {}

    def choose(self, **choices: Any) -> None:
        """Set the layer or the kind of model, and tell of it when it is new."""
        new = {name: value for name, value in choices.items() if getattr(self, name) is not value}
        for name, value in new.items():
            setattr(self, name, value)
        if "source" in new:
            self._typed = {key: value for key, value in self._typed.items() if not key.startswith("voxel.")}
        if new:
            self.changed.emit()

    def type(self, name: str, value: Any) -> None:
        """Set a field (``numerical_aperture``, ``voxel.Z``); None takes it back."""
        if value is None:
            if name not in self._typed:
                return
            del self._typed[name]
        else:
            self._typed[name] = value
        self.changed.emit()

    @property
    def typed(self) -> dict[str, Any]:
        """The optical values that were typed."""
        return {name: value for name, value in self._typed.items() if not name.startswith("voxel.")}

    @property
    def typed_voxel(self) -> dict[str, Any]:
        """The voxel sizes that were typed, by axis."""
        return {name[-1]: value for name, value in self._typed.items() if name.startswith("voxel.")}

    def image(self) -> Image:
        """Return what the layer says of itself, or the example where there is none.

        Raises
        ------
        ValueError
            when the layer cannot be read.
        """
        return EXAMPLE if self.source is None else image_of(self.source, guess_axes(self.source))

    def hints(self) -> dict[str, str]:
        """Return what an empty field takes, as it is typed: what the image says, or what is assumed."""
        image = self.image()
        said = {name: told(image, name) for name in psfs.family[self.kind].model_fields}
        index = self._typed.get("immersion_index", said.get("immersion_index"))
        assumed = {"pinhole": 1.0, "depth": 0.0, "sample_index": index}
        known = assumed | {name: value for name, value in said.items() if value is not None} | dict(image.voxel)
        return {name: as_text(value) for name, value in known.items()}

    def relevant(self) -> set[str]:
        """Return the fields that matter to the chosen modality."""
        image = self.image()
        modality: Any = self._typed.get("modality") or told(image, "modality") or "widefield"
        names = {each.name for each in describe(psfs.family[self.kind])}
        names -= {"emission", "excitation"} - set(WAVELENGTHS.get(modality, ()))
        if modality in PINHOLED:
            names |= {"emission"}
        else:
            names -= {"pinhole", "pinhole_spacing"}
        if modality != "spinning-disk":
            names -= {"pinhole_spacing"}
        if modality != "light-sheet":
            names -= {"sheet_thickness", "sheet_numerical_aperture"}
        elif self._typed.get("sheet_numerical_aperture") is not None:
            names |= {"excitation"}
        return names

    def look(self) -> PsfLook:
        """Judge all choices."""
        problems: dict[str, str] = {}
        voxel = {axis: positive(f"voxel.{axis}", size, problems) for axis, size in self.typed_voxel.items()}
        own = parsed(psfs.family[self.kind], self.typed, "psf", problems)
        problems = {key.removeprefix("psf."): sentence for key, sentence in problems.items()}
        if problems or own is None:
            return PsfLook(problems=problems)
        try:
            image = self.image()
            image = image.replace(voxel={**image.voxel, **voxel})
            model = own.resolved(image)
        except (ValueError, ValidationError) as error:
            return PsfLook(problems={"source": str(error)})
        problems = self._lacking(model, image) or self._impossible(model)
        return PsfLook(problems=problems) if problems else PsfLook(model, image)

    def _lacking(self, model: Theoretical, image: Image) -> dict[str, str]:
        """Return what neither the image nor the user says."""
        modality = model.modality or "widefield"
        titles = {each.name: each.title for each in describe(type(model))}
        missing = [name for name in (*ALWAYS, *WAVELENGTHS[modality]) if getattr(model, name) is None]
        problems = {name: f"{titles[name]}: the image does not say it, so type it." for name in missing}
        if modality == "light-sheet" and model.sheet_deviation() == 0:
            problems["sheet_thickness"] = f"{titles['sheet_thickness']}: type it, or the sheet's NA under Advanced."
        for axis, size in image.sizes.items():
            if axis in "ZYX" and size > 1 and axis not in image.voxel:
                problems[f"voxel.{axis}"] = f"Voxel {axis.lower()}: the image does not say it, so type it."
        return problems

    def _impossible(self, model: Theoretical) -> dict[str, str]:
        """Return the sentence on optics that cannot be, under each field that it names."""
        try:
            model.microscope()
        except ValueError as error:
            sentence = str(error)
            words = sentence.lower().replace(" index", "_index").replace("na ", "numerical_aperture ")
            named = set(re.findall(r"[a-z_]+", words)) & set(type(model).model_fields)
            titles = {each.name: each.title.lower() for each in describe(type(model))}
            sentence = re.sub(r"psf\.([a-z_]+)", lambda found: titles.get(found[1], found[0]), sentence)
            return dict.fromkeys(sorted(named) or ["source"], sentence[:1].upper() + sentence[1:] + ".")
        return {}


def models() -> dict[str, str]:
    """Return kind -> title of the theoretical models."""
    return {kind: each.title for kind, each in psfs.family.members().items() if issubclass(each, Theoretical)}
