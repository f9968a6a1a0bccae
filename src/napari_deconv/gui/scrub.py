"""Scrub: walk back and forth through the iterations of the preview, the held-out score above them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtGui import QShowEvent
from qtpy.QtWidgets import QGroupBox, QHBoxLayout, QLabel, QSlider, QVBoxLayout

from .curve import Curve
from .foot import made_button

__all__ = ["Scrub"]

NO_SCORE = "No score: it is measured where Iterations is automatic."


class Scrub(QGroupBox):  # type: ignore[misc]
    """A slider over the kept iterations; ``moved`` tells the wanted one, ``taken`` that it is to be used; ``opened`` that the box appears."""

    moved = Signal(int)
    taken = Signal(int)
    opened = Signal()

    def __init__(self) -> None:
        super().__init__("Iterations, one by one")
        self.curve = Curve()
        self.curve.setToolTip(
            "How well each iteration predicts photons that were held back: lower is better. "
            "The dashed line is the automatic stop; right of it noise is being fitted."
        )
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("scrub")
        self.slider.setToolTip("Walk through the iterations of what is shown.")
        self.words = QLabel()
        self.words.setWordWrap(True)
        self.use = made_button("Use", "use", "Set the iterations to the ones shown now.")
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 6, 8, 6)
        column.addWidget(self.curve)
        column.addWidget(self.slider)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.use)
        column.addLayout(row)
        self.slider.valueChanged.connect(self._on_moved)
        self.use.clicked.connect(lambda: self.taken.emit(self.slider.value()))
        self.hide()

    def show_run(self, last: int, here: int, curve: Sequence[float] = (), stop: int = 0) -> None:
        """Show a run of so many iterations, its score where there is one, and the iteration that is on the canvas."""
        self.setVisible(last > 1)
        self.curve.setVisible(bool(curve))
        self.curve.show_curve(curve, max(last, len(curve)), stop)
        self.slider.blockSignals(True)
        self.slider.setRange(1, max(last, len(curve)))
        self.slider.setValue(here)
        self.slider.blockSignals(False)
        self._tell(here)

    def showEvent(self, event: QShowEvent) -> None:
        """Tell of it, so that the panel can scroll here."""
        super().showEvent(event)
        self.opened.emit()

    def _on_moved(self, step: int) -> None:
        self._tell(step)
        self.moved.emit(step)

    def _tell(self, step: int) -> None:
        self.curve.mark(step)
        score: Any = self.curve.values[step - 1] if step <= len(self.curve.values) else None
        told = f"Iteration {step} of {self.slider.maximum()}"
        if self.curve.stop:
            told += f", automatic stop at {self.curve.stop}"
        told += f", score {score:.4g}" if score is not None else "" if self.curve.values else f". {NO_SCORE}"
        self.words.setText(told)
        self.use.setText(f"Use {step}")
