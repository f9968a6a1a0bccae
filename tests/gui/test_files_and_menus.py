"""Files dropped and saved as a person does it, time points followed, and the menus: by real events in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit, QPushButton
from tests.gui.driving import Answer, button, choose, drop, pick, press, tick, write

import napari_deconv as nd
from napari_deconv.gui.layers import KEY
from napari_deconv.gui.panel import RestorePanel
from napari_deconv.image import Channel, Image
from napari_deconv.sample import Sample

RESULT = "cells GFP [Richardson-Lucy]"


def two_colours(spots: np.ndarray[Any, Any]) -> Image:
    """Return a time-lapse of two channels: what ImageJ calls a hyperstack."""
    data = np.stack([np.stack([spots[:, :32, :32] + at, spots[:, 8:, 16:]]) for at in (0, 3)])
    channels = (Channel(name="DAPI", color="#0000FF"), Channel(name="GFP", color="#00FF00"))
    return Image(data, "TCZYX", voxel=(0.3, 0.1, 0.1), channels=channels, name="cells")


def name_file(dialog: QFileDialog, path: Path, kind: str = "") -> bool:
    """Choose the kind of file, type its name and press Return in a file dialog; False while the dialog is still reading its folder."""
    if kind:
        dialog.selectNameFilter(next(each for each in dialog.nameFilters() if kind in each))
    name = dialog.findChild(QLineEdit, "fileNameEdit")
    name.clear()
    QTest.keyClicks(name, str(path))
    buttons = dialog.findChild(QDialogButtonBox).buttons()
    if not any(each.isEnabled() and each.text().replace("&", "") in ("Save", "Open") for each in buttons):
        return False
    QTest.keyClick(name, Qt.Key.Key_Return)
    return True


def save_by_dialog(qtbot: Any, viewer: Any, path: Path) -> None:
    """Choose File > Save Selected Layers, and type a name and press Return in the dialog that opens."""
    asked = Answer(QFileDialog, lambda dialog: name_file(dialog, path, "OME-TIFF"))
    pick(qtbot, viewer, "File", "Save Selected")
    if not asked.was_asked:
        pytest.skip("Qt's dialog left its Save button disabled for ten seconds, whatever was typed")
    qtbot.waitUntil(path.exists, timeout=10000)


def test_an_imagej_file_from_drop_to_saved_file(
    qtbot: Any, open_panel: Any, tmp_path: Path, spots: np.ndarray[Any, Any]
) -> None:
    nd.write(tmp_path / "cells.tif", two_colours(spots))
    viewer, panel = open_panel()
    drop(viewer, tmp_path / "cells.tif", "Deconvolution")
    assert [layer.name for layer in viewer.layers] == ["cells DAPI", "cells GFP"]
    source = viewer.layers["cells GFP"]
    assert source.data.shape == (2, 8, 32, 32)
    np.testing.assert_allclose(source.scale[1:], (0.3, 0.1, 0.1))
    np.testing.assert_allclose(source.colormap.colors[-1], (0, 1, 0, 1))

    choose(qtbot, panel, "image", "cells GFP")
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "3")

    press(qtbot, panel, "live")
    qtbot.waitUntil(lambda: "cells GFP [live]" in viewer.layers, timeout=20000)
    live = viewer.layers["cells GFP [live]"]
    viewer.dims.set_current_step(0, 0)
    qtbot.waitUntil(lambda: live.translate[0] == 0, timeout=10000)
    viewer.dims.set_current_step(0, 1)
    qtbot.waitUntil(lambda: live.translate[0] == source.scale[0], timeout=10000)
    press(qtbot, panel, "live")

    choose(qtbot, panel, "part", "What the sliders show")
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: RESULT in viewer.layers, timeout=40000)
    one = viewer.layers[RESULT]
    assert one.data.shape == (1, 8, 32, 32)
    assert one.translate[0] == source.scale[0]
    alone = one.data.copy()
    choose(qtbot, panel, "part", "All time points and channels")
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: viewer.layers[RESULT].data.shape[0] == 2 and not panel.runs.is_running, timeout=40000)
    both = viewer.layers[RESULT]
    np.testing.assert_allclose(both.data[1:], alone, rtol=1e-4, atol=1e-3)

    viewer.layers.selection = {both}
    save_by_dialog(qtbot, viewer, tmp_path / "restored.ome.tif")
    drop(viewer, tmp_path / "restored.ome.tif", "Deconvolution")
    again = viewer.layers[-1]
    np.testing.assert_array_equal(again.data, both.data)
    np.testing.assert_allclose(again.scale[1:], both.scale[1:])
    np.testing.assert_allclose(again.colormap.colors[-1], (0, 1, 0, 1))


def test_the_whole_job_by_menus(qtbot: Any, open_napari: Any, quick_sample: Sample, tmp_path: Path) -> None:
    """Sample, panel, choices, run, side by side, save, open again: nothing but the mouse and the keyboard."""
    viewer = open_napari()
    window = viewer.window._qt_window
    pick(qtbot, viewer, "File", "Open Sample", "Deconvolution", "Cells, widefield")
    qtbot.waitUntil(lambda: "widefield-cells" in viewer.layers, timeout=10000)
    pick(qtbot, viewer, "Plugins", "Deconvolution", "Restore")
    qtbot.waitUntil(lambda: window.findChild(RestorePanel) is not None, timeout=10000)
    panel = window.findChild(RestorePanel)
    choose(qtbot, panel, "psf", "Measured, from a layer")
    field = panel.method.forms["richardson-lucy"].fields["iterations"]
    tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "5")
    press(qtbot, panel, "restore")
    name = "widefield-cells [Richardson-Lucy]"
    qtbot.waitUntil(lambda: name in viewer.layers and not panel.runs.is_running, timeout=40000)
    result = viewer.layers[name]
    assert result.metadata[KEY]["iterations"] == 5
    before, after = (float(each.max() / np.median(each)) for each in (quick_sample.image.numpy(), result.data))
    assert after > 2 * before, "sharper"
    press(qtbot, panel, "beside")
    assert viewer.canvas.grid.enabled
    press(qtbot, panel, "beside")

    saved = tmp_path / "restored.ome.tif"
    with patch.object(QFileDialog, "getSaveFileName", return_value=(str(saved), "Deconvolution OME-TIFF (*.ome.tif)")):
        pick(qtbot, viewer, "File", "Save Selected")
    drop(viewer, saved, "Deconvolution")
    again = viewer.layers[-1]
    np.testing.assert_array_equal(again.data, result.data)
    np.testing.assert_allclose(again.scale, result.scale)
    assert again.metadata[KEY]["digest"] == result.metadata[KEY]["digest"]

    pick(qtbot, viewer, "Plugins", "Deconvolution", "Compare")
    qtbot.waitUntil(lambda: window.findChild(QPushButton, "wipe") is not None, timeout=10000)
    press(qtbot, window, "wipe")
    assert "curtain" in viewer.layers


def test_the_filter_menu_opens_the_panel(qtbot: Any, open_napari: Any, spots: np.ndarray[Any, Any]) -> None:
    viewer = open_napari()
    viewer.add_image(spots)
    pick(qtbot, viewer, "Layers", "Filter", "Deconvolution", "Restore")
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: button(window, "live") is not None, timeout=10000)


def test_only_what_is_missing_is_asked_for(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    from napari.layers import Image as ImageLayer

    optics = {"numerical_aperture": 1.3, "immersion_index": 1.515}
    layer = ImageLayer(
        spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer", metadata={"napari_deconv": {"optics": optics}}
    )
    _, panel = open_panel(layers=(layer,))
    qtbot.waitUntil(lambda: "emission" in panel.status.text(), timeout=3000)
    assert "voxel" not in panel.status.text()
    assert "aperture" not in panel.status.text()
    write(qtbot, panel.image.form.fields["emission"].findChild(QLineEdit), "0.52")
    qtbot.waitUntil(button(panel, "restore").isEnabled, timeout=3000)
