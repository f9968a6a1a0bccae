"""The canvas's OpenGL context is the current one while a layer goes; without that, the next draw dies (`napari_alone.py`)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from qtpy.QtGui import QOpenGLContext
from tests.gui.napari_alone import come_and_go

from napari_deconv.gui.canvas_guard import CanvasGuard


@pytest.mark.parametrize("widget", ["Restore", "Compare"])
def test_a_layer_goes_in_the_canvases_own_context(qtbot: Any, open_panel: Any, widget: str) -> None:
    viewer, panel = open_panel(widget)
    window = viewer.window._qt_window
    own, current = viewer.window._qt_viewer.canvas.native.context(), []
    viewer.layers.events.removed.connect(
        lambda event: current.append(QOpenGLContext.currentContext()), position="first"
    )
    layer = viewer.add_image(np.zeros((8, 9)))
    qtbot.wait(50)
    viewer.layers.remove(layer)
    assert current == [own]
    assert len(window.findChildren(CanvasGuard)) == 1
    come_and_go(viewer, rounds=2)
    viewer.window.remove_dock_widget(panel)
    viewer.layers.clear()
    assert all(each == own for each in current), "the guard stays when the panel is closed"
