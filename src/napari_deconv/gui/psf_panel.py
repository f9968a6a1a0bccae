"""The PSF panel: a PSF from the microscope's optics, fitted to the image, from beads, or a layer's PSF checked and mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from qtpy.QtCore import QEvent, Qt
from qtpy.QtWidgets import QFileDialog, QFrame, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from ..fitting import Fitted
from ..image import Image
from .beads_tab import BeadsTab
from .check_tab import CheckTab
from .dock import take_place, window_sizes
from .fit_tab import FitTab
from .layer_box import unwrapped
from .layers import layers_of
from .microscope_tab import MicroscopeTab
from .model import FROM_LAYER
from .panel import RestorePanel
from .task import Task

__all__ = ["PsfPanel"]

FILES = "OME-TIFF (*.ome.tif);;ImageJ TIFF (*.tif);;OME-Zarr (*.ome.zarr)"


class PsfPanel(QWidget):  # type: ignore[misc]
    """The dock widget: four tabs, and what is done with a PSF that one of them made."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.sizes_before = window_sizes()
        self.task: Task | None = None
        self.setMinimumWidth(340)
        self.microscope = MicroscopeTab(self.viewer)
        self.fit = FitTab(self.viewer, self.microscope)
        self.beads = BeadsTab(self.viewer)
        self.check = CheckTab(self.viewer)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.microscope, "Microscope")
        self.tabs.addTab(scrolled(self.fit), "Fit to image")
        self.tabs.addTab(scrolled(self.beads), "Beads")
        self.tabs.addTab(scrolled(self.check), "Check")
        column = QVBoxLayout(self)
        column.setContentsMargins(2, 2, 2, 2)
        column.addWidget(self.tabs)
        self.microscope.wanted.connect(self.do)
        self.beads.distilled.connect(lambda psf, layer: self.beads.offer(self.take(psf, f"{layer.name} [PSF]")))
        self.check.was_mended.connect(lambda psf, layer: self.check.offer(self.take(psf, f"{layer.name} [mended]")))
        self.fit.handed.connect(self.use_fitted)
        for tab in (self.beads, self.check):
            tab.handed.connect(self.use_layer)

    def do(self, wish: str) -> None:
        """Use, add or save the microscope's PSF."""
        if wish == "use":
            self.hand_over()
            return
        path = self._asked_path() if wish == "save" else None
        if self.task is not None or (wish == "save" and path is None):
            return
        self.task = Task(lambda: (self.microscope.whole(), path))
        self.task.done.connect(self._on_computed)
        self.task.failed.connect(self._on_failed)
        self.microscope.say("Computing the whole PSF …")
        self.task.start()

    def _asked_path(self) -> Path | None:
        name = f"{self.microscope.seen.image.name if self.microscope.seen.image else 'image'} PSF.ome.tif"
        found, _ = QFileDialog.getSaveFileName(self, "Save the PSF", name, FILES)
        return Path(found) if found else None

    def _on_computed(self, made: tuple[Image, Path | None]) -> None:
        psf, path = made
        self.task = None
        if path is None:
            layer = self.take(psf, psf.name)
            self.microscope.say(f"'{layer.name}' was added: {' × '.join(map(str, psf.shape))} voxels.")
            return
        from ..files import write

        try:
            write(path, psf, overwrite=True)  # the dialog has asked
        except (ValueError, OSError) as error:
            self.microscope.say(str(error), is_problem=True)
            return
        self.microscope.say(f"Saved in {path}.")

    def _on_failed(self, sentence: str) -> None:
        self.task = None
        self.microscope.say(sentence, is_problem=True)

    def take(self, psf: Image, name: str) -> Any:
        """Add a PSF as a layer that is hidden from the image's view, and offer it to the check; return the layer."""
        selected = set(self.viewer.layers.selection)
        added = [self.viewer.add_image(data, **{**told, "visible": False}) for data, told, _ in layers_of(psf, name)]
        if selected:
            self.viewer.layers.selection = selected
        self.check.layers.choose(added[0])
        for panel in self.window().findChildren(RestorePanel):
            panel.psf.layers.choose(added[0])
        return added[0]

    def use_fitted(self, fitted: Fitted) -> None:
        """Take the fitted values over into the microscope's tab, and open the Restore panel with them."""
        for name, value in fitted.changes().items():
            self.microscope.choices.type(name, value)
        self.hand_over()
        self.fit.say("The Restore panel and the Microscope tab have the fitted PSF.")

    def hand_over(self) -> None:
        """Open the Restore panel with this image and this PSF."""
        choices = self.microscope.choices
        panel = self._restore_panel()
        if choices.source is not None:
            panel.image.layers.choose(choices.source)
        for axis, size in choices.typed_voxel.items():
            panel.model.type(f"voxel.{axis}", size)
        for name in panel.model.typed(f"psf.{choices.kind}"):
            panel.model.type(f"psf.{choices.kind}.{name}", None)
        for name, value in choices.typed.items():
            panel.model.type(f"psf.{choices.kind}.{name}", value)
        panel.model.choose(psf=choices.kind)
        self.microscope.say("The Restore panel has this PSF.")

    def use_layer(self, layer: Any) -> None:
        """Open the Restore panel with the PSF of a layer."""
        panel = self._restore_panel()
        panel.psf.layers.choose(layer)
        panel.model.choose(psf=FROM_LAYER, psf_layer=layer)

    def _restore_panel(self) -> RestorePanel:
        """Return the Restore panel, opened if there is none."""
        there = [each for each in self.window().findChildren(RestorePanel) if each.isVisibleTo(self.window())]
        if there:
            return cast(RestorePanel, there[0])
        _, panel = self.viewer.window.add_plugin_dock_widget("napari-deconv", "Restore")
        return cast(RestorePanel, panel)

    def let_go(self) -> None:
        """End what runs and leave the viewer's events alone from now on."""
        if self.task is not None:
            self.task.let_go()
            self.task = None
        for tab in (self.microscope, self.fit, self.beads, self.check):
            tab.let_go()

    def event(self, event: QEvent) -> bool:
        """Stand in a tab beside the other panels; let go when the dock is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        if event.type() == QEvent.Type.Show:
            take_place(self)
        return bool(super().event(event))


def scrolled(inside: QWidget) -> QScrollArea:
    """Return a widget that may be higher than the window."""
    scroll = QScrollArea()
    scroll.setWidgetResizable(True)
    scroll.setFrameShape(QFrame.Shape.NoFrame)
    scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    scroll.setWidget(inside)
    return scroll
