"""`Carried`: what a method keeps of one time point for the next, over the same box of every time point.

One belongs to one channel (and slab) of one run, so that nothing is handed on to another. Each tile reads what was kept of all that it
sees, its halo included, and keeps what it answers for; so it does not matter how a time point is cut into tiles.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field as attribute
from typing import Any

import numpy as np

from .canvas import new_canvas
from .running.tiles import Tile

__all__ = ["Carried", "CarriedPart"]


@dataclass(eq=False)
class Carried:
    """Named volumes (planes, Z, Y, X) of the time point before, and those that are kept of this one."""

    time: int | None = None
    before: dict[Hashable, Any] = attribute(default_factory=dict)
    after: dict[Hashable, Any] = attribute(default_factory=dict)

    def part(self, time: int, tile: Tile, budget: int, *, keeps: bool = True) -> CarriedPart:
        """Return what a tile has of it at a time point; ``keeps`` is False for a tile whose result is thrown away."""
        if time != self.time:
            self.time, self.before, self.after = time, self.after, {}
        return CarriedPart(self, tile, budget, keeps)


@dataclass(frozen=True, eq=False)
class CarriedPart:
    """A tile's part of what is carried."""

    whole: Carried
    tile: Tile
    budget: int
    keeps: bool

    def recall(self, name: Hashable) -> np.ndarray[Any, Any] | None:
        """Return what was kept under a name of the time point before, over the tile and its halo; None where nothing was."""
        kept = self.whole.before.get(name)
        return None if kept is None else np.asarray(kept[(slice(None), *self.tile.outer)])

    def keep(self, name: Hashable, values: np.ndarray[Any, Any]) -> None:
        """Keep values (planes, Z, Y, X), over the tile and its halo, for the next time point: those of its core."""
        if not self.keeps:
            return
        if name not in self.whole.after:
            self.whole.after[name] = new_canvas((len(values), *self.tile.volume), self.budget)
        core = tuple(slice(start, stop) for start, stop in self.tile.core)
        own = tuple(
            slice(inner.start - outer.start, inner.stop - outer.start)
            for inner, outer in zip(core, self.tile.outer, strict=True)
        )
        self.whole.after[name][(slice(None), *core)] = values[(slice(None), *own)]
