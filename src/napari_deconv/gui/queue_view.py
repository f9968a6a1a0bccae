"""The queue in the panel: a line an entry with what there is to say of it and a button that cancels it."""

from __future__ import annotations

from functools import partial

from qtpy.QtCore import Qt, QTimer, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QGridLayout, QGroupBox, QHBoxLayout, QLabel, QToolButton, QVBoxLayout

from .foot import made_button
from .queue_model import Entry
from .runs import Runs

__all__ = ["QueueView"]

SIGNS = {"waiting": "·", "running": "▸", "done": "✓", "failed": "✗", "cancelled": "–"}

LAID_OUT = 50
"""Milliseconds until new lines have their height."""


class QueueView(QGroupBox):  # type: ignore[misc]
    """Shown while there are several entries, or one that waits; ``opened`` tells that it appears."""

    opened = Signal()

    def __init__(self, runs: Runs) -> None:
        super().__init__("Queue")
        self.setObjectName("queue")
        self.runs = runs
        self._laid_out = QTimer(self)
        self._laid_out.setSingleShot(True)
        self._laid_out.timeout.connect(self.opened)
        self._lines: dict[Entry, QLabel] = {}
        self._listed: list[tuple[Entry, bool]] = []
        self.rows = QGridLayout()
        self.rows.setColumnStretch(0, 1)
        self.stop = made_button("Cancel all", "cancel all", "Stop the run, and let none of those that wait begin.")
        self.clear = made_button("Clear", "clear queue", "Let go of the entries that are over.")
        buttons = QHBoxLayout()
        buttons.addWidget(self.stop)
        buttons.addWidget(self.clear)
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addLayout(self.rows)
        column.addLayout(buttons)
        self.stop.clicked.connect(runs.cancel_all)
        self.clear.clicked.connect(runs.queue.clear)
        runs.queue.changed.connect(self.refresh)
        runs.progressed.connect(lambda entry, step: self.refresh())
        self.refresh()

    def refresh(self) -> None:
        """Show the entries as they are."""
        entries = self.runs.queue.entries
        self.setVisible(len(entries) > 1 or bool(self.runs.queue.waiting))
        listed = [(each, each.is_over) for each in entries]
        if listed != self._listed:
            self._listed = listed
            self._build(entries)
        for entry, line in self._lines.items():
            told = entry.words or entry.state
            line.setText(f"{SIGNS[entry.state]} {entry.name}: {told}")
            line.setToolTip(told)
        self.stop.setEnabled(any(not each.is_over for each in entries))
        self.clear.setEnabled(any(each.is_over for each in entries))

    def showEvent(self, event: QShowEvent) -> None:
        """Tell of it, so that the panel can scroll here."""
        super().showEvent(event)
        self.opened.emit()

    def _build(self, entries: list[Entry]) -> None:
        while self.rows.count():
            widget = self.rows.takeAt(0).widget()
            widget.hide()
            widget.deleteLater()
        self._lines = {}
        self._laid_out.start(LAID_OUT)
        for number, entry in enumerate(entries):
            line = QLabel()
            line.setWordWrap(True)
            line.setTextFormat(Qt.TextFormat.PlainText)
            self.rows.addWidget(line, number, 0)
            self._lines[entry] = line
            if not entry.is_over:
                button = QToolButton()
                button.setObjectName(f"cancel {number}")
                button.setText("✕")
                button.setToolTip(f"Cancel '{entry.name}' alone.")
                button.clicked.connect(partial(self._cancel, entry))
                self.rows.addWidget(button, number, 1)

    def _cancel(self, entry: Entry, checked: bool = False) -> None:
        self.runs.take_out(entry)
