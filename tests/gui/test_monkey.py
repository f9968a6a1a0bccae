"""A monkey at the panel: random slider moves, layers deleted, dimensions changed, Live, runs, sweeps and cancels in random order.

No exception (pytest-qt fails a test for any in the event loop), no thread, layer or tensor left over, and the memory back where it
was. ``NAPARI_DECONV_MONKEY=2000`` lets it go on for longer, ``NAPARI_DECONV_MONKEY_SEED`` lets it do something else.
"""

from __future__ import annotations

import gc
import os
import random
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
import pytest
import torch
from napari.layers import Image as ImageLayer
from qtpy.QtCore import Qt, QThreadPool
from qtpy.QtWidgets import QLineEdit, QSlider
from tests.gui.driving import LEFT, button, choose, write

from napari_deconv.gui.compare import HELPER

MOVES = int(os.environ.get("NAPARI_DECONV_MONKEY", "100"))
SEED = int(os.environ.get("NAPARI_DECONV_MONKEY_SEED", "6"))
WARM = 25
"""Moves after which the memory is looked at first: caches are full by then."""
CHILD = "NAPARI_DECONV_MONKEY_CHILD" in os.environ
MORE = 80e6
"""Bytes by which it may have grown at the end."""


class Monkey:
    """Knows what can be done in the window, and does any of it."""

    def __init__(self, qtbot: Any, viewer: Any, panel: Any, spots: np.ndarray[Any, Any]) -> None:
        self.qtbot, self.viewer, self.panel, self.spots = qtbot, viewer, panel, spots
        self.random = random.Random(SEED)
        self.done: list[str] = []
        self.actions: dict[Callable[[], None], int] = {
            self.slide: 8,
            self.switch_live: 3,
            self.step: 3,
            self.turn: 2,
            self.zoom: 1,
            self.delete: 2,
            self.run: 2,
            self.queue: 1,
            self.beside: 1,
            self.cancel: 3,
            self.change_planes: 1,
            self.change_method: 1,
            self.sweep: 1,
            self.rest: 3,
        }

    def move(self) -> None:
        """Do something, and let the window live for a moment."""
        if not any(layer.name.startswith("cells") for layer in self.viewer.layers if "[" not in layer.name):
            self.viewer.add_layer(ImageLayer(self.spots, name="cells", scale=(0.3, 0.1, 0.1), units="micrometer"))
        (action,) = self.random.choices(list(self.actions), list(self.actions.values()))
        self.done.append(action.__name__)
        action()
        self.qtbot.wait(self.random.choice((0, 1, 5, 20)))

    def slide(self) -> None:
        sliders = [each for each in self.panel.method.findChildren(QSlider) if each.isVisible() and each.isEnabled()]
        if sliders:
            slider = self.random.choice(sliders)
            keys = (Qt.Key.Key_PageUp, Qt.Key.Key_PageDown, Qt.Key.Key_Right, Qt.Key.Key_Home)
            for _ in range(self.random.randint(1, 6)):
                self.qtbot.keyClick(slider, self.random.choice(keys))

    def press(self, panel: Any, name: str) -> None:
        found = button(panel, name)
        if found.isEnabled():
            self.qtbot.mouseClick(found, LEFT)

    def switch_live(self) -> None:
        self.press(self.panel, "live")

    def run(self) -> None:
        self.press(self.panel, "restore")

    def queue(self) -> None:
        self.viewer.layers.selection = set(self.viewer.layers)
        self.press(self.panel, "queue it")

    def beside(self) -> None:
        self.press(self.panel, "beside")

    def cancel(self) -> None:
        self.press(self.panel, self.random.choice(("cancel", "cancel all")))

    def sweep(self) -> None:
        self.press(self.panel, "sweep")
        if self.panel.sheet is not None:
            self.press(self.panel.sheet, self.random.choice(("sweep start", "sweep stop")))

    def step(self) -> None:
        self.viewer.dims.set_current_step(0, self.random.randint(0, 7))

    def turn(self) -> None:
        """Turn the axes, to 3-D and back, whatever runs."""
        if self.viewer.dims.ndim == 3:
            self.viewer.dims.order = self.random.choice(((0, 1, 2), (1, 0, 2)))
        self.viewer.dims.ndisplay = self.random.choice((2, 2, 3))

    def zoom(self) -> None:
        self.viewer.scene.camera.zoom *= self.random.choice((0.7, 1.4))

    def delete(self) -> None:
        """Delete a layer, or all of them, as the layer list's button does."""
        there = list(self.viewer.layers)
        some = there if self.random.random() < 0.3 else self.random.sample(there, min(1, len(there)))
        self.viewer.layers.selection = set(some)
        self.viewer.layers.remove_selected()

    def change_planes(self) -> None:
        self.qtbot.keyClick(self.panel.foot.slab, self.random.choice((Qt.Key.Key_Down, Qt.Key.Key_Up)))

    def change_method(self) -> None:
        choose(self.qtbot, self.panel, "method", self.random.choice(("Richardson-Lucy", "Wiener", "Landweber")))

    def rest(self) -> None:
        self.qtbot.wait(60)


def settle(qtbot: Any, panel: Any) -> None:
    """Switch everything off, and wait until nothing runs."""
    panel.live.switch(False)
    panel.runs.cancel_all()
    if panel.sheet is not None:
        panel.sheet.cancel()
        qtbot.waitUntil(lambda: panel.sheet._newest.wait(0), timeout=20000)
    qtbot.waitUntil(lambda: not panel.runs.is_running, timeout=20000)
    qtbot.waitUntil(lambda: QThreadPool.globalInstance().activeThreadCount() == 0, timeout=20000)
    qtbot.waitUntil(lambda: not names_of("preview") and not names_of("forecast"), timeout=20000)
    gc.collect()


def names_of(word: str) -> list[str]:
    return [each.name for each in threading.enumerate() if each.name == f"napari-deconv {word}"]


def tensors() -> int:
    return sum(type(each) is torch.Tensor for each in gc.get_objects())


@pytest.mark.skipif(not CHILD, reason="it is run in a process of its own, by the next test")
def test_in_this_process(qtbot: Any, open_panel: Any, spots: np.ndarray[Any, Any]) -> None:
    placed = {"scale": (0.3, 0.1, 0.1), "units": "micrometer"}
    viewer, panel = open_panel(layers=(ImageLayer(spots, name="cells", **placed),))
    choose(qtbot, panel, "psf", "Gaussian")
    write(qtbot, panel.psf.forms["gaussian"].fields["sigma"].findChild(QLineEdit), "0.3 0.15 0.15")
    before, bytes_before = tensors(), 0
    monkey = Monkey(qtbot, viewer, panel, spots)
    for number in range(MOVES):
        monkey.move()
        if number == WARM:
            settle(qtbot, panel)
            bytes_before = psutil.Process().memory_info().rss
    settle(qtbot, panel)
    told = " ".join(monkey.done)
    assert psutil.Process().memory_info().rss - bytes_before < MORE, told
    left = [layer.name for layer in viewer.layers if layer.metadata.get(HELPER)]
    assert left == [], told
    viewer.window.remove_dock_widget(panel)
    qtbot.waitUntil(lambda: not [each for each in threading.enumerate() if "napari-deconv" in each.name], timeout=10000)
    gc.collect()
    assert tensors() <= before + 40, told


def test_a_monkey() -> None:
    """Let it loose in a process of its own, so that a death of OpenGL's is told with its traceback and takes no other test along."""
    told = {"NAPARI_DECONV_MONKEY_CHILD": "1", "PYTHONFAULTHANDLER": "1"}
    words = [sys.executable, "-m", "pytest", "-q", f"{__file__}::test_in_this_process", "-p", "no:cacheprovider"]
    found = subprocess.run(words, env={**os.environ, **told}, capture_output=True, text=True, check=False)
    assert found.returncode == 0, (found.stdout + found.stderr)[-4000:]
    assert "1 passed" in found.stdout
