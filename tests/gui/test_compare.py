"""Comparing two layers in a real window: wipe, blink, difference, side view, line profile; nothing is left behind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QPoint, Qt
from tests.gui.driving import button, press

BOTH = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier


@pytest.fixture
def compared(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    told = {"scale": (0.3, 0.1, 0.1), "units": "micrometer"}
    two = (ImageLayer(spots, name="one", **told), ImageLayer(spots * 2.0, name="two", **told))
    viewer, panel = open_panel("Compare", two)
    viewer.reset_view()
    qtbot.wait(100)
    return viewer, panel


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def test_the_wipes_edge_is_dragged_on_the_canvas(qtbot: Any, compared: Any) -> None:
    viewer, panel = compared
    press(qtbot, panel, "wipe")
    assert names(viewer) == ["one", "two", "curtain", "curtain edge"]
    assert viewer.layers["curtain"].data.shape == (8, 40, 24)
    assert np.shares_memory(viewer.layers["curtain"].data, viewer.layers["one"].data)
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.wait(100)
    middle = canvas.rect().center()
    there = middle + QPoint(round(0.8 * viewer.scene.camera.zoom), 0)
    qtbot.mouseMove(canvas, middle)
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=middle)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(canvas, middle + (there - middle) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=there)
    assert viewer.layers["curtain"].data.shape[-1] == pytest.approx(32, abs=1)
    assert panel.edge.value() == pytest.approx(200 * 32 / 48, abs=5)
    press(qtbot, panel, "wipe")
    assert names(viewer) == ["one", "two"]
    assert viewer.layers["one"].visible


def drag(qtbot: Any, viewer: Any, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """Drag on the canvas from one (y, x) pixel of the first layer to another, the camera in its middle at (20, 24)."""
    canvas = viewer.window._qt_viewer.canvas.native
    zoom, (_, y, x) = viewer.scene.camera.zoom, viewer.scene.camera.center
    places = [
        canvas.rect().center() + QPoint(round((0.1 * at[1] - x) * zoom), round((0.1 * at[0] - y) * zoom))
        for at in (begin, end)
    ]
    qtbot.mouseMove(canvas, places[0])
    qtbot.mousePress(canvas, Qt.MouseButton.LeftButton, pos=places[0])
    for share in (0.3, 0.7, 1.0):
        qtbot.mouseMove(canvas, places[0] + (places[1] - places[0]) * share)
        qtbot.wait(20)
    qtbot.mouseRelease(canvas, Qt.MouseButton.LeftButton, pos=places[1])


def test_the_choice_stays_while_layers_come_and_go(qtbot: Any, compared: Any) -> None:
    _, panel = compared
    for way in ("wipe", "beside", "profile"):
        press(qtbot, panel, way)
        assert (panel.first.layer.name, panel.second.layer.name) == ("one", "two")
        assert button(panel, way).isChecked()
        press(qtbot, panel, way)
        qtbot.wait(100)


def test_keys_side_view_and_difference(qtbot: Any, compared: Any) -> None:
    viewer, panel = compared
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Y, BOTH)
    assert viewer.dims.displayed == (0, 2)
    assert button(panel, "sideways").isChecked()
    qtbot.keyClick(canvas, Qt.Key.Key_W, BOTH)
    assert "curtain" in viewer.layers, "the curtain hangs in the side view too"
    qtbot.keyClick(canvas, Qt.Key.Key_Y, BOTH)
    assert viewer.dims.displayed == (1, 2)
    assert names(viewer) == ["one", "two"]
    qtbot.keyClick(canvas, Qt.Key.Key_N, BOTH)
    seen = {viewer.layers["one"].visible}
    qtbot.waitUntil(lambda: len(seen | {viewer.layers["one"].visible}) == 2, timeout=3000)
    qtbot.keyClick(canvas, Qt.Key.Key_N, BOTH)
    assert viewer.layers["one"].visible
    assert viewer.layers["two"].visible
    for enabled in (True, False):
        qtbot.keyClick(canvas, Qt.Key.Key_G, BOTH)
        assert viewer.canvas.grid.enabled == enabled
    qtbot.keyClick(canvas, Qt.Key.Key_H, BOTH)
    assert viewer.layers["two"].contrast_limits == viewer.layers["one"].contrast_limits
    qtbot.keyClick(canvas, Qt.Key.Key_D, BOTH)
    np.testing.assert_allclose(viewer.layers["two − one"].data, viewer.layers["one"].data, rtol=1e-6)


def test_a_line_profile(qtbot: Any, compared: Any, recwarn: Any) -> None:
    viewer, panel = compared
    press(qtbot, panel, "profile")
    assert names(viewer) == ["one", "two", "profile line"]
    assert "µm" in panel.legend.text() or "no single peak" in panel.legend.text()
    first, second = panel.plot.profiles
    np.testing.assert_allclose(second.value, 2 * first.value, rtol=1e-5)
    viewer.dims.set_current_step(0, 1)
    moved = panel.plot.profiles[0]
    assert not np.array_equal(moved.value, first.value)
    assert viewer.layers["profile line"].data[0, 0, 0] == 1
    drag(qtbot, viewer, (20, 36), (30, 40))
    start, along = viewer.layers["profile line"].data[0]
    np.testing.assert_allclose(start + along, [1, 30, 40], atol=0.7)
    assert not np.array_equal(panel.plot.profiles[0].value, moved.value)
    press(qtbot, panel, "sideways")
    start, along = viewer.layers["profile line"].data[0]
    assert start[1] == viewer.dims.current_step[1]
    assert along.tolist() == [0, 0, 24]
    press(qtbot, panel, "profile")
    qtbot.wait(200)
    press(qtbot, panel, "wipe")
    qtbot.wait(200)
    assert "curtain" in viewer.layers
    viewer.window.remove_dock_widget(panel)
    assert names(viewer) == ["one", "two"]


@pytest.mark.parametrize("way", ["wipe", "profile", "beside", "blink"])
def test_all_layers_deleted_in_the_middle(qtbot: Any, compared: Any, way: str) -> None:
    viewer, panel = compared
    press(qtbot, panel, way)
    viewer.layers.select_all()
    viewer.layers.remove_selected()
    qtbot.waitUntil(lambda: not button(panel, way).isChecked(), timeout=2000)
    assert not viewer.layers
    assert not viewer.canvas.grid.enabled
