"""The Compare panel: any two layers side by side, behind a curtain, in turn, or one less the other."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFormLayout, QGridLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from .compare import Blink, SideBySide, Wipe, match_contrast, show_difference
from .dock import join_tabs
from .layer_box import LayerBox, image_layers, like_a_source, unwrapped
from .layers import told_of

__all__ = ["ComparePanel"]

WAYS = {
    "beside": ("Side by side", SideBySide, "Both in napari's grid: pan, zoom and sliders move both."),
    "wipe": ("Wipe", Wipe, "The first layer left of a curtain, the second right of it: drag its edge on the canvas."),
    "blink": ("Blink", Blink, "One and the other in turn, twice a second."),
}
STEPS = 200


class ComparePanel(QWidget):  # type: ignore[misc]
    """The dock widget; one comparison at a time, and none leaves anything behind."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.comparison: Any = None
        self.first = LayerBox(self.viewer, "first", "The layer on the left, often the original.", like_a_source)
        self.second = LayerBox(self.viewer, "second", "The layer on the right, often the result.", like_a_source)
        self.ways = {name: _button(words, name, tooltip) for name, (words, _, tooltip) in WAYS.items()}
        self.match = _button("Match contrast", "match", "Give the second layer the first one's contrast limits.")
        self.difference = _button("Difference", "difference", "Add the layer second − first.")
        self.edge = QSlider(Qt.Orientation.Horizontal)
        self.edge.setObjectName("edge")
        self.edge.setRange(0, STEPS)
        self.edge.setToolTip("Where the curtain's edge is.")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self._build()
        self._choose_pair()
        for box in (self.first, self.second):
            box.chosen.connect(self._on_chosen)
        for name, button in self.ways.items():
            button.setCheckable(True)
            button.clicked.connect(lambda checked, name=name: self.compare(name if checked else ""))
        self.match.clicked.connect(lambda: self._try(match_contrast, self.first.layer, self.second.layer))
        self.difference.clicked.connect(self._on_difference)
        self.edge.valueChanged.connect(self._on_edge)
        self._on_chosen()

    def _build(self) -> None:
        rows = QFormLayout()
        rows.addRow(QLabel("First"), self.first)
        rows.addRow(QLabel("Second"), self.second)
        buttons = QGridLayout()
        for number, button in enumerate((*self.ways.values(), self.match, self.difference)):
            buttons.addWidget(button, number // 2, number % 2)
        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addLayout(buttons)
        column.addWidget(self.edge)
        column.addWidget(self.status)
        column.addStretch()
        self.setMinimumWidth(280)

    def _choose_pair(self) -> None:
        """Begin with the last result and its source, or the last two layers."""
        layers = image_layers(self.viewer)
        result = next((each for each in reversed(layers) if told_of(each).get("source")), None)
        source = next((each for each in layers if result is not None and each.name == told_of(result)["source"]), None)
        if source is not None:
            self.first.choose(source)
            self.second.choose(result)
        elif len(layers) > 1:
            self.first.choose(layers[-2])
            self.second.choose(layers[-1])

    def _on_chosen(self, layer: Any = None) -> None:
        self.compare("")
        is_pair = None not in (self.first.layer, self.second.layer) and self.first.layer is not self.second.layer
        for button in (*self.ways.values(), self.match, self.difference):
            button.setEnabled(is_pair)
        self.status.setText("" if is_pair else "Choose two different image layers.")

    def compare(self, way: str) -> None:
        """Compare in one of the ways; an empty one takes the comparison back."""
        if self.comparison is not None:
            self.comparison.leave()
            self.comparison = None
        if way:
            self.comparison = self._try(WAYS[way][1], self.viewer, self.first.layer, self.second.layer)
        for name, button in self.ways.items():
            button.setChecked(self.comparison is not None and name == way)
        self.edge.setVisible(isinstance(self.comparison, Wipe))
        if isinstance(self.comparison, Wipe):
            self.edge.setValue(round(STEPS * self.comparison.share))
            self.comparison.moved = lambda share: self.edge.setValue(round(STEPS * share))

    def _on_edge(self, place: int) -> None:
        if isinstance(self.comparison, Wipe) and round(STEPS * self.comparison.share) != place:
            self.comparison.move_to(place / STEPS)

    def _on_difference(self) -> None:
        self.compare("")
        self._try(show_difference, self.viewer, self.first.layer, self.second.layer)

    def _try(self, action: Any, *given: Any) -> Any:
        """Do it, or say in the panel and in a notification why it cannot be done."""
        self.status.setText("")
        try:
            return action(*given)
        except ValueError as error:
            self.status.setText(str(error))
            show_error(str(error))
            return None

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: napari takes the panel out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.compare("")
            self.first.let_go()
            self.second.let_go()
        elif event.type() == QEvent.Type.Show:
            join_tabs(self)
        return bool(super().event(event))


def _button(words: str, name: str, tooltip: str) -> QPushButton:
    button = QPushButton(words)
    button.setObjectName(name)
    button.setToolTip(tooltip)
    return button
