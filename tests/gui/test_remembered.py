"""What the panel remembers from one start to the next, and what it does not."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image as ImageLayer
from qtpy.QtWidgets import QLineEdit
from tests.gui.driving import button, choose, press, tick, write

from napari_deconv.gui.model import RestoreModel
from napari_deconv.gui.remembered import remembered_file

NOTES = {
    "napari_deconv": {"optics": {"numerical_aperture": 1.3, "immersion_index": 1.515}, "channel": {"emission": 0.52}}
}


def test_the_last_choices_come_back(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    layer = ImageLayer(spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer", metadata=NOTES)
    viewer, panel = open_panel(layers=(layer,))
    choose(qtbot, panel, "method", "Landweber")
    field = panel.method.forms["landweber"].fields["iterations"]
    if field.automatic is not None and field.automatic.isChecked():
        tick(qtbot, field.automatic)
    write(qtbot, field.findChild(QLineEdit), "7")
    choose(qtbot, panel, "psf", "Gaussian")
    choose(qtbot, panel, "slab", "± 2 planes")
    tick(qtbot, panel.keep)
    press(qtbot, panel, "live")
    qtbot.waitUntil(lambda: "cells [live]" in viewer.layers, timeout=20000)
    viewer.window.remove_dock_widget(panel)
    assert remembered_file().exists()
    assert "gaussian" not in remembered_file().read_text(), "a PSF belongs to its image"

    _, again = viewer.window.add_plugin_dock_widget("napari-deconv", "Restore")
    assert again.method.method.currentText() == "Landweber"
    recipe = again.model.check().recipe
    assert (recipe.method.iterations, recipe.psf) == (7, None)
    assert again.keep.isChecked()
    assert again.foot.slab.currentText() == "± 2 planes"
    assert button(again, "live").isChecked(), "Live was on, and is on again"
    qtbot.waitUntil(lambda: "cells [live]" in viewer.layers, timeout=20000)
    press(qtbot, again, "live")


def test_what_cannot_be_read_or_has_no_meaning_any_more_is_passed_over() -> None:
    model = RestoreModel()
    model.take_kept(
        {
            "choices": {"method": "gone", "background": 12.0, "other": 1},
            "values": {"method.gone.x": 1, "method.wiener.noise": 0.1},
        }
    )
    assert (model.method, model.background) == ("richardson-lucy", 12.0)
    assert model.typed("method") == {"wiener.noise": 0.1}
    for text in ("not json", "[1, 2]", '{"choices": 3}'):
        remembered_file().parent.mkdir(parents=True, exist_ok=True)
        remembered_file().write_text(text)
        from napari_deconv.gui.remembered import _read

        assert _read() == {}
