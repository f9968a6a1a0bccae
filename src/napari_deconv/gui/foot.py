"""The foot of the Restore panel: what starts and stops a run, how far it is, and what there is to say."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QComboBox, QHBoxLayout, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from .dock import problem_style
from .view import ALL_PLANES

__all__ = ["Foot", "in_qt", "made_button"]

PLANES = {"This plane": 0, "± 2 planes": 2, "± 5 planes": 5, "All planes": ALL_PLANES}


class Foot(QWidget):  # type: ignore[misc]
    """The buttons, the bar and the status line."""

    def __init__(self, viewer: Any, keys: dict[str, str]) -> None:
        super().__init__()
        self._viewer = viewer
        self.live = made_button(
            "Live", "live", "Restore what the canvas shows while you move the sliders.", keys["live"]
        )
        self.slab = QComboBox()
        self.slab.setObjectName("slab")
        self.slab.setToolTip("How much of the stack Live restores: the shown plane, some around it, or all of them.")
        for words, around in PLANES.items():
            self.slab.addItem(words, around)
        self.keep = QCheckBox("Keep earlier results")
        self.keep.setObjectName("keep")
        self.keep.setToolTip("Off: a run brings the layer of the same name up to date. On: every run adds a layer.")
        self.sweep = made_button(
            "Sweep…",
            "sweep",
            "What the canvas shows under a range of one or two settings, side by side.",
            keys["sweep"],
        )
        self.run = made_button("Restore", "restore", "Restore the image into a layer of its own.", keys["restore"])
        self.queue = made_button(
            "Queue",
            "queue it",
            "Restore this later, when what runs now is over. With several image layers selected in the layer list: all of them.",
            keys["queue"],
        )
        self.stop = made_button("Cancel", "cancel", "Stop the run; nothing is kept of it.", keys["cancel"])
        self.side = made_button(
            "Side by side", "beside", "Source and result in two linked views, and back.", keys["beside"]
        )
        self.side.setCheckable(True)
        self.live.setCheckable(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.bar.hide()
        self.forecast = QLabel()
        self.forecast.setObjectName("forecast")
        self.forecast.setWordWrap(True)
        self.forecast.hide()
        self.status = QLabel()
        self.status.setObjectName("status")
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().lineSpacing() + 4)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self._lay_out()

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for row in ((self.live, self.slab, self.sweep), (self.run, self.queue, self.stop, self.side)):
            line = QHBoxLayout()
            for button in row:
                line.addWidget(button)
            column.addLayout(line)
        for widget in (self.keep, self.bar, self.forecast, self.status):
            column.addWidget(widget)

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Show a sentence."""
        self.status.setText(words)
        self.status.setStyleSheet(problem_style(self._viewer) if is_problem else "")

    def predict(self, words: str, *, is_warning: bool = False) -> None:
        """Show what a run will take; empty words take it away."""
        self.forecast.setText(words)
        self.forecast.setVisible(bool(words))
        self.forecast.setStyleSheet(problem_style(self._viewer) if is_warning else "")


def in_qt(key: str) -> str:
    """Return a key as Qt writes it."""
    return key.replace("Control", "Ctrl").replace("-", "+")


def made_button(words: str, name: str, tooltip: str, key: str = "") -> QPushButton:
    """Return a button that says its key in its tooltip."""
    button = QPushButton(words)
    button.setObjectName(name)
    button.setToolTip(f"{tooltip} ({in_qt(key)})" if key else tooltip)
    return button
