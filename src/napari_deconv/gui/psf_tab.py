"""What the working tabs of the PSF panel share: one piece of work at a time, a sentence, and a layer to restore with."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Signal
from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from .dock import problem_style
from .foot import made_button
from .layer_box import LayerBox
from .task import Task

__all__ = ["PsfTab"]


class PsfTab(QWidget):  # type: ignore[misc]
    """``handed`` gives what was made here, to restore with it."""

    handed = Signal(object)

    def __init__(self, viewer: Any, *, says: str, hands: str) -> None:
        super().__init__()
        self.viewer = viewer
        self.task: Task | None = None
        self.made: Any = None
        self.column = QVBoxLayout(self)
        self.column.setContentsMargins(4, 4, 4, 4)
        self.words = QLabel()
        self.words.setObjectName(says)
        self.words.setWordWrap(True)
        self.use = made_button("Use in Restore", hands, "Restore with this PSF: opens the Restore panel with it.")
        self.use.clicked.connect(lambda: self.handed.emit(self.made))
        self.use.hide()

    def minimumSizeHint(self) -> QSize:
        """Say that it may be as narrow as the panel: its words wrap."""
        return QSize(0, super().minimumSizeHint().height())

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Show a sentence or a report."""
        self.words.setText(words)
        self.words.setStyleSheet(problem_style(self.viewer) if is_problem else "")

    def offer(self, made: Any) -> None:
        """Offer what was made here to restore with: a layer, or whatever ``handed`` shall give."""
        self.made = made
        if (name := getattr(made, "name", None)) is not None:
            self.use.setText(f"Use '{name}' in Restore")
        self.use.show()

    def let_go(self) -> None:
        """Tell nobody of what is under way, and leave the viewer's events alone."""
        if self.task is not None:
            self.task.let_go()
        for box in self.findChildren(LayerBox):
            box.let_go()
