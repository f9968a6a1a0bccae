"""Samples from the menu, and the demo's window."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.gui.driving import button, press

import napari_deconv as nd
from napari_deconv.demo import Demo
from napari_deconv.gui.demo_window import show_demo
from napari_deconv.sample import Sample, names


def test_every_sample_is_in_the_menu(plugins: Any) -> None:
    listed = {each.key: each for each in plugins.get_manifest("napari-deconv").contributions.sample_data}
    assert set(listed) == set(names())
    for key, each in listed.items():
        assert each.command == f"napari-deconv.open_{key.replace('-', '_')}"


def test_the_sample_by_the_panels_button(qtbot: Any, open_panel: Any, quick_sample: Sample) -> None:
    viewer, panel = open_panel()
    press(qtbot, panel, "sample")
    assert [layer.name for layer in viewer.layers] == [
        "widefield-cells truth",
        "widefield-cells PSF",
        "widefield-cells",
    ]
    assert [layer.visible for layer in viewer.layers] == [False, False, True]
    assert panel.model.source is viewer.layers["widefield-cells"]
    assert panel.psf.layers.layer is viewer.layers["widefield-cells PSF"]
    qtbot.waitUntil(button(panel, "restore").isEnabled, timeout=10000)
    assert not panel.image.fold.isExpanded(), "a file that says everything asks for nothing"


def test_the_demos_window(qtbot: Any, open_napari: Any, quick_sample: Sample, tmp_path: Path) -> None:
    paths = {role: tmp_path / f"{role}.ome.tif" for role in ("input", "psf", "truth", "restored")}
    for role, path in paths.items():
        nd.write(path, {"psf": quick_sample.psf}.get(role, quick_sample.image))
    viewer = open_napari()
    show_demo(viewer, Demo("Spots", (8, 40, 48), "Richardson-Lucy", paths, {}, {}, 1.0, "cpu", 5))
    assert [layer.name for layer in viewer.layers] == ["cells PSF", "cells truth", "cells", "cells [Richardson-Lucy]"]
    assert [layer.visible for layer in viewer.layers] == [False, False, True, True]
    assert viewer.canvas.grid.actual_shape(viewer.layers) == (1, 2)
    (panel,) = viewer.window.dock_widgets.values()
    assert panel.model.source is viewer.layers["cells"]
    press(qtbot, panel, "beside")
    assert not viewer.canvas.grid.enabled
