"""What the canvas shows, as a region: without a window."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from napari.components import ViewerModel

from napari_deconv.gui import view
from napari_deconv.gui.view import ALL_PLANES, seen_region


def viewer_of(shape: tuple[int, ...], **told: Any) -> tuple[ViewerModel, Any]:
    viewer = ViewerModel()
    layer = viewer.add_image(np.zeros(shape, np.uint8), **told)
    return viewer, layer


def draw(layer: Any, low: tuple[float, float], high: tuple[float, float]) -> None:
    """Do what a draw of the canvas does: tell the layer its corners."""
    layer._update_draw(1, np.array([low, high]), (100, 100))


def test_a_plane_a_slab_and_all() -> None:
    viewer, layer = viewer_of((3, 20, 60, 80), scale=(1, 0.5, 0.1, 0.1))
    viewer.dims.set_point(0, 2)
    viewer.dims.set_point(1, 3.0)
    draw(layer, (1.0, 2.0), (3.0, 5.0))
    seen = seen_region(viewer, layer, "TZYX")
    assert seen is not None
    assert seen.bounds["T"] == (2, 3)
    assert seen.bounds["Z"] == (6, 7)
    (top, bottom), (left, right) = seen.bounds["Y"], seen.bounds["X"]
    assert top <= 10 < 30 <= bottom <= 33
    assert left <= 20 < 50 <= right <= 53
    assert seen_region(viewer, layer, "TZYX", 2).bounds["Z"] == (4, 9)  # type: ignore[union-attr]
    assert seen_region(viewer, layer, "TZYX", ALL_PLANES).bounds["Z"] == (0, 20)  # type: ignore[union-attr]


def test_a_slab_ends_at_the_stack() -> None:
    viewer, layer = viewer_of((6, 10, 10))
    viewer.dims.set_point(0, 5)
    draw(layer, (0, 0), (9, 9))
    assert seen_region(viewer, layer, "ZYX", 2).bounds["Z"] == (3, 6)  # type: ignore[union-attr]


def test_the_canvas_shows_z_and_x() -> None:
    viewer, layer = viewer_of((6, 10, 12))
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_point(1, 4)
    draw(layer, (1, 2), (4, 9))
    bounds = seen_region(viewer, layer, "ZYX").bounds  # type: ignore[union-attr]
    assert bounds["Y"] == (4, 5)
    assert bounds["Z"][0] <= 1 < 4 < bounds["Z"][1]


def test_beside_the_layer_there_is_nothing() -> None:
    viewer, layer = viewer_of((10, 12))
    draw(layer, (50, 50), (60, 60))
    seen = seen_region(viewer, layer, "YX")
    assert seen is None or all(stop - start <= 1 for start, stop in seen.bounds.values())
    viewer.add_image(np.zeros((30, 10, 12)))
    stack = viewer.add_image(np.zeros((5, 10, 12)))
    viewer.dims.set_point(0, 20)
    draw(stack, (0, 0), (9, 9))
    assert seen_region(viewer, stack, "ZYX") is None


def test_of_a_large_view_the_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(view, "MOST", 400)
    viewer, layer = viewer_of((100, 100))
    draw(layer, (0, 0), (99, 99))
    assert seen_region(viewer, layer, "YX").bounds == {"Y": (40, 60), "X": (40, 60)}  # type: ignore[union-attr]


def test_the_finest_level_of_a_pyramid() -> None:
    viewer = ViewerModel()
    levels = [np.zeros((400, 400)), np.zeros((100, 100))]
    layer = viewer.add_image(levels, multiscale=True)
    layer._update_draw(16, np.array([(0, 0), (399, 399)]), (30, 30))
    assert layer.data_level == 1
    assert seen_region(viewer, layer, "YX").bounds == {"Y": (0, 400), "X": (0, 400)}  # type: ignore[union-attr]
