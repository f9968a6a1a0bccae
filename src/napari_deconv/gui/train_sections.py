"""The parts of the Train panel that are its own: where examples come from, and how the network is trained."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from qtpy.QtWidgets import QFileDialog, QGroupBox, QHBoxLayout, QLabel, QLineEdit, QToolButton, QVBoxLayout, QWidget

from ..learned.training import Training
from ..settings import describe
from .form import Form
from .layer_box import LayerBox
from .sections import choice_box, rows
from .train_model import KNOWS, SOURCES, TrainModel

__all__ = ["ExamplesSection", "FolderLine", "NetworkSection"]

WRONG = "border: 2px solid #d62728;"


class ExamplesSection(QGroupBox):  # type: ignore[misc]
    """Where examples come from, and what a network can learn from those."""

    def __init__(self, model: TrainModel, viewer: Any) -> None:
        super().__init__("Learn from")
        self.model = model
        self.source = choice_box("examples", "What the network learns from.")
        for source, words in SOURCES.items():
            self.source.addItem(words, source)
        self.better = LayerBox(viewer, "better layer", "The same place in better quality.", like_a_truth)
        self.low = FolderLine("low", "The folder of the worse images")
        self.high = FolderLine("high", "The folder of the better images, by the same names")
        self.knows = QLabel()
        self.knows.setObjectName("knows")
        self.knows.setWordWrap(True)
        self.rows = rows()
        for words, widget in (
            ("Examples", self.source),
            ("Better layer", self.better),
            ("Worse", self.low),
            ("Better", self.high),
        ):
            self.rows.addRow(QLabel(words), widget)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addLayout(self.rows)
        column.addWidget(self.knows)
        self.source.activated.connect(lambda number: model.choose(source=self.source.itemData(number)))
        self.better.chosen.connect(lambda layer: model.choose(better=layer))
        for folder in (self.low, self.high):
            folder.line.textChanged.connect(partial(self._on_folder, folder.name))

    def _on_folder(self, name: str, path: str) -> None:
        self.model.choose(**{name: path})

    def refresh(self) -> None:
        """Show what the source needs."""
        source = self.model.source
        self.source.setCurrentIndex(self.source.findData(source))
        self.rows.setRowVisible(self.better, source == "pairs")
        for folder in (self.low, self.high):
            self.rows.setRowVisible(folder, source == "folders")
        self.knows.setText(KNOWS[source])

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the layer and the folders."""
        self.better.setStyleSheet(WRONG if "better" in problems else "")
        for folder in (self.low, self.high):
            folder.line.setStyleSheet(WRONG if folder.name in problems and folder.line.text() else "")


class FolderLine(QWidget):  # type: ignore[misc]
    """A line for a folder with a button to browse."""

    def __init__(self, name: str, tooltip: str) -> None:
        super().__init__()
        self.name = name
        self.line = QLineEdit()
        self.line.setObjectName(name)
        self.line.setToolTip(tooltip)
        browse = QToolButton()
        browse.setText("Browse…")
        browse.clicked.connect(self._browse)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line)
        row.addWidget(browse)

    def _browse(self) -> None:
        found = QFileDialog.getExistingDirectory(self, self.line.toolTip(), self.line.text())
        if found:
            self.line.setText(found)


class NetworkSection(QGroupBox):  # type: ignore[misc]
    """What the finished model is called, and the fields of `Training`."""

    def __init__(self, model: TrainModel) -> None:
        super().__init__("Network")
        self.model = model
        self.name = QLineEdit()
        self.name.setObjectName("name")
        self.name.setToolTip("What the finished model is called in the Restore panel.")
        self.name.textChanged.connect(lambda text: model.choose(name=text))
        self.form = Form(describe(Training))
        self.form.edited.connect(model.type)
        top = rows()
        top.addRow(QLabel("Name"), self.name)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addLayout(top)
        column.addWidget(self.form)

    def refresh(self) -> None:
        """Show the model's name and fields."""
        self.name.setPlaceholderText(self.model.suggested_name)
        self.form.show_values(self.model.typed)

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the name and the fields."""
        self.name.setStyleSheet(WRONG if "name" in problems else "")
        self.form.mark({name: problems.get(name, "") for name in self.form.fields})


def like_a_truth(layer: Any) -> tuple[bool, bool]:
    """Rank first what is called so, and is no PSF."""
    name = layer.name.lower()
    return "psf" in name, not any(word in name for word in ("truth", "high", "clean", "better"))
