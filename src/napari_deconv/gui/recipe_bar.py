"""The row above the Restore panel's sections: presets, the recipe in and out, and the runs so far."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error, show_info
from qtpy.QtWidgets import QApplication, QFileDialog, QHBoxLayout, QMenu, QSizePolicy, QToolButton, QWidget

from .. import methods
from ..recipe import Recipe
from .layers import told_of
from .model import RestoreModel
from .presets import PRESETS, as_command, as_python

__all__ = ["RecipeBar"]

KEPT = 20
"""Runs that are listed."""
FILES = "Recipes (*.yaml *.yml)"


class RecipeBar(QWidget):  # type: ignore[misc]
    """Three menus over one model."""

    def __init__(self, model: RestoreModel, viewer: Any) -> None:
        super().__init__()
        self.model, self.viewer = model, viewer
        self.runs: list[tuple[str, Recipe]] = []
        self.presets = self._made("Presets", "presets", "A method to begin with in a situation; adjust it as you like.")
        self.recipe = self._made("Recipe", "recipe", "Save, load or copy all that is chosen here.")
        self.history = self._made("Runs", "runs", "The runs of this session: go back to the recipe of any.")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        for button in (self.presets, self.recipe, self.history):
            row.addWidget(button)
        for preset in PRESETS:
            self._offer(self.presets, preset.title, partial(self._take_method, preset.method), preset.why)
        for words, action, tooltip in (
            ("Save…", self.save, "Write a YAML file that the command line and scripts take."),
            ("Load…", self.load, "Read a recipe's YAML file."),
            ("From the selected result", self.take_from_layer, "Choose what made the selected layer."),
            ("Copy as Python", lambda: self._copy(as_python), "A script that runs it on a file."),
            ("Copy as command line", lambda: self._copy(as_command), "The command that runs it on a file."),
        ):
            self._offer(self.recipe, words, action, tooltip)
        self.history.setEnabled(False)

    def add_run(self, name: str, recipe: Recipe, seconds: float) -> None:
        """List a run, the newest first."""
        self.runs = [(f"{name}, {recipe.digest[:6]}, {seconds:.1f} s", recipe), *self.runs][:KEPT]
        self.history.menu().clear()
        for words, each in self.runs:
            self._offer(self.history, words, partial(self.model.take, each), each.to_yaml())
        self.history.setEnabled(True)

    def save(self) -> None:
        """Ask for a file and write the recipe."""
        recipe = self._current()
        if recipe is None:
            return
        path, _ = QFileDialog.getSaveFileName(self, "Save the recipe", "recipe.yaml", FILES)
        if path:
            self._try(lambda: recipe.save(path if Path(path).suffix else f"{path}.yaml"))

    def load(self) -> None:
        """Ask for a file and take its recipe."""
        path, _ = QFileDialog.getOpenFileName(self, "Load a recipe", "", FILES)
        if path:
            self._try(lambda: self.model.take(Recipe.load(path)))

    def take_from_layer(self) -> None:
        """Take the recipe of the selected layer, where it is a result."""
        layer = self.viewer.layers.selection.active
        values = told_of(layer).get("recipe") if layer is not None else None
        if values is None:
            show_error("Select a layer that was restored: only a result holds its recipe.")
        else:
            self._try(lambda: self.model.take(Recipe.parse(dict(values))))

    def _take_method(self, method: Any) -> None:
        self.model.take_method(methods.family.parse(dict(method)))

    def _copy(self, worded: Callable[[Recipe, str], str]) -> None:
        recipe = self._current()
        if recipe is not None:
            source = getattr(getattr(self.model.source, "source", None), "path", None) or "cells.tif"
            QApplication.clipboard().setText(worded(recipe, str(source)))
            show_info("Copied.")

    def _current(self) -> Recipe | None:
        check = self.model.check()
        if check.recipe is None or not check.is_ready:
            show_error(" ".join(dict.fromkeys(check.problems.values())))
            return None
        return check.recipe

    @staticmethod
    def _try(action: Callable[[], Any]) -> None:
        try:
            action()
        except (ValueError, OSError) as error:
            show_error(str(error))

    @staticmethod
    def _made(words: str, name: str, tooltip: str) -> QToolButton:
        button = QToolButton()
        button.setText(words)
        button.setObjectName(name)
        button.setToolTip(tooltip)
        button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        button.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        menu = QMenu(button)
        menu.setToolTipsVisible(True)
        button.setMenu(menu)
        return button

    @staticmethod
    def _offer(button: QToolButton, words: str, action: Callable[[], Any], tooltip: str) -> None:
        entry = button.menu().addAction(words)
        entry.setToolTip(tooltip)
        entry.triggered.connect(lambda checked=False: action())
