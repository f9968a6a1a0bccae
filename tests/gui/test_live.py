"""Live in a real window: it follows sliders, pan and planes, equals a run, and leaves nothing behind."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLineEdit, QSlider
from tests.gui.driving import button, choose, press, status, tick, write

import napari_deconv as nd

LIVE = "cells [live]"


@pytest.fixture
def live(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """A window with Live on: Gaussian PSF, six iterations."""
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "6")
    viewer.reset_view()
    qtbot.wait(50)
    press(qtbot, panel, "live")
    wait_for_last(qtbot, panel)
    return viewer, panel


def wait_for_last(qtbot: Any, panel: Any) -> Any:
    """Wait until the last estimate of what is shown now has reached the canvas; return the restored image."""
    shown: list[Any] = []
    panel.live.shown.connect(shown.append)
    panel.live._asked = ()
    panel.live._looking.start(0)
    qtbot.waitUntil(lambda: bool(shown) and shown[-1].is_last, timeout=30000)
    panel.live.shown.disconnect(shown.append)
    return shown[-1].image


def nothing_is_left() -> bool:
    return not any(each.name == "napari-deconv preview" for each in threading.enumerate())


def test_it_equals_a_run_and_follows(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    assert [layer.name for layer in viewer.layers] == ["cells", LIVE]
    assert viewer.layers.selection.active is viewer.layers["cells"]
    layer = viewer.layers[LIVE]
    whole = nd.restored(panel.model.check().image, panel.model.check().recipe, device="cpu").numpy()
    assert layer.data.shape == (1, 40, 48)
    plane = viewer.dims.current_step[0]
    np.testing.assert_allclose(layer.data[0], whole[plane], atol=5e-3 * whole.max())
    assert layer.translate[0] == pytest.approx(plane * 0.3)
    assert button(panel, "live").isChecked()

    viewer.dims.set_current_step(0, 2)
    qtbot.waitUntil(lambda: layer.translate[0] == pytest.approx(2 * 0.3), timeout=10000)
    wait_for_last(qtbot, panel)
    np.testing.assert_allclose(layer.data[0], whole[2], atol=5e-3 * whole.max())

    choose(qtbot, panel, "slab", "All planes")
    qtbot.waitUntil(lambda: layer.data.shape == (8, 40, 48), timeout=10000)
    wait_for_last(qtbot, panel)
    np.testing.assert_allclose(layer.data, whole, atol=5e-3 * whole.max())

    viewer.scene.camera.zoom *= 4
    qtbot.waitUntil(lambda: layer.data.shape[-1] < 48, timeout=10000)
    image = wait_for_last(qtbot, panel)
    corner = [round(image.origin[axis] / image.voxel[axis]) for axis in "ZYX"]
    box = tuple(slice(at, at + size) for at, size in zip(corner, layer.data.shape, strict=True))
    np.testing.assert_allclose(layer.data, whole[box], atol=5e-3 * whole.max())


def test_sliders_move_it(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    layer = viewer.layers[LIVE]
    few = layer.data.copy()
    slider = panel.method.forms["richardson-lucy"].fields["iterations"].findChild(QSlider)
    for _ in range(4):
        qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    qtbot.waitUntil(lambda: "all 1" in status(panel) or "all 2" in status(panel), timeout=15000)
    assert viewer.layers[LIVE] is layer, "in place"
    assert layer.data.max() > few.max(), "more iterations are sharper"
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    write(qtbot, field.findChild(QLineEdit), "0")
    qtbot.waitUntil(lambda: status(panel).startswith("Iterations"), timeout=3000)
    write(qtbot, field.findChild(QLineEdit), "3")
    qtbot.waitUntil(lambda: "all 3" in status(panel), timeout=15000)


def test_side_by_side_with_the_source(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    press(qtbot, panel, "beside")
    assert viewer.canvas.grid.enabled
    press(qtbot, panel, "live")
    qtbot.waitUntil(lambda: not viewer.canvas.grid.enabled, timeout=2000)
    assert [layer.name for layer in viewer.layers] == ["cells"]
    qtbot.waitUntil(nothing_is_left, timeout=5000)


def test_a_run_switches_it_off(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: "cells [Richardson-Lucy]" in viewer.layers, timeout=30000)
    assert LIVE not in viewer.layers
    assert not button(panel, "live").isChecked()


@pytest.mark.parametrize("gone", [LIVE, "cells"])
def test_deleting_a_layer_switches_it_off(qtbot: Any, live: Any, gone: str) -> None:
    viewer, panel = live
    viewer.layers.remove(gone)
    qtbot.waitUntil(lambda: LIVE not in viewer.layers and not panel.live.is_on, timeout=2000)
    qtbot.waitUntil(nothing_is_left, timeout=5000)


def test_closing_the_dock_leaves_nothing(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(nothing_is_left, timeout=5000)
    assert [layer.name for layer in viewer.layers] == ["cells"]


def test_closing_the_window_leaves_no_thread(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    del live, panel
    viewer.close()
    qtbot.waitUntil(nothing_is_left, timeout=5000)


def test_by_key(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    both = Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier
    qtbot.keyClick(viewer.window._qt_viewer.canvas.native, Qt.Key.Key_L, both)
    assert not panel.live.is_on
    assert LIVE not in viewer.layers


def test_all_layers_deleted_at_once(qtbot: Any, live: Any) -> None:
    viewer, panel = live
    viewer.layers.select_all()
    canvas = viewer.window._qt_viewer.canvas.native
    qtbot.keyClick(canvas, Qt.Key.Key_Delete, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: not panel.live.is_on, timeout=2000)
    assert not viewer.layers
    qtbot.waitUntil(panel.welcome.isVisible, timeout=2000)
    qtbot.waitUntil(nothing_is_left, timeout=5000)
