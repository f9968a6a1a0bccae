"""Scrubbing and the forecast in a real window."""

from __future__ import annotations

import re
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from napari._qt.dialogs.preferences_dialog import PreferencesDialog
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QLineEdit, QListWidget, QPushButton, QSlider, QStackedWidget
from tests.gui.driving import LEFT, Answer, choose, pick, press, status, tick, write

import napari_deconv as nd
from napari_deconv.gui.layers import KEY
from napari_deconv.running.preview import Preview

LIVE = "cells [live]"


@pytest.fixture
def ready(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> tuple[Any, Any]:
    dim = 50 + np.clip(spots.astype(float) - 50, 0, None) / 20  # so dim that the automatic stop comes early
    noisy = np.random.default_rng(5).poisson(dim).astype(np.uint16)
    layer = ImageLayer(noisy, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    viewer.reset_view()
    qtbot.wait(100)
    return viewer, panel


def test_walking_through_the_iterations_and_taking_one(qtbot: Any, ready: Any) -> None:
    viewer, panel = ready
    with qtbot.waitSignal(panel.live.gathered, timeout=60000):
        press(qtbot, panel, "live")
    stop, slider = panel.scrub.curve.stop, panel.scrub.findChild(QSlider)
    assert "photons" in status(panel)
    line = panel.method.forms["richardson-lucy"].fields["iterations"].line
    assert (line.text(), line.placeholderText()) == ("", str(stop))
    assert float(panel.method.background.line.placeholderText()) > 0
    assert slider.value() == stop < slider.maximum() == len(panel.scrub.curve.values)
    assert panel.scrub.isVisible()
    at_stop = viewer.layers[LIVE].data.copy()
    qtbot.keyClick(slider, Qt.Key.Key_End)
    assert viewer.layers[LIVE].data.max() > at_stop.max(), "more iterations are sharper"
    assert f"automatic stop at {stop}" in panel.scrub.words.text()
    while slider.value() != stop:
        qtbot.keyClick(slider, Qt.Key.Key_Left)
    np.testing.assert_allclose(viewer.layers[LIVE].data, at_stop, rtol=1e-4, atol=1e-3)
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    for _ in range(3):
        qtbot.keyClick(slider, Qt.Key.Key_Right)
    third = viewer.layers[LIVE].data.copy()
    plane = viewer.dims.current_step[0]
    press(qtbot, panel, "use")
    assert panel.model.check().recipe.method.iterations == 4
    qtbot.waitUntil(lambda: "all 4" in status(panel), timeout=20000)
    check = panel.model.check()
    run = nd.restored(check.image, check.recipe, device="cpu").numpy()[plane]
    np.testing.assert_allclose(third[0], run, atol=5e-3 * run.max())
    assert "No score" in panel.scrub.words.text()


def test_the_whole_run_is_foretold(qtbot: Any, ready: Any) -> None:
    viewer, panel = ready
    forecast = panel.foot.forecast
    qtbot.waitUntil(lambda: forecast.text().startswith("The run: "), timeout=20000)
    assert "not known yet" in forecast.text()
    assert not forecast.styleSheet()
    panel.method.forms["richardson-lucy"].fields["iterations"].automatic.click()
    write(qtbot, panel.method.forms["richardson-lucy"].fields["iterations"].findChild(QLineEdit), "9000")
    qtbot.waitUntil(lambda: "not known yet" not in forecast.text(), timeout=20000)
    assert forecast.text().startswith("The run: about")
    viewer.layers.clear()
    qtbot.waitUntil(lambda: not forecast.text(), timeout=3000)


def allow(dialog: PreferencesDialog, memory: str) -> None:
    """Open this plugin's page of the preferences, type how much memory a run may take, and press OK."""
    pages = dialog.findChild(QListWidget)
    (ours,) = pages.findItems("Deconvolution", Qt.MatchFlag.MatchExactly)
    pages.scrollToItem(ours)
    QTest.mouseClick(pages.viewport(), LEFT, pos=pages.visualItemRect(ours).center())
    (line,) = [
        each for each in dialog.findChild(QStackedWidget).currentWidget().findChildren(QLineEdit) if each.isVisible()
    ]
    QTest.mouseClick(line, LEFT)
    line.selectAll()
    QTest.keyClicks(line, memory)
    (ok,) = [each for each in dialog.findChildren(QPushButton) if each.text() == "OK"]
    QTest.mouseClick(ok, LEFT)


def test_a_run_that_does_not_fit_is_warned_of_and_cut(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    layer = ImageLayer(np.tile(spots, (1, 3, 3)), name="cells", scale=(0.3, 0.1, 0.1), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    iterations = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, iterations.automatic)
    write(qtbot, iterations.findChild(QLineEdit), "3")
    forecast = panel.foot.forecast
    qtbot.waitUntil(lambda: "whole" in forecast.text(), timeout=20000)
    assert not forecast.styleSheet()

    asked = Answer(PreferencesDialog, lambda dialog: allow(dialog, "6MB"))
    pick(qtbot, viewer, "File", "Preferences")
    qtbot.waitUntil(lambda: asked.was_asked, timeout=5000)
    qtbot.waitUntil(lambda: "tiles of up to" in forecast.text(), timeout=20000)
    assert "in one piece it does not fit the 6 MB" in forecast.text()
    assert "Preferences" in forecast.text()
    assert "color" in forecast.styleSheet(), "it is a warning"
    assert forecast.isVisible()
    count = int(re.search(r"(\d+) tiles", forecast.text())[1])
    size = re.search(r"up to (\d+) × (\d+) × (\d+)", forecast.text())
    assert int(size[2]) < 120 or int(size[3]) < 144

    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: "cells [Richardson-Lucy]" in viewer.layers, timeout=40000)
    result = viewer.layers["cells [Richardson-Lucy]"]
    assert result.metadata[KEY]["tiles"] == count > 1, "the tiles that were told are those that were used"
    check = panel.model.check()
    whole = nd.restored(check.image, check.recipe, device="cpu").numpy()
    np.testing.assert_allclose(result.data, whole, atol=5e-3 * whole.max())


def test_live_takes_other_memory_while_it_is_on(qtbot: Any, ready: Any) -> None:
    viewer, panel = ready
    iterations = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, iterations.automatic)
    write(qtbot, iterations.findChild(QLineEdit), "3")
    with qtbot.waitSignal(panel.live.shown, timeout=20000):
        press(qtbot, panel, "live")
    layer = viewer.layers[LIVE]
    with patch("napari_deconv.gui.live.Preview", wraps=Preview) as made:
        asked = Answer(PreferencesDialog, lambda dialog: allow(dialog, "64MB"))
        with qtbot.waitSignal(panel.live.shown, timeout=20000):
            pick(qtbot, viewer, "File", "Preferences")
            qtbot.waitUntil(lambda: asked.was_asked, timeout=5000)
    assert made.call_args.kwargs["memory"] == "64MB"
    assert viewer.layers[LIVE] is layer, "the layer stays"
