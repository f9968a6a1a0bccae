"""The Train panel in a real window: a network is trained with the mouse, paused, resumed, and restores in the Restore panel."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLineEdit, QMessageBox, QTabBar
from tests.gui.driving import LEFT, button, choose, press, status, write

from napari_deconv.gui.panel import RestorePanel
from napari_deconv.learned.shelf import kept_models, training_folder


def cells() -> ImageLayer:
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(3)
    truth = np.zeros((64, 64))
    truth[random.integers(4, 60, 40), random.integers(4, 60, 40)] = 4000
    pixels = random.poisson(gaussian_filter(truth, 1.5) + 20).astype(np.uint16)
    return ImageLayer(pixels, name="cells", scale=(0.1, 0.1), units=("µm", "µm"))


def fill_in(qtbot: Any, panel: Any, **values: str) -> None:
    """Type into the fields of the training, the advanced ones unfolded."""
    form = panel.network.form
    fold = form.fields["patch"]
    while fold is not None and not hasattr(fold, "expand"):
        fold = fold.parentWidget()
    fold.expand()
    for name, value in values.items():
        write(qtbot, form.fields[name].findChild(QLineEdit), value)


def take_new(qtbot: Any, panel: Any) -> None:
    box = panel.network.form.fields["start"].box
    while box.currentData() != "new":
        qtbot.keyClick(box, Qt.Key.Key_Down)


@pytest.fixture
def opened(open_panel: Any, qtbot: Any) -> tuple[Any, Any]:
    """A Train panel with an image, a Gaussian PSF and a small training chosen by hand."""
    viewer, panel = open_panel("Train", layers=(cells(),))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.15")
    take_new(qtbot, panel)
    fill_in(qtbot, panel, images="8", steps="12", batch="2", patch="32", width="8", fine="8", judgements="4")
    qtbot.waitUntil(lambda: status(panel) == "Ready.", timeout=10000)
    return viewer, panel


def test_trains_on_this_image_with_a_crop_that_is_seen_and_offers_the_network(
    qtbot: Any, opened: tuple[Any, Any], test_output: Path
) -> None:
    viewer, panel = opened
    before = viewer.layers["cells"].data.copy()
    write(qtbot, panel.network.name, "my cells")
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: panel.crop.layer is not None, timeout=90000)
    first = panel.crop.layer.data.copy()
    assert button(panel, "pause").isEnabled()
    assert not button(panel, "train").isEnabled()
    qtbot.waitUntil(lambda: panel.job is None, timeout=90000)
    assert "'my cells' is trained" in status(panel)
    qtbot.waitUntil(lambda: button(panel, "train").isEnabled(), timeout=10000)
    canvas = viewer.window._qt_viewer.canvas.size
    shown = viewer.scene.camera.zoom * panel.crop.layer.extent.world[1][-1]
    assert shown < max(canvas) * 1.01, "the view takes the crop in"
    assert [step for step, _ in panel.curve.judged][-1] == 12
    assert np.abs(panel.crop.layer.data - first).max() > 0, "the crop followed the network"
    assert panel.crop.layer not in [panel.image.layers.layer, panel.examples.better.layer]
    np.testing.assert_array_equal(viewer.layers["cells"].data, before)
    viewer.window._qt_window.grab().save(str(test_output / "train-panel.png"))
    assert [each.name for each in kept_models()] == ["my cells"]
    assert not training_folder("my cells").exists()
    bar = panel.tabs.findChild(QTabBar)
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
    viewer.window._qt_window.grab().save(str(test_output / "my-models.png"))
    press(qtbot, panel, "use model")
    restore = viewer.window._qt_window.findChild(RestorePanel)
    assert restore.model.method == "network"
    assert restore.model.typed("method.network")["weights"] == str(kept_models()[0].path)
    field = restore.method.forms["network"].fields["weights"]
    assert field.box.currentText() == "my cells"


def test_pauses_and_goes_on(qtbot: Any, opened: tuple[Any, Any]) -> None:
    _, panel = opened
    fill_in(qtbot, panel, steps="400")
    qtbot.waitUntil(lambda: status(panel) == "Ready.", timeout=10000)
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: len(panel.curve.losses) > 0, timeout=90000)
    press(qtbot, panel, "pause")
    qtbot.waitUntil(lambda: panel.job is None, timeout=30000)
    assert "Paused" in status(panel)
    done = panel.curve.losses[-1][0]
    assert done < 400
    assert (training_folder("cells") / "state.pt").is_file()
    assert button(panel, "train").text() == "Go on"
    press(qtbot, panel, "train")
    qtbot.waitUntil(lambda: panel.curve.losses[-1][0] > done, timeout=90000)
    press(qtbot, panel, "discard")
    qtbot.waitUntil(lambda: panel.job is None, timeout=30000)
    assert "discarded" in status(panel)
    assert not training_folder("cells").exists()
    assert panel.crop.layer is None
    assert kept_models() == ()
    assert button(panel, "train").text() == "Train"


def test_says_what_stands_in_the_way(qtbot: Any, open_panel: Any) -> None:
    viewer, panel = open_panel("Train")
    qtbot.waitUntil(lambda: "Open an image" in status(panel), timeout=10000)
    assert not button(panel, "train").isEnabled()
    viewer.add_layer(cells())
    choose(qtbot, panel, "examples", "Pairs of layers, worse and better")
    qtbot.waitUntil(lambda: "better quality" in status(panel), timeout=10000)
    choose(qtbot, panel, "examples", "Pairs of files, two folders")
    qtbot.waitUntil(lambda: "folder of the worse" in status(panel), timeout=10000)
    assert not panel.image.isVisible()
    choose(qtbot, panel, "examples", "Simulation through this microscope")
    assert panel.image.isVisible()
    assert "likely guess" in panel.examples.knows.text()


def test_a_failure_is_said_and_the_panel_stays_usable(qtbot: Any, opened: tuple[Any, Any]) -> None:
    _, panel = opened
    fill_in(qtbot, panel, patch="128")
    with patch("napari_deconv.gui.train_panel.show_error") as shown:
        press(qtbot, panel, "train")
        qtbot.waitUntil(lambda: panel.job is None and "smaller patch" in status(panel), timeout=60000)
    assert shown.called
    assert button(panel, "train").isEnabled()


def test_models_are_shared_added_and_removed(qtbot: Any, open_panel: Any, tmp_path: Path) -> None:
    from tests.learned.test_shelf import write_weights

    _, panel = open_panel("Train")
    bar = panel.tabs.findChild(QTabBar)
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(1).center())
    file = write_weights(tmp_path / "colleague.safetensors")
    with patch.object(QFileDialog, "getOpenFileName", return_value=(str(file), "")):
        press(qtbot, panel, "add model")
    assert [each.name for each in kept_models()] == ["colleague"]
    assert "u-net for stacks" in panel.models.card.text().lower()
    with patch.object(QFileDialog, "getSaveFileName", return_value=(str(tmp_path / "out"), "")):
        press(qtbot, panel, "share model")
    assert (tmp_path / "out.safetensors").read_bytes() == file.read_bytes()
    with patch.object(QMessageBox, "question", return_value=QMessageBox.StandardButton.Yes):
        press(qtbot, panel, "remove model")
    assert kept_models() == ()
    assert not button(panel, "share model").isEnabled()
