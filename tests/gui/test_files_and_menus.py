"""Files dropped and saved as a person does it, time points followed, and the menus: by real events in a real window."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from qtpy.QtWidgets import QFileDialog, QLineEdit, QPushButton
from tests.gui.driving import button, choose, drop, pick, press, tick, write

from napari_deconv.gui.layers import KEY
from napari_deconv.gui.panel import RestorePanel
from napari_deconv.sample import Sample


def test_an_imagej_file_from_drop_to_saved_file(tmp_path: Path) -> None:
    """Dropped, looked at live, restored, saved through Qt's own dialog and dropped again."""
    job = Path(__file__).with_name("imagej_by_dialog.py")
    command = [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, f"--basetemp={tmp_path / 'own'}", str(job)], capture_output=True, text=True, timeout=240
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert "1 passed" in done.stdout


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
