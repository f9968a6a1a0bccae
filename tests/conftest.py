"""Fixtures that every test may use."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# More threads than cores slow PyTorch badly; it reads this once, when it is first imported.
os.environ.setdefault("OMP_NUM_THREADS", "2")

HERE = Path(__file__).resolve()
ROOT = HERE.parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep a file's tests in one process, and all windows in one, where the suite runs in several."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group("gui" if folder == "gui" else item.path.name))


@pytest.fixture(autouse=True)
def own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give each test a user's folder of its own, so that none sees what another (or the user) kept there."""
    home = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("NAPARI_DECONV_HOME", str(home))
    return home


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return ROOT


@pytest.fixture(scope="session")
def test_output() -> Path:
    """The folder for what people may want to look at after a run, such as screenshots; git ignores it."""
    folder = ROOT / "test-output"
    folder.mkdir(exist_ok=True)
    return folder


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
