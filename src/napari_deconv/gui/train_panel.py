"""The Train panel: choose what to learn from, press Train, watch a crop sharpen, find the network in the Restore panel."""

from __future__ import annotations

import shutil
from typing import Any

from napari.utils.notifications import show_error
from qtpy.QtCore import QEvent, Qt, QTimer
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QScrollArea, QTabWidget, QVBoxLayout, QWidget

from ..learned.shelf import KeptModel, kept_models
from .crop_layer import CropLayer
from .dock import problem_style, take_place, window_sizes
from .foot import made_button
from .layer_box import unwrapped
from .loss_curve import LossCurve
from .models_tab import ModelsTab
from .panel import RestorePanel
from .preferences import engine
from .sections import ImageSection, PsfSection, source_image
from .train_job import TrainJob
from .train_model import TrainLook, TrainModel, in_words
from .train_sections import ExamplesSection, NetworkSection

__all__ = ["TrainPanel"]

JUDGE = 80
"""Milliseconds after the last change until the choices are judged."""


class TrainPanel(QWidget):  # type: ignore[misc]
    """The dock widget; its state is a `TrainModel`."""

    def __init__(self, napari_viewer: Any) -> None:
        super().__init__()
        self.viewer = unwrapped(napari_viewer)
        self.sizes_before = window_sizes()
        self.model = TrainModel()
        self.crop = CropLayer(self.viewer)
        self.job: TrainJob | None = None
        self._is_discarding = False
        self._ending: tuple[str, bool] = ("", False)
        self._judging = QTimer(self)
        self._judging.setSingleShot(True)
        self._judging.timeout.connect(self.judge)
        self._build()
        self.model.restore.choose(source=self.image.layers.layer, psf_layer=self.psf.layers.layer)
        self.model.choose(better=self.examples.better.layer)
        self.image.layers.chosen.connect(lambda layer: self.model.restore.choose(source=layer))
        self.model.changed.connect(self._on_changed)
        self._on_changed()
        self.judge()

    def _build(self) -> None:
        self.setMinimumWidth(390)
        self.examples = ExamplesSection(self.model, self.viewer)
        self.image = ImageSection(self.model.restore, self.viewer)
        self.psf = PsfSection(self.model.restore, self.viewer)
        self.network = NetworkSection(self.model)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(2, 2, 2, 2)
        for section in (self.examples, self.image, self.psf, self.network):
            column.addWidget(section)
        column.addStretch()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        scroll.setWidget(inside)
        page = QWidget()
        whole = QVBoxLayout(page)
        whole.setContentsMargins(4, 4, 4, 4)
        whole.addWidget(scroll, 1)
        self._add_foot(whole)
        self.models = ModelsTab(self.viewer)
        self.models.wanted.connect(self.use)
        self.models.changed.connect(self._on_changed)
        self.tabs = QTabWidget()
        self.tabs.addTab(page, "Train")
        self.tabs.addTab(self.models, "My models")
        outer = QVBoxLayout(self)
        outer.setContentsMargins(2, 2, 2, 2)
        outer.addWidget(self.tabs)

    def _add_foot(self, column: QVBoxLayout) -> None:
        self.run = made_button("Train", "train", "Train a network, or go on with the one that was paused.")
        self.stop = made_button("Pause", "pause", "Stop; what was learned is kept, and Train goes on from there.")
        self.discard = made_button("Discard", "discard", "Stop, and throw away what was learned.")
        self.run.clicked.connect(self.train)
        self.stop.clicked.connect(self.pause)
        self.discard.clicked.connect(self.throw_away)
        self.curve = LossCurve()
        self.curve.hide()
        self.bar = QProgressBar()
        self.bar.setRange(0, 1000)
        self.bar.setTextVisible(False)
        self.bar.setMaximumHeight(10)
        self.bar.hide()
        self.status = QLabel()
        self.status.setObjectName("status")
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(2 * self.status.fontMetrics().lineSpacing() + 4)
        row = QHBoxLayout()
        for button in (self.run, self.stop, self.discard):
            row.addWidget(button)
        column.addLayout(row)
        for widget in (self.curve, self.bar, self.status):
            column.addWidget(widget)

    def _on_changed(self) -> None:
        self._ending = ("", False)
        image = source_image(self.model.restore)
        for section in (self.image, self.psf):
            section.refresh(image)
        self.image.setVisible(self.model.source != "folders")
        self.image.rows.setRowVisible(self.image.part, False)
        self.examples.refresh()
        self.network.refresh()
        self._judging.start(JUDGE)

    def judge(self) -> TrainLook:
        """Mark what is not valid, say it, and enable Train when nothing is left."""
        look = self.model.look()
        for section in (self.image, self.psf, self.network, self.examples):
            section.mark(look.problems)
        is_paused = self.job is None and look.order is not None and look.order.goes_on
        self.run.setText("Go on" if is_paused else "Train")
        self.run.setEnabled(look.order is not None and self.job is None)
        self.stop.setEnabled(self.job is not None)
        self.discard.setEnabled(self.job is not None or is_paused)
        if self.job is None:
            ready = (
                f"'{look.order.name}' was paused: go on with it, or discard it."
                if look.order and is_paused
                else "Ready."
            )
            words, is_problem = self._ending if self._ending[0] else (ready, False)
            told = " ".join(dict.fromkeys(look.problems.values()))
            self.say(told or words, is_problem=bool(told) or is_problem)
        return look

    def train(self) -> None:
        """Start what is chosen now, or go on with it."""
        look = self.judge()
        if self.job is not None or look.order is None:
            return
        self._is_discarding = False
        if not look.order.goes_on:
            self.curve.clear()
        self.crop.place_beside(self.model.restore.source if self.model.source != "folders" else None)
        self.job = TrainJob(look.order, engine()["device"])
        self.job.progressed.connect(self._on_progress)
        self.job.finished.connect(self._on_finished)
        self.job.failed.connect(self._on_failed)
        self.job.paused.connect(self._on_paused)
        self.curve.show()
        self.bar.setRange(0, 0)
        self.bar.show()
        self.judge()
        self.say("Preparing the PSF …")
        self.job.start()

    def pause(self) -> None:
        """Stop at the next step; what was learned is kept."""
        if self.job is not None:
            self.job.pause()
            self.stop.setEnabled(False)
            self.say("Pausing …")

    def throw_away(self) -> None:
        """Stop, and forget what was learned."""
        self._is_discarding = True
        if self.job is not None:
            self.job.pause()
            self.say("Stopping …")
            return
        look = self.model.look()
        if look.order is not None:
            self._forget(look.order)

    def _forget(self, order: Any) -> None:
        shutil.rmtree(order.folder, ignore_errors=True)
        self.crop.remove()
        self.curve.clear()
        self.curve.hide()
        self._end(f"'{order.name}' was discarded.")

    def _on_progress(self, progress: Any) -> None:
        self.bar.setRange(0, 1000)
        self.bar.setValue(round(1000 * progress.fraction))
        if progress.stage == "learning":
            self.curve.add(progress.step, progress.steps, progress.loss, progress.judged)
        if progress.crop is not None:
            self.crop.show_crop(progress.crop)
        if self.stop.isEnabled():
            words = in_words(progress)
            self.say(words[:1].upper() + words[1:] + ".")

    def _on_finished(self, kept: KeptModel) -> None:
        self.models.refresh(kept.name)
        self.network.name.clear()
        self._end(f"'{kept.name}' is trained: choose Network in the Restore panel, or press Use under My models.")
        self.offer(kept)

    def _on_paused(self) -> None:
        job = self.job
        if self._is_discarding and job is not None:
            self._forget(job.order)
        elif job is not None and job.order.name in [each.name for each in kept_models()]:
            self.models.refresh(job.order.name)
            self._end(f"'{job.order.name}' had just been trained: it is under My models.")
        else:
            self._end("Paused: Train goes on from here, in this session or another.")

    def _on_failed(self, sentence: str) -> None:
        self._end(sentence, is_problem=True)
        show_error(sentence)

    def _end(self, words: str, *, is_problem: bool = False) -> None:
        self.job = None
        self._is_discarding = False
        self._ending = (words, is_problem)
        self.bar.hide()
        self.judge()
        self.say(words, is_problem=is_problem)

    def say(self, words: str, *, is_problem: bool = False) -> None:
        """Show a sentence."""
        self.status.setText(words)
        self.status.setStyleSheet(problem_style(self.viewer) if is_problem else "")

    def offer(self, kept: KeptModel) -> None:
        """Let the Restore panels that are open take a model as the network's weights."""
        for panel in self.window().findChildren(RestorePanel):
            panel.model.type("method.network.weights", str(kept.path))

    def use(self, kept: KeptModel) -> None:
        """Open the Restore panel with a model as its network."""
        there = [each for each in self.window().findChildren(RestorePanel) if each.isVisibleTo(self.window())]
        panel = there[0] if there else self.viewer.window.add_plugin_dock_widget("napari-deconv", "Restore")[1]
        panel.model.type("method.network.weights", str(kept.path))
        panel.model.choose(method="network")
        self.models.say(f"The Restore panel has '{kept.name}' as its network.")

    def let_go(self) -> None:
        """Pause what runs, and leave the viewer's events alone from now on."""
        if self.job is not None:
            self.job.abandon()
            self.job = None
        for box in (self.image.layers, self.psf.layers, self.examples.better):
            box.let_go()

    def event(self, event: QEvent) -> bool:
        """Stand in a tab beside the other panels; let go when the dock is closed."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        if event.type() == QEvent.Type.Show:
            take_place(self)
        return bool(super().event(event))
