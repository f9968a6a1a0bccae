"""One field of a form: a line, a slider, a box, a drop-down, whatever fits the described value."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, Signal
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSlider,
    QToolButton,
    QWidget,
)  # fmt: skip

from ..settings import Described
from .scale import STEPS, at_position, position

__all__ = ["Field", "as_text", "as_value", "at_position", "make_field", "position"]


def as_text(value: Any) -> str:
    """Return a value as it is typed."""
    if value is None:
        return ""
    if isinstance(value, (tuple, list)):
        return ", ".join(as_text(each) for each in value)
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def as_value(text: str) -> Any:
    """Return what was typed: a number, several, or the text itself; nothing typed is None."""
    text = text.strip()
    if not text:
        return None
    parts = [part for part in text.replace(",", " ").split() if part]
    if len(parts) > 1 and all(_is_number(part) for part in parts):
        return tuple(float(part) for part in parts)
    if not _is_number(text):
        return text
    return int(text) if text.lstrip("+-").isdigit() else float(text)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


class Field(QWidget):  # type: ignore[misc]
    """One field; ``edited`` tells the value whenever the user changes it, None for taken back to its default."""

    edited = Signal(object)

    def __init__(self, described: Described) -> None:
        super().__init__()
        self.described = described
        self._problem = ""
        self.label = QLabel(described.title)
        self.row = QHBoxLayout(self)
        self.row.setContentsMargins(0, 0, 0, 0)
        self.row.setSpacing(4)
        for widget in (self, self.label):
            widget.setToolTip(tooltip(described))
            widget.setAccessibleName(described.title)
        self.setObjectName(described.name)

    def show_value(self, value: Any) -> None:
        """Show a value without telling of it; None shows the default."""
        raise NotImplementedError

    def show_hint(self, hint: str) -> None:
        """Show what an empty field will take."""

    def mark(self, problem: str) -> None:
        """Frame the field in red and put the sentence into its tooltip; an empty sentence takes it back."""
        if problem == self._problem:
            return
        self._problem = problem
        for widget in [self, *self.findChildren(QWidget)]:
            widget.setToolTip(problem or tooltip(self.described))
            if isinstance(widget, (QLineEdit, QComboBox)):
                widget.setStyleSheet("border: 2px solid #d62728;" if problem else "")


class NumberField(Field):
    """A number, or several, or ``auto``: a line to type into, a slider where the field has one, a box for automatic."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self.line = QLineEdit()
        self.line.setObjectName("line")
        self.line.setMinimumWidth(54)
        self.slider = self._made_slider()
        self.automatic = self._made_automatic()
        if self.automatic:
            self.row.addWidget(self.automatic)
        if self.slider:
            self.row.addWidget(self.slider, 2)
        self.row.addWidget(self.line, 1 if self.slider else 2)
        if self.slider:
            self.line.setMaximumWidth(72)
        if described.unit:
            self.row.addWidget(QLabel(described.unit))
        self._is_typing = False
        self._value: Any = None
        self.line.textEdited.connect(self._on_typed)
        self.line.editingFinished.connect(self._on_typing_done)
        if self.slider:
            self.slider.valueChanged.connect(self._on_slid)
        if self.automatic:
            self.automatic.toggled.connect(self._on_automatic)
        self.show_value(None)

    def _made_slider(self) -> QSlider | None:
        if not (self.described.slider and self.described.shown):
            return None
        slider = QSlider(Qt.Orientation.Horizontal)
        slider.setObjectName("slider")
        slider.setRange(0, STEPS)
        slider.setPageStep(STEPS // 20)
        slider.setSingleStep(STEPS // 100)
        slider.setMinimumWidth(50)
        return slider

    def _made_automatic(self) -> QCheckBox | None:
        if not self.described.auto:
            return None
        box = QCheckBox("auto")
        box.setObjectName("auto")
        return box

    def show_value(self, value: Any) -> None:
        """Show a number or ``auto``; None shows the default."""
        shown = self.described.default if value is None else value
        self._value = value
        is_automatic = self.automatic is not None and shown == "auto"
        if self.automatic:
            self.automatic.blockSignals(True)
            self.automatic.setChecked(is_automatic)
            self.automatic.blockSignals(False)
            self.line.setEnabled(not is_automatic)
            if self.slider:
                self.slider.setEnabled(not is_automatic)
        if not (self._is_typing and as_value(self.line.text()) == value):
            self.line.setText("" if is_automatic else as_text(shown))
        if self.slider and isinstance(shown, (int, float)):
            self.slider.blockSignals(True)
            self.slider.setValue(position(float(shown), self.described))
            self.slider.blockSignals(False)

    def show_hint(self, hint: str) -> None:
        """Show what an empty line will take."""
        self.line.setPlaceholderText(hint)
        number = as_value(hint)
        if self.slider and not self.line.text() and isinstance(number, (int, float)):
            self.slider.blockSignals(True)
            self.slider.setValue(position(float(number), self.described))
            self.slider.blockSignals(False)

    def _on_typed(self, text: str) -> None:
        self._is_typing = True
        self.edited.emit(as_value(text))

    def _on_typing_done(self) -> None:
        self._is_typing = False
        self.show_value(self._value)

    def _on_slid(self, place: int) -> None:
        value = at_position(place, self.described)
        self.line.setText(as_text(value))
        self.edited.emit(value)

    def _on_automatic(self, is_automatic: bool) -> None:
        self.edited.emit("auto" if is_automatic else (as_value(self.line.text()) or self._start()))

    def _start(self) -> float:
        """Return a number to begin with when automatic is switched off."""
        if self.described.default not in (None, "auto"):
            return float(self.described.default)
        return at_position(STEPS // 2, self.described) if self.described.shown else float(self.described.low or 0)


class ChoiceField(Field):
    """One of several words."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self.box = QComboBox()
        self.box.setObjectName("choice")
        self.box.setMinimumContentsLength(8)
        self.box.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        if described.optional:
            self.box.addItem("automatic", None)
        for word in described.choices:
            self.box.addItem(word.replace("-", " "), word)
        self.row.addWidget(self.box)
        self.box.activated.connect(lambda number: self.edited.emit(self.box.itemData(number)))
        self.show_value(None)

    def show_value(self, value: Any) -> None:
        """Show a word; None shows the default."""
        self.box.setCurrentIndex(max(0, self.box.findData(self.described.default if value is None else value)))

    def show_hint(self, hint: str) -> None:
        """Show what automatic will take."""
        if self.described.optional:
            self.box.setItemText(0, f"automatic ({hint.replace('-', ' ')})" if hint else "automatic")


class SwitchField(Field):
    """Yes or no."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self.box = QCheckBox()
        self.box.setObjectName("switch")
        self.row.addWidget(self.box)
        self.row.addStretch()
        self.box.toggled.connect(self.edited.emit)
        self.show_value(None)

    def show_value(self, value: Any) -> None:
        """Show yes or no; None shows the default."""
        self.box.blockSignals(True)
        self.box.setChecked(bool(self.described.default if value is None else value))
        self.box.blockSignals(False)


class TextField(Field):
    """A text; a path gets a button to browse with."""

    def __init__(self, described: Described) -> None:
        super().__init__(described)
        self.line = QLineEdit()
        self.line.setObjectName("line")
        self.row.addWidget(self.line)
        self.line.textEdited.connect(lambda text: self.edited.emit(text or None))
        if described.name == "path":
            button = QToolButton()
            button.setObjectName("browse")
            button.setText("Browse…")
            button.clicked.connect(self._browse)
            self.row.addWidget(button)

    def show_value(self, value: Any) -> None:
        """Show a text; None shows the default."""
        shown = as_text(self.described.default if value is None else value)
        if self.line.text() != shown:
            self.line.setText(shown)

    def show_hint(self, hint: str) -> None:
        """Show what an empty line will take."""
        self.line.setPlaceholderText(hint)

    def _browse(self) -> None:
        files = "Model packages (*.zip *.yaml)" if self.described.title == "Package" else "Images (*.tif *.tiff)"
        found, _ = QFileDialog.getOpenFileName(self, self.described.title, self.line.text(), f"{files};;All files (*)")
        if found:
            self.line.setText(found)
            self.edited.emit(found)


def make_field(described: Described) -> Field:
    """Return the widget that fits a field's type."""
    return {"bool": SwitchField, "choice": ChoiceField, "str": TextField}.get(described.type, NumberField)(described)


def tooltip(described: Described) -> str:
    """Return the description, with the hard bounds and what an empty field means."""
    low = f"{'above' if described.low_open else 'from'} {described.low:g}" if described.low is not None else ""
    high = f"{'below' if described.high_open else 'to'} {described.high:g}" if described.high is not None else ""
    bounds = f" ({' '.join(each for each in (low, high) if each)})" if low or high else ""
    empty = " Left empty, it is taken from the image or computed." if described.optional else ""
    return f"{described.description}{bounds}{empty}"
