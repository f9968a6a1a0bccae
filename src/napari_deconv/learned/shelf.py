"""The shelf: weights that the user has trained or was given, kept in the user's data folder under their names.

A model is one safetensors file with its card inside; copied, sent and put on another's shelf it is the same model. What a file tells of
itself is read from its header, without loading the weights.
"""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..home import user_folder

__all__ = [
    "SUFFIX",
    "KeptModel",
    "keep",
    "kept_models",
    "model_named",
    "read_card",
    "recurrence_of",
    "remove",
    "shelf",
    "training_folder",
]

SUFFIX = ".safetensors"
HEADER = 2**24
"""Bytes of a header that is believed."""


@dataclass(frozen=True)
class KeptModel:
    """A model on the shelf: its name, its file, and its card as plain values."""

    name: str
    path: Path
    card: Mapping[str, Any]

    @property
    def words(self) -> str:
        """What it is, in a line."""
        layout = self.card.get("architecture", {})
        kind, dims = layout.get("kind", "network"), layout.get("dims", 2)
        steps, size = self.card.get("steps", 0), self.path.stat().st_size / 1e6
        data = self.card.get("data") or "unknown data"
        return f"{kind} for {'stacks' if dims == 3 else 'flat images'}, {steps} steps on {data}, {size:.1f} MB"


def shelf() -> Path:
    """Return the folder of the user's models, which need not exist yet."""
    return user_folder() / "models"


def training_folder(name: str) -> Path:
    """Return where the training of a name keeps its examples and its state."""
    return user_folder() / "trainings" / checked_name(name)


def kept_models() -> tuple[KeptModel, ...]:
    """Return the models on the shelf by name; files that hold none are passed over."""
    found = []
    for path in sorted(shelf().glob(f"*{SUFFIX}")):
        try:
            found.append(KeptModel(path.stem, path, read_card(path)))
        except ValueError:
            continue
    return tuple(found)


def model_named(name: str) -> KeptModel:
    """Return a model on the shelf.

    Raises
    ------
    FileNotFoundError
        when there is none of this name.
    """
    there = {each.name: each for each in kept_models()}
    if name not in there:
        told = f"there are {', '.join(there)}" if there else "there is none yet: train one, or add a file"
        raise FileNotFoundError(f"there is no model '{name}' of yours: {told}")
    return there[name]


def keep(file: Path, name: str = "", *, overwrite: bool = False) -> KeptModel:
    """Put a copy of a file of weights on the shelf.

    Raises
    ------
    FileExistsError
        when there is a model of this name, and ``overwrite`` was not asked for.
    FileNotFoundError, ValueError
        when the file is missing or holds no weights of this package, or the name cannot be one.
    """
    card = read_card(file)
    target = shelf() / f"{checked_name(name or file.stem)}{SUFFIX}"
    if target.exists() and not overwrite:
        raise FileExistsError(f"you have a model '{target.stem}' already: choose another name, or remove it first")
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_suffix(".new")
    shutil.copyfile(file, beside)
    beside.replace(target)
    return KeptModel(target.stem, target, card)


def remove(name: str) -> None:
    """Take a model off the shelf, for good."""
    model_named(name).path.unlink()


def checked_name(name: str) -> str:
    """Return a name that a file can have everywhere.

    Raises
    ------
    ValueError
        when it cannot be one.
    """
    if not re.fullmatch(r"[\w][\w .+-]{0,79}", name) or name.endswith((" ", ".")):
        raise ValueError(
            f"'{name}' cannot be the name of a model: use letters, digits, spaces, . + - and _ (80 at most)"
        )
    return name


def read_card(file: Path) -> Mapping[str, Any]:
    """Return the card in the header of a safetensors file: eight bytes of length, then JSON.

    Raises
    ------
    FileNotFoundError, ValueError
        when the file is missing or holds no weights of this package.
    """
    if not file.is_file():
        raise FileNotFoundError(f"there is no file of weights {file}: check the path")
    with file.open("rb") as stream:
        length = int.from_bytes(stream.read(8), "little")
        try:
            header = json.loads(stream.read(length)) if 0 < length <= HEADER else {}
            card = json.loads(header["__metadata__"]["napari-deconv"])
        except (ValueError, KeyError, TypeError):
            raise ValueError(f"{file} holds no weights of napari-deconv: choose another file") from None
    if not isinstance(card, dict) or "architecture" not in card:
        raise ValueError(f"{file} holds no weights of napari-deconv: choose another file")
    return card


def recurrence_of(weights: str) -> int:
    """Return from how many time points in a row a recurrent network learned; 1 for any other, and where there is no such file."""
    try:
        card = read_card(Path(weights).expanduser())
    except (ValueError, OSError):
        return 1
    return int(card.get("training", {}).get("frames", 1)) if card["architecture"].get("kind") == "recurrent" else 1
