"""Keys that work on the canvas and in a panel alike."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QKeySequence, QShortcut
from qtpy.QtWidgets import QWidget

from .foot import in_qt

__all__ = ["bind_keys", "free_keys"]


def bind_keys(viewer: Any, panel: QWidget, actions: Mapping[str, Callable[[], Any]]) -> None:
    """Let each key do its action, on the viewer's canvas and in the panel."""
    for key, action in actions.items():
        viewer.bind_key(key, lambda viewer, action=action: action(), overwrite=True)
        shortcut = QShortcut(QKeySequence(in_qt(key)), panel)
        shortcut.setContext(Qt.ShortcutContext.WidgetWithChildrenShortcut)
        shortcut.activated.connect(action)


def free_keys(viewer: Any, keys: Mapping[str, str]) -> None:
    """Leave the viewer's keys alone from now on."""
    for key in keys.values():
        viewer.bind_key(key, None)
