"""The PSF panel in a real window: sliders move the picture, beads become a PSF, a faulty PSF is mended."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QCheckBox, QFileDialog, QLineEdit, QSlider, QTabBar
from tests.gui.driving import LEFT, choose, press, tick, write

import napari_deconv as nd
from napari_deconv.gui.layers import layers_of
from napari_deconv.gui.panel import RestorePanel
from napari_deconv.image import Channel, Image, Optics
from napari_deconv.psf.width import find_peak

VOXEL = (0.2, 0.065, 0.065)


def stack(**optics: Any) -> ImageLayer:
    """A layer that tells its voxel and optics, as one that was read from a file."""
    told = {"numerical_aperture": 1.3, "immersion_index": 1.515, "sample_index": 1.515, **optics}
    image = Image(
        np.random.default_rng(1).poisson(20, (16, 48, 48)).astype(np.uint16),
        "ZYX",
        VOXEL,
        (Channel(name="GFP", emission=0.52, excitation=0.488),),
        Optics(modality="widefield", **told),
        name="cells",
    )
    data, given, _ = layers_of(image)[0]
    return ImageLayer(data, **given)


def picture_of(panel: Any) -> Any:
    return panel.microscope.picture.portrait


def wait_for_picture(qtbot: Any, panel: Any, earlier: Any = None) -> Any:
    qtbot.waitUntil(lambda: picture_of(panel) is not None and picture_of(panel) is not earlier, timeout=60000)
    return picture_of(panel)


def field_of(panel: Any, name: str) -> Any:
    return panel.microscope.forms[panel.microscope.choices.kind].fields[name]


def open_tab(qtbot: Any, panel: Any, number: int) -> None:
    bar = panel.tabs.findChild(QTabBar)
    qtbot.mouseClick(bar, LEFT, pos=bar.tabRect(number).center())
    assert panel.tabs.currentIndex() == number


def painted(panel: Any) -> np.ndarray[Any, Any]:
    """The pixels of the picture as they are on the screen, (Y, X)."""
    shot = panel.microscope.picture.canvas.grab().toImage()
    return np.array(
        [[shot.pixelColor(x, y).lightness() for x in range(0, shot.width(), 3)] for y in range(0, shot.height(), 3)]
    )


def test_the_fields_come_from_the_file_and_sliders_move_the_picture(qtbot: Any, open_panel: Any) -> None:
    _, panel = open_panel("PSF", layers=(stack(),))
    first = wait_for_picture(qtbot, panel)
    assert field_of(panel, "numerical_aperture").line.placeholderText() == "1.3"
    assert field_of(panel, "modality").box.itemText(0) == "automatic (widefield)"
    assert first.voxel == pytest.approx(VOXEL)
    assert first.widths[2] == pytest.approx(first.limits.lateral_width, rel=0.15)
    before = painted(panel)
    slider = field_of(panel, "numerical_aperture").findChild(QSlider)
    for _ in range(4):
        qtbot.keyClick(slider, Qt.Key.Key_PageDown)
    second = wait_for_picture(qtbot, panel, first)
    typed = float(field_of(panel, "numerical_aperture").line.text())
    assert typed < 1.2
    qtbot.waitUntil(lambda: picture_of(panel).limits.lateral_width > 1.15 * first.limits.lateral_width, timeout=60000)
    assert picture_of(panel).widths[2] > first.widths[2]
    assert np.abs(painted(panel) - before).mean() > 1, "the screen shows it"
    assert "FWHM" in panel.microscope.picture.table.text()
    assert second is not first


def test_each_modality_asks_for_its_own_fields(qtbot: Any, open_panel: Any) -> None:
    _, panel = open_panel("PSF", layers=(stack(),))
    first = wait_for_picture(qtbot, panel)
    assert not field_of(panel, "pinhole").isVisible()
    field = field_of(panel, "modality").box
    while field.currentData() != "confocal":
        qtbot.keyClick(field, Qt.Key.Key_Down)
    assert field_of(panel, "pinhole").isVisible()
    assert field_of(panel, "excitation").isVisible()
    qtbot.waitUntil(lambda: picture_of(panel) and picture_of(panel).widths[0] < 0.95 * first.widths[0], timeout=60000)
    while field.currentData() != "light-sheet":
        qtbot.keyClick(field, Qt.Key.Key_Down)
    qtbot.waitUntil(lambda: "Sheet thickness" in panel.microscope.status.text(), timeout=20000)
    assert not panel.microscope.buttons["use"].isEnabled()
    assert picture_of(panel) is None
    write(qtbot, field_of(panel, "sheet_thickness").findChild(QLineEdit), "1.5")
    wait_for_picture(qtbot, panel)
    assert panel.microscope.buttons["use"].isEnabled()


def test_impossible_optics_and_coarse_voxels_are_said(qtbot: Any, open_panel: Any) -> None:
    _, panel = open_panel("PSF", layers=(stack(),))
    wait_for_picture(qtbot, panel)
    line = field_of(panel, "numerical_aperture").findChild(QLineEdit)
    write(qtbot, line, "1.6")
    qtbot.waitUntil(lambda: "cannot reach the immersion index" in panel.microscope.status.text(), timeout=20000)
    assert "d62728" in line.styleSheet()
    write(qtbot, field_of(panel, "emission").findChild(QLineEdit), "520")
    qtbot.waitUntil(lambda: "0.52" in panel.microscope.status.text(), timeout=20000)
    write(qtbot, field_of(panel, "emission").findChild(QLineEdit), "0.52")
    write(qtbot, line, "1.3")
    panel.microscope.fold.expand()
    write(qtbot, panel.microscope.voxel.fields["X"].findChild(QLineEdit), "0.2")
    qtbot.waitUntil(lambda: "too coarse along xy" in panel.microscope.picture.warning.text(), timeout=60000)
    assert "<b>0.2</b>" in panel.microscope.picture.table.text()


def test_without_an_image_there_is_an_example(qtbot: Any, open_panel: Any) -> None:
    _, panel = open_panel("PSF")
    wait_for_picture(qtbot, panel)
    assert "example" in panel.microscope.status.text()


def test_the_psf_is_added_saved_and_used(qtbot: Any, open_panel: Any, tmp_path: Path) -> None:
    viewer, panel = open_panel("PSF", layers=(stack(),))
    wait_for_picture(qtbot, panel)
    write(qtbot, field_of(panel, "depth").findChild(QLineEdit), "3")
    press(qtbot, panel, "add psf")
    qtbot.waitUntil(lambda: "cells [PSF]" in viewer.layers, timeout=30000)
    layer = viewer.layers["cells [PSF]"]
    np.testing.assert_allclose(layer.scale, VOXEL)
    assert layer.data.sum() == pytest.approx(1, abs=1e-4)
    assert viewer.layers.selection.active.name == "cells"
    file = tmp_path / "psf.ome.tif"
    with patch.object(QFileDialog, "getSaveFileName", return_value=(str(file), "")):
        press(qtbot, panel, "save psf")
        qtbot.waitUntil(file.exists, timeout=30000)
    qtbot.waitUntil(lambda: "Saved in" in panel.microscope.status.text(), timeout=20000)
    np.testing.assert_allclose(nd.read(file).numpy(), layer.data, atol=1e-7)
    press(qtbot, panel, "use psf")
    (restore,) = panel.window().findChildren(RestorePanel)
    assert restore.model.psf == "gibson-lanni"
    assert restore.model.typed("psf.gibson-lanni") == {"depth": 3}
    check = restore.judge()
    assert check.is_ready
    assert check.recipe.psf.depth == 3


def test_beads_become_a_psf_with_its_report(qtbot: Any, open_panel: Any) -> None:
    viewer, panel = open_panel("PSF")
    viewer.open_sample("napari-deconv", "beads")
    open_tab(qtbot, panel, 2)
    (beads,) = [each for each in viewer.layers if each.visible]
    choose(qtbot, panel, "bead image", beads.name)
    write(qtbot, panel.beads.form.fields["bead_diameter"].findChild(QLineEdit), "0.2")
    count = len(viewer.layers)
    press(qtbot, panel, "distil")
    qtbot.waitUntil(lambda: len(viewer.layers) > count, timeout=60000)
    said = panel.beads.words.text()
    assert "beads" in said
    assert "idth at half maximum" in said
    press(qtbot, panel, "use beads")
    (restore,) = panel.window().findChildren(RestorePanel)
    assert restore.model.psf_layer.name == f"{beads.name} [PSF]"


def test_no_bead_is_said(qtbot: Any, open_panel: Any) -> None:
    flat = ImageLayer(np.full((8, 40, 40), 100, np.uint16), name="nothing", scale=VOXEL, units="micrometer")
    viewer, panel = open_panel("PSF", layers=(flat,))
    open_tab(qtbot, panel, 2)
    press(qtbot, panel, "distil")
    qtbot.waitUntil(lambda: "no bead was found" in panel.beads.words.text(), timeout=60000)
    assert [each.name for each in viewer.layers] == ["nothing"]


def test_a_faulty_psf_is_checked_and_mended(qtbot: Any, open_panel: Any) -> None:
    z, y, x = np.indices((17, 31, 31))
    light = 1000 * np.exp(-((z - 8) ** 2 / 4 + (y - 18) ** 2 / 9 + (x - 15) ** 2 / 9)) + 50
    psf = ImageLayer(light.astype(np.float32), name="my PSF", scale=VOXEL, units="micrometer")
    viewer, panel = open_panel("PSF", layers=(stack(), psf))
    open_tab(qtbot, panel, 3)
    choose(qtbot, panel, "checked psf", "my PSF")
    choose(qtbot, panel, "checked for", "cells")
    press(qtbot, panel, "check")
    qtbot.waitUntil(lambda: "off-centre" in panel.check.boxes, timeout=60000)
    assert "wrong" in panel.check.words.text()
    assert set(panel.check.boxes) >= {"offset", "off-centre"}
    tick(qtbot, panel.findChild(QCheckBox, "offset"))
    press(qtbot, panel, "mend")
    qtbot.waitUntil(lambda: "my PSF [mended]" in viewer.layers, timeout=60000)
    mended = viewer.layers["my PSF [mended]"].data
    assert find_peak(mended)[1] == pytest.approx(mended.shape[1] // 2, abs=0.1)
    assert np.median(mended) > 0.001 * mended.max(), "the offset was not ticked"
    np.testing.assert_array_equal(psf.data, light.astype(np.float32))
    press(qtbot, panel, "use mended")
    (restore,) = panel.window().findChildren(RestorePanel)
    assert restore.model.psf_layer.name == "my PSF [mended]"


def test_closing_leaves_nothing_behind(qtbot: Any, open_panel: Any) -> None:
    viewer, panel = open_panel("PSF", layers=(stack(),))
    wait_for_picture(qtbot, panel)
    thread = panel.microscope._newest._thread
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(lambda: not thread.is_alive(), timeout=10000)
    viewer.add_image(np.zeros((4, 8, 8)), name="later")
