"""A person's hands: choosing, typing, sliding and dropping by events, never by calling slots."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari._qt.dialogs.qt_reader_dialog import QtReaderDialog
from qtpy.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from qtpy.QtGui import QDragEnterEvent, QDropEvent
from qtpy.QtTest import QTest
from qtpy.QtWidgets import (
    QApplication,
    QCheckBox,
    QComboBox,
    QDialogButtonBox,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QWidget,
)

LEFT = Qt.MouseButton.LeftButton
SETTLED, PATIENCE = 4, 100
"""Looks, a tenth of a second apart, after which an open dialog is ready to be typed into, and after which it is closed unanswered."""


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


class Answer(QTimer):
    """Waits for a dialog of a kind to be open, and deals with it as a person does; ``was_asked`` says whether it came.

    An answer that is False comes too early: it is tried again a tenth of a second later.
    """

    def __init__(self, kind: type[QWidget], answer: Callable[[Any], Any]) -> None:
        super().__init__()
        self.was_asked = False
        self._kind, self._answer = kind, answer
        self._looks = 0
        self.timeout.connect(self._look)
        self.start(100)

    def _look(self) -> None:
        for dialog in QApplication.topLevelWidgets():
            if isinstance(dialog, self._kind) and dialog.isVisible():
                self._looks += 1
                if self._looks < SETTLED:
                    return
                if self._looks > PATIENCE:
                    self.stop()
                    dialog.close()
                    return
                self.stop()
                self.was_asked = self._answer(dialog) is not False
                if not self.was_asked:
                    self.start(100)
                return


def pick(qtbot: Any, viewer: Any, *titles: str) -> None:
    """Click on an entry of the menu bar under these titles, each the beginning of one, with the mouse."""
    bar = viewer.window._qt_window.menuBar()
    for title in titles:
        found = next(
            each for each in bar.actions() if each.text().replace("&", "").startswith(title) and each.isVisible()
        )
        assert found.isEnabled(), title
        qtbot.mouseClick(bar, LEFT, pos=bar.actionGeometry(found).center())
        if found.menu() is not None:
            bar = found.menu()
            qtbot.waitUntil(bar.isVisible, timeout=3000)


def choose_reader(dialog: QtReaderDialog, reader: str) -> None:
    """Click into the circle of a reader, and on OK."""
    (circle,) = [each for each in dialog.findChildren(QRadioButton) if each.text() == reader]
    QTest.mouseClick(circle, LEFT, pos=QPoint(10, circle.height() // 2))
    assert circle.isChecked()
    QTest.mouseClick(dialog.findChild(QDialogButtonBox).button(QDialogButtonBox.StandardButton.Ok), LEFT)


def drop(viewer: Any, path: Path, reader: str) -> None:
    """Drop a file on the canvas and answer napari's question for the reader in its dialog."""
    canvas = viewer.window._qt_viewer
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(path))])
    keys, action = Qt.KeyboardModifier.NoModifier, Qt.DropAction.CopyAction
    place = canvas.rect().center()
    QApplication.sendEvent(canvas, QDragEnterEvent(QPoint(place), action, mime, LEFT, keys))
    answer = Answer(QtReaderDialog, lambda dialog: choose_reader(dialog, reader))
    QApplication.sendEvent(canvas, QDropEvent(QPointF(place), action, mime, LEFT, keys))
    assert answer.was_asked, "napari asks which reader to take"


def status(panel: QWidget) -> str:
    return panel.status.text()
