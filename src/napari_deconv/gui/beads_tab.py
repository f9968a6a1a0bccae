"""The beads' tab of the PSF panel: an image of beads in, a measured PSF with its report out."""

from __future__ import annotations

import html
from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QLabel

from ..psf.bead_report import notices, told_widths
from ..psf.beads import Beads, Distilled, distil
from ..psf.portrait import portray_image
from ..settings import describe
from .foot import made_button
from .form import Form
from .layer_box import LayerBox
from .layers import image_of
from .portrait_view import PortraitView
from .psf_tab import PsfTab
from .sections import rows
from .task import Task

__all__ = ["BeadsTab"]

ASKED = ("bead_diameter", "voxel", "radius")


class BeadsTab(PsfTab):
    """``handed`` gives a layer to restore with; ``distilled`` gives the PSF, an `Image`, and the layer that it comes from."""

    distilled = Signal(object, object)

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, says="bead report", hands="use beads")
        self.layers = LayerBox(viewer, "bead image", "An image of separate fluorescent beads.", like_beads)
        self.form = Form([each for each in describe(Beads) if each.name in ASKED])
        self.typed: dict[str, Any] = {}
        self.form.edited.connect(lambda name, value: self.typed.update({name: value}))
        self.run = made_button("Distil a PSF", "distil", "Find the beads, average them, and add the PSF as a layer.")
        self.run.clicked.connect(self.distil)
        self.picture = PortraitView(viewer)
        self.picture.hide()
        top = rows()
        top.addRow(QLabel("Beads"), self.layers)
        self.column.addLayout(top)
        for widget in (self.form, self.run, self.use, self.picture, self.words):
            self.column.addWidget(widget)
        self.column.addStretch()

    def distil(self) -> None:
        """Start the work on the chosen layer."""
        layer = self.layers.layer
        if layer is None or self.task is not None:
            self.say("Open an image of beads first, or File > Open Sample > Beads.", is_problem=layer is None)
            return
        given = {name: value for name, value in self.typed.items() if value is not None}
        self.task = Task(lambda: (layer, distil(image_of(layer), **given)))
        self.task.done.connect(self._on_done)
        self.task.failed.connect(self._on_failed)
        self.run.setEnabled(False)
        self.say("Looking for beads …")
        self.task.start()

    def _on_done(self, made: tuple[Any, Distilled]) -> None:
        layer, result = made
        lines = []
        for part in result.report.get("channels", [result.report]):
            report = {**result.report, **part}
            lines += [*notices(report), *told_widths(report)[1:]]
        self.picture.show_portrait(portray_image(result.psf))
        self.picture.show()
        self._end()
        self.say("<br>".join(html.escape(each[:1].upper() + each[1:]) + "." for each in lines))
        self.distilled.emit(result.psf, layer)

    def _on_failed(self, sentence: str) -> None:
        self._end()
        self.picture.hide()
        self.say(sentence, is_problem=True)

    def _end(self) -> None:
        self.task = None
        self.run.setEnabled(True)


def like_beads(layer: Any) -> tuple[bool, bool, bool]:
    """Rank first what is called so, and is neither a PSF nor a sample's truth."""
    name = layer.name.lower()
    return "psf" in name or "truth" in name, "bead" not in name, not layer.visible
