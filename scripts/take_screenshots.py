"""Take the pictures of docs/images from the real window: the panel, the sample, the result, side by side."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio.v3 as imageio
import napari
from qtpy.QtWidgets import QApplication, QPushButton

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
SIZE = (1380, 860)
RUN = 300
"""Seconds that a restoration may take."""


def wait(until: Callable[[], object], seconds: float = 20) -> None:
    """Let the window live until something is so."""
    end = time.monotonic() + seconds
    while not until():
        if time.monotonic() > end:
            raise TimeoutError(f"the window did not get there within {seconds:g} s")
        QApplication.processEvents()
        time.sleep(0.02)


def take(viewer: Any, name: str) -> None:
    """Save the window as it stands, when it has been drawn."""
    for _ in range(20):
        QApplication.processEvents()
        time.sleep(0.02)
    picture = viewer.screenshot(canvas_only=False, flash=False)
    if picture[..., :3].std() < 5:
        raise RuntimeError(f"the picture {name} is empty: is OpenGL there?")
    imageio.imwrite(IMAGES / f"{name}.png", picture[..., :3])
    print(f"{name}.png  {picture.shape[1]} × {picture.shape[0]}")


def draw_before_after(restored: Any) -> None:
    """Draw the sample, the result that the window has just made of it, and the truth."""
    from napari_deconv import sample
    from napari_deconv.quality.picture import write_side_by_side

    made = sample("widefield-cells")
    shown = {"as taken": made.image, "restored": made.truth.replace(data=restored), "truth": made.truth}
    write_side_by_side(IMAGES / "before-after.png", shown, share=("restored", "truth"))


def take_psf(viewer: Any) -> None:
    """Show the sample alone with the PSF panel, its microscope named, and take the picture."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "PSF")
    wait(lambda: panel.microscope.picture.portrait is not None)
    take(viewer, "5-psf")


def main() -> int:
    """Go through the tutorial and take its pictures."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "Restore")
    take(viewer, "1-empty")
    panel.findChild(QPushButton, "sample").click()
    wait(lambda: len(viewer.layers) > 0)
    source = panel.model.source
    viewer.layers.selection.active = source
    for layer in viewer.layers:
        layer.visible = layer is source
    viewer.reset_view()
    take(viewer, "2-sample")
    start = panel.findChild(QPushButton, "restore")
    wait(start.isEnabled)
    start.click()
    wait(lambda: any("[" in layer.name for layer in viewer.layers), RUN)
    take(viewer, "3-result")
    beside = panel.findChild(QPushButton, "beside")
    wait(beside.isEnabled)
    beside.click()
    take(viewer, "4-side-by-side")
    beside.click()
    take_psf(viewer)
    draw_before_after(next(layer.data for layer in viewer.layers if "[" in layer.name))
    viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
