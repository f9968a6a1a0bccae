"""Saturated pixels: from how many counts, typed in the panel; and where they are, as a layer."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QLabel, QLineEdit
from tests.gui.driving import choose, press, tick, write

from napari_deconv.gui.layer_box import image_layers


def test_they_are_shown_as_a_layer(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    full = np.clip(spots.astype(int) * 40, 0, 4095).astype(np.uint16)
    layer = ImageLayer(full, name="cells", scale=(0.3, 0.1, 0.1), translate=(0, 2, 3), units="micrometer")
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    panel.untrusted.fold.expand()
    qtbot.wait(50)
    panel.scroll.ensureWidgetVisible(panel.untrusted)
    qtbot.wait(50)
    words = panel.findChild(QLabel, "saturated words")
    press(qtbot, panel, "show saturated")
    qtbot.waitUntil(lambda: bool(words.text()) and "Looking" not in words.text(), timeout=20000)
    assert words.text().endswith("are left out.")
    marks = viewer.layers["cells [not trusted]"]
    np.testing.assert_array_equal(marks.data != 0, full == 4095)
    np.testing.assert_allclose(marks.translate, layer.translate)
    np.testing.assert_allclose(marks.scale, layer.scale)
    assert image_layers(viewer) == [layer], "it is no image to restore"

    field = panel.untrusted.field
    tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "3000")
    assert panel.model.check().recipe.saturation == 3000
    press(qtbot, panel, "show saturated")
    qtbot.waitUntil(lambda: np.array_equal(marks.data != 0, full >= 3000), timeout=20000)
    write(qtbot, field.findChild(QLineEdit), "-1")
    qtbot.waitUntil(lambda: "saturation" in panel.model.check().problems, timeout=3000)
    write(qtbot, field.findChild(QLineEdit), "60000")
    press(qtbot, panel, "show saturated")
    qtbot.waitUntil(lambda: words.text() == "No pixel is saturated.", timeout=20000)
