"""napari without this package: layers come and go, and the canvas dies of it.

    xvfb-run -a python tests/gui/napari_alone.py                  # napari 0.9.2, PyQt6 6.11, Mesa 22.3: a segmentation fault
    xvfb-run -a python tests/gui/napari_alone.py --guarded        # with nothing of this package but its CanvasGuard: alive

napari frees a removed layer's OpenGL objects while Qt's context is current instead of the canvas's (since its pull request 8122);
its issues 6472, 7345, 7351 and 8471 tell of the same death on Windows.
"""

from __future__ import annotations

import sys

import napari
import numpy as np
from qtpy.QtTest import QTest


def come_and_go(viewer: napari.Viewer, rounds: int) -> None:
    """Add two layers, remove the lowest, and step through the planes."""
    stack = np.random.default_rng(0).poisson(50, (8, 40, 48)).astype(np.float32)
    for _ in range(rounds):
        for _ in range(2):
            viewer.add_image(stack)
            QTest.qWait(30)
        viewer.layers.remove(viewer.layers[0])
        for plane in range(3):
            QTest.qWait(20)
            viewer.dims.set_current_step(0, plane)


if __name__ == "__main__":
    shown = napari.Viewer()
    if "--guarded" in sys.argv:
        from napari_deconv.gui.canvas_guard import CanvasGuard

        CanvasGuard.over(shown.window._qt_window, shown)
    QTest.qWait(200)
    come_and_go(shown, rounds=6)
    shown.close()
    print("alive")
