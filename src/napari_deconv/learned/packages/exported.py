"""Exported networks of this package, opened again: members whose answers come from a community package's own weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor

from ..restorer import Proposal
from ..weights import Card, Weights
from .package import Package
from .runners import make_runner

__all__ = ["is_package", "load_exported"]


def is_package(named: str | Path) -> bool:
    """Whether a name is that of a package of the bioimage.io format rather than of a file of weights."""
    path = Path(named).expanduser()
    return path.suffix in (".zip", ".yaml", ".yml") or path.is_dir()


def load_exported(named: str | Path, device: str = "cpu") -> Weights:
    """Return the weights of an exported package, which answer as the network did before the export.

    Raises
    ------
    FileNotFoundError, ValueError
        when there is none, or it was not exported here.
    """
    package = Package.open(named)
    if package.card is None:
        raise ValueError(f"{named} was not exported from here: use it as a community model (--method community)")
    card = Card.model_validate(package.card)
    runner = make_runner(package, "torchscript", device)
    return Weights(card, [ExportedMember(card, number, runner, package) for number in range(card.members)])  # type: ignore[misc]


class ExportedMember:
    """One member of an exported network, in the place of a `Restorer`."""

    def __init__(self, card: Card, number: int, runner: Callable[[Tensor], list[Tensor]], package: Package) -> None:
        self.architecture, self.estimates = card.architecture, len(card.estimates)
        self._number, self._runner, self._package = number, runner, package

    def to(self, device: Any) -> ExportedMember:
        """Return the member on a device."""
        self._runner = make_runner(self._package, "torchscript", str(device))
        return self

    def __call__(self, features: Tensor, *, fast: bool = False) -> Proposal:
        """Return the proposal for features (1, 1 + K + 1 + 3, [Z,] Y, X)."""
        said = self._runner(features.contiguous())[0]
        first = self._number * (2 + self.estimates)
        last = first + 2 + self.estimates
        return Proposal(said[:, first : first + 1], said[:, first + 1 : first + 2], said[:, first + 2 : last])
