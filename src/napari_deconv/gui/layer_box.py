"""A drop-down of the viewer's image layers that follows the layer list."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from .compare import HELPER

__all__ = ["LayerBox", "image_layers", "unwrapped"]


def unwrapped(viewer: Any) -> Any:
    """Return the viewer itself where napari hands out a proxy, so that its layers are the layers themselves."""
    return getattr(viewer, "__wrapped__", viewer)


def image_layers(viewer: Any) -> list[Any]:
    """Return the image layers that hold pixels of the user's, from the bottom up."""
    from napari.layers import Image as ImageLayer

    return [each for each in viewer.layers if isinstance(each, ImageLayer) and HELPER not in each.metadata]


class LayerBox(QComboBox):  # type: ignore[misc]
    """The image layers by name; ``chosen`` tells the layer, None when there is none."""

    chosen = Signal(object)

    def __init__(self, viewer: Any, name: str, tooltip: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setToolTip(tooltip)
        self.setMinimumContentsLength(12)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._viewer = viewer
        self._layers: list[Any] = []
        self.layer: Any = None
        for event in (viewer.layers.events.inserted, viewer.layers.events.removed, viewer.layers.events.reordered):
            event.connect(self.refresh)
        self.activated.connect(self._on_activated)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """List the layers there are; the chosen one stays while it is there."""
        self._layers = image_layers(self._viewer)
        for layer in self._layers:
            layer.events.name.connect(self._rename)
        self._rename()
        if self.layer not in self._layers:
            self.choose(self._first())
        else:
            self.setCurrentIndex(self._layers.index(self.layer))

    def choose(self, layer: Any) -> None:
        """Take a layer, as if it had been clicked."""
        self.layer = layer
        self.setCurrentIndex(self._layers.index(layer) if layer in self._layers else -1)
        self.chosen.emit(layer)

    def let_go(self) -> None:
        """Follow the layer list no more."""
        events = self._viewer.layers.events
        for event in (events.inserted, events.removed, events.reordered):
            event.disconnect(self.refresh)
        for layer in self._layers:
            layer.events.name.disconnect(self._rename)

    def _first(self) -> Any:
        active = self._viewer.layers.selection.active
        return active if active in self._layers else self._layers[0] if self._layers else None

    def _rename(self, event: Any = None) -> None:
        names = [layer.name for layer in self._layers]
        if [self.itemText(number) for number in range(self.count())] != names:
            self.clear()
            self.addItems(names)
            self.setCurrentIndex(self._layers.index(self.layer) if self.layer in self._layers else -1)

    def _on_activated(self, number: int) -> None:
        self.choose(self._layers[number])
