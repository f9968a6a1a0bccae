"""The user's own models: what there is, used, shared as one file, added from one, removed."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFileDialog, QGridLayout, QLabel, QListWidget, QMessageBox, QVBoxLayout, QWidget

from ..learned.shelf import SUFFIX, KeptModel, keep, kept_models, remove
from .dock import problem_style
from .foot import made_button

__all__ = ["ModelsTab"]

FILES = f"Weights (*{SUFFIX})"
EMPTY = "Networks that you train, and files that others share with you, are listed here."


class ModelsTab(QWidget):  # type: ignore[misc]
    """``wanted`` gives a model to restore with; ``changed`` tells that the list has changed."""

    wanted = Signal(object)
    changed = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.kept: tuple[KeptModel, ...] = ()
        self.list = QListWidget()
        self.list.setObjectName("models")
        self.list.currentRowChanged.connect(self._on_row)
        self.card = QLabel()
        self.card.setObjectName("card")
        self.card.setWordWrap(True)
        self.buttons = {
            "use": made_button(
                "Use in Restore", "use model", "Restore with this network: opens the Restore panel with it."
            ),
            "share": made_button("Share…", "share model", "Write the model as one file that others can add."),
            "add": made_button("Add…", "add model", "Add a model that somebody shared."),
            "remove": made_button("Remove…", "remove model", "Delete the model."),
        }
        grid = QGridLayout()
        for number, (name, button) in enumerate(self.buttons.items()):
            button.clicked.connect(getattr(self, name))
            grid.addWidget(button, number // 2, number % 2)
        column = QVBoxLayout(self)
        column.addWidget(self.list, 1)
        column.addWidget(self.card)
        column.addLayout(grid)
        self.refresh()

    @property
    def chosen(self) -> KeptModel | None:
        """The model whose row is chosen."""
        row = self.list.currentRow()
        return self.kept[row] if 0 <= row < len(self.kept) else None

    def refresh(self, name: str = "") -> None:
        """List what there is, and choose the model of a name."""
        self.kept = kept_models()
        self.list.clear()
        self.list.addItems([each.name for each in self.kept])
        names = [each.name for each in self.kept]
        self.list.setCurrentRow(names.index(name) if name in names else 0 if names else -1)
        self._on_row()

    def _on_row(self, row: int = 0) -> None:
        chosen = self.chosen
        for name in ("use", "share", "remove"):
            self.buttons[name].setEnabled(chosen is not None)
        self.say(chosen.words[:1].upper() + chosen.words[1:] + "." if chosen else EMPTY)

    def use(self) -> None:
        """Restore with the chosen model."""
        if self.chosen is not None:
            self.wanted.emit(self.chosen)

    def share(self) -> None:
        """Write the chosen model where the user says."""
        chosen = self.chosen
        if chosen is None:
            return
        found, _ = QFileDialog.getSaveFileName(self, "Share the model", f"{chosen.name}{SUFFIX}", FILES)
        if not found:
            return
        target = Path(found) if found.endswith(SUFFIX) else Path(found + SUFFIX)
        try:
            shutil.copyfile(chosen.path, target)
        except OSError as error:
            self.say(str(error), is_problem=True)
            return
        self.say(f"'{chosen.name}' is in {target}: whoever has it can add it here, or restore with it.")

    def add(self) -> None:
        """Add a model from a file."""
        found, _ = QFileDialog.getOpenFileName(self, "Add a model", "", FILES)
        if not found:
            return
        try:
            kept = keep(Path(found))
        except (ValueError, OSError) as error:
            self.say(str(error), is_problem=True)
            return
        self.refresh(kept.name)
        self.changed.emit()

    def remove(self) -> None:
        """Delete the chosen model, when the user is sure."""
        chosen = self.chosen
        if chosen is None:
            return
        answer = QMessageBox.question(self, "Remove the model", f"Delete '{chosen.name}' for good?")
        if answer == QMessageBox.StandardButton.Yes:
            remove(chosen.name)
            self.refresh()
            self.changed.emit()

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Show what the model is, or what is wrong."""
        self.card.setText(words)
        self.card.setStyleSheet(problem_style(self.viewer) if is_problem else "")
