"""The queue of runs: layers with their recipes, one after the other; the error of one does not stop the others. No window here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from psygnal import Signal

from ..image import Image, Region
from ..recipe import Recipe

__all__ = ["Entry", "Queue", "State"]

State = Literal["waiting", "running", "done", "failed", "cancelled"]


@dataclass(eq=False)
class Entry:
    """One layer to restore: all that the run needs, caught when it was added.

    likeness : what the result takes over from its source; replace : whether it takes the place of an earlier result.
    words : what there is to say of it now.
    """

    name: str
    image: Image | None
    recipe: Recipe | None
    likeness: Any = None
    region: Region | None = None
    replace: bool = True
    state: State = "waiting"
    words: str = ""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen to it."""
        return self.state in ("done", "failed", "cancelled")


class Queue:
    """The entries in the order in which they were added; ``changed`` tells of every change."""

    changed = Signal()

    def __init__(self) -> None:
        self.entries: list[Entry] = []

    @property
    def running(self) -> Entry | None:
        """The entry that runs now."""
        return next((each for each in self.entries if each.state == "running"), None)

    @property
    def waiting(self) -> list[Entry]:
        """The entries whose turn is still to come."""
        return [each for each in self.entries if each.state == "waiting"]

    def add(self, entry: Entry) -> None:
        """Put an entry at the end; one that begins a new series lets the old ones go."""
        if all(each.is_over for each in self.entries):
            self.entries = []
        self.entries.append(entry)
        self.changed.emit()

    def next(self) -> Entry | None:
        """Let the first that waits run, where none does; return it."""
        if self.running is not None or not self.waiting:
            return None
        entry = self.waiting[0]
        entry.state = "running"
        self.changed.emit()
        return entry

    def settle(self, entry: Entry, state: State, words: str) -> None:
        """Say how an entry ended."""
        entry.state, entry.words = state, words
        entry.image = None
        self.changed.emit()

    def cancel(self, entry: Entry) -> bool:
        """Take a waiting entry out; return whether it was waiting."""
        if entry.state != "waiting":
            return False
        self.settle(entry, "cancelled", "cancelled before its turn")
        return True

    def clear(self) -> None:
        """Let the entries that are over go."""
        self.entries = [each for each in self.entries if not each.is_over]
        self.changed.emit()
