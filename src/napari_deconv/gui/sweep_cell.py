"""One cell of the sweep's sheet: the picture, its values and its score; a click, Space or Enter takes it."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import QSize, Qt
from qtpy.QtGui import QIcon, QKeyEvent, QPixmap
from qtpy.QtWidgets import QToolButton

from ..running.sweep import Cell
from .sweep_model import cell_words

__all__ = ["WIDTH", "CellButton"]

WIDTH = 150
"""Pixels of a picture on the sheet, at most, along either side."""
COLOURS = {"best": "#3fa34d", "automatic": "#e8a33d", "now": "#4c9be8"}
"""Frames, the first that holds; one that holds too is said in words below the picture."""


class CellButton(QToolButton):  # type: ignore[misc]
    """A picture with words below it."""

    def __init__(self, cell: Cell) -> None:
        super().__init__()
        self.cell = cell
        self.marked: tuple[str, ...] = ()
        self.setObjectName(f"cell {cell.number}")
        self.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextUnderIcon)
        self.setIconSize(QSize(WIDTH, WIDTH))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumWidth(WIDTH + 16)
        self.setEnabled(not cell.problem)
        self.setToolTip(cell.problem or "Take this setting: " + ", ".join(f"{k} {v}" for k, v in cell.settings.items()))
        self.mark(())

    def show_picture(self, picture: QPixmap) -> None:
        """Show the restored part."""
        self.setIcon(QIcon(picture))

    def mark(self, words: Sequence[str]) -> None:
        """Frame the cell, and say why."""
        self.marked = tuple(words)
        colour = next((each for word, each in COLOURS.items() if word in words), "transparent")
        self.setStyleSheet(
            f"QToolButton {{ border: 3px solid {colour}; border-radius: 3px; padding: 2px; }}"
            "QToolButton:focus { background: rgba(128, 128, 128, 80); }"
        )
        said = " · ".join(words)
        self.setText(f"{cell_words(self.cell)}\n{said}")

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Take the setting with Enter, too."""
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.click()
        else:
            super().keyPressEvent(event)
