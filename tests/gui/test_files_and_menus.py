"""Files dropped and saved as a person does it, time points followed, and the menus: by real events in a real window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt, QTimer
from qtpy.QtGui import QAction
from qtpy.QtWidgets import QApplication, QFileDialog, QLineEdit, QPushButton
from tests.gui.driving import button, choose, drop, press, tick, write

import napari_deconv as nd
from napari_deconv.image import Channel, Image

RESULT = "cells GFP [Richardson-Lucy]"


def two_colours(spots: np.ndarray[Any, Any]) -> Image:
    """Return a time-lapse of two channels: what ImageJ calls a hyperstack."""
    data = np.stack([np.stack([spots[:, :32, :32] + at, spots[:, 8:, 16:]]) for at in (0, 3)])
    channels = (Channel(name="DAPI", color="#0000FF"), Channel(name="GFP", color="#00FF00"))
    return Image(data, "TCZYX", voxel=(0.3, 0.1, 0.1), channels=channels, name="cells")


def act(viewer: Any, *titles: str) -> QAction:
    """Return the entry of the menu bar under these titles, each the beginning of one."""
    actions = viewer.window._qt_window.menuBar().actions()
    for title in titles:
        found = next(each for each in actions if each.text().replace("&", "").startswith(title))
        if found.menu() is not None:
            found.menu().aboutToShow.emit()
            actions = found.menu().actions()
    return found


def save_by_dialog(qtbot: Any, viewer: Any, path: Path) -> None:
    """Choose File > Save Selected Layers, and type a name and press Save in the dialog that opens."""

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QFileDialog)
        ours = next(each for each in dialog.nameFilters() if "OME-TIFF" in each)
        dialog.selectNameFilter(ours)
        name = dialog.findChild(QLineEdit, "fileNameEdit")
        name.clear()
        qtbot.keyClicks(name, str(path))
        qtbot.keyClick(name, Qt.Key.Key_Return)

    QTimer.singleShot(600, answer)
    act(viewer, "File", "Save Selected").trigger()


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
    qtbot.waitUntil((tmp_path / "restored.ome.tif").exists, timeout=10000)
    drop(viewer, tmp_path / "restored.ome.tif", "Deconvolution")
    again = viewer.layers[-1]
    np.testing.assert_array_equal(again.data, both.data)
    np.testing.assert_allclose(again.scale[1:], both.scale[1:])
    np.testing.assert_allclose(again.colormap.colors[-1], (0, 1, 0, 1))


def test_the_menus_open_the_panels(qtbot: Any, open_napari: Any, spots: np.ndarray[Any, Any]) -> None:
    viewer = open_napari()
    viewer.add_image(spots)
    act(viewer, "Layers", "Filter", "Deconvolution", "Restore").trigger()
    window = viewer.window._qt_window
    qtbot.waitUntil(lambda: window.findChild(QPushButton, "restore") is not None, timeout=10000)
    act(viewer, "Plugins", "Deconvolution", "Compare").trigger()
    qtbot.waitUntil(lambda: window.findChild(QPushButton, "wipe") is not None, timeout=10000)
    assert button(window, "live") is not None


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
