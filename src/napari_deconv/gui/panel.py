"""The Restore panel: choose an image, a PSF and a method, press Restore, see the result beside its source."""

from __future__ import annotations

from typing import Any, cast

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QFrame, QLabel, QScrollArea, QVBoxLayout, QWidget

from ..image import Image
from ..recipe import Recipe
from ..running.preview import Shown
from .compare import SideBySide
from .dock import join_tabs
from .foot import Foot, in_qt, made_button
from .job import Job, Step
from .layer_box import unwrapped
from .live import Aim, Live, worded
from .model import Check, RestoreModel
from .preferences import engine
from .recipe_bar import RecipeBar
from .results import Likeness, current_place, place_result
from .scrub import Scrub
from .sections import ImageSection, MethodSection, PsfSection, source_image
from .steps_section import with_steps
from .tuning import Tuning

__all__ = ["KEYS", "RestorePanel"]

KEYS = {
    "restore": "Control-Shift-R",
    "cancel": "Control-Shift-K",
    "beside": "Control-Shift-B",
    "live": "Control-Shift-L",
}
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
        self.live = Live(self.viewer)
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
        self.tuning = Tuning(self.model, self.live, self.foot, self.scrub)
        for end in (self.tuning.let_go, self.live.end):
            self.destroyed.connect(end)
        self._on_changed()
        self.judge()

    def _build(self) -> None:
        self.setMinimumWidth(340)
        self.image = ImageSection(self.model, self.viewer)
        self.psf = PsfSection(self.model, self.viewer)
        self.method = MethodSection(self.model)
        self.sections = with_steps(self.model, self.image, self.psf, self.method)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 2, 2)
        self.welcome = self._made_welcome()
        self.scrub = Scrub()
        self.scrub.opened.connect(self._reveal, Qt.ConnectionType.QueuedConnection)
        self.recipes = RecipeBar(self.model, self.viewer)
        for widget in (self.welcome, self.recipes, *self.sections, self.scrub):
            column.addWidget(widget)
        column.addStretch()
        self.scroll = scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(scroll, 1)
        self.foot = self._made_foot()
        whole.addWidget(self.foot)

    def _made_welcome(self) -> QWidget:
        welcome = QWidget()
        column = QVBoxLayout(welcome)
        words = QLabel(WELCOME)
        words.setWordWrap(True)
        self.open_sample = made_button(
            "Open the sample", "sample", "Simulated widefield cells with their PSF and their truth."
        )
        self.open_sample.clicked.connect(lambda: self.viewer.open_sample(*SAMPLE))
        column.addWidget(words)
        column.addWidget(self.open_sample)
        return welcome

    def _made_foot(self) -> Foot:
        foot = Foot(self.viewer, KEYS)
        self.keep, self.run, self.stop, self.side = foot.keep, foot.run, foot.stop, foot.side
        self.bar, self.status = foot.bar, foot.status
        foot.keep.toggled.connect(lambda is_on: self.model.choose(keeps_results=is_on))
        foot.run.clicked.connect(self.restore)
        foot.stop.clicked.connect(self.cancel)
        foot.side.clicked.connect(self.put_beside)
        foot.live.clicked.connect(self._on_live)
        foot.slab.activated.connect(lambda: self.live.take_planes(foot.slab.currentData()))
        self.live.switched.connect(self._on_switched)
        self.live.shown.connect(self._on_shown)
        self.live.failed.connect(lambda sentence: self._say(sentence, is_problem=True))
        return foot

    def _bind_keys(self) -> None:
        actions = {
            "restore": self.run.click,
            "cancel": self.stop.click,
            "beside": self.side.click,
            "live": self.foot.live.click,
        }
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
        for section in (self.recipes, *self.sections):
            section.setVisible(has_image)
        self._judging.start(JUDGE)

    def judge(self) -> Check:
        """Mark what is not valid, say it, and enable Restore when nothing is left."""
        check = self.model.check()
        for section in self.sections:
            section.mark(check.problems)
        self.run.setEnabled(check.is_ready and self._job is None)
        self.stop.setEnabled(self._job is not None)
        self.side.setEnabled(self.pair is not None)
        self.foot.live.setEnabled(self.live.is_on or (check.is_ready and self._job is None))
        self.live.aim(self._aim(check))
        self.tuning.follow(check, is_running=self._job is not None)
        if self._job is None and not (self.live.is_on and check.is_ready):
            said = " ".join(dict.fromkeys(check.problems.values()))
            self._say(said or "Ready.", is_problem=bool(check.problems) and self.model.source is not None)
        return check

    def _aim(self, check: Check) -> Aim | None:
        if not check.is_ready or check.image is None or check.recipe is None:
            return None
        return Aim(self.model.source, self.model.read_axes, check.image, check.recipe)

    @property
    def pair(self) -> tuple[Any, Any] | None:
        """The two layers that go side by side: while Live is on source and preview, else the last result and its source."""
        return (self.model.source, self.live.layer) if self.live.layer is not None else self._pair

    def _on_live(self, is_on: bool) -> None:
        self.live.switch(is_on, engine())

    def _on_switched(self, is_on: bool) -> None:
        self.foot.live.setChecked(is_on)
        if self.beside is not None and not is_on:
            self.beside.leave_when_drawn()
            self.beside = None
            self.side.setChecked(False)
        elif self.beside is not None:
            self.put_beside()
        self.judge()
        if is_on:
            self._say("Live: preparing the PSF …")

    def _on_shown(self, shown: Shown) -> None:
        self.side.setEnabled(True)
        self._say(worded(shown))

    def _reveal(self) -> None:
        self.scroll.ensureWidgetVisible(self.scrub)

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        self.foot.say(words, is_problem=is_problem)

    def restore(self) -> None:
        """Start a run with what is chosen now."""
        check = self.judge()
        if self._job is not None or check.image is None or check.recipe is None or not check.is_ready:
            return
        self.live.switch(False)
        layer, axes, image, region = self.model.source, self.model.read_axes, check.image, None
        if self.model.only_current:
            region = current_place(self.viewer, layer, axes)
        self._likeness = Likeness.of(layer, axes, region, image)
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
        self.recipes.add_run(layer.name, Recipe.parse(record["recipe"]), record["seconds"])
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
        elif self.pair and all(layer in self.viewer.layers for layer in self.pair):
            self.beside = SideBySide(self.viewer, *self.pair)
        self.side.setChecked(self.beside is not None)

    def let_go(self) -> None:
        """Stop what runs and leave the viewer's events and keys alone from now on."""
        if self._job is not None:
            self._job.abandon()
            self._job = None
        self.tuning.let_go()
        self.live.switch(False)
        self._watch(self.model.source, is_left=True)
        self.image.layers.let_go()
        self.psf.layers.let_go()
        for key in KEYS.values():
            self.viewer.bind_key(key, None)

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: napari takes the panel out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        elif event.type() == QEvent.Type.Show:
            join_tabs(self)
        return bool(super().event(event))
