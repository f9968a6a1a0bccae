"""Take the pictures of docs/images from the real window: the steps of the tutorial, one after the other."""

from __future__ import annotations

import os
import sys
import tempfile
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
    """Save the window, as large as in every picture, when it has been drawn."""
    viewer.window.resize(*SIZE)
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


def open_sample(viewer: Any) -> Any:
    """Open the Restore panel and, by its button, the sample; return the panel."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "Restore")
    take(viewer, "empty")
    press(panel, "sample")
    wait(lambda: len(viewer.layers) > 0)
    viewer.layers.selection.active = panel.model.source
    viewer.reset_view()
    wait(panel.findChild(QPushButton, "restore").isEnabled)
    take(viewer, "sample")
    return panel


def tune(viewer: Any, panel: Any) -> None:
    """Switch Live on, wait for its iterations to be there to be walked through, and switch it off."""
    press(panel, "live")
    wait(lambda: panel.scrub.isVisible() and panel.tuning.told is not None, RUN)
    take(viewer, "live")
    press(panel, "live")


def sweep(viewer: Any, panel: Any) -> None:
    """Sweep the weight of total variation over what is shown, from near by, and close the sheet."""
    camera = viewer.scene.camera
    zoom = camera.zoom
    camera.zoom = 2.5 * zoom
    for key, value in (("iterations", 20), ("tv", 0.005)):
        panel.model.type(f"method.richardson-lucy.{key}", value)
    press(panel, "sweep")
    box = panel.sheet.first.box
    box.setCurrentIndex(box.findText("Total variation"))
    box.activated.emit(box.currentIndex())
    panel.sheet.first.count.setValue(3)
    press(panel.sheet, "sweep start")
    wait(lambda: panel.sheet.cells and not panel.sheet.is_running, RUN)
    take(viewer, "sweep")
    viewer.window.remove_dock_widget(panel.sheet)
    for key in ("iterations", "tv"):
        panel.model.type(f"method.richardson-lucy.{key}", None)
    camera.zoom = zoom


def queue(viewer: Any, panel: Any) -> None:
    """Queue both channels of a time-lapse, take a picture while the first is restored, and cancel both; the last of all."""
    before = set(viewer.layers)
    viewer.open_sample("napari-deconv", "two-channel-timelapse")
    added = [layer for layer in viewer.layers if layer not in before]
    for layer in before:
        layer.visible = False
    viewer.reset_view()
    viewer.layers.selection = {layer for layer in added if layer.visible}
    panel.image.layers.choose(next(layer for layer in added if layer.visible))
    press(panel, "queue it")
    wait(lambda: "tried" in panel.status.text(), RUN)
    take(viewer, "queue")
    press(panel, "cancel all")
    wait(lambda: not panel.runs.is_running, RUN)


def restore(viewer: Any, panel: Any) -> Any:
    """Run, look at the result beside its source, and return its layer."""
    press(panel, "restore")
    wait(lambda: any("[Richardson-Lucy]" in layer.name for layer in viewer.layers), RUN)
    result = next(layer for layer in viewer.layers if "[Richardson-Lucy]" in layer.name)
    take(viewer, "result")
    press(panel, "beside")
    take(viewer, "side-by-side")
    press(panel, "beside")
    return result


def compare(viewer: Any) -> None:
    """Draw the curtain, with a line under both layers measured."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "Compare")
    press(panel, "wipe")
    press(panel, "profile")
    take(viewer, "compare")
    press(panel, "profile")
    press(panel, "wipe")


def show_psf(viewer: Any) -> None:
    """Show the PSF of the sample's microscope."""
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "PSF")
    wait(lambda: panel.microscope.picture.portrait is not None, RUN)
    take(viewer, "psf")


def aberrated() -> Any:
    """Return an image layer of filaments, taken with a spherical aberration of which its metadata know nothing."""
    import numpy as np
    from napari.layers import Image as ImageLayer

    from napari_deconv import Channel, Image, Optics
    from napari_deconv.gui.layers import layers_of
    from napari_deconv.learned.simulate import FAMILIES, Camera, blur_scene, cut_frame
    from napari_deconv.psf import Grid
    from napari_deconv.psf.theoretical import GibsonLanni

    rng, shape, frame, voxel = np.random.default_rng(5), (36, 100, 100), (20, 72, 72), (0.25, 0.1, 0.1)
    optics = {"numerical_aperture": 1.3, "immersion_index": 1.515}
    psf = GibsonLanni(**optics, emission=0.52, aberrations=((11, -0.08),)).compute(Grid(shape, voxel))
    light = cut_frame(blur_scene(FAMILIES["filaments"](shape, voxel, rng), psf), frame)
    counts = Camera().expose(light * np.float32(200 / light.max()), rng)
    told = {"channels": (Channel(name="GFP", emission=0.52),), "optics": Optics(modality="widefield", **optics)}
    data, given, _ = layers_of(Image(counts, "ZYX", voxel, name="filaments", **told))[0]
    return ImageLayer(data, **given)


def fit(viewer: Any) -> None:
    """Let an image correct its PSF."""
    viewer.layers.clear()
    viewer.add_layer(aberrated())
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "PSF")
    panel.parent().raise_()
    panel.tabs.setCurrentIndex(1)
    press(panel, "fit")
    wait(lambda: panel.fit.fitted is not None, RUN)
    take(viewer, "fit")


def train(viewer: Any) -> None:
    """Fine-tune the bundled weights on the flat sample, and take the panel while it learns."""
    for layer in list(viewer.layers):
        layer.visible = False
    viewer.open_sample("napari-deconv", "cells-2d")
    _, panel = viewer.window.add_plugin_dock_widget("napari-deconv", "Train")
    for name, value in {"images": 16, "steps": 40, "patch": 64, "judgements": 10}.items():
        panel.model.type(name, value)
    wait(lambda: panel.run.isEnabled())
    press(panel, "train")
    wait(lambda: len(panel.curve.judged) >= 6, RUN)
    take(viewer, "train")
    wait(lambda: panel.job is None, RUN)


def press(panel: Any, name: str) -> None:
    """Press a button when it can be pressed."""
    button = panel.findChild(QPushButton, name)
    wait(button.isEnabled)
    button.click()


def main() -> int:
    """Go through the tutorial and take its pictures; ``fit`` as an argument takes that one alone."""
    IMAGES.mkdir(parents=True, exist_ok=True)
    os.environ["NAPARI_DECONV_HOME"] = tempfile.mkdtemp()  # so that nothing remembered shows
    viewer = napari.Viewer(show=True)
    viewer.window.resize(*SIZE)
    if "fit" in sys.argv[1:]:
        fit(viewer)
        viewer.close()
        return 0
    panel = open_sample(viewer)
    tune(viewer, panel)
    sweep(viewer, panel)
    result = restore(viewer, panel)
    draw_before_after(result.data)
    compare(viewer)
    show_psf(viewer)
    panel.parent().raise_()
    queue(viewer, panel)
    fit(viewer)
    with tempfile.TemporaryDirectory() as home:
        os.environ["NAPARI_DECONV_HOME"] = home
        train(viewer)
    viewer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
