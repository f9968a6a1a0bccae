"""How the panels look on a laptop: docked within its width, no word cut off, a tooltip on every control, both themes readable."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDockWidget,
    QLabel,
    QLineEdit,
    QPushButton,
    QSlider,
    QSpinBox,
    QTabBar,
    QToolButton,
    QWidget,
)  # fmt: skip
from tests.gui.driving import choose

from napari_deconv import methods
from napari_deconv.gui.fold import Fold

LAPTOP = (1366, 768)
WIDEST = 400
"""Pixels that the docks on the right may take of a laptop's screen."""
CONTROLS = (QPushButton, QToolButton, QComboBox, QSlider, QLineEdit, QCheckBox, QSpinBox)
NOTES = {
    "napari_deconv": {"optics": {"numerical_aperture": 1.3, "immersion_index": 1.515}, "channel": {"emission": 0.52}}
}


def visible(panel: QWidget, *kinds: type[QWidget]) -> Iterator[Any]:
    for each in panel.findChildren(QWidget):
        if isinstance(each, kinds) and each.isVisible():
            yield each


def cut_off(qtbot: Any, panel: QWidget) -> list[str]:
    """Return the words that do not fit where they stand, everything unfolded."""
    for fold in panel.findChildren(Fold):
        fold.expand()
    qtbot.wait(30)
    found = []
    for label in visible(panel, QLabel):
        words = label.text()
        fits = label.height() >= label.heightForWidth(label.width()) - 1 if label.wordWrap() else True
        wide = label.wordWrap() or label.width() >= label.sizeHint().width() - 1
        if words and not (fits and wide and label.height() >= min(label.sizeHint().height(), 12)):
            found.append(f"label '{words}' {label.size()}")
    for box in visible(panel, QComboBox):
        room = box.width() - 28
        if box.currentText() and box.fontMetrics().horizontalAdvance(box.currentText()) > room:
            found.append(f"choice '{box.currentText()}' in {room} pixels")
    for button in visible(panel, QPushButton, QCheckBox):
        if button.text() and button.width() < button.fontMetrics().horizontalAdvance(button.text()) + 8:
            found.append(f"button '{button.text()}' in {button.width()} pixels")
    for line in visible(panel, QLineEdit):
        if line.fontMetrics().horizontalAdvance(line.text()) > line.width() - 6:
            found.append(f"value '{line.text()}' in {line.width()} pixels")
    for each in visible(panel, QComboBox, QLineEdit, QPushButton):
        if each.height() < each.fontMetrics().height():
            found.append(f"'{each.objectName()}' is {each.height()} pixels high")
    return found


def unexplained(panel: QWidget) -> list[str]:
    """Return the controls, shown or not, that have no tooltip of their own or of what they are a part of."""
    found = []
    for each in panel.findChildren(QWidget):
        if not isinstance(each, CONTROLS) or each.objectName().startswith(("qt_", "Scroll")) or each.isWindow():
            continue
        if (
            isinstance(each, QToolButton)
            and each.parent() is not None
            and "Collapsible" in type(each.parent()).__name__
        ):
            continue
        lineage: list[Any] = [each, each.parent(), each.parent().parent() if each.parent() is not None else None]
        if not any(isinstance(one, QWidget) and one is not panel and one.toolTip() for one in lineage):
            found.append(f"{type(each).__name__} '{each.objectName()}' {getattr(each, 'text', str)()}")
    return found


@pytest.fixture
def laptop(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer", metadata=NOTES)
    viewer, panel = open_panel(layers=(layer,))
    viewer.window._qt_window.resize(*LAPTOP)
    qtbot.wait(100)
    return viewer, panel


def test_on_a_laptop(qtbot: Any, laptop: tuple[Any, Any], test_output: Any) -> None:
    viewer, panel = laptop
    window = viewer.window._qt_window
    assert window.width() <= LAPTOP[0]
    docks = [each for each in window.findChildren(QDockWidget) if each.isVisible() and each.isAncestorOf(panel)]
    assert docks[0].width() <= WIDEST
    wrong = cut_off(qtbot, panel)
    for kind in methods.names():
        panel.model.choose(method=kind)
        wrong += [f"{kind}: {each}" for each in cut_off(qtbot, panel)]
    panel.model.choose(method="richardson-lucy")
    for source in ("Gaussian", "Measured, from a file", "From the image's metadata"):
        choose(qtbot, panel, "psf", source)
        wrong += [f"{source}: {each}" for each in cut_off(qtbot, panel)]
    others = {name: viewer.window.add_plugin_dock_widget("napari-deconv", name)[1] for name in ("Compare", "PSF")}
    qtbot.wait(200)
    for name, other in others.items():
        wrong += [f"{name}: {each}" for each in cut_off(qtbot, other)]
        assert window.width() <= LAPTOP[0], name
        assert window.height() <= LAPTOP[1], (
            f"{name}: docks below one another have made the window higher than the screen"
        )
    viewer.window.add_plugin_dock_widget("napari-deconv", "Train")
    qtbot.wait(100)
    names = {
        bar.tabText(number): bar.tabRect(number).width() - bar.fontMetrics().horizontalAdvance(bar.tabText(number))
        for bar in window.findChildren(QTabBar)
        if bar.parent() is window
        for number in range(bar.count())
    }
    assert set(names) == {"Restore", "Compare", "PSF", "Train"}
    assert min(names.values()) > 0, f"the tabs can be read: {names}"
    panel.foot.sweep.click()
    qtbot.wait(100)
    wrong += [f"sweep: {each}" for each in cut_off(qtbot, panel.sheet)]
    assert window.height() <= LAPTOP[1]
    assert not wrong, "\n".join(wrong)
    missing = [each for one in (panel, panel.sheet, *others.values()) for each in unexplained(one)]
    assert not missing, "\n".join(sorted(set(missing)))


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_both_themes(qtbot: Any, laptop: tuple[Any, Any], test_output: Any, theme: str) -> None:
    viewer, panel = laptop
    viewer.theme = theme
    panel.model.type("method.richardson-lucy.iterations", 0)
    panel.open_sweep()
    qtbot.waitUntil(lambda: panel.status.text().startswith("Iterations"), timeout=3000)
    qtbot.wait(100)
    picture = viewer.screenshot(str(test_output / f"panel-{theme}.png"), canvas_only=False, flash=False)
    assert (picture[-1, -1, :3].mean() < 100) == (theme == "dark")
    colour = panel.status.palette().color(panel.status.foregroundRole())
    ground = panel.palette().color(panel.backgroundRole())
    assert abs(colour.lightness() - ground.lightness()) > 60, "what is wrong can be read"
