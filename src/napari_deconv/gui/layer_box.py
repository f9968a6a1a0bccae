"""A drop-down of the viewer's image layers that follows the layer list."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QComboBox, QSizePolicy

from .compare import HELPER
from .layers import told_of

__all__ = ["LayerBox", "image_layers", "like_a_psf", "like_a_source", "unwrapped"]


def unwrapped(viewer: Any) -> Any:
    """Return the viewer itself where napari hands out a proxy, so that its layers are the layers themselves."""
    return getattr(viewer, "__wrapped__", viewer)


def image_layers(viewer: Any, *, with_live: bool = False) -> list[Any]:
    """Return the image layers that hold pixels of the user's, from the bottom up."""
    from napari.layers import Image as ImageLayer

    hidden = (True,) if with_live else (True, "live")
    return [each for each in viewer.layers if isinstance(each, ImageLayer) and each.metadata.get(HELPER) not in hidden]


def like_a_source(layer: Any) -> tuple[bool, bool]:
    """Rank first what is shown and not itself a result."""
    return "source" in told_of(layer), not layer.visible


def like_a_psf(layer: Any) -> bool:
    """Rank first what is called so."""
    return "psf" not in layer.name.lower()


class LayerBox(QComboBox):  # type: ignore[misc]
    """The image layers by name; ``chosen`` tells the layer, None when there is none."""

    chosen = Signal(object)

    def __init__(
        self, viewer: Any, name: str, tooltip: str, rank: Callable[[Any], Any], *, with_live: bool = False
    ) -> None:
        super().__init__()
        self._with_live = with_live
        self._rank = rank
        self._is_guess = True
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
        """List the layers there are; the chosen one stays while it is there, unless it was guessed and a better one came."""
        before, self._layers = self._layers, image_layers(self._viewer, with_live=self._with_live)
        has_grown = any(layer not in before for layer in self._layers)
        for layer in self._layers:
            layer.events.name.connect(self._rename)
        self._rename()
        guess = self._guess()
        is_better = (
            self._is_guess
            and has_grown
            and None not in (guess, self.layer)
            and self._rank(guess) < self._rank(self.layer)
        )
        if self.layer not in self._layers or is_better:
            self.choose(guess, is_guess=True)
        else:
            self.setCurrentIndex(self._layers.index(self.layer))

    def keep(self) -> None:
        """Stay with the layer that is shown, as if it had been clicked."""
        self._is_guess = False

    def choose(self, layer: Any, *, is_guess: bool = False) -> None:
        """Take a layer, as if it had been clicked."""
        self._is_guess = is_guess
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

    def _guess(self) -> Any:
        """Return the active layer, or the lowest one, of those that rank first."""
        if not self._layers:
            return None
        least = min(self._rank(layer) for layer in self._layers)
        best = [layer for layer in self._layers if self._rank(layer) == least]
        active = self._viewer.layers.selection.active
        return active if active in best else best[0]

    def _rename(self, event: Any = None) -> None:
        names = [layer.name for layer in self._layers]
        if [self.itemText(number) for number in range(self.count())] != names:
            self.clear()
            self.addItems(names)
            self.setCurrentIndex(self._layers.index(self.layer) if self.layer in self._layers else -1)

    def _on_activated(self, number: int) -> None:
        self.choose(self._layers[number])
