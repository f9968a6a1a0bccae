"""Preparation and finishing in the Restore panel: added, filled in, moved and removed, and what they do to the result's place."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QToolButton
from tests.gui.driving import choose, press, write

import napari_deconv as nd
from napari_deconv.gui.model import RestoreModel
from napari_deconv.gui.steps_section import StepsSection


def section_of(panel: Any, stage: str) -> StepsSection:
    return next(each for each in panel.findChildren(StepsSection) if each.stage == stage)


def test_a_recipe_with_steps_goes_into_the_state_and_comes_out() -> None:
    model = RestoreModel()
    model.choose(source=ImageLayer(np.ones((4, 16, 16)), scale=(0.3, 0.1, 0.1), units="micrometer"))
    recipe = nd.Recipe(
        psf={"kind": "gaussian", "sigma": 0.2},
        prepare=["hot-pixels", {"kind": "crop", "x": (2, 12)}],
        finish=[{"kind": "normalise", "value": 5}],
    )
    model.take(recipe)
    assert model.check().recipe == recipe
    model.steps.move("prepare", 0, 1)
    model.steps.type("finish", 0, "value", 7)
    model.steps.remove("prepare", 0)
    changed = model.check().recipe
    assert changed is not None
    assert [type(step).__name__ for step in changed.prepare] == ["HotPixels"]
    assert changed.finish[0].value == 7  # type: ignore[attr-defined]
    model.steps.type("finish", 0, "value", -7)
    assert "greater than 0" in model.check().problems["finish.0.value"]
    model.steps.remove("finish", 0)
    model.steps.add("prepare", "flat-field")
    assert "fill it in" in model.check().problems["prepare.1.path"]
    model.steps.type("prepare", 1, "path", "nowhere.tif")
    assert "there is no flat field" in model.check().problems["prepare"]


def test_in_the_window(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer", translate=(1, 2, 3))
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    choose(qtbot, panel, "method", "Wiener")
    section = section_of(panel, "prepare")
    for kind in ("crop", "rescale", "rolling-ball"):
        section.add.activated.emit(section.add.findData(kind))
    assert [box.form.fields.keys() for box in section.boxes][1] == {"lateral", "axial"}
    write(qtbot, section.boxes[0].form.fields["y"].findChild(QLineEdit), "4 20")
    write(qtbot, section.boxes[1].form.fields["lateral"].findChild(QLineEdit), "2")
    qtbot.mouseClick(section.boxes[2].findChild(QToolButton, "up"), Qt.MouseButton.LeftButton)
    assert [each.kind for each in panel.model.steps.of("prepare")] == ["crop", "rolling-ball", "rescale"]
    qtbot.mouseClick(section.boxes[1].findChild(QToolButton, "remove"), Qt.MouseButton.LeftButton)
    assert [each.kind for each in panel.model.steps.of("prepare")] == ["crop", "rescale"]
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: "cells [Wiener]" in viewer.layers, timeout=40000)
    result = viewer.layers["cells [Wiener]"]
    assert result.data.shape == (spots.shape[0], 32, 2 * spots.shape[2])
    assert np.allclose(result.scale, (0.3, 0.05, 0.05))
    assert np.allclose(result.translate, (1, 2 + 4 * 0.1 - 0.025, 3 - 0.025))
    write(qtbot, section.boxes[0].form.fields["y"].findChild(QLineEdit), "4 2000")
    qtbot.waitUntil(lambda: "the image has pixels 0 to" in section.problem.text(), timeout=3000)
