"""The check tab of the PSF panel: what is wrong with a PSF layer, what it would do, and a mended layer on one's yes."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Signal
from qtpy.QtWidgets import QCheckBox, QLabel, QVBoxLayout

from ..psf.examining import Finding, examine, mended
from .foot import made_button
from .layer_box import LayerBox, like_a_psf, like_a_source
from .layers import image_of
from .psf_tab import PsfTab
from .sections import rows
from .task import Task

__all__ = ["CheckTab"]


class CheckTab(PsfTab):
    """``handed`` gives a layer to restore with; ``was_mended`` gives the mended PSF, an `Image`, and the layer that it comes from."""

    was_mended = Signal(object, object)

    def __init__(self, viewer: Any) -> None:
        super().__init__(viewer, says="check status", hands="use mended")
        self.boxes: dict[str, QCheckBox] = {}
        self.layers = LayerBox(viewer, "checked psf", "The layer that holds the PSF.", like_a_psf)
        self.images = LayerBox(viewer, "checked for", "The image that it will be used for.", like_a_source)
        self.run = made_button("Check", "check", "Look for what is wrong with this PSF before it is used.")
        self.mend = made_button("Mend what is ticked", "mend", "Add a mended copy as a layer; the PSF itself is kept.")
        self.mend.hide()
        self.run.clicked.connect(self.check)
        self.mend.clicked.connect(self.mend_ticked)
        self.findings = QVBoxLayout()
        top = rows()
        top.addRow(QLabel("PSF"), self.layers)
        top.addRow(QLabel("For image"), self.images)
        self.column.addLayout(top)
        self.column.addWidget(self.run)
        self.column.addWidget(self.words)
        self.column.addLayout(self.findings)
        self.column.addWidget(self.mend)
        self.column.addWidget(self.use)
        self.column.addStretch()
        for box in (self.layers, self.images):
            box.chosen.connect(lambda layer: self._clear())

    def _images(self) -> tuple[Any, Any]:
        """Return the PSF and the image that it is for, None where they are one layer or there is none."""
        psf, image = self.layers.layer, self.images.layer
        return image_of(psf), None if image is None or image is psf else image_of(image)

    def check(self) -> None:
        """Examine the chosen layer."""
        if self.layers.layer is None or self.task is not None:
            self.say("Open a PSF first, or make one in the other tabs.", is_problem=self.layers.layer is None)
            return
        self._clear()
        self._start(lambda: examine(*self._images()), self._on_found)
        self.say("Looking …")

    def mend_ticked(self) -> None:
        """Mend what is ticked, into a new layer."""
        chosen = [fault for fault, box in self.boxes.items() if box.isChecked()]
        if self.task is None and chosen:
            layer = self.layers.layer
            self._start(lambda: (layer, *mended(*self._images(), chosen)), self._on_mended)

    def _start(self, work: Any, done: Any) -> None:
        self.task = Task(work)
        self.task.done.connect(done)
        self.task.failed.connect(self._on_failed)
        self.task.start()

    def _on_found(self, found: tuple[Finding, ...]) -> None:
        self.task = None
        wrong = sum(each.is_certain for each in found)
        said = f"{wrong} thing{'' if wrong == 1 else 's'} wrong" if wrong else "Nothing is wrong with it"
        self.say(f"{said}{'' if wrong == len(found) else ', something to look at'}.", is_problem=bool(wrong))
        for finding in found:
            self._show(finding)
        self.mend.setVisible(bool(self.boxes))

    def _show(self, finding: Finding) -> None:
        """Add a finding: a box to tick where it can be mended."""
        words = QLabel(f"{finding.sentence[:1].upper()}{finding.sentence[1:]}.\n→ {finding.remedy}.")
        words.setWordWrap(True)
        title = finding.fault.replace("-", " ").capitalize()
        if finding.mend is None:
            self.findings.addWidget(QLabel(f"{title}: cannot be mended here"))
        else:
            box = QCheckBox(title)
            box.setObjectName(finding.fault)
            box.setChecked(finding.is_certain)
            self.boxes[finding.fault] = box
            self.findings.addWidget(box)
        words.setIndent(18)
        self.findings.addWidget(words)

    def _on_mended(self, made: tuple[Any, Any, tuple[Finding, ...]]) -> None:
        self.task = None
        layer, psf, done = made
        self.say(f"Mended: {', '.join(each.fault.replace('-', ' ') for each in done) or 'nothing'}.")
        self.was_mended.emit(psf, layer)

    def _on_failed(self, sentence: str) -> None:
        self.task = None
        self.say(sentence, is_problem=True)

    def _clear(self) -> None:
        self.boxes = {}
        self.mend.hide()
        self.use.hide()
        while self.findings.count():
            self.findings.takeAt(0).widget().deleteLater()
        self.say("")
