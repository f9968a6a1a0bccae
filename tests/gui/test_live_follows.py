"""Live goes where the view goes: dragged, zoomed by the wheel, slid through z, t and channel; and its pixels are Run's.

Tolerance, relative to the result's brightest pixel: 0.5 % in the interior and at the edges of the view (Richardson-Lucy, six
iterations; the preview computes a halo around the view and throws it away).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from napari.layers import Image as ImageLayer
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QLineEdit
from tests.gui.driving import choose, press, tick, write

from napari_deconv.gui.view import seen_region

TOLERANCE = 5e-3
SIZES = {"T": (1.0, "second"), "C": (1.0, "pixel"), "Z": (0.3, "micrometer"), "Y": (0.1, "micrometer"), "X": (0.1, "micrometer")}  # fmt: skip


def layer_of(data: np.ndarray[Any, Any], axes: str, name: str = "cells", **told: Any) -> ImageLayer:
    scale, units = zip(*(SIZES[axis] for axis in axes), strict=True)
    labels = tuple(axis.lower() for axis in axes)
    return ImageLayer(data, name=name, scale=scale, units=units, axis_labels=labels, **told)


class Watcher:
    """Live in a window, and every estimate that reached the canvas."""

    def __init__(self, qtbot: Any, viewer: Any, panel: Any) -> None:
        self.qtbot, self.viewer, self.panel = qtbot, viewer, panel
        self.shown: list[Any] = []
        self.seen: list[tuple[tuple[slice, ...], np.ndarray[Any, Any]]] = []
        panel.live.shown.connect(self.shown.append)

    @property
    def source(self) -> Any:
        return self.panel.model.source

    @property
    def canvas(self) -> Any:
        return self.viewer.window._qt_viewer.canvas.native

    def box(self) -> tuple[slice, ...]:
        """Return what the canvas shows of the source, one slice an axis."""
        bounds = seen_region(self.viewer, self.source, self.panel.model.read_axes, 0).bounds
        return tuple(slice(*bounds[axis]) for axis in self.panel.model.read_axes)

    def note(self) -> tuple[slice, ...]:
        """Wait until the last estimate of what the canvas shows now is there, and keep its pixels; return where they lie."""

        def is_there() -> bool:
            layer, box = self.panel.live.layer, self.box()
            if layer is None or not self.shown or not self.shown[-1].is_last:
                return False
            starts = np.asarray([each.start for each in box])
            at = np.asarray(self.source.translate) + starts * self.source.scale
            return layer.data.shape == self.source.data[box].shape and bool(np.allclose(layer.translate, at))

        self.qtbot.waitUntil(is_there, timeout=30000)
        self.seen.append((self.box(), self.panel.live.layer.data.copy()))
        return self.box()

    def drag(self, right: int, down: int) -> None:
        """Drag the canvas by so many screen pixels with the left button."""
        begin = self.canvas.rect().center()
        self.qtbot.mouseMove(self.canvas, begin)
        self.qtbot.mousePress(self.canvas, Qt.MouseButton.LeftButton, pos=begin)
        for share in (0.25, 0.5, 0.75, 1.0):
            self.qtbot.mouseMove(self.canvas, begin + QPoint(round(share * right), round(share * down)))
            self.qtbot.wait(10)
        self.qtbot.mouseRelease(self.canvas, Qt.MouseButton.LeftButton, pos=begin + QPoint(right, down))

    def wheel(self, notches: int) -> None:
        """Turn the mouse's wheel over the middle of the canvas."""
        place = QPointF(self.canvas.rect().center())
        for _ in range(abs(notches)):
            turned = QPoint(0, 120 if notches > 0 else -120)
            event = QWheelEvent(
                place, self.canvas.mapToGlobal(place), QPoint(), turned, Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
            )  # fmt: skip
            QApplication.sendEvent(self.canvas, event)
            self.qtbot.wait(10)

    def slide(self, axis: str, place: int) -> None:
        """Walk along an axis with the arrow keys on the canvas: Alt and up or down chooses the slider, left and right move it."""
        number, dims = self.panel.model.read_axes.index(axis), self.viewer.dims
        alt, none = Qt.KeyboardModifier.AltModifier, Qt.KeyboardModifier.NoModifier
        for _ in range(dims.ndim):
            if dims.last_used != number:
                self.qtbot.keyClick(self.canvas, Qt.Key.Key_Down, alt)
        assert dims.last_used == number
        for _ in range(int(dims.nsteps[number])):
            if dims.current_step[number] != place:
                is_on = dims.current_step[number] < place
                self.qtbot.keyClick(self.canvas, Qt.Key.Key_Right if is_on else Qt.Key.Key_Left, none)
        assert dims.current_step[number] == place

    def run(self, name: str) -> np.ndarray[Any, Any]:
        """Press Restore and return the result's pixels."""
        press(self.qtbot, self.panel, "restore")
        self.qtbot.waitUntil(lambda: name in self.viewer.layers and not self.panel.runs.is_running, timeout=40000)
        return np.asarray(self.viewer.layers[name].data)


def assert_same(seen: list[tuple[tuple[slice, ...], np.ndarray[Any, Any]]], whole: np.ndarray[Any, Any]) -> None:
    """Hold the kept previews against the run, interior and edges of the view apart."""
    for box, pixels in seen:
        off = np.abs(pixels - whole[box])[(0,) * (whole.ndim - 2)] / whole.max()
        inside = off[2:-2, 2:-2]
        edges = off.copy()
        edges[2:-2, 2:-2] = 0
        assert inside.max() < TOLERANCE, (box, inside.max())
        assert edges.max() < TOLERANCE, (box, edges.max())


@pytest.fixture
def watch(qtbot: Any, open_panel: Any) -> Callable[..., Watcher]:
    """Return a function that opens layers with Live on: Gaussian PSF, six iterations."""

    def opened(*layers: ImageLayer) -> Watcher:
        viewer, panel = open_panel(layers=layers)
        choose(qtbot, panel, "image", layers[0].name)
        choose(qtbot, panel, "psf", "Gaussian")
        write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
        field = panel.method.forms["richardson-lucy"].fields["iterations"]
        tick(qtbot, field.automatic)
        write(qtbot, field.findChild(QLineEdit), "6")
        viewer.reset_view()
        watcher = Watcher(qtbot, viewer, panel)
        press(qtbot, panel, "live")
        return watcher

    return opened


def test_pan_zoom_and_planes(watch: Callable[..., Watcher], spots: np.ndarray[Any, Any]) -> None:
    live = watch(layer_of(np.tile(spots, (1, 2, 2)), "ZYX"))
    assert live.note()[1:] == (slice(0, 80), slice(0, 96)), "all of it"
    live.wheel(6)
    zoomed = live.note()
    assert zoomed[2].stop - zoomed[2].start < 80, "the wheel has zoomed in"
    assert zoomed[2].start > 0
    live.drag(150, 60)
    panned = live.note()
    assert panned[1].start < zoomed[1].start
    assert panned[2].start < zoomed[2].start
    live.slide("Z", 1)
    assert live.note() == (slice(1, 2), *panned[1:])
    live.drag(-260, -90)
    assert live.note()[2].start > panned[2].start
    live.wheel(-3)
    live.note()
    assert_same(live.seen, live.run("cells [Richardson-Lucy]"))


def test_time_and_channel_on_sliders(watch: Callable[..., Watcher], spots: np.ndarray[Any, Any]) -> None:
    """One layer with all its axes: the slider of each moves the preview along."""
    data = np.stack([np.stack([spots[:, ::turn], spots[:, :, ::turn] + 30]) for turn in (1, -1)])
    live = watch(layer_of(data, "TCZYX"))
    for axis, place in (("T", 1), ("C", 1), ("Z", 2), ("T", 0), ("C", 0)):
        live.slide(axis, place)
        box = live.note()
        assert box["TCZ".index(axis)] == slice(place, place + 1)
    live.wheel(7)
    live.slide("C", 1)
    assert live.note()[4].start > 0
    assert_same(live.seen, live.run("cells [Richardson-Lucy]"))


def test_channels_as_layers(watch: Callable[..., Watcher], qtbot: Any, spots: np.ndarray[Any, Any]) -> None:
    """Each channel a layer: the preview goes to the one that is chosen, and leaves nothing at the other."""
    green = layer_of(spots[:, ::-1], "ZYX", "green", colormap="green", blending="additive")
    live = watch(layer_of(spots, "ZYX", "red", colormap="red", blending="additive"), green)
    live.note()
    choose(qtbot, live.panel, "image", "green")
    qtbot.waitUntil(lambda: "green [live]" in live.viewer.layers, timeout=20000)
    live.seen.clear()
    live.note()
    assert "red [live]" not in live.viewer.layers
    np.testing.assert_array_equal(live.viewer.layers["green [live]"].colormap.colors, green.colormap.colors)
    assert_same(live.seen, live.run("green [Richardson-Lucy]"))
