"""The demo's window: the sample, its PSF and truth, the restored layer beside it, and the Restore panel."""

from __future__ import annotations

from typing import Any

from ..demo import Demo

__all__ = ["open_demo", "show_demo"]

SIZE = (1440, 860)
SETTLED = 300
"""Milliseconds until the window has its size and the view can be fitted to it."""


def open_demo(demo: Demo) -> None:
    """Open napari with what the demo wrote, and return when its window is closed."""
    import napari
    from qtpy.QtCore import QTimer

    viewer = napari.Viewer(title=f"napari-deconv: {demo.title}")
    viewer.window.resize(*SIZE)
    show_demo(viewer, demo)
    QTimer.singleShot(SETTLED, viewer.reset_view)
    napari.run()


def show_demo(viewer: Any, demo: Demo) -> None:
    """Show what the demo wrote: source and result side by side, PSF and truth hidden, the panel docked."""
    from ..files import read
    from .layers import layers_of
    from .panel import RestorePanel
    from .results import Likeness, place_result

    for role in ("psf", "truth", "input"):
        name = "cells" if role == "input" else f"cells {'PSF' if role == 'psf' else role}"
        for data, told, _ in layers_of(read(demo.paths[role]), name):
            viewer.add_image(data, **{**told, "visible": role == "input"})
    source = viewer.layers["cells"]
    restored = read(demo.paths["restored"])
    result = place_result(viewer, Likeness.of(source, restored.axes), restored, demo.method, replace=True)
    panel = RestorePanel(viewer)
    viewer.window.add_dock_widget(panel, name="Restore (Deconvolution)", area="right")
    panel.take_pair(source, result)
    panel.put_beside()
