"""The field of a network's weights: those of the package, the user's own by their names, or a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QFileDialog, QSizePolicy, QToolButton

from ..learned.shelf import SUFFIX, kept_models
from ..settings import Described
from .fields import Field

__all__ = ["WeightsField", "holds_weights"]

GIVEN = {"bundled": "With the package", "new": "New, from nothing"}


def holds_weights(described: Described) -> bool:
    """Whether a field takes weights."""
    return described.type == "str" and described.default in GIVEN


class ModelBox(QComboBox):  # type: ignore[misc]
    """A drop-down that looks for the user's models whenever it is opened."""

    opening = Signal()

    def showPopup(self) -> None:
        """Open the list."""
        self.opening.emit()
        super().showPopup()


class WeightsField(Field):
    """A drop-down of weights with a button to browse for others."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self.value: str = described.default
        self.box = ModelBox()
        self.box.setObjectName("weights")
        self.box.setMinimumContentsLength(10)
        self.box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.box.opening.connect(self._list)
        self.box.activated.connect(self._on_activated)
        browse = QToolButton()
        browse.setText("Browse…")
        browse.clicked.connect(self._browse)
        self.row.addWidget(self.box)
        self.row.addWidget(browse)
        self._list()

    def show_value(self, value: Any) -> None:
        """Show the weights that were chosen; None shows the default."""
        self.value = str(self.described.default if value is None else value)
        self._list()

    def _list(self) -> None:
        """List what there is, the chosen one among it."""
        words = {"bundled": GIVEN["bundled"]}
        if self.described.name == "start":
            words["new"] = GIVEN["new"]
        words |= {str(each.path): each.name for each in kept_models()}
        words.setdefault(self.value, Path(self.value).name)
        self.box.clear()
        for value, told in words.items():
            self.box.addItem(told, value)
        self.box.setCurrentIndex(self.box.findData(self.value))

    def _on_activated(self, number: int) -> None:
        self._take(str(self.box.itemData(number)))

    def _take(self, value: str) -> None:
        self.value = value
        self._list()
        self.edited.emit(None if value == self.described.default else value)

    def _browse(self) -> None:
        found, _ = QFileDialog.getOpenFileName(self, self.described.title, "", f"Weights (*{SUFFIX})")
        if found:
            self._take(found)
