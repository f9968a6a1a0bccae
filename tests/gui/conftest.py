"""A napari that knows its own readers and this package, and nothing of the user's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MANIFEST = Path(__file__).parents[2] / "src" / "napari_deconv" / "napari.yaml"


@pytest.fixture(autouse=True)
def plugins(npe2pm: Any, plugin_settings: None) -> Any:
    """Register this package's manifest and napari's builtins, for this test alone."""
    from npe2 import PluginManifest

    manifest = PluginManifest.from_file(MANIFEST)
    npe2pm.register(PluginManifest.from_distribution("napari"))
    npe2pm.register(manifest)
    return npe2pm


@pytest.fixture
def open_napari(make_napari_viewer: Callable[..., Any], qtbot: Any) -> Callable[..., Any]:
    """Return a function that opens a shown napari window."""

    def opened(**given: Any) -> Any:
        viewer = make_napari_viewer(show=True, **given)
        viewer.window._qt_window.resize(1280, 800)
        return viewer

    return opened
