"""Presets, recipes in and out, and the runs so far."""

from __future__ import annotations

import ast
import shlex
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QToolButton
from tests.gui.driving import choose, press, write

import napari_deconv as nd
from napari_deconv.cli.asked import asked_recipe
from napari_deconv.cli.flags import PsfFlags
from napari_deconv.gui.model import RestoreModel
from napari_deconv.gui.presets import PRESETS, as_command, as_python

RECIPES = [
    nd.Recipe(),
    nd.Recipe(psf={"kind": "gaussian", "sigma": [0.3, 0.15, 0.15]}, background=12.5, method={"kind": "wiener"}),
    nd.Recipe(method={"kind": "landweber", "iterations": 7, "positive": False}),
]


@pytest.mark.parametrize("recipe", RECIPES)
def test_as_command_line_and_back(recipe: nd.Recipe) -> None:
    words = shlex.split(as_command(recipe, "my cells.tif"))
    assert words[:4] == ["napari-deconv", "restore", "my cells.tif", "restored.ome.tif"]
    flags = dict(zip(words[4::2], words[5::2], strict=True))
    changes = [value for flag, value in zip(words[4::2], words[5::2], strict=True) if flag == "--set"]
    asked = asked_recipe(PsfFlags(psf=flags.get("--psf"), changes=changes), flags["--method"], {})
    assert asked.digest == recipe.digest


@pytest.mark.parametrize("recipe", RECIPES)
def test_as_python_and_back(recipe: nd.Recipe) -> None:
    script = ast.parse(as_python(recipe))
    (call,) = [
        node for node in ast.walk(script) if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "parse"
    ]
    assert nd.Recipe.parse(ast.literal_eval(call.args[0])) == recipe


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_goes_into_the_panels_state_and_comes_out(recipe: nd.Recipe) -> None:
    optics = {"numerical_aperture": 1.3, "immersion_index": 1.515}
    notes = {"napari_deconv": {"optics": optics, "channel": {"emission": 0.52}}}
    model = RestoreModel()
    model.choose(source=ImageLayer(np.ones((4, 16, 16)), scale=(0.3, 0.1, 0.1), units="micrometer", metadata=notes))
    model.type("method.landweber.iterations", 99)
    model.take(recipe)
    taken = model.check().recipe
    assert taken is not None
    assert (taken.method, taken.background) == (recipe.method, recipe.background)
    assert recipe.psf is None or taken.psf == recipe.psf


@pytest.mark.parametrize("preset", PRESETS, ids=lambda each: each.title)
def test_presets_are_valid(preset: Any) -> None:
    assert nd.Recipe(method=dict(preset.method)).method.kind in nd.methods.names()
    assert preset.why.endswith(".")


def pick(qtbot: Any, panel: Any, button: str, words: str) -> None:
    """Choose an entry of a button's menu with the keyboard."""
    menu = panel.findChild(QToolButton, button).menu()
    menu.popup(panel.mapToGlobal(panel.rect().topLeft()))
    qtbot.waitUntil(menu.isVisible, timeout=3000)
    entry = next(each for each in menu.actions() if each.text().startswith(words))
    menu.setActiveAction(entry)
    qtbot.keyClick(menu, Qt.Key.Key_Return)


def test_in_the_window(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any], tmp_path: Path) -> None:
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    pick(qtbot, panel, "presets", "Light-sheet")
    asked = panel.model.check().recipe
    assert (asked.method.iterations, asked.method.acceleration) == (15, "heavy-ball")
    path = tmp_path / "mine"
    with patch.object(QFileDialog, "getSaveFileName", return_value=(str(path), "")):
        pick(qtbot, panel, "recipe", "Save")
    assert nd.Recipe.load(f"{path}.yaml") == asked
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: "cells [Richardson-Lucy]" in viewer.layers, timeout=40000)
    pick(qtbot, panel, "presets", "A quick look")
    assert panel.method.method.currentText() == "Wiener"
    pick(qtbot, panel, "recipe", "Copy as command")
    assert "--method wiener" in QApplication.clipboard().text()
    pick(qtbot, panel, "runs", "cells [Richardson-Lucy]")
    assert panel.model.check().recipe == asked
    pick(qtbot, panel, "presets", "A quick look")
    pick(qtbot, panel, "recipe", "From the selected")
    assert panel.model.check().recipe == asked, "the result is selected"
