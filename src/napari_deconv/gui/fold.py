"""A title that unfolds what is under it; as high as that is, whatever changes in it."""

from __future__ import annotations

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QSizePolicy, QToolButton, QVBoxLayout, QWidget

__all__ = ["Fold"]


class Fold(QWidget):  # type: ignore[misc]
    """A button over a widget that it shows and hides; folded at first."""

    def __init__(self, title: str, inside: QWidget) -> None:
        super().__init__()
        self.inside = inside
        self.button = QToolButton()
        self.button.setText(title)
        self.button.setToolTip("Show or hide what belongs to this.")
        self.button.setCheckable(True)
        self.button.setArrowType(Qt.ArrowType.RightArrow)
        self.button.setToolButtonStyle(Qt.ToolButtonStyle.ToolButtonTextBesideIcon)
        self.button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.button)
        column.addWidget(inside)
        inside.hide()
        self.button.toggled.connect(self._show)

    def isExpanded(self) -> bool:
        """Return whether it is unfolded."""
        return bool(self.button.isChecked())

    def expand(self) -> None:
        """Unfold."""
        self.button.setChecked(True)

    def collapse(self) -> None:
        """Fold."""
        self.button.setChecked(False)

    def setText(self, title: str) -> None:
        """Change the title."""
        self.button.setText(title)

    def _show(self, is_open: bool) -> None:
        self.button.setArrowType(Qt.ArrowType.DownArrow if is_open else Qt.ArrowType.RightArrow)
        self.inside.setVisible(is_open)
