"""Saturated pixels in the Restore panel: from how many counts a pixel is not trusted, and such pixels shown as a layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from qtpy.QtWidgets import QFrame, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from ..image import Image
from ..preparing import untrusted_pixels
from ..recipe import Recipe
from ..settings import describe
from .compare import HELPER
from .fields import make_field
from .fold import Fold
from .foot import made_button
from .model import Check, RestoreModel
from .results import Likeness
from .task import Task

__all__ = ["UntrustedSection", "show_marks"]

SATURATION = next(each for each in describe(Recipe) if each.name == "saturation")


class UntrustedSection(QFrame):  # type: ignore[misc]
    """The recipe's ``saturation``, folded away, and a button that shows which pixels it means."""

    def __init__(self, model: RestoreModel, viewer: Any) -> None:
        super().__init__()
        self.model, self.viewer = model, viewer
        self._task: Task | None = None
        self.field = make_field(SATURATION)
        self.show_them = made_button(
            "Show them",
            "show saturated",
            "A layer that is red where the method does without a pixel: saturated or hot ones.",
        )
        self.words = QLabel()
        self.words.setObjectName("saturated words")
        self.words.setWordWrap(True)
        inside = QWidget()
        column = QVBoxLayout(inside)
        column.setContentsMargins(0, 0, 0, 0)
        row = QHBoxLayout()
        row.addWidget(self.field.label)
        row.addWidget(self.field, 1)
        column.addLayout(row)
        row = QHBoxLayout()
        row.addWidget(self.words, 1)
        row.addWidget(self.show_them)
        column.addLayout(row)
        self.fold = Fold("Saturated pixels", inside)
        self.fold.setObjectName("saturation")
        whole = QVBoxLayout(self)
        whole.setContentsMargins(8, 0, 8, 0)
        whole.addWidget(self.fold)
        self.field.edited.connect(lambda value: model.choose(saturation="auto" if value is None else value))
        self.show_them.clicked.connect(self._begin)

    def refresh(self, image: Image | None) -> None:
        """Show the model's value; of an RGB picture there is nothing to show."""
        self.field.show_value(self.model.saturation)
        self.show_them.setVisible(image is not None and not self.model.source.rgb)

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the field."""
        self.field.mark(problems.get("saturation", ""))
        if "saturation" in problems and not self.fold.isExpanded():
            self.fold.expand()

    def _begin(self) -> None:
        check, layer, axes = self.model.check(), self.model.source, self.model.read_axes
        if self._task is not None or check.image is None or check.recipe is None:
            return
        image, recipe = check.image, check.recipe
        self.words.setText("Looking …")
        self._task = Task(lambda: untrusted_pixels(image, recipe))
        self._task.done.connect(lambda marks: self._on_done(marks, layer, axes, check))
        self._task.failed.connect(self._end)
        self._task.start()

    def _on_done(self, marks: Image, layer: Any, axes: str, check: Check) -> None:
        count, share = int(np.count_nonzero(marks.data)), float(np.mean(marks.data != 0))
        if count and layer in self.viewer.layers:
            show_marks(self.viewer, layer, axes, check, marks)
        self._end(f"{count} pixels ({share:.2%}) are left out." if count else "No pixel is saturated.")

    def _end(self, words: str) -> None:
        self._task = None
        self.words.setText(words)

    def let_go(self) -> None:
        """Tell nothing more: the window is going."""
        if self._task is not None:
            self._task.let_go()


def show_marks(viewer: Any, layer: Any, axes: str, check: Check, marks: Image) -> Any:
    """Show marks (1 where a pixel is not trusted) in red over their source, or bring their layer up to date; return it."""
    recipe = check.recipe.dump() if check.recipe is not None else {}
    marks = marks.replace(history=(*marks.history, {"recipe": recipe}))
    data, told = Likeness.of(layer, axes, None, check.image).shown(marks)
    name = f"{layer.name} [not trusted]"
    if name in viewer.layers and viewer.layers[name].data.shape == data.shape:
        viewer.layers[name].data = data
        return viewer.layers[name]
    if name in viewer.layers:
        viewer.layers.remove(name)
    kept = {key: told[key] for key in ("scale", "translate", "units", "axis_labels", "rotate", "shear", "affine")}
    looks = {"colormap": "red", "blending": "additive", "contrast_limits": (0, 1)}
    return viewer.add_image(data, name=name, metadata={HELPER: True}, **looks, **kept)
