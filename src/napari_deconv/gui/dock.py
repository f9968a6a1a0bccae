"""How the panels stand in napari's window: behind one another in tabs, the canvas guarded, readable in dark and light themes."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QSize, Qt
from qtpy.QtWidgets import QApplication, QDockWidget, QMainWindow, QWidget

from .canvas_guard import CanvasGuard

__all__ = ["let_right_docks_reach_down", "problem_style", "take_place", "window_sizes"]

OURS = ("(napari-deconv)", "(Deconvolution)")


def window_sizes() -> dict[int, QSize]:
    """Return how large each main window is, by its id: napari docks a panel below the others first, and its window grows for that."""
    return {id(each): each.size() for each in QApplication.topLevelWidgets() if isinstance(each, QMainWindow)}


def take_place(panel: QWidget) -> None:
    """Guard the canvas of the window that a panel was docked in, and put its dock in a tab with this plugin's other panels, in front.

    ``panel.sizes_before`` are the `window_sizes` from before it was docked, to which the window goes back.
    """
    dock, window = _above(panel, QDockWidget), _above(panel, QMainWindow)
    if dock is None or window is None:
        return
    CanvasGuard.over(window, panel.viewer)
    dock.setWindowTitle(dock.windowTitle().removesuffix(OURS[0]).removesuffix(OURS[1]).strip())
    others = [
        each
        for each in window.findChildren(QDockWidget)
        if each is not dock and each.objectName().endswith(OURS) and each.isVisible() and not each.isFloating()
    ]
    if others and dock not in window.tabifiedDockWidgets(others[0]):
        size = panel.sizes_before.get(id(window), window.size())
        window.tabifyDockWidget(others[0], dock)
        dock.raise_()
        window.layout().activate()
        window.resize(size)


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
