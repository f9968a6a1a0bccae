"""A form made from the fields of a `Settings` class, the advanced ones folded away."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QFormLayout, QVBoxLayout, QWidget

from ..settings import Described
from .fields import Field, make_field
from .fold import Fold
from .weights_field import WeightsField, holds_weights

__all__ = ["Form"]


class Form(QWidget):  # type: ignore[misc]
    """The fields of one `Settings` class, the advanced ones folded away; ``edited`` tells name and value."""

    edited = Signal(str, object)

    def __init__(self, described: Sequence[Described], *, folded: str = "Advanced") -> None:
        super().__init__()
        self.fields = {each.name: WeightsField(each) if holds_weights(each) else make_field(each) for each in described}
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(2)
        plain = [each for each in self.fields.values() if not each.described.advanced]
        advanced = [each for each in self.fields.values() if each.described.advanced]
        column.addLayout(self._rows(plain))
        if advanced:
            column.addWidget(self._fold(folded, advanced))
        for name, each in self.fields.items():
            each.edited.connect(lambda value, name=name: self.edited.emit(name, value))

    def _rows(self, fields: Sequence[Field]) -> QFormLayout:
        rows = QFormLayout()
        rows.setContentsMargins(0, 0, 0, 0)
        rows.setVerticalSpacing(4)
        rows.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.AllNonFixedFieldsGrow)
        rows.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        for each in fields:
            rows.addRow(each.label, each)
        return rows

    def _fold(self, title: str, fields: Sequence[Field]) -> Fold:
        inside = QWidget()
        inside.setLayout(self._rows(fields))
        return Fold(title, inside)

    def show_values(self, values: Mapping[str, Any]) -> None:
        """Show values; a field that has none shows its default."""
        for name, each in self.fields.items():
            each.show_value(values.get(name))

    def show_hints(self, hints: Mapping[str, str]) -> None:
        """Show what empty fields will take."""
        for name, each in self.fields.items():
            each.show_hint(hints.get(name, ""))

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the fields that have a problem, and no other."""
        for name, each in self.fields.items():
            each.mark(problems.get(name, ""))
