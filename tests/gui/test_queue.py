"""The queue: its model without a window; several layers restored one after the other in a real one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QLabel, QLineEdit, QToolButton
from tests.gui.driving import button, choose, press, status, tick, write

from napari_deconv.gui.queue_model import Entry, Queue

PLACED = {"scale": (0.3, 0.1, 0.1), "units": "micrometer"}


def entry(name: str) -> Entry:
    return Entry(name, None, None)


def test_one_after_the_other() -> None:
    queue, told = Queue(), []
    queue.changed.connect(lambda: told.append(len(queue.entries)))
    one, two, three = (entry(name) for name in ("one", "two", "three"))
    for each in (one, two, three):
        queue.add(each)
    assert queue.next() is one
    assert queue.next() is None, "one at a time"
    assert queue.cancel(two)
    assert not queue.cancel(one), "it runs already"
    queue.settle(one, "failed", "no light")
    assert queue.next() is three, "an error does not stop the others"
    queue.settle(three, "done", "")
    assert [each.state for each in queue.entries] == ["failed", "cancelled", "done"]
    queue.add(entry("four"))
    assert [each.name for each in queue.entries] == ["four"], "a new series begins"
    assert told


@pytest.fixture
def several(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    """Three layers, the second with a NaN, all selected; a Gaussian PSF and few iterations."""
    broken = spots.astype(np.float32)
    broken[2, 3, 4] = np.nan
    data = {"one": spots, "two": broken, "three": spots}
    viewer, panel = open_panel(layers=tuple(ImageLayer(each, name=name, **PLACED) for name, each in data.items()))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    set_iterations(qtbot, panel, 5)
    viewer.layers.selection = set(viewer.layers)
    return viewer, panel


def set_iterations(qtbot: Any, panel: Any, count: int) -> None:
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    if field.automatic.isChecked():
        tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), str(count))


def states(panel: Any) -> list[str]:
    return [each.state for each in panel.runs.queue.entries]


def test_several_layers_and_the_error_of_one(qtbot: Any, several: tuple[Any, Any], test_output: Any) -> None:
    viewer, panel = several
    press(qtbot, panel, "queue it")
    assert panel.queue.isVisible()
    qtbot.wait(20)
    lines = [each.text() for each in panel.queue.findChildren(QLabel) if each.isVisibleTo(panel)]
    assert [line.split(":")[0] for line in lines] == ["▸ one", "· two", "· three"]
    assert button(panel, "queue it").isEnabled(), "more can be added while one runs"
    viewer.screenshot(str(test_output / "queue.png"), canvas_only=False, flash=False)
    qtbot.waitUntil(lambda: "waiting" not in states(panel) and not panel.runs.is_running, timeout=60000)
    assert states(panel) == ["done", "failed", "done"]
    assert "NaN" in panel.runs.queue.entries[1].words
    made = [layer.name for layer in viewer.layers]
    assert made == ["one", "one [Richardson-Lucy]", "two", "three", "three [Richardson-Lucy]"]
    press(qtbot, panel, "clear queue")
    assert not panel.queue.isVisible()


def test_cancel_one_and_all(qtbot: Any, several: tuple[Any, Any]) -> None:
    viewer, panel = several
    set_iterations(qtbot, panel, 9000)
    press(qtbot, panel, "queue it")
    qtbot.waitUntil(lambda: "iteration" in status(panel), timeout=30000)
    assert status(panel).startswith("one: iteration")
    qtbot.mouseClick(panel.queue.findChild(QToolButton, "cancel 1"), Qt.MouseButton.LeftButton)
    assert states(panel) == ["running", "cancelled", "waiting"]
    press(qtbot, panel, "cancel")
    qtbot.waitUntil(lambda: states(panel) == ["cancelled", "cancelled", "running"], timeout=20000)
    press(qtbot, panel, "cancel all")
    qtbot.waitUntil(lambda: states(panel) == ["cancelled"] * 3 and not panel.runs.is_running, timeout=20000)
    assert [layer.name for layer in viewer.layers] == ["one", "two", "three"]


def test_results_replace_or_are_kept_as_was_said(qtbot: Any, several: tuple[Any, Any]) -> None:
    viewer, panel = several
    viewer.layers.selection = {viewer.layers["one"]}
    for _ in range(2):
        press(qtbot, panel, "queue it")
    tick(qtbot, panel.keep)
    press(qtbot, panel, "queue it")
    qtbot.waitUntil(lambda: states(panel) == ["done"] * 3, timeout=60000)
    made = [layer.name for layer in viewer.layers if "Lucy" in layer.name]
    assert len(made) == 2, "two runs share a layer, the third has its own"
