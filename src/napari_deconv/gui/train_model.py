"""What the Train panel knows, without a window: where examples come from and typed settings in, one order or plain sentences out."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field as attribute
from pathlib import Path
from typing import Any

import numpy as np
from psygnal import Signal

from .. import psf as psfs
from ..image import Image
from ..learned.shelf import SUFFIX, checked_name, shelf, training_folder
from ..learned.training import Training
from ..psf.measured import Measured
from ..recipe import Recipe
from .judging import parsed
from .layers import image_of
from .model import FROM_LAYER, FROM_METADATA, RestoreModel

__all__ = ["KNOWS", "SOURCES", "Order", "TrainLook", "TrainModel", "in_words", "side_by_side"]

SOURCES = {
    "image": "This image alone, no truth",
    "pairs": "Pairs of layers, worse and better",
    "folders": "Pairs of files, two folders",
    "simulation": "Simulation through this microscope",
}
"""Where examples come from -> words for it."""
KNOWS = {
    "image": "It learns from held-back photons of this image: it can neither copy noise nor invent detail beyond what such photons "
    "support.",
    "pairs": "It learns what the better images have that the worse lack; on other structures it may be wrong.",
    "folders": "It learns what the better images have that the worse lack; on other structures it may be wrong.",
    "simulation": "It learns from simulated structures: it knows the PSF and the noise, but detail beyond the photons is a likely guess.",
}
"""Source -> what a network trained so can and cannot know."""


@dataclass(frozen=True)
class Order:
    """A training to be done: all that it needs, of which nothing is computed yet.

    recipe tells PSF and background; image, better : the layers as images; low, high : folders; name : of the finished model;
    goes_on : whether a training of this name is under way and to be resumed.
    """

    source: str
    training: Training
    recipe: Recipe
    name: str
    image: Image | None = None
    better: Image | None = None
    low: Path | None = None
    high: Path | None = None
    stacks: bool = False
    goes_on: bool = False

    @property
    def folder(self) -> Path:
        """Where examples, checkpoints and the weights are kept."""
        return training_folder(self.name)

    def make(self) -> tuple[Any, int]:
        """Return the source of examples and the number of dimensions; this reads files and computes the PSF.

        Raises
        ------
        ValueError, OSError
            in one sentence, when it cannot be made.
        """
        from ..files import read
        from ..learned.starting import dims_of, own_image, paired, read_pairs, simulated

        if self.source == "simulation":
            dims = dims_of(self.image) if self.image is not None else 3 if self.stacks else 2
            return simulated(self.image, self.recipe, self.training, dims), dims
        if self.source == "folders":
            worse, better = read_pairs(self.low or Path(), self.high or Path(), read)
            return paired(worse, better, self.recipe, self.training), dims_of(worse[0])
        assert self.image is not None
        if self.source == "pairs":
            assert self.better is not None
            return paired([self.image], [self.better], self.recipe, self.training), dims_of(self.image)
        return own_image(self.image, self.recipe, self.training), dims_of(self.image)


@dataclass(frozen=True)
class TrainLook:
    """What a look at all choices found: an order, or the sentences on what stands in its way by field."""

    order: Order | None = None
    problems: Mapping[str, str] = attribute(default_factory=dict)


class TrainModel:
    """The choices of the Train panel; ``restore`` holds image and PSF as the Restore panel does; ``changed`` tells of every choice."""

    changed = Signal()

    def __init__(self) -> None:
        self.restore = RestoreModel()
        self.restore.changed.connect(self.changed.emit)
        self.source = "image"
        self.better: Any = None
        self.low = self.high = ""
        self.name = ""
        self._typed: dict[str, Any] = {}

    def choose(self, **choices: Any) -> None:
        """Set some of the attributes, and tell of it when one is new."""
        new = {name: value for name, value in choices.items() if getattr(self, name) is not value}
        for name, value in new.items():
            setattr(self, name, value)
        if new:
            self.changed.emit()

    def type(self, name: str, value: Any) -> None:
        """Set a field of `Training`; None takes it back."""
        if self._typed.get(name) == value:
            return
        self._typed = {key: each for key, each in {**self._typed, name: value}.items() if each is not None}
        self.changed.emit()

    @property
    def typed(self) -> Mapping[str, Any]:
        """The fields of `Training` that were typed."""
        return self._typed

    @property
    def needs_layer(self) -> bool:
        """Whether there is no training without a layer."""
        return self.source in ("image", "pairs")

    @property
    def suggested_name(self) -> str:
        """What the model is called where nothing is typed: the image's name, with a number when that is taken."""
        base = "network" if self.restore.source is None or self.source == "folders" else str(self.restore.source.name)
        base = (
            "".join(letter if letter.isalnum() or letter in " _-" else "-" for letter in base).strip(" -")[:60]
            or "network"
        )
        names = [base, *(f"{base} {number}" for number in range(2, 1000))]
        return next(name for name in names if not (shelf() / f"{name}{SUFFIX}").exists())

    def look(self) -> TrainLook:
        """Judge all choices."""
        problems: dict[str, str] = {}
        training = parsed(Training, dict(self._typed), "train", problems)
        problems = {key.removeprefix("train."): sentence for key, sentence in problems.items()}
        given: dict[str, Any] = {}
        recipe = self._seen(given, problems)
        name = self.name.strip() or self.suggested_name
        try:
            checked_name(name)
        except ValueError as error:
            problems["name"] = f"{error}."
        if not problems and (shelf() / f"{name}{SUFFIX}").exists():
            problems["name"] = f"You have a model '{name}' already: type another name, or remove it under My models."
        if problems or training is None or recipe is None:
            return TrainLook(problems=problems)
        order = Order(self.source, training, recipe, name, **given)
        return TrainLook(self._resumed(order, problems), problems)

    def _resumed(self, order: Order, problems: dict[str, str]) -> Order | None:
        """Return the order, going on with what its folder holds; None where that is another training."""
        told = order.folder / "training.json"
        if not told.is_file():
            return order
        kept = json.loads(told.read_text(encoding="utf-8")).get("training")
        if kept != order.training.model_dump(mode="json"):
            problems["name"] = (
                f"A training '{order.name}' with other settings was paused: type another name, or discard it."
            )
            return None
        return Order(**{**vars(order), "goes_on": True})

    def _seen(self, given: dict[str, Any], problems: dict[str, str]) -> Recipe | None:
        """Return PSF and background, and fill in what the source needs."""
        if self.source == "folders":
            for name, path in (("low", self.low), ("high", self.high)):
                if not path or not Path(path).exists():
                    problems[name] = f"Choose the folder of the {'worse' if name == 'low' else 'better'} images."
                else:
                    given[name] = Path(path)
            return self._without_image(problems)
        if self.restore.source is None and self.source == "simulation":
            return Recipe()
        check = self.restore.check()
        problems |= check.problems
        given["image"] = check.image
        if self.source == "pairs":
            given["better"] = self._better(check.image, problems)
        return check.recipe

    def _better(self, worse: Image | None, problems: dict[str, str]) -> Image | None:
        if self.better is None or self.better is self.restore.source:
            problems["better"] = "Choose the layer of better quality that the worse one should become."
            return None
        better = image_of(self.better, self.restore.read_axes if worse is not None else "")
        if worse is not None and better.shape != worse.shape:
            sizes = [" × ".join(map(str, each.shape)) for each in (worse, better)]
            problems["better"] = (
                f"The two layers differ in size ({sizes[0]} and {sizes[1]}): crop or scale one of them."
            )
        return better

    def _without_image(self, problems: dict[str, str]) -> Recipe | None:
        """Return the recipe of the chosen PSF alone; the images' own metadata tell the rest."""
        kind = self.restore.psf
        try:
            if kind == FROM_LAYER and self.restore.psf_layer is not None:
                return Recipe(psf=Measured.of(image_of(self.restore.psf_layer)))
        except (ValueError, OSError) as error:
            problems["psf.layer"] = str(error)
            return None
        if kind in (FROM_METADATA, FROM_LAYER):
            return Recipe()
        model = parsed(psfs.family[kind], self.restore.typed(f"psf.{kind}"), "psf", problems)
        return None if model is None else Recipe(psf=model)


def side_by_side(crop: Sequence[np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
    """Return the pictures of a crop, (Y, X) each, beside one another (Y, X), each from its darkest to its brightest as 0 to 1."""
    pictures = []
    for picture in crop:
        low, high = np.quantile(picture, [0.01, 0.998])
        pictures.append(np.clip((picture - low) / max(float(high - low), 1e-12), 0, 1).astype(np.float32))
        pictures.append(np.ones((len(picture), 2), dtype=np.float32))
    return np.concatenate(pictures[:-1], axis=1)


def in_words(progress: Any) -> str:
    """Return how far a training is: ``step 40 of 100 · best -21.3``."""
    if progress.stage == "preparing":
        told = f"preparing example {progress.step} of {progress.steps}"
    else:
        told = f"step {progress.step} of {progress.steps}"
    if math.isfinite(progress.best):
        told += f" · best {progress.best:.3g}"
    return told
