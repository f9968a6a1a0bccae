"""What the Restore panel knows, without a window: choices and typed values in, one frozen recipe or plain sentences out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field as attribute
from functools import cache
from typing import Any

from psygnal import Signal
from pydantic import ValidationError

from .. import methods, psf as psfs
from ..image import Channel, Image, Optics
from ..psf.measured import Measured
from ..recipe import Recipe
from ..restore import resolve_psf
from ..settings import Described, Settings, describe, explain_invalid
from .axes import guess_axes
from .judging import parsed, positive, try_psf
from .layers import image_of, told_of
from .step_lists import StepLists, misfit

__all__ = ["FROM_LAYER", "FROM_METADATA", "Check", "RestoreModel", "optical_fields", "psf_sources", "told"]

FROM_METADATA = "metadata"
FROM_LAYER = "layer"
KEPT = ("method", "background", "saturation", "keeps_results")
"""Choices that are remembered from one start to the next, beside the values of the methods."""
ASKED = ("numerical_aperture", "immersion_index", "emission")
"""What an image must tell before a PSF can be computed for it."""


@dataclass(frozen=True)
class Check:
    """What a look at all choices found.

    image, recipe : ready to run, None where a problem stands in the way.
    problems : sentence by the dotted name of the field that it concerns, such as ``method.iterations``.
    """

    image: Image | None = None
    recipe: Recipe | None = None
    problems: Mapping[str, str] = attribute(default_factory=dict)

    @property
    def is_ready(self) -> bool:
        """Whether Restore can be pressed."""
        return not self.problems and self.image is not None and self.recipe is not None


class RestoreModel:
    """The choices of the Restore panel; ``changed`` tells of every one.

    A value that was typed is kept as it was typed, a number or a text; only `check` judges it. None takes it back.
    """

    changed = Signal()

    def __init__(self) -> None:
        self.source: Any = None
        self.axes = ""
        self.psf = FROM_METADATA
        self.psf_layer: Any = None
        self.method = methods.names()[0]
        self.background: Any = "auto"
        self.saturation: Any = "auto"
        self.precision = "single"
        self.only_current = False
        self.keeps_results = False
        self.steps = StepLists(self.changed.emit)
        self._typed: dict[str, Any] = {}
        self._checked: tuple[Any, Check] | None = None

    def choose(self, **choices: Any) -> None:
        """Set some of the attributes, and tell of it when one is new."""
        new = {name: value for name, value in choices.items() if getattr(self, name) is not value}
        for name, value in new.items():
            setattr(self, name, value)
        if "source" in new:
            self.axes = ""
            self._typed = {
                key: value for key, value in self._typed.items() if key.split(".")[0] not in ("voxel", "optics")
            }
        if new:
            self.changed.emit()

    def type(self, key: str, value: Any) -> None:
        """Set a field by its dotted name (``method.richardson-lucy.iterations``, ``voxel.Z``); None takes it back."""
        if self._typed.get(key) == value and type(self._typed.get(key)) is type(value):
            return
        self._typed[key] = value
        if value is None:
            del self._typed[key]
        self.changed.emit()

    def take_method(self, method: Settings) -> None:
        """Choose a method with all its values, as if each had been typed."""
        kind, fields = type(method).model_fields["kind"].default, method.field_values()
        defaults = {each.name: each.default for each in describe(type(method))}
        self._typed = {key: each for key, each in self._typed.items() if not key.startswith(f"method.{kind}.")}
        self._typed |= {f"method.{kind}.{name}": fields[name] for name in defaults if fields[name] != defaults[name]}
        self.method = kind
        self.changed.emit()

    def take(self, recipe: Recipe) -> None:
        """Choose all that a recipe says, as if each value had been typed; without a PSF of its own, the metadata's."""
        self.background, self.saturation, self.precision = recipe.background, recipe.saturation, recipe.precision
        self.steps.take(recipe)
        self.psf = FROM_METADATA if recipe.psf is None else type(recipe.psf).model_fields["kind"].default
        values = recipe.psf.model_dump(exclude_defaults=True, exclude={"kind"}) if recipe.psf is not None else {}
        self._typed = {key: each for key, each in self._typed.items() if not key.startswith(f"psf.{self.psf}.")}
        self._typed |= {f"psf.{self.psf}.{name}": each for name, each in values.items()}
        self.take_method(recipe.method)

    def check_of(self, layer: Any) -> Check:
        """Judge the same choices for another layer, of which voxel size and optics are as it says them itself."""
        other = RestoreModel()
        for name in ("psf", "psf_layer", "method", "background", "saturation", "precision", "steps"):
            setattr(other, name, getattr(self, name))
        other._typed = {key: each for key, each in self._typed.items() if key.split(".")[0] in ("method", "psf")}
        other.source = layer
        return other.check()

    def kept_choices(self) -> dict[str, Any]:
        """Return what is worth remembering until the next start, as plain values: nothing that belongs to one image or its PSF."""
        values = {key: each for key, each in self._typed.items() if key.startswith("method.")}
        choices = {name: getattr(self, name) for name in KEPT}
        return {"choices": choices, "values": values}

    def take_kept(self, kept: Mapping[str, Any]) -> None:
        """Choose what was remembered, as far as it still has a meaning."""
        choices = dict(kept.get("choices", {}))
        kind = choices.pop("method", "")
        self.choose(**{name: choices[name] for name in KEPT if name in choices})
        known = {f"method.{each}.{name}" for each in methods.names() for name in methods.family[each].model_fields}
        self._typed |= {key: each for key, each in dict(kept.get("values", {})).items() if key in known}
        if kind in methods.names():
            self.method = kind
        self.changed.emit()

    def typed(self, prefix: str) -> dict[str, Any]:
        """Return the values that were typed under a dotted prefix."""
        start = prefix + "."
        return {key.removeprefix(start): value for key, value in self._typed.items() if key.startswith(start)}

    @property
    def read_axes(self) -> str:
        """The chosen axes, or those that the source's labels and dimensions tell."""
        return self.axes or guess_axes(self.source)

    def lacking(self) -> tuple[str, ...]:
        """Return what the source does not say of itself: ``voxel.Z`` …, and the optics if the PSF comes from them."""
        if self.source is None:
            return ()
        image = image_of(self.source, self.read_axes)
        voxel = [
            f"voxel.{axis}"
            for axis, size in image.sizes.items()
            if axis in "ZYX" and size > 1 and axis not in image.voxel
        ]
        if self.psf == FROM_LAYER or self.psf == "measured":
            return ()
        optics = [f"optics.{name}" for name in ASKED if self.psf == FROM_METADATA and told(image, name) is None]
        return tuple(voxel + optics)

    def check(self) -> Check:
        """Judge all choices; the answer to the same choices is kept."""
        typed = tuple(sorted(self._typed.items(), key=str))
        choices = (self.axes, self.psf, self.method, self.background, self.saturation, self.precision, self.steps.state)
        state = (choices, typed, _seen(self.source), _seen(self.psf_layer) if self.psf == FROM_LAYER else None)
        if self._checked is None or self._checked[0] != state:
            self._checked = (state, self._judged())
        return self._checked[1]

    def _judged(self) -> Check:
        problems: dict[str, str] = {}
        image = self._image(problems)
        method = parsed(methods.family[self.method], self.typed(f"method.{self.method}"), "method", problems)
        psf = self._psf(problems)
        counts = {name: self._counts(name, problems) for name in ("background", "saturation")}
        steps = self.steps.parsed(problems)
        if problems or image is None:
            return Check(problems=problems)
        recipe = Recipe.model_validate({"psf": psf, "method": method, "precision": self.precision, **counts, **steps})
        problems.update(misfit(image, recipe))
        recipe = self._fitted(image, recipe, problems)
        return Check(image, recipe, problems)

    def _image(self, problems: dict[str, str]) -> Image | None:
        if self.source is None:
            problems["source"] = "Open an image first: drop a file on the window, or open the sample."
            return None
        voxel = {axis: positive(f"voxel.{axis}", value, problems) for axis, value in self.typed("voxel").items()}
        optics = {name: positive(f"optics.{name}", value, problems) for name, value in self.typed("optics").items()}
        if problems:
            return None
        try:
            return image_of(self.source, self.read_axes, voxel=voxel, optics=optics)
        except ValidationError as error:
            problems["axes"] = explain_invalid(error)
        except ValueError as error:
            problems["axes"] = str(error)
        return None

    def _psf(self, problems: dict[str, str]) -> Any:
        if self.psf == FROM_METADATA:
            return None
        if self.psf == FROM_LAYER:
            if self.psf_layer is None:
                problems["psf.layer"] = "Choose the layer that holds the PSF."
                return None
            try:
                return Measured.of(image_of(self.psf_layer))
            except (ValueError, OSError) as error:
                problems["psf.layer"] = str(error)
                return None
        values = self.typed(f"psf.{self.psf}")
        if self.psf == "measured" and not values.get("path"):
            problems["psf.path"] = "Choose the file that holds the PSF."
            return None
        return parsed(psfs.family[self.psf], values, "psf", problems)

    def _counts(self, name: str, problems: dict[str, str]) -> Any:
        """Return the background or the saturation, a word or a number of counts."""
        value = getattr(self, name)
        try:
            return getattr(Recipe.model_validate({name: value if value in ("auto", "none") else float(value)}), name)
        except (TypeError, ValueError):
            words = (
                "auto or a number of counts" if name == "background" else "auto, none, or a positive number of counts"
            )
            problems[name] = f"The {name} must be {words}, not '{value}'."
            return "auto"

    def _fitted(self, image: Image, recipe: Recipe, problems: dict[str, str]) -> Recipe:
        """Return the recipe with the optics that were typed, after trying whether its PSF can be had for the image."""
        try:
            model = resolve_psf(image, recipe)
            try_psf(model, tuple(min(size, 3) for size in image.spatial_shape), image.spacing)
        except (ValueError, OSError) as error:
            problems.update(self._placed(str(error)))
            return recipe
        is_typed = bool(self.typed("optics")) and len(image.channels) == 1
        return recipe.replace(psf=model) if is_typed else recipe

    def _placed(self, sentence: str) -> dict[str, str]:
        """Return a sentence under each field that it names."""
        words = set(re.findall(r"[a-z_]+", sentence.lower()))
        lacking = self.lacking()
        named = [key for key in lacking if key.split(".")[1] in words or (key.startswith("voxel") and "voxel" in words)]
        if self.psf not in (FROM_METADATA, FROM_LAYER):
            named += [f"psf.{each}" for each in psfs.family[self.psf].model_fields if each in words and each != "kind"]
        if named and all(key in lacking for key in named):
            sentence = ask_for(named)
        return dict.fromkeys(named or ["psf"], sentence)


def _seen(layer: Any) -> tuple[Any, ...]:
    """Return what would show that a layer has changed since it was last looked at."""
    if layer is None:
        return ()
    told = (layer.name, str(layer.units), layer.axis_labels, layer.rgb, repr(told_of(layer)))
    return (id(layer), id(layer.data), tuple(layer.scale), tuple(layer.translate), *told)


def ask_for(keys: list[str]) -> str:
    """Return the sentence that asks for what an image does not say."""
    words = []
    axes = [key.split(".")[1].lower() for key in keys if key.startswith("voxel.")]
    if axes:
        words.append(f"voxel size ({', '.join(axes)})")
    fields = optical_fields()
    words += [fields[key.split(".")[1]].title.lower() for key in keys if key.startswith("optics.")]
    return f"The image does not say its {_listed(words)}: type it above."


def _listed(words: list[str]) -> str:
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


@cache
def optical_fields() -> dict[str, Described]:
    """Return name -> description of every optical field that some PSF model describes."""
    names = {*Optics.model_fields, *Channel.model_fields} - {"name", "color"}
    return {each.name: each for kind in psfs.names() for each in describe(psfs.family[kind]) if each.name in names}


def told(image: Image, name: str) -> Any:
    """Return what an image says of an optical field, None where it says nothing."""
    return getattr(image.channels[0] if name in ("emission", "excitation") else image.optics, name, None)


def psf_sources() -> dict[str, str]:
    """Return source -> words for the drop-down: the metadata, a layer, and every kind of the family."""
    kinds = {kind: psfs.family[kind].title or kind for kind in psfs.names()}
    if "measured" in kinds:
        kinds["measured"] += ", from a file"
    return {FROM_METADATA: "From the image's metadata", FROM_LAYER: "Measured, from a layer", **kinds}
