"""The main job in a real window: drop a file, choose, press Restore, see it beside its source, save it, open it again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QFileDialog, QLineEdit, QSlider
from tests.gui.driving import button, choose, drop, press, status, tick, write

import napari_deconv as nd
from napari_deconv.gui.layers import KEY
from napari_deconv.image import Channel, Image, Optics


@pytest.fixture
def cells(tmp_path: Path, spots: np.ndarray[Any, Any]) -> Path:
    """A file that tells its voxel and its optics."""
    image = Image(
        spots,
        "ZYX",
        voxel=(0.3, 0.1, 0.1),
        channels=(Channel(name="GFP", emission=0.52, color="#00FF00"),),
        optics=Optics(numerical_aperture=1.3, immersion_index=1.515, modality="widefield"),
    )
    path = tmp_path / "cells.ome.tif"
    nd.write(path, image)
    return path


def test_from_drop_to_saved_file(
    qtbot: Any, open_panel: Any, cells: Path, bead: np.ndarray[Any, Any], tmp_path: Path, spots: np.ndarray[Any, Any]
) -> None:
    nd.write(tmp_path / "bead.ome.tif", Image(bead, "ZYX", voxel=(0.3, 0.1, 0.1)))
    viewer, panel = open_panel()
    drop(viewer, cells, "Deconvolution")
    source = viewer.layers["cells"]
    before = source.contrast_limits
    assert [str(unit) for unit in source.units] == ["micrometer"] * 3

    choose(qtbot, panel, "psf", "Measured, from a file")
    write(qtbot, panel.psf.forms["measured"].fields["path"].findChild(QLineEdit), str(tmp_path / "bead.ome.tif"))
    choose(qtbot, panel, "method", "Richardson-Lucy")
    iterations = panel.method.forms["richardson-lucy"].fields["iterations"]
    slider = iterations.findChild(QSlider)
    if not slider.isEnabled():
        tick(qtbot, iterations.automatic)
    qtbot.keyClick(slider, Qt.Key.Key_Home)
    for _ in range(12):
        qtbot.keyClick(slider, Qt.Key.Key_PageUp)
    count = int(iterations.findChild(QLineEdit).text())
    assert 10 < count < 100

    words: list[str] = []
    press(qtbot, panel, "restore")
    panel.runs.job.progressed.connect(lambda step: words.append(step.words))
    qtbot.waitUntil(lambda: "cells [Richardson-Lucy]" in viewer.layers, timeout=40000)
    assert any(each.startswith("iteration ") and f"of {count}" in each for each in words)
    assert "left" in words[0]
    result = viewer.layers["cells [Richardson-Lucy]"]
    qtbot.waitUntil(lambda: "'cells [Richardson-Lucy]' is there" in status(panel), timeout=5000)
    told = f"{result.metadata[KEY]['background'][0]:.4g}"
    assert f"Background {told} counts, estimated from the image." in status(panel)
    assert panel.method.background.line.placeholderText() == told

    assert result.data.dtype == np.float32
    assert result.data.max() > 2 * spots.max(), "the spots are sharper"
    assert viewer.layers.index(result) == viewer.layers.index(source) + 1
    for name in ("scale", "units", "axis_labels", "translate", "rotate", "shear", "blending"):
        assert np.array_equal(getattr(result, name), getattr(source, name)), name
    np.testing.assert_allclose(result.affine.affine_matrix, source.affine.affine_matrix)
    np.testing.assert_allclose(result.colormap.colors, source.colormap.colors)
    notes = result.metadata[KEY]
    assert json.loads(json.dumps(notes)) == notes
    assert notes["recipe"]["method"]["iterations"] == count
    assert {"digest", "versions", "device", "time"} <= set(notes)
    assert source.contrast_limits == before
    np.testing.assert_array_equal(source.data, spots)

    press(qtbot, panel, "beside")
    assert viewer.canvas.grid.enabled
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    assert source.name_overlay.visible
    press(qtbot, panel, "beside")
    assert not viewer.canvas.grid.enabled
    assert not source.name_overlay.visible

    saved = tmp_path / "result.ome.tif"
    viewer.layers.selection = {result}
    chosen = "Deconvolution OME-TIFF (*.ome.tif *.ome.tiff)"
    with patch.object(QFileDialog, "getSaveFileName", return_value=(str(saved), chosen)):
        viewer.window._qt_viewer._save_layers_dialog(selected=True)
    drop(viewer, saved, "Deconvolution")
    again = viewer.layers[-1]
    np.testing.assert_array_equal(again.data, result.data)
    np.testing.assert_allclose(again.scale, source.scale)
    assert [str(unit) for unit in again.units] == [str(unit) for unit in source.units]
    np.testing.assert_allclose(again.colormap.colors[-1], source.colormap.colors[-1])
    assert again.metadata[KEY]["history"][-1]["digest"] == notes["digest"]


def test_from_the_files_own_optics(qtbot: Any, open_panel: Any, cells: Path) -> None:
    viewer, panel = open_panel()
    drop(viewer, cells, "Deconvolution")
    press(qtbot, panel, "restore")
    qtbot.waitUntil(lambda: len(viewer.layers) == 2, timeout=40000)
    assert viewer.layers[1].metadata[KEY]["recipe"].get("psf") is None
    assert button(panel, "restore").isEnabled()
