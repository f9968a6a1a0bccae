"""A person's hands: choosing, typing, sliding and dropping by events, never by calling slots."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QPushButton, QWidget

LEFT = Qt.MouseButton.LeftButton


def button(panel: QWidget, name: str) -> QPushButton:
    return panel.findChild(QPushButton, name)


def press(qtbot: Any, panel: QWidget, name: str) -> None:
    """Click a button where it is, when it can be clicked."""
    found = button(panel, name)
    qtbot.waitUntil(found.isEnabled, timeout=10000)
    qtbot.mouseClick(found, LEFT)


def choose(qtbot: Any, panel: QWidget, name: str, words: str) -> None:
    """Choose an entry of a drop-down with the arrow keys."""
    box = panel.findChild(QComboBox, name)
    wanted = box.findText(words)
    assert wanted >= 0, (words, [box.itemText(number) for number in range(box.count())])
    while box.currentIndex() != wanted:
        qtbot.keyClick(box, Qt.Key.Key_Down if box.currentIndex() < wanted else Qt.Key.Key_Up)


def tick(qtbot: Any, box: QCheckBox) -> None:
    """Click into the square of a check box."""
    qtbot.mouseClick(box, LEFT, pos=QPoint(10, box.height() // 2))


def write(qtbot: Any, line: QLineEdit, text: str) -> None:
    """Type over what a line holds."""
    qtbot.mouseClick(line, LEFT)
    line.selectAll()
    qtbot.keyClicks(line, text)


def drop(viewer: Any, path: Path, reader: str) -> None:
    """Drop a file on the canvas and answer napari's question for the reader."""
    canvas = viewer.window._qt_viewer
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    keys, action = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    place = canvas.rect().center()
    QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(place), action, mime, LEFT, keys))
    asked = "napari._qt.dialogs.qt_reader_dialog.QtReaderDialog.get_user_choices"
    with patch(asked, return_value=(reader, False)):
        QApplication.sendEvent(canvas, QDropEvent(QPointF(place), action, mime, LEFT, keys))


def status(panel: QWidget) -> str:
    return panel.status.text()
