"""The microscope's tab of the PSF panel: name the optics, move the sliders, and watch the PSF follow."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject, QTimer, Signal
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from .. import psf as psfs
from ..posing import compute_psf
from ..psf.portrait import Portrait, portray
from ..recipe import Recipe
from ..running.newest import Newest
from ..settings import describe
from .dock import problem_style
from .fold import Fold
from .foot import made_button
from .form import Form
from .layer_box import LayerBox, like_a_source
from .portrait_view import PortraitView
from .psf_model import PsfChoices, PsfLook, models
from .sections import VOXEL, choice_box, rows

__all__ = ["MicroscopeTab"]

SOON = 15
"""Milliseconds after a change until the picture is asked for, so that one drag's events come together."""


class Answers(QObject):  # type: ignore[misc]
    """Carries what the worker's thread has made into the window's."""

    made = Signal(int, object)
    failed = Signal(int, str)


class MicroscopeTab(QWidget):  # type: ignore[misc]
    """``wanted`` asks the panel for what to do with the PSF: use, add or save."""

    wanted = Signal(str)

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self.viewer = viewer
        self.choices = PsfChoices()
        self.seen = PsfLook()
        self.layers = LayerBox(
            viewer, "psf image", "The image that the PSF is for: its voxel and optics.", like_a_source
        )
        self.kind = choice_box("psf kind", "The theory that computes the PSF.")
        for kind, title in models().items():
            self.kind.addItem(title, kind)
        self.picture = PortraitView(viewer)
        self.forms: dict[str, Form] = {}
        self.voxel = Form(VOXEL)
        self.status = QLabel()
        self.status.setObjectName("psf status")
        self.status.setWordWrap(True)
        self._build()
        self._answers = Answers()
        self._answers.made.connect(self._show)
        self._answers.failed.connect(self._on_failed)
        self._newest = Newest(
            lambda look: [portray(look.model, look.grid)],
            self._answers.made.emit,
            lambda ticket, error: self._answers.failed.emit(ticket, str(error)),
        )
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.timeout.connect(self.look)
        self.choices.choose(source=self.layers.layer)
        self._connect()
        self._on_changed()

    def _build(self) -> None:
        top = rows()
        top.addRow(QLabel("For image"), self.layers)
        top.addRow(QLabel("Theory"), self.kind)
        inside = QWidget()
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(2, 2, 8, 2)
        self.fold = Fold("Voxel", self.voxel)
        self.column.addWidget(self.fold)
        self.column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setMinimumHeight(120)
        scroll.setWidget(inside)
        self.buttons = {
            "use": made_button("Use in Restore", "use psf", "Restore with this PSF: opens the Restore panel with it."),
            "add": made_button("Add as layer", "add psf", "Compute the whole PSF and add it as a layer."),
            "save": made_button("Save…", "save psf", "Compute the whole PSF and write it into a file."),
        }
        line = QHBoxLayout()
        for button in self.buttons.values():
            line.addWidget(button)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addLayout(top)
        whole.addWidget(self.picture)
        whole.addWidget(scroll, 1)
        whole.addWidget(self.status)
        whole.addLayout(line)

    def _connect(self) -> None:
        self.layers.chosen.connect(lambda layer: self.choices.choose(source=layer))
        self.kind.activated.connect(lambda number: self.choices.choose(kind=self.kind.itemData(number)))
        self.voxel.edited.connect(lambda name, value: self.choices.type(f"voxel.{name}", value))
        self.choices.changed.connect(self._on_changed)
        for name, button in self.buttons.items():
            button.clicked.connect(lambda checked=False, name=name: self.wanted.emit(name))

    def _on_changed(self) -> None:
        """Show the choices, and ask for the picture soon."""
        kind = self.choices.kind
        if kind not in self.forms:
            self.forms[kind] = Form(describe(psfs.family[kind]))
            self.forms[kind].edited.connect(self.choices.type)
            self.column.insertWidget(0, self.forms[kind])
        try:
            hints, relevant = self.choices.hints(), self.choices.relevant()
        except ValueError:
            hints, relevant = {}, set(self.forms[kind].fields)
        for name, form in self.forms.items():
            form.setVisible(name == kind)
        form = self.forms[kind]
        for name, field in form.fields.items():
            for widget in (field, field.label):
                widget.setVisible(name in relevant)
        form.show_values(self.choices.typed)
        form.show_hints(hints)
        self.voxel.show_values(self.choices.typed_voxel)
        self.voxel.show_hints(hints)
        if not self._soon.isActive():
            self._soon.start(SOON)

    def look(self) -> None:
        """Judge the choices, mark what is wrong, and ask for the picture."""
        self.seen = self.choices.look()
        problems = self.seen.problems
        self.forms[self.choices.kind].mark(problems)
        self.voxel.mark({axis: problems.get(f"voxel.{axis}", "") for axis in "ZYX"})
        if any(key.startswith("voxel.") for key in problems) and not self.fold.isExpanded():
            self.fold.expand()
        for button in self.buttons.values():
            button.setEnabled(self.seen.model is not None)
        if self.seen.model is None:
            self._newest.drop()
            self.picture.show_portrait(None)
            self.say(" ".join(dict.fromkeys(problems.values())), is_problem=True)
            return
        self.say("" if self.choices.source is not None else "No image is open: an oil objective as an example.")
        self._newest.ask(self.seen)

    def _show(self, ticket: int, portrait: Portrait) -> None:
        if self.seen.model is not None:
            self.picture.show_portrait(portrait)

    def _on_failed(self, ticket: int, sentence: str) -> None:
        if self._newest.is_newest(ticket):
            self.picture.show_portrait(None)
            self.say(sentence, is_problem=True)

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Show a sentence."""
        self.status.setText(words)
        self.status.setStyleSheet(problem_style(self.viewer) if is_problem else "")

    def whole(self) -> Any:
        """Return the whole PSF of the chosen optics as an image; called in a worker's thread."""
        look = self.seen
        assert look.image
        assert look.model
        pixels = compute_psf(look.image, Recipe(psf=look.model))
        record = {
            "software": "napari-deconv",
            "made": "psf",
            "psf": [look.model.model_dump(mode="json", exclude_none=True)],
        }
        flat = "Z" not in look.image.axes
        return look.image.replace(
            data=pixels[0] if flat else pixels,
            axes="YX" if flat else "ZYX",
            channels=look.image.channels[:1],
            origin={},
            time_step=None,
            history=(record,),
            notices=tuple(look.model.notices(look.grid)),
            name=f"{look.image.name} [PSF]",
        )

    def let_go(self) -> None:
        """End the worker's thread and leave the viewer's events alone."""
        self._soon.stop()
        self._newest.close()
        self.layers.let_go()
