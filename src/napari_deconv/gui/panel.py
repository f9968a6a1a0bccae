"""The Restore panel: choose an image, a PSF and a method, press Restore, see the result beside its source."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFrame, QScrollArea, QVBoxLayout, QWidget

from ..recipe import Recipe
from ..running.preview import Shown
from .chosen import chosen_values, chosen_words, worded
from .compare import SideBySide
from .dock import let_right_docks_reach_down, take_place, window_sizes
from .entries import entry_of, selected_entries
from .foot import Foot
from .job import Step
from .keys import bind_keys, free_keys
from .layer_box import unwrapped
from .live import Aim, Live
from .model import Check, RestoreModel
from .preferences import engine
from .queue_model import Entry
from .queue_view import QueueView
from .recipe_bar import RecipeBar
from .remembered import Remembered
from .runs import Runs
from .scrub import Scrub
from .sections import ImageSection, MethodSection, PsfSection, source_image
from .steps_section import with_steps
from .sweep_sheet import SweepSheet
from .tuning import Tuning
from .untrusted import UntrustedSection
from .welcome import Welcome

__all__ = ["KEYS", "RestorePanel"]

KEYS = {
    "restore": "Control-Shift-R",
    "cancel": "Control-Shift-K",
    "beside": "Control-Shift-B",
    "live": "Control-Shift-L",
    "queue": "Control-Shift-A",
    "sweep": "Control-Shift-E",
}
"""Keys that napari does not use; they work on the canvas and in the panel."""
JUDGE = 30
"""Milliseconds after the last change until the choices are judged."""


class RestorePanel(QWidget):  # type: ignore[misc]
    """The dock widget; its state is a `RestoreModel`."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.sizes_before = window_sizes()
        self.model = RestoreModel()
        self.beside: SideBySide | None = None
        self.live = Live(self.viewer)
        self.runs = Runs(self.viewer)
        self.sheet: SweepSheet | None = None
        self._pair: tuple[Any, Any] | None = None
        self._placed: Mapping[str, Any] = {}
        self._judging = QTimer(self)
        self._judging.setSingleShot(True)
        self._judging.timeout.connect(self.judge)
        self._build()
        self.remembered = Remembered(self.model, self.foot)
        self.live.around = self.foot.slab.currentData()
        self.model.choose(source=self.image.layers.layer, psf_layer=self.psf.layers.layer)
        self._watch(self.model.source)
        self.image.layers.chosen.connect(self._on_source)
        self.model.changed.connect(self._on_changed)
        buttons = {"restore": self.run, "cancel": self.stop, "beside": self.side}
        buttons |= {"live": self.foot.live, "queue": self.foot.queue, "sweep": self.foot.sweep}
        bind_keys(self.viewer, self, {KEYS[name]: button.click for name, button in buttons.items()})
        self.tuning = Tuning(self.model, self.live, self.foot, self.scrub)
        for end in (self.runs.abandon, self.tuning.let_go, self.live.end, self.remembered.let_go):
            self.destroyed.connect(end)
        self._on_changed()
        self.judge()

    def _build(self) -> None:
        self.setMinimumWidth(340)
        self.image = ImageSection(self.model, self.viewer)
        self.psf = PsfSection(self.model, self.viewer)
        self.method = MethodSection(self.model)
        self.untrusted = UntrustedSection(self.model, self.viewer)
        self.sections = (*with_steps(self.model, self.image, self.psf, self.method), self.untrusted)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 2, 2)
        self.welcome = Welcome(self.viewer)
        self.scrub = Scrub()
        self.recipes = RecipeBar(self.model, self.viewer)
        self.queue = QueueView(self.runs)
        self.scrub.opened.connect(self._reveal_scrub, Qt.ConnectionType.QueuedConnection)
        self.queue.opened.connect(self._reveal_queue, Qt.ConnectionType.QueuedConnection)
        for widget in (self.welcome, self.recipes, *self.sections, self.scrub, self.queue):
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

    def _made_foot(self) -> Foot:
        foot = Foot(self.viewer, KEYS)
        self.keep, self.run, self.stop, self.side = foot.keep, foot.run, foot.stop, foot.side
        self.bar, self.status = foot.bar, foot.status
        foot.keep.toggled.connect(lambda is_on: self.model.choose(keeps_results=is_on))
        foot.run.clicked.connect(self.restore)
        foot.queue.clicked.connect(self.enqueue)
        foot.sweep.clicked.connect(self.open_sweep)
        foot.stop.clicked.connect(self.cancel)
        foot.side.clicked.connect(self.put_beside)
        foot.live.clicked.connect(lambda is_on: self.live.switch(is_on, engine()))
        foot.slab.activated.connect(lambda: self.live.take_planes(foot.slab.currentData()))
        self.live.switched.connect(self._on_switched)
        self.live.shown.connect(self._on_shown)
        self.live.failed.connect(lambda sentence: self.foot.say(sentence, is_problem=True))
        self.runs.began.connect(self._on_began)
        self.runs.progressed.connect(self._on_progress)
        self.runs.placed.connect(self._on_placed)
        self.runs.ended.connect(self._on_ended)
        return foot

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
        if not (self._judging.isActive() and self.live.is_quick):
            self._judging.start(JUDGE)

    def judge(self) -> Check:
        """Mark what is not valid, say it, and enable Restore when nothing is left."""
        check = self.model.check()
        for section in self.sections:
            section.mark(check.problems)
        is_running = self.runs.is_running
        self.run.setEnabled(check.is_ready and not is_running)
        for button in (self.foot.queue, self.foot.sweep):
            button.setEnabled(check.is_ready)
        self.stop.setEnabled(is_running)
        self.side.setEnabled(self.pair is not None)
        self.foot.live.setEnabled(self.live.is_on or (check.is_ready and not is_running))
        self.live.aim(self._aim(check))
        if check.is_ready and self.remembered.starts_live():
            self.live.switch(True, engine())
        self.tuning.follow(check, is_running=is_running)
        if not is_running and not (self.live.is_on and check.is_ready):
            said = " ".join(dict.fromkeys(check.problems.values()))
            self.foot.say(said or "Ready.", is_problem=bool(check.problems) and self.model.source is not None)
        return check

    def _aim(self, check: Check) -> Aim | None:
        if not check.is_ready or check.image is None or check.recipe is None:
            return None
        return Aim(self.model.source, self.model.read_axes, check.image, check.recipe)

    @property
    def pair(self) -> tuple[Any, Any] | None:
        """The two layers that go side by side: while Live is on source and preview, else the last result and its source."""
        return (self.model.source, self.live.layer) if self.live.layer is not None else self._pair

    def _on_switched(self, is_on: bool) -> None:
        self.foot.live.setChecked(is_on)
        if self.beside is not None and not is_on:
            self.beside.leave()
            self.beside = None
            self.side.setChecked(False)
        elif self.beside is not None:
            self.put_beside()
        self.judge()
        if is_on:
            self.foot.say("Live: preparing the PSF …")

    def _on_shown(self, shown: Shown) -> None:
        self.side.setEnabled(True)
        self.foot.say(worded(shown))
        if shown.is_last and shown.image.history:
            self.method.show_chosen(chosen_values(shown.image.history[-1]))

    def _reveal_scrub(self) -> None:
        self.scroll.ensureWidgetVisible(self.scrub)

    def _reveal_queue(self) -> None:
        self.scroll.ensureWidgetVisible(self.queue)

    def restore(self) -> None:
        """Start a run with what is chosen now."""
        check = self.judge()
        if check.is_ready and not self.runs.is_running:
            self.runs.add(entry_of(self.viewer, self.model, self.model.source, check))

    def enqueue(self) -> None:
        """Add what is chosen now to the queue; where several image layers are selected, all of them."""
        for entry in selected_entries(self.viewer, self.model):
            self.runs.add(entry)

    def cancel(self) -> None:
        """Stop the run at its next estimate."""
        if self.runs.is_running:
            self.runs.cancel()
            self.stop.setEnabled(False)
            self.foot.say("Cancelling …")

    def _on_began(self, entry: Entry) -> None:
        self.live.switch(False)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.judge()
        self.foot.say("Preparing the PSF …")

    def _on_progress(self, entry: Entry, step: Step) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * step.fraction))
        if self.stop.isEnabled():
            several = len(self.runs.queue.entries) > 1
            self.foot.say(f"{entry.name}: {step.words}" if several else step.words)

    def _on_placed(self, entry: Entry, layer: Any, record: Any) -> None:
        self._pair, self._placed = (entry.likeness.layer, layer), record
        self.recipes.add_run(layer.name, Recipe.parse(record["recipe"]), record["seconds"])

    def _on_ended(self, entry: Entry) -> None:
        if not self.runs.is_running:
            self.bar.hide()
        self.judge()
        record, self._placed = self._placed, {}
        self.foot.say(f"{entry.words} {chosen_words(record)}".strip(), is_problem=entry.state == "failed")
        self.method.show_chosen(chosen_values(record))

    def open_sweep(self) -> None:
        """Open the contact sheet below the canvas, or bring it to the front."""
        if self.sheet is None or self.sheet.parent() is None:
            self.sheet = SweepSheet(self.viewer, self.model, self.live, lambda: self._aim(self.model.check()))
            self.viewer.window.add_dock_widget(self.sheet, name="Sweep (Deconvolution)", area="bottom")
            let_right_docks_reach_down(self.sheet)
        self.sheet.parent().show()
        self.sheet.parent().raise_()

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
        self.runs.abandon()
        self.remembered.let_go()
        if self.sheet is not None and self.sheet.parent() is not None:
            self.viewer.window.remove_dock_widget(self.sheet)
        self.tuning.let_go()
        self.untrusted.let_go()
        self.live.switch(False)
        self._watch(self.model.source, is_left=True)
        self.image.layers.let_go()
        self.psf.layers.let_go()
        free_keys(self.viewer, KEYS)

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: napari takes the panel out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        elif event.type() == QEvent.Type.Show:
            take_place(self)
        return bool(super().event(event))
