"""Weights: networks in one safetensors file, and beside or inside it the card that says how they came about.

Safetensors hold numbers alone: nothing in such a file can run. The card is JSON in the file's own header.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import torch

from ..settings import Settings
from .networks import Architecture
from .restorer import Restorer
from .training import Training

__all__ = ["BUNDLED", "Card", "Weights", "has_bundled", "has_fast_bfloat16", "load_weights", "save_weights"]

BUNDLED = {2: "flat.safetensors", 3: "stack.safetensors"}
"""Files that come with the package, by dimensions."""


class Card(Settings):
    """How weights came about, and what they need."""

    format: int = 1
    architecture: Architecture
    members: int = 1
    estimates: tuple[str, ...] = ()
    data: str = ""
    command: str = ""
    training: Training = Training()
    steps: int = 0
    judged: float = 0.0
    seconds: float = 0.0
    device: str = "cpu"
    licence: str = "BSD-3-Clause"
    ranges: dict[str, tuple[float, float]] = {}
    figures: dict[str, float] = {}


@dataclass(frozen=True)
class Weights:
    """Networks and their card."""

    card: Card
    members: list[Restorer]


def save_weights(file: Path, weights: Weights) -> None:
    """Write a file whole or not at all, and its card as JSON beside it."""
    from safetensors.torch import save_file

    tensors = {
        f"{number}.{name}": values.detach().cpu().contiguous()
        for number, member in enumerate(weights.members)
        for name, values in member.state_dict().items()
    }
    card = weights.card.model_dump_json()
    beside = file.with_suffix(".new")
    save_file(tensors, beside, metadata={"napari-deconv": card})
    beside.chmod(0o644)
    beside.replace(file)
    file.with_suffix(".json").write_text(json.dumps(json.loads(card), indent=1) + "\n", encoding="utf-8")


def load_weights(named: str | Path, dims: int = 2) -> Weights:
    """Return the weights that come with the package (``bundled``) for so many dimensions, or those of a file.

    Raises
    ------
    FileNotFoundError
        when there is no such file.
    ValueError
        when the file holds something else, or weights for other dimensions.
    """
    path = bundled_file(dims) if str(named) == "bundled" else Path(named).expanduser()
    if str(named) == "bundled" and not path.is_file():
        raise FileNotFoundError(
            "no weights for stacks come with the package yet: train some (napari-deconv train --stacks --set train.start=new), "
            "or choose another method"
        )
    if not path.exists():
        raise FileNotFoundError(f"there are no weights {path}: check the path, or take 'bundled'")
    found = _read(path)
    if found.card.architecture.dims != dims:
        wants = {2: "flat images", 3: "stacks"}
        raise ValueError(
            f"the weights {path.name} are for {wants[found.card.architecture.dims]}, not for {wants[dims]}: choose others"
        )
    return found


def _read(path: Path) -> Weights:
    """Return the weights of a file, or of a package that was exported from here."""
    from .packages.exported import is_package, load_exported

    if is_package(path):
        return load_exported(path)
    told = path.stat()
    return _loaded(str(path), told.st_mtime_ns, told.st_size)


def bundled_file(dims: int) -> Path:
    """Return where the package's own weights are, whether they exist or not."""
    return Path(str(files(__package__) / "bundled" / BUNDLED[dims]))


def has_bundled(dims: int) -> bool:
    """Whether weights for so many dimensions come with the package."""
    return bundled_file(dims).is_file()


@lru_cache(maxsize=4)
def _loaded(path: str, changed: int, size: int) -> Weights:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            card = Card.model_validate_json((file.metadata() or {}).get("napari-deconv", "{}"))
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, ValueError) as error:
        raise ValueError(f"{path} holds no weights of napari-deconv ({_short(error)}): choose another file") from None
    members = [_member(card, number, tensors) for number in range(card.members)]
    return Weights(card, members)


def _member(card: Card, number: int, tensors: dict[str, Any]) -> Restorer:
    member = Restorer(card.architecture, len(card.estimates))
    mine = {
        name.removeprefix(f"{number}."): values for name, values in tensors.items() if name.startswith(f"{number}.")
    }
    try:
        member.load_state_dict(mine)
    except RuntimeError:
        raise ValueError("the weights do not fit the network that their card tells of: choose another file") from None
    return member.eval().requires_grad_(False)


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:80]


def has_fast_bfloat16() -> bool:
    """Whether this processor multiplies bfloat16 in hardware."""
    capable = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    amx = getattr(torch.cpu, "_is_amx_tile_supported", None)
    return bool(capable and capable()) or bool(amx and amx())
