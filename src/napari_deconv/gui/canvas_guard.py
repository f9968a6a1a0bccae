"""The canvas's own OpenGL context, made current while a layer goes.

napari 0.9.2 frees what a removed layer held on the graphics card in the middle of Qt's own context
(``VispyCanvas._clean_and_update_scenegraph`` calls vispy's ``context.finish()``, which sends the queued deletions to whatever
context is current). The canvas's context keeps pointers to the freed buffers, and its next draw reads them: a segmentation fault
under Mesa. `tests/gui/napari_alone.py` shows it without this package. A deletion in the right context is harmless.
"""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject
from qtpy.QtOpenGLWidgets import QOpenGLWidget
from qtpy.QtWidgets import QMainWindow

__all__ = ["CanvasGuard"]


class CanvasGuard(QObject):  # type: ignore[misc]
    """Lives as long as napari's window, and makes its canvas current before each layer, or the last of several, goes."""

    def __init__(self, window: QMainWindow, viewer: Any) -> None:
        super().__init__(window)
        self._window = window
        events = viewer.layers.events
        for event in (events.removing, events.removed, events.end_batch):
            event.connect(self.make_current)

    @classmethod
    def over(cls, window: QMainWindow, viewer: Any) -> CanvasGuard:
        """Return the guard of a window, which has one at most."""
        return window.findChild(cls) or cls(window, viewer)

    def make_current(self, event: Any = None) -> None:
        """Make the context of the window's canvas the current one."""
        for canvas in self._window.centralWidget().findChildren(QOpenGLWidget):
            canvas.makeCurrent()
