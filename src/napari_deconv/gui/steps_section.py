"""The lists of steps before and after the method: added from a drop-down, reordered, removed, each with its own form."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QComboBox, QFrame, QHBoxLayout, QLabel, QToolButton, QVBoxLayout, QWidget

from .. import steps
from ..image import Image
from ..settings import describe
from ..steps.base import FINISH, PREPARE
from .fold import Fold
from .form import Form
from .model import RestoreModel
from .sections import Section

__all__ = ["StepsSection", "with_steps"]

TITLES = {PREPARE: "Preparation", FINISH: "Finishing"}
WRONG = "color: #d62728;"


class StepsSection(QFrame):  # type: ignore[misc]
    """One stage's steps, folded away while there are none."""

    def __init__(self, stage: str, model: RestoreModel) -> None:
        super().__init__()
        self.stage, self.model = stage, model
        self.boxes: list[StepBox] = []
        self._kinds: tuple[str, ...] = ()
        inside = QWidget()
        self.column = QVBoxLayout(inside)
        self.column.setContentsMargins(0, 0, 0, 0)
        self.add = self._made_adder()
        self.problem = QLabel()
        self.problem.setWordWrap(True)
        self.problem.setStyleSheet(WRONG)
        self.column.addWidget(self.add)
        self.column.addWidget(self.problem)
        self.fold = Fold(TITLES[stage], inside)
        self.fold.setObjectName(stage)
        whole = QVBoxLayout(self)
        whole.setContentsMargins(8, 0, 8, 0)
        whole.addWidget(self.fold)

    def _made_adder(self) -> QComboBox:
        box = QComboBox()
        box.setObjectName("add step")
        box.setToolTip(f"Add a step that the {'image' if self.stage == PREPARE else 'result'} goes through.")
        box.addItem("Add a step …", None)
        for kind, step in steps.family.members().items():
            if self.stage in step.stages:
                box.addItem(step.title, kind)
                box.setItemData(box.count() - 1, step.summary, Qt.ItemDataRole.ToolTipRole)
        box.activated.connect(self._on_added)
        return box

    def _on_added(self, number: int) -> None:
        kind = self.add.itemData(number)
        self.add.setCurrentIndex(0)
        if kind is not None:
            self.model.steps.add(self.stage, kind)

    def refresh(self, image: Image | None) -> None:
        """Show the model's steps; forms are made anew only when another step stands at a place."""
        chosen = self.model.steps.of(self.stage)
        kinds = tuple(each.kind for each in chosen)
        if kinds != self._kinds:
            self._kinds = kinds
            self._rebuild()
        for box, each in zip(self.boxes, chosen, strict=True):
            box.form.show_values(each.typed)
        count = f" ({len(kinds)})" if kinds else ""
        self.fold.setText(f"{TITLES[self.stage]}{count}")
        if kinds and not self.fold.isExpanded():
            self.fold.expand()

    def _rebuild(self) -> None:
        for box in self.boxes:
            self.column.removeWidget(box)
            box.deleteLater()
        self.boxes = [StepBox(kind, number, self) for number, kind in enumerate(self._kinds)]
        for number, box in enumerate(self.boxes):
            self.column.insertWidget(number, box)

    def mark(self, problems: Mapping[str, str]) -> None:
        """Mark the fields that are not valid, and say which step does not fit the image."""
        for number, box in enumerate(self.boxes):
            box.form.mark({name: problems.get(f"{self.stage}.{number}.{name}", "") for name in box.form.fields})
        self.problem.setText(problems.get(self.stage, ""))
        self.problem.setVisible(self.stage in problems)


def with_steps(
    model: RestoreModel, image: Section, psf: Section, method: Section
) -> tuple[Section | StepsSection, ...]:
    """Return the panel's sections with the steps before and after the method at their places."""
    return image, psf, StepsSection(PREPARE, model), method, StepsSection(FINISH, model)


class StepBox(QFrame):  # type: ignore[misc]
    """One step: its title, buttons to move and remove it, its form, and what it does to the noise before the method."""

    def __init__(self, kind: str, number: int, section: StepsSection) -> None:
        super().__init__()
        step, model, stage = steps.family[kind], section.model, section.stage
        self.setObjectName(f"step {number}")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        column = QVBoxLayout(self)
        column.setContentsMargins(4, 2, 4, 2)
        row = QHBoxLayout()
        title = QLabel(f"<b>{step.title}</b>")
        title.setToolTip(step.summary)
        row.addWidget(title, 1)
        for name, sign, action in (
            ("up", "▲", partial(model.steps.move, stage, number, -1)),
            ("down", "▼", partial(model.steps.move, stage, number, 1)),
            ("remove", "✕", partial(model.steps.remove, stage, number)),
        ):
            row.addWidget(_made_button(name, sign, action))
        column.addLayout(row)
        self.form = Form(describe(step))
        self.form.edited.connect(lambda name, value: model.steps.type(stage, number, name, value))
        column.addWidget(self.form)
        said = f"Before the method: {step.noise_notice}" if step.noise_notice else ""
        if words := said if stage == PREPARE else step.part_notice():
            notice = QLabel(f"{words}.")
            notice.setObjectName("notice")
            notice.setWordWrap(True)
            column.addWidget(notice)


def _made_button(name: str, sign: str, action: Any) -> QToolButton:
    button = QToolButton()
    button.setObjectName(name)
    button.setText(sign)
    button.setToolTip({"up": "Earlier", "down": "Later", "remove": "Remove"}[name])
    button.clicked.connect(lambda: action())
    return button
