"""One setting to sweep: which, from where to where, and how many values."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QSpinBox, QVBoxLayout, QWidget

from ..image import Image
from .fields import as_text, as_value
from .sections import choice_box
from .sweep_model import TRIES, Option, default_bounds, plan_values

__all__ = ["RangeRow"]

NONE = "no second setting"


class RangeRow(QWidget):  # type: ignore[misc]
    """A drop-down of settings, two bounds and a count; ``changed`` tells of another setting."""

    changed = Signal()

    def __init__(self, name: str, *, may_be_none: bool = False) -> None:
        super().__init__()
        self._may_be_none = may_be_none
        self._options: list[Option] = []
        self._image: Image | None = None
        self.option: Option | None = None
        self.box = choice_box(f"sweep {name}", "The setting whose values are tried.")
        self.low, self.high = QLineEdit(), QLineEdit()
        for line, which, words in ((self.low, "from", "The smallest value."), (self.high, "to", "The largest value.")):
            line.setObjectName(f"sweep {name} {which}")
            line.setToolTip(words)
            line.setMinimumWidth(64)
        self.count = QSpinBox()
        self.count.setObjectName(f"sweep {name} count")
        self.count.setToolTip("How many values; automatic and none are tried beside them.")
        self.count.setRange(2, 12)
        self.count.setValue(3 if may_be_none else TRIES)
        self.count.setFixedWidth(94)
        self.bounds = QWidget()
        line = QHBoxLayout(self.bounds)
        line.setContentsMargins(0, 0, 0, 0)
        for widget, stretch in ((self.low, 1), (QLabel("to"), 0), (self.high, 1), (QLabel("in"), 0), (self.count, 0)):
            line.addWidget(widget, stretch)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        column.addWidget(self.box)
        column.addWidget(self.bounds)
        self.box.activated.connect(self._on_chosen)

    def offer(self, options: Sequence[Option], image: Image | None) -> None:
        """Offer settings; the one that was chosen stays, with its bounds."""
        before = self.option.key if self.option else None
        known = [each.key for each in self._options]
        self._options, self._image = list(options), image
        if [each.key for each in options] != known or not self.box.count():
            self.box.clear()
            if self._may_be_none:
                self.box.addItem(NONE, None)
            for each in options:
                self.box.addItem(each.described.title, each.key)
        self.option = next((each for each in options if each.key == before), None)
        if self.option is None:
            self.box.setCurrentIndex(0 if self.box.count() else -1)
            self._choose(self.box.currentData())
        else:
            self.box.setCurrentIndex(self.box.findData(before))

    def values(self) -> tuple[Any, ...]:
        """Return the values to try.

        Raises
        ------
        ValueError
            when the bounds are not two numbers, the lower first.
        """
        if self.option is None:
            return ()
        low, high = as_value(self.low.text()), as_value(self.high.text())
        title = self.option.described.title
        for bound in (low, high):
            if not isinstance(bound, (int, float)):
                raise ValueError(f"{title}: sweep from a number to a number, not '{as_text(bound)}'.")
        return plan_values(self.option, float(low), float(high), self.count.value())

    def _on_chosen(self, number: int) -> None:
        self._choose(self.box.itemData(number))

    def _choose(self, key: str | None) -> None:
        self.option = next((each for each in self._options if each.key == key), None)
        self.bounds.setVisible(self.option is not None)
        if self.option is not None and self._image is not None:
            low, high = default_bounds(self.option, self._image)
            self.low.setText(as_text(low))
            self.high.setText(as_text(high))
        self.changed.emit()
