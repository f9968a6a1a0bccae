"""The Compare panel: any two layers side by side, behind a curtain, in turn, or one less the other."""

from __future__ import annotations

from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFormLayout, QGridLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from .compare import Blink, SideBySide, Wipe, match_contrast, show_difference, turn_sideways
from .dock import take_place, window_sizes
from .foot import made_button
from .keys import bind_keys, free_keys
from .layer_box import LayerBox, image_layers, like_a_source, unwrapped
from .layers import told_of
from .profile_plot import ProfileLine, ProfilePlot

__all__ = ["ComparePanel"]

WAYS = {
    "beside": ("Side by side", SideBySide, "Both in napari's grid: pan, zoom and sliders move both."),
    "wipe": ("Wipe", Wipe, "The first layer left of a curtain, the second right of it: drag its edge on the canvas."),
    "blink": ("Blink", Blink, "One and the other in turn, twice a second."),
}
STEPS = 200
KEYS = {
    "beside": "Control-Shift-G",
    "wipe": "Control-Shift-W",
    "blink": "Control-Shift-N",
    "match": "Control-Shift-H",
    "difference": "Control-Shift-D",
    "sideways": "Control-Shift-Y",
    "profile": "Control-Shift-M",
}
"""Keys that napari does not use; they work on the canvas and in the panel while it is open."""


class ComparePanel(QWidget):  # type: ignore[misc]
    """The dock widget; one comparison at a time, and none leaves anything behind."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.sizes_before = window_sizes()
        self.comparison: Any = None
        self.first = LayerBox(
            self.viewer, "first", "The layer on the left, often the original.", like_a_source, with_live=True
        )
        self.second = LayerBox(
            self.viewer, "second", "The layer on the right, often the result.", like_a_source, with_live=True
        )
        self.ways = {
            name: made_button(words, name, tooltip, KEYS.get(name, "")) for name, (words, _, tooltip) in WAYS.items()
        }
        self.line: ProfileLine | None = None
        self.plot = ProfilePlot()
        self.legend = QLabel()
        self.legend.setWordWrap(True)
        self.match = made_button(
            "Match contrast", "match", "Give the second layer the first one's contrast limits.", KEYS["match"]
        )
        self.difference = made_button(
            "Difference",
            "difference",
            "Add the layer second − first; white is the usual difference.",
            KEYS["difference"],
        )
        self.profile = made_button(
            "Line profile", "profile", "A line to drag on the canvas: both layers under it.", KEYS["profile"]
        )
        self.sideways = made_button(
            "Side view", "sideways", "Show Z and X instead of Y and X, and back.", KEYS["sideways"]
        )
        for button in (self.profile, self.sideways):
            button.setCheckable(True)
        self.edge = QSlider(Qt.Orientation.Horizontal)
        self.edge.setObjectName("edge")
        self.edge.setRange(0, STEPS)
        self.edge.setToolTip("Where the curtain's edge is.")
        self.status = QLabel()
        self.status.setWordWrap(True)
        self._build()
        self._choose_pair()
        for box in (self.first, self.second):
            box.chosen.connect(self._on_chosen, Qt.ConnectionType.QueuedConnection)  # napari may be deleting layers
        for name, button in self.ways.items():
            button.setCheckable(True)
            button.clicked.connect(lambda checked, name=name: self.compare(name if checked else ""))
        self.match.clicked.connect(lambda: self._try(match_contrast, self.first.layer, self.second.layer))
        self.difference.clicked.connect(self._on_difference)
        self.edge.valueChanged.connect(self._on_edge)
        self.profile.clicked.connect(self.measure)
        self.sideways.clicked.connect(self._on_sideways)
        buttons = {each.objectName(): each for each in self._buttons()}
        bind_keys(self.viewer, self, {key: buttons[name].click for name, key in KEYS.items()})
        self._on_chosen()

    def _build(self) -> None:
        rows = QFormLayout()
        rows.addRow(QLabel("First"), self.first)
        rows.addRow(QLabel("Second"), self.second)
        buttons = QGridLayout()
        for number, button in enumerate(self._buttons()):
            buttons.addWidget(button, number // 2, number % 2)
        column = QVBoxLayout(self)
        column.addLayout(rows)
        column.addLayout(buttons)
        for widget in (self.edge, self.plot, self.legend):
            column.addWidget(widget)
        column.addWidget(self.status)
        column.addStretch()
        self.setMinimumWidth(280)

    def _buttons(self) -> tuple[QPushButton, ...]:
        return (*self.ways.values(), self.match, self.difference, self.profile, self.sideways)

    def measure(self, is_on: bool) -> None:
        """Lay a line on the canvas and plot what is under it, or take it away."""
        if self.line is not None:
            self.line.leave()
            self.line = None
        if is_on:
            self.line = self._try(ProfileLine, self.viewer, self.first.layer, self.second.layer, self._on_profiles)
        self.profile.setChecked(self.line is not None)
        for widget in (self.plot, self.legend):
            widget.setVisible(self.line is not None)

    def _on_profiles(self, profiles: Any) -> None:
        self.plot.show_profiles(profiles)
        unit = str(self.first.layer.units[-1])
        self.legend.setText(self.plot.legend("µm" if unit == "micrometer" else unit))

    def _on_sideways(self) -> None:
        self.compare("")
        self.sideways.setChecked(bool(self._try(turn_sideways, self.viewer)))

    def _choose_pair(self) -> None:
        """Begin with the last result and its source, or the last two layers."""
        layers = image_layers(self.viewer, with_live=True)
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
        self.measure(False)
        is_pair = None not in (self.first.layer, self.second.layer) and self.first.layer is not self.second.layer
        for button in self._buttons():
            button.setEnabled(is_pair)
        self.status.setText("" if is_pair else "Choose two different image layers.")

    def compare(self, way: str) -> None:
        """Compare in one of the ways; an empty one takes the comparison back."""
        if self.comparison is not None:
            self.comparison.leave()
            self.comparison = None
        if way:
            self.first.keep()
            self.second.keep()
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
            self.measure(False)
            free_keys(self.viewer, KEYS)
            self.first.let_go()
            self.second.let_go()
        elif event.type() == QEvent.Type.Show:
            take_place(self)
        return bool(super().event(event))
