"""A file from drop to saved file through Qt's own save dialog, in a process of its own.

`test_files_and_menus.py` starts it: `python -m pytest tests/gui/imagej_by_dialog.py`. Where a process has shown windows before, Qt's dialog
at times leaves its Save button disabled for good (PyQt6 6.11, Xvfb), whatever is typed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog, QLineEdit
from tests.gui.driving import Answer, choose, drop, pick, press, tick, write

import napari_deconv as nd
from napari_deconv.image import Channel, Image

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
    assert asked.was_asked, "the dialog took the name"
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
