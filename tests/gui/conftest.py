"""A napari that knows its own readers and this package, and nothing of the user's; small images to restore in it."""

from __future__ import annotations

import gc
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import napari_deconv as nd
from napari_deconv.sample import Sample

MANIFEST = Path(__file__).parents[2] / "src" / "napari_deconv" / "napari.yaml"


@pytest.fixture(scope="session", autouse=True)
def _settled_modules() -> None:
    """Set aside what the modules hold: napari collects garbage at each layer that goes, and would walk through all of it each time."""
    import napari.qt
    import scipy.ndimage
    import torch

    import napari_deconv.gui.panel

    assert all((napari.qt, scipy.ndimage, torch, napari_deconv.gui.panel))
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def plugins(npe2pm: Any, plugin_settings: None) -> Any:
    """Register this package's manifest and napari's builtins, for this test alone."""
    from npe2 import PluginManifest

    npe2pm.register(PluginManifest.from_distribution("napari"))
    npe2pm.register(PluginManifest.from_file(MANIFEST))
    return npe2pm


@pytest.fixture
def open_napari(make_napari_viewer: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function that opens a shown napari window."""

    def opened(**given: Any) -> Any:
        viewer = make_napari_viewer(show=True, **given)
        viewer.window._qt_window.resize(1000, 680)
        return viewer

    return opened


@pytest.fixture
def open_panel(open_napari: Callable[..., Any], qtbot: Any) -> Callable[..., Any]:
    """Return a function that opens napari with a widget of this plugin, and gives viewer and widget."""

    def opened(widget: str = "Restore", layers: tuple[Any, ...] = ()) -> tuple[Any, Any]:
        viewer = open_napari()
        for layer in layers:
            viewer.add_layer(layer)
        _, inner = viewer.window.add_plugin_dock_widget("napari-deconv", widget)
        qtbot.waitUntil(inner.isVisible, timeout=10000)
        qtbot.wait(50)
        return viewer, inner

    return opened


@pytest.fixture
def spots() -> np.ndarray[Any, Any]:
    """Blurred spots on an offset, with photon noise: (Z, Y, X) uint16."""
    from scipy.ndimage import gaussian_filter

    random = np.random.default_rng(3)
    truth = np.zeros((8, 40, 48))
    truth[random.integers(2, 6, 12), random.integers(4, 36, 12), random.integers(4, 44, 12)] = 8000
    return random.poisson(gaussian_filter(truth, (1, 1.5, 1.5)) + 50).astype(np.uint16)


@pytest.fixture
def bead() -> np.ndarray[Any, Any]:
    """The PSF of the spots."""
    from scipy.ndimage import gaussian_filter

    point = np.zeros((7, 13, 13), np.float32)
    point[3, 6, 6] = 1
    return gaussian_filter(point, (1, 1.5, 1.5))


@pytest.fixture
def quick_sample(monkeypatch: pytest.MonkeyPatch, spots: np.ndarray[Any, Any], bead: np.ndarray[Any, Any]) -> Sample:
    """Let every sample be the spots, which take no time to make."""
    image = nd.Image(
        spots,
        "ZYX",
        voxel=(0.3, 0.1, 0.1),
        channels=(nd.Channel(name="EGFP", emission=0.52),),
        optics=nd.Optics(numerical_aperture=1.2, immersion_index=1.33),
        name="widefield-cells",
    )
    made = Sample("widefield-cells", "Spots", image, image.replace(data=bead), image)
    monkeypatch.setattr(importlib.import_module("napari_deconv.sample"), "sample", lambda name: made)
    return made
