"""The fit in the PSF panel, by mouse: ticked, watched, cancelled, refused in plain words, and used in the Restore panel."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QCheckBox, QLabel, QProgressBar, QTabBar
from tests.fitting.conftest import QUICK, see
from tests.gui.driving import LEFT, button, press, tick

from napari_deconv.fitting import Fit, fit_psf
from napari_deconv.gui import fit_tab
from napari_deconv.gui.layers import layers_of
from napari_deconv.gui.panel import RestorePanel


@pytest.fixture(autouse=True)
def quick() -> Iterator[None]:
    """Look at one small block, not for long."""
    with patch.object(
        fit_tab, "Fit", lambda **asked: Fit(**{**QUICK, "side": 24, "iterations": 40, "rounds": 4, **asked})
    ):
        yield


def layer_of(image: Any) -> ImageLayer:
    data, given, _ = layers_of(image.replace(name="cells"))[0]
    return ImageLayer(data, **given)


def opened(qtbot: Any, open_panel: Any, layer: ImageLayer) -> Any:
    """Return the panel with the fit's tab in front."""
    _, panel = open_panel("PSF", layers=(layer,))
    bar = panel.tabs.findChild(QTabBar)
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
    assert panel.tabs.tabText(panel.tabs.currentIndex()) == "Fit to image"
    return panel


def said(panel: Any) -> str:
    return str(panel.findChild(QLabel, "fit report").text())


def shades(panel: Any, when: str) -> np.ndarray[Any, Any]:
    """The brightness (Y, X) of a picture as it is on the screen."""
    picture = panel.fit.pictures[when]
    assert picture.isVisible()
    shot = picture.grab().toImage()
    return np.array(
        [[shot.pixelColor(x, y).lightness() for x in range(0, shot.width(), 3)] for y in range(0, shot.height(), 3)]
    )


def test_an_aberration_is_fitted_shown_and_used(qtbot: Any, open_panel: Any) -> None:
    image = see(300, aberrations=((11, -0.06),)).image
    kept = np.array(image.data)
    layer = layer_of(image)
    panel = opened(qtbot, open_panel, layer)
    assert "'cells'" in panel.findChild(QLabel, "fit start").text()
    assert "NA 1.25" in panel.findChild(QLabel, "fit start").text()
    assert panel.findChild(QCheckBox, "fit spherical").isChecked()
    assert not button(panel, "use fit").isVisible()
    press(qtbot, panel, "fit")
    qtbot.waitUntil(lambda: panel.fit.findChild(QProgressBar).value() > 0, timeout=30000)
    assert not button(panel, "fit").isEnabled()
    qtbot.waitUntil(lambda: "Fitted" in said(panel), timeout=60000)
    assert "predicted better by" in said(panel)
    table = panel.findChild(QLabel, "fit table").text()
    assert "Spherical, µm" in table
    assert panel.fit.width() <= panel.width(), "nothing is cut off"
    assert "±" in table
    before, after = shades(panel, "before"), shades(panel, "after")
    assert np.abs(before - after).mean() > 0.3, "the pictures differ"
    press(qtbot, panel, "use fit")
    (restore,) = panel.window().findChildren(RestorePanel)
    check = restore.judge()
    assert check.is_ready
    assert dict(check.recipe.psf.aberrations)[11] == pytest.approx(-0.06, abs=0.012)
    assert check.recipe.psf.kind == "gibson-lanni"
    assert "11:" in panel.microscope.choices.typed["aberrations"], "the sliders go on from there"
    np.testing.assert_array_equal(layer.data, kept)


def test_what_the_image_does_not_support_is_refused(qtbot: Any, open_panel: Any) -> None:
    panel = opened(qtbot, open_panel, layer_of(see(1.0, seed=7, depth=5.0).image))
    tick(qtbot, panel.findChild(QCheckBox, "fit spherical"))
    press(qtbot, panel, "fit")
    assert said(panel) == "Tick what shall be estimated."
    tick(qtbot, panel.findChild(QCheckBox, "fit depth"))
    press(qtbot, panel, "fit")
    qtbot.waitUntil(lambda: "Not fitted" in said(panel), timeout=60000)
    assert "does not determine depth" in said(panel)
    assert not button(panel, "use fit").isVisible()
    tick(qtbot, panel.findChild(QCheckBox, "fit depth"))
    tick(qtbot, panel.findChild(QCheckBox, "fit sample_index"))
    press(qtbot, panel, "fit")
    qtbot.waitUntil(lambda: "depth is 0" in said(panel), timeout=60000)


def test_it_can_be_cancelled_and_closed(qtbot: Any, open_panel: Any) -> None:
    panel = opened(qtbot, open_panel, layer_of(see(300, aberrations=((11, -0.06),)).image))
    left = []

    def watched(*words: Any, **given: Any) -> Any:
        try:
            yield from fit_psf(*words, **given)
        finally:
            left.append(True)

    with patch.object(fit_tab, "fit_psf", watched):
        press(qtbot, panel, "fit")
        qtbot.waitUntil(lambda: "Restoring" in said(panel), timeout=30000)
        press(qtbot, panel, "cancel fit")
        qtbot.waitUntil(lambda: "Cancelled" in said(panel), timeout=30000)
        qtbot.waitUntil(lambda: left == [True], timeout=30000)
        assert button(panel, "fit").isEnabled()
        assert not panel.findChild(QLabel, "fit table").isVisible()
        press(qtbot, panel, "fit")
        qtbot.waitUntil(lambda: "Restoring" in said(panel), timeout=30000)
        panel.viewer.window.remove_dock_widget(panel)
        qtbot.waitUntil(lambda: len(left) == 2, timeout=30000)


def test_without_an_image_there_is_nothing_to_fit(qtbot: Any, open_panel: Any) -> None:
    _, panel = open_panel("PSF")
    qtbot.mouseClick(panel.tabs.findChild(QTabBar), LEFT, pos=QPoint(panel.tabs.findChild(QTabBar).tabRect(1).center()))
    assert not button(panel, "fit").isEnabled()
    assert "no image is open" in panel.findChild(QLabel, "fit start").text()
