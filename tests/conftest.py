"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

HERE = Path(__file__).resolve()


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep what a test writes for later (PSFs from memory) out of the user's own folder."""
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("NAPARI_DECONV_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """The folder of real microscopy files; a test that needs it is skipped where there is none."""
    named = os.environ.get("NAPARI_DECONV_DATA")
    beside = [folder / "shared" / "data" for folder in HERE.parents]
    places = [Path(named)] if named else beside
    for place in places:
        if place.is_dir():
            return place
    pytest.skip(f"no real files: neither NAPARI_DECONV_DATA nor {beside[2]} is a folder")
