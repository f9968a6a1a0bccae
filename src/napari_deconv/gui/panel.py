"""The Restore panel: choose an image, a PSF and a method, press Restore, see the result beside its source."""

from __future__ import annotations

from typing import Any, cast

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import (
    QCheckBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from ..image import Image
from .compare import SideBySide
from .job import Job, Step
from .layer_box import unwrapped
from .model import Check, RestoreModel
from .preferences import engine
from .results import Likeness, current_place, place_result
from .sections import ImageSection, MethodSection, PsfSection, source_image

__all__ = ["KEYS", "RestorePanel"]

KEYS = {"restore": "Control-Shift-R", "cancel": "Control-Shift-K", "beside": "Control-Shift-B"}
"""Keys that napari does not use; they work on the canvas and in the panel."""
SAMPLE = ("napari-deconv", "widefield-cells")
JUDGE = 60
"""Milliseconds after the last change until the choices are judged."""
WELCOME = "Open an image to restore: drop a TIFF on the window, or use File > Open. To try it out first:"


class RestorePanel(QWidget):  # type: ignore[misc]
    """The dock widget; its state is a `RestoreModel`."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.model = RestoreModel()
        self.beside: SideBySide | None = None
        self._job: Job | None = None
        self._likeness: Likeness | None = None
        self._pair: tuple[Any, Any] | None = None
        self._judging = QTimer(self)
        self._judging.setSingleShot(True)
        self._judging.timeout.connect(self.judge)
        self._build()
        self.model.choose(source=self.image.layers.layer, psf_layer=self.psf.layers.layer)
        self._watch(self.model.source)
        self.image.layers.chosen.connect(self._on_source)
        self.model.changed.connect(self._on_changed)
        self._bind_keys()
        self._on_changed()
        self.judge()

    def _build(self) -> None:
        self.setMinimumWidth(340)
        self.image = ImageSection(self.model, self.viewer)
        self.psf = PsfSection(self.model, self.viewer)
        self.method = MethodSection(self.model)
        self.sections = (self.image, self.psf, self.method)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 2, 2)
        self.welcome = self._made_welcome()
        for widget in (self.welcome, *self.sections):
            column.addWidget(widget)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(scroll, 1)
        whole.addLayout(self._made_foot())

    def _made_welcome(self) -> QWidget:
        welcome = QWidget()
        column = QVBoxLayout(welcome)
        words = QLabel(WELCOME)
        words.setWordWrap(True)
        self.open_sample = _button(
            "Open the sample", "sample", "Simulated widefield cells with their PSF and their truth."
        )
        self.open_sample.clicked.connect(lambda: self.viewer.open_sample(*SAMPLE))
        column.addWidget(words)
        column.addWidget(self.open_sample)
        return welcome

    def _made_foot(self) -> QVBoxLayout:
        self.keep = QCheckBox("Keep earlier results")
        self.keep.setObjectName("keep")
        self.keep.setToolTip("Off: a run brings the layer of the same name up to date. On: every run adds a layer.")
        self.keep.toggled.connect(lambda is_on: self.model.choose(keeps_results=is_on))
        self.run = _button("Restore", "restore", "Restore the image into a layer of its own.", KEYS["restore"])
        self.stop = _button("Cancel", "cancel", "Stop the run; nothing is kept of it.", KEYS["cancel"])
        self.side = _button(
            "Side by side", "beside", "Source and result in two linked views, and back.", KEYS["beside"]
        )
        self.side.setCheckable(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.bar.hide()
        self.status = QLabel()
        self.status.setObjectName("status")
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().lineSpacing() + 4)
        self.status.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.run.clicked.connect(self.restore)
        self.stop.clicked.connect(self.cancel)
        self.side.clicked.connect(self.put_beside)
        foot = QVBoxLayout()
        buttons = QHBoxLayout()
        for button in (self.run, self.stop, self.side):
            buttons.addWidget(button)
        foot.addWidget(self.keep)
        foot.addLayout(buttons)
        foot.addWidget(self.bar)
        foot.addWidget(self.status)
        return foot

    def _bind_keys(self) -> None:
        actions = {"restore": self.run.click, "cancel": self.stop.click, "beside": self.side.click}
        for name, action in actions.items():
            self.viewer.bind_key(KEYS[name], lambda viewer, action=action: action(), overwrite=True)
            shortcut = QShortcut(QKeySequence(in_qt(KEYS[name])), self)
            shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(action)

    def _on_source(self, layer: Any) -> None:
        self._watch(self.model.source, is_left=True)
        self._watch(layer)
        self.model.choose(source=layer)

    def _watch(self, layer: Any, *, is_left: bool = False) -> None:
        """Follow what may change the meaning of a layer's pixels, or follow it no more."""
        for name in ("data", "scale", "units", "axis_labels") if layer is not None else ():
            event = getattr(layer.events, name)
            (event.disconnect if is_left else event.connect)(self._on_changed)

    def _on_changed(self, event: Any = None) -> None:
        image = source_image(self.model)
        for section in self.sections:
            section.refresh(image)
        has_image = self.model.source is not None
        self.welcome.setVisible(not has_image)
        for section in self.sections:
            section.setVisible(has_image)
        self._judging.start(JUDGE)

    def judge(self) -> Check:
        """Mark what is not valid, say it, and enable Restore when nothing is left."""
        check = self.model.check()
        for section in self.sections:
            section.mark(check.problems)
        self.run.setEnabled(check.is_ready and self._job is None)
        self.stop.setEnabled(self._job is not None)
        self.side.setEnabled(self._pair is not None)
        if self._job is None:
            said = " ".join(dict.fromkeys(check.problems.values()))
            self._say(said or "Ready.", is_problem=bool(check.problems) and self.model.source is not None)
        return check

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        self.status.setText(words)
        self.status.setStyleSheet("color: #d62728;" if is_problem else "")

    def restore(self) -> None:
        """Start a run with what is chosen now."""
        check = self.judge()
        if self._job is not None or check.image is None or check.recipe is None or not check.is_ready:
            return
        layer, axes, image, region = self.model.source, self.model.read_axes, check.image, None
        if self.model.only_current:
            region = current_place(self.viewer, layer, axes)
        self._likeness = Likeness.of(layer, axes, region)
        self._job = Job(image, check.recipe, layer.name, region=region, **engine())
        self._job.progressed.connect(self._on_progress)
        self._job.finished.connect(self._on_finished)
        self._job.failed.connect(self._on_failed)
        self._job.cancelled.connect(self._on_cancelled)
        self._job.start()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.judge()
        self._say("Preparing the PSF …")

    def cancel(self) -> None:
        """Stop the run at its next estimate."""
        if self._job is not None:
            self._job.cancel()
            self.stop.setEnabled(False)
            self._say("Cancelling …")

    def _on_progress(self, step: Step) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * step.fraction))
        if self.stop.isEnabled():
            self._say(step.words)

    def _on_finished(self, result: Image) -> None:
        record = result.history[-1]
        likeness = cast(Likeness, self._likeness)
        layer = place_result(self.viewer, likeness, result, record["method"], replace=not self.model.keeps_results)
        self._pair = (likeness.layer, layer)
        self._end(f"'{layer.name}' is there after {record['seconds']:.1f} s on {record['device']}.")

    def _on_cancelled(self) -> None:
        self._end("Cancelled: nothing was changed.")

    def _on_failed(self, sentence: str) -> None:
        self._end(sentence, is_problem=True)
        show_error(sentence)

    def _end(self, words: str, *, is_problem: bool = False) -> None:
        self._job = self._likeness = None
        self.bar.hide()
        self.judge()
        self._say(words, is_problem=is_problem)

    def take_pair(self, source: Any, result: Any) -> None:
        """Take a source and its result as the pair that goes side by side."""
        self._pair = (source, result)
        self.judge()

    def put_beside(self) -> None:
        """Put source and result side by side, or back."""
        if self.beside is not None:
            self.beside.leave()
            self.beside = None
        elif self._pair and all(layer in self.viewer.layers for layer in self._pair):
            self.beside = SideBySide(self.viewer, *self._pair)
        self.side.setChecked(self.beside is not None)

    def let_go(self) -> None:
        """Stop what runs and leave the viewer's events and keys alone from now on."""
        if self._job is not None:
            self._job.abandon()
            self._job = None
        self._watch(self.model.source, is_left=True)
        self.image.layers.let_go()
        self.psf.layers.let_go()
        for key in KEYS.values():
            self.viewer.bind_key(key, None)

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: napari takes the panel out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        return bool(super().event(event))


def in_qt(key: str) -> str:
    """Return a key as Qt writes it."""
    return key.replace("Control", "Ctrl").replace("-", "+")


def _button(words: str, name: str, tooltip: str, key: str = "") -> QPushButton:
    button = QPushButton(words)
    button.setObjectName(name)
    button.setToolTip(f"{tooltip} ({in_qt(key)})" if key else tooltip)
    return button
