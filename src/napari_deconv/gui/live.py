"""Live: what the canvas shows is restored while it is looked at, in a layer of its own that goes when Live is switched off.

slider, pan, zoom, z, t, channel -> region and recipe -> Preview (a thread) -> newest estimate -> the layer, in place
"""

from __future__ import annotations

import threading
import time as clock
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from qtpy.QtCore import QObject, QTimer, Signal

from ..image import Image, Region
from ..recipe import Recipe
from ..running.preview import Preview, Shown
from .compare import HELPER
from .kept import Kept
from .results import Likeness, same_selection, sensible_limits
from .view import seen_region

__all__ = ["Aim", "Live"]

QUICK = 0.1
"""Seconds to a first estimate, below which the picture follows a slider while it moves; above, when it rests."""
PAUSE = 0.1
"""Seconds between two estimates on the canvas; all are kept."""
LOOK = 60
"""Milliseconds between a move of the view and the request for what it shows then."""
THIN = 2**16
"""Pixels that the contrast of an estimate is taken from."""


@dataclass(frozen=True)
class Aim:
    """What is to be shown: a layer read with these axes, its image, and the recipe."""

    layer: Any
    axes: str
    image: Image
    recipe: Recipe


class Live(QObject):  # type: ignore[misc]
    """Follows the view and the choices.

    ``switched`` tells on or off; ``shown`` each estimate that reached the canvas; ``failed`` what stood in the way;
    ``gathered`` that the estimates asked for with `go_on` are kept.
    """

    switched = Signal(bool)
    shown = Signal(object)
    failed = Signal(str)
    gathered = Signal()
    _arrived = Signal()

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.layer: Any = None
        self.around = 0
        self._aim: Aim | None = None
        self._asked: tuple[Any, ...] = ()
        self._region: dict[int, tuple[Aim, Region]] = {}
        self._preview: Preview | None = None
        self._limits: list[float] | None = None
        self.kept = Kept()
        self._beyond = 0
        self._began, self._delay = 0.0, QUICK
        self._told, self._is_due = (0, 0.0), False
        self._lock = threading.Lock()
        self._newest: Shown | tuple[int, Exception] | None = None
        self._looking = QTimer(self)
        self._looking.setSingleShot(True)
        self._looking.timeout.connect(self._look)
        self._leaving = QTimer(self)
        self._leaving.setSingleShot(True)
        self._leaving.timeout.connect(lambda: self.switch(False))
        self._arrived.connect(self._take)

    @property
    def is_on(self) -> bool:
        """Whether Live is on."""
        return self._preview is not None

    @property
    def is_quick(self) -> bool:
        """Whether a first estimate comes so soon that the picture can follow a slider while it moves."""
        return self.is_on and self._delay < QUICK

    def switch(self, is_on: bool, means: Mapping[str, Any] | None = None) -> None:
        """Switch on, with device and memory as in `restore`, or off."""
        self._leaving.stop()
        if is_on == self.is_on:
            return
        if not is_on:
            self._close()
            return
        self._begin(means or {})
        self._watch(True)
        self.switched.emit(True)

    def take_means(self, means: Mapping[str, Any]) -> None:
        """Restore on another device, or with other memory, from now on; the layer stays."""
        if self._preview is not None:
            self._preview.close(timeout=0)
            self._region.clear()
            self.kept.clear()
            self._begin(means)

    def _begin(self, means: Mapping[str, Any]) -> None:
        self._preview = Preview(self._receive, self._receive_failure, pause=0.0, **means)
        self._asked = ()
        self._looking.start(0)

    def aim(self, aim: Aim | None) -> None:
        """Restore this from now on; None while the choices cannot be run."""
        if aim is not None and self._aim is not None and aim.layer is not self._aim.layer:
            self._remove()
        self._aim = aim
        if self._preview is not None:
            if aim is None:
                self._preview.cancel()
                self._asked = ()
            self._looking.start(0)

    def end(self) -> None:
        """Stop and tell nobody: the window is gone."""
        self.blockSignals(True)
        preview, self._preview = self._preview, None
        if preview is not None:
            preview.close(timeout=0)
            self._looking.stop()
            self._leaving.stop()
            self._watch(False)
        self.kept.clear()

    def take_planes(self, around: int) -> None:
        """Restore so many planes above and below the shown one along."""
        self.around = around
        self._soon()

    def _close(self) -> None:
        preview, self._preview = self._preview, None
        if preview is not None:
            preview.close(timeout=0)
        self._looking.stop()
        self._watch(False)
        self._region.clear()
        self.kept.clear()
        self._remove()
        self.switched.emit(False)

    def _watch(self, is_on: bool) -> None:
        camera, dims = self.viewer.scene.camera.events, self.viewer.dims.events
        moves: tuple[Any, ...] = (camera.center, camera.zoom, dims.current_step, dims.order, dims.ndisplay)
        watched = [(event, self._soon) for event in moves]
        for event, slot in [*watched, (self.viewer.layers.events.removed, self._on_removed)]:
            (event.connect if is_on else event.disconnect)(slot)

    def _soon(self, event: Any = None) -> None:
        if not self._looking.isActive():
            self._looking.start(LOOK)

    def _look(self) -> None:
        """Ask for what the canvas shows, when it is not what was asked for last."""
        aim = self._aim
        if self._preview is None or aim is None or aim.layer not in self.viewer.layers:
            return
        region = seen_region(self.viewer, aim.layer, aim.axes, self.around)
        asked = (id(aim.image), aim.recipe, region.bounds if region else None)
        if asked == self._asked:
            return
        self._asked = asked
        if region is None:
            self._preview.cancel()
            return
        ticket = self._preview.request(aim.image, region, aim.recipe)
        self._region, self._beyond, self._began = {ticket: (aim, region)}, 0, clock.perf_counter()

    def _receive(self, shown: Shown) -> None:
        """Keep the newest estimate for the window (called in the preview's thread)."""
        if shown.stage != "provisional":
            self.kept.add(shown.ticket, shown.step, shown.image)
        now = clock.perf_counter()
        with self._lock:
            self._newest = shown
            is_due = shown.is_last or shown.ticket != self._told[0] or now - self._told[1] > PAUSE
            is_due, self._is_due = is_due and not self._is_due, is_due or self._is_due
            if is_due:
                self._told = shown.ticket, now
        if is_due and self._preview is not None:
            self._arrived.emit()

    def _receive_failure(self, ticket: int, error: Exception) -> None:
        with self._lock:
            self._newest = (ticket, error)
        if self._preview is not None:
            self._arrived.emit()

    def _take(self) -> None:
        """Show the newest estimate, unless it is of an older request."""
        with self._lock:
            newest, self._newest, self._is_due = self._newest, None, False
        if newest is None or self._preview is None:
            return
        if isinstance(newest, tuple):
            if newest[0] in self._region:
                self._remove()
                self.failed.emit(str(newest[1]))
            return
        if newest.ticket not in self._region:
            return
        aim, region = self._region[newest.ticket]
        if newest.ticket == self._beyond:
            if newest.is_last:
                self.gathered.emit()
            return
        if aim.layer in self.viewer.layers:
            self.show(newest.image, aim, region)
            if self._began:
                self._delay, self._began = clock.perf_counter() - self._began, 0.0
            self.shown.emit(newest)
            self._soon()

    def go_on(self, recipe: Recipe) -> None:
        """Gather the estimates of another recipe for the same view, without showing them; ``gathered`` tells the end."""
        for aim, region in list(self._region.values())[:1]:
            if self._preview is not None and not self._beyond:
                self._beyond = self._preview.request(aim.image, region, recipe)
                self._region = {self._beyond: (aim, region)}

    def scrub(self, step: int) -> int | None:
        """Show the kept estimate that is nearest to a step; return its step, None when nothing is kept."""
        found = self.kept.nearest(step)
        if found is None or self.kept.ticket not in self._region:
            return None
        self.show(found[1], *self._region[self.kept.ticket])
        return found[0]

    def show(self, image: Image, aim: Aim, region: Region) -> None:
        """Put an estimate on the canvas: in place where it covers the same pixels."""
        data, told = Likeness.of(aim.layer, aim.axes, region, aim.image).shown(image)
        told["metadata"] = {**told["metadata"], HELPER: "live"}
        if self.layer is None:
            self._insert(data, {**told, "name": f"{aim.layer.name} [live]"}, aim.layer)
        elif self.layer.data.shape == data.shape:
            self.layer.data[...] = data
            if not np.array_equal(self.layer.translate, told["translate"]):
                self.layer.translate = told["translate"]
            self.layer.refresh(thumbnail=False, highlight=False, extent=False)
        else:
            self.layer.data = data
            self.layer.translate = told["translate"]
        if not told["rgb"]:
            self._set_contrast(data)

    def _set_contrast(self, data: np.ndarray[Any, Any]) -> None:
        """Fit the contrast to an estimate, unless the user has set it."""
        if self._limits is not None and not np.allclose(self.layer.contrast_limits, self._limits):
            return
        limits = list(sensible_limits(data, THIN))
        if limits != self._limits:
            self.layer.contrast_limits_range = limits
            self.layer.contrast_limits = limits
            self._limits = list(self.layer.contrast_limits)

    def _insert(self, data: np.ndarray[Any, Any], told: dict[str, Any], source: Any) -> None:
        from napari.layers import Image as ImageLayer

        if not told["rgb"]:
            told["contrast_limits"] = sensible_limits(data, THIN)
        self._limits = None
        self.layer = ImageLayer(data, **told)
        with same_selection(self.viewer):
            self.viewer.layers.insert(self.viewer.layers.index(source) + 1, self.layer)

    def _remove(self) -> None:
        layer, self.layer, self._asked = self.layer, None, ()
        if layer is not None and layer in self.viewer.layers:
            with same_selection(self.viewer):
                self.viewer.layers.remove(layer)

    def _on_removed(self, event: Any) -> None:
        """Switch off when the user deletes the layer, or its source; a moment later, for napari may be deleting others too."""
        if event.value is self.layer or (self._aim is not None and event.value is self._aim.layer):
            self.layer = None if event.value is self.layer else self.layer
            self._region.clear()
            self._leaving.start(0)
