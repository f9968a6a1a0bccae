"""The manifest: a real file inside the package, a link to it at the root, and nothing in it that is not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
INSIDE = ROOT / "src" / "napari_deconv" / "napari.yaml"


def test_the_root_file_is_a_relative_link() -> None:
    link = ROOT / "napari.yaml"
    assert link.is_symlink()
    assert link.readlink() == Path("src/napari_deconv/napari.yaml")
    assert not INSIDE.is_symlink()


def test_npe2_finds_it_valid() -> None:
    found = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", str(INSIDE), "--imports"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 0, found.stdout + found.stderr


def test_names(plugins: Any) -> None:
    manifest = plugins.get_manifest("napari-deconv")
    assert manifest.display_name == "Deconvolution"


@pytest.mark.parametrize("name", ["a.tif", "a.TIF", "b.tiff", "c.ome.tif", "d.ome.zarr"])
def test_files_come_to_us(plugins: Any, name: str) -> None:
    readers = {reader.plugin_name for reader in plugins.iter_compatible_readers([name])}
    assert "napari-deconv" in readers


def test_settings_have_defaults() -> None:
    from napari.settings import get_plugin_settings

    engine = get_plugin_settings("napari-deconv").engine
    assert (engine.device, engine.memory) == ("auto", "auto")


def test_no_key_is_napari_s(open_napari: Any) -> None:
    """Neither a menu entry nor an action of napari has one of our keys, and no two of ours are the same."""
    from napari._app_model import get_app_model
    from napari.utils.shortcuts import default_shortcuts
    from qtpy.QtGui import QAction

    from napari_deconv.gui import compare_panel, panel
    from napari_deconv.gui.foot import in_qt

    window = open_napari().window._qt_window
    theirs = {each.shortcut().toString() for each in window.findChildren(QAction)}
    theirs |= {str(each.keybinding) for each in get_app_model().keybindings}
    theirs |= {str(key) for keys in default_shortcuts.values() for key in keys}
    ours = [in_qt(key) for keys in (panel.KEYS, compare_panel.KEYS) for key in keys.values()]
    assert {"Ctrl+Shift+P", "Ctrl+Shift+T"} <= theirs
    assert len(set(ours)) == len(ours)
    assert not set(ours) & theirs
