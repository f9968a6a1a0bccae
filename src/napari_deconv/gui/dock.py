"""How the panels stand in napari's window: behind one another in tabs, the canvas guarded, readable in dark and light themes."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt, QTimer
from qtpy.QtWidgets import QDockWidget, QMainWindow, QWidget

from .canvas_guard import CanvasGuard

__all__ = ["let_right_docks_reach_down", "problem_style", "take_place"]

OURS = ("(napari-deconv)", "(Deconvolution)")


def take_place(panel: QWidget) -> None:
    """Guard the canvas of the window that a panel was docked in, and put its dock in a tab with this plugin's other panels, in front."""
    dock, window = _above(panel, QDockWidget), _above(panel, QMainWindow)
    if dock is None or window is None:
        return
    CanvasGuard.over(window, panel.viewer)
    others = [
        each
        for each in window.findChildren(QDockWidget)
        if each is not dock and each.windowTitle().endswith(OURS) and each.isVisible() and not each.isFloating()
    ]
    if others and dock not in window.tabifiedDockWidgets(others[0]):
        size = window.size()
        window.tabifyDockWidget(others[0], dock)
        dock.raise_()
        later = QTimer(window)  # napari has put the dock below the others, and the window grows for that
        later.setSingleShot(True)
        later.timeout.connect(lambda: window.resize(size))
        later.timeout.connect(later.deleteLater)
        later.start(0)


def let_right_docks_reach_down(panel: QWidget) -> None:
    """Let the docks on the right keep their height beside a panel that is docked at the bottom."""
    window = _above(panel, QMainWindow)
    if window is not None:
        window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)


def _above(widget: QWidget, kind: type[QWidget]) -> Any:
    """Return the nearest parent of a kind, None where there is none."""
    parent = widget.parentWidget()
    while parent is not None and not isinstance(parent, kind):
        parent = parent.parentWidget()
    return parent


def problem_style(viewer: Any) -> str:
    """Return the style of a sentence that says what is wrong: a red that can be read on the theme's background."""
    return f"color: {'#c62828' if 'light' in str(viewer.theme) else '#ff6b6b'};"
