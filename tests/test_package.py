"""What is built holds what it must, and nothing else."""

from __future__ import annotations

import tarfile
import zipfile
from pathlib import Path

import pytest

LARGEST = 12_000_000
"""Bytes of the largest file that may be in a package: bundled weights, with room."""


@pytest.fixture(scope="module")
def wheel(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Name -> size of what the wheel holds."""
    from hatchling.builders.wheel import WheelBuilder

    folder = tmp_path_factory.mktemp("wheel")
    (path,) = WheelBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    with zipfile.ZipFile(path) as file:
        return {each.filename: each.file_size for each in file.infolist()}


@pytest.fixture(scope="module")
def sdist(root: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, int]:
    """Name -> size of what the source distribution holds, without its top folder."""
    from hatchling.builders.sdist import SdistBuilder

    folder = tmp_path_factory.mktemp("sdist")
    (path,) = SdistBuilder(str(root)).build(directory=str(folder), versions=["standard"])
    with tarfile.open(path) as file:
        return {each.name.partition("/")[2]: each.size for each in file.getmembers()}


def test_wheel_holds_every_module_and_the_manifest(wheel: dict[str, int], root: Path) -> None:
    source = root / "src"
    written = {str(path.relative_to(source)) for path in source.rglob("*.py") if "__pycache__" not in path.parts}
    assert written <= set(wheel)
    assert wheel["napari_deconv/napari.yaml"] > 100


def test_wheel_holds_only_the_package(wheel: dict[str, int]) -> None:
    tops = {name.split("/")[0].split("-")[0] for name in wheel}
    assert tops == {"napari_deconv"}
    assert not [name for name in wheel if "test" in Path(name).name or name.endswith((".tif", ".tiff", ".pyc"))]


def test_wheel_declares_command_and_plugin(root: Path, tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    (path,) = WheelBuilder(str(root)).build(directory=str(tmp_path), versions=["standard"])
    with zipfile.ZipFile(path) as file:
        (name,) = [each for each in file.namelist() if each.endswith("entry_points.txt")]
        declared = file.read(name).decode()
    assert "napari-deconv = napari_deconv.cli:main" in declared
    assert "[napari.manifest]\nnapari-deconv = napari_deconv:napari.yaml" in declared


def test_sdist_can_be_built_from(sdist: dict[str, int]) -> None:
    needed = {
        "pyproject.toml",
        "README.md",
        "LICENSE",
        "napari.yaml",
        "src/napari_deconv/napari.yaml",
        "tests/conftest.py",
    }
    assert needed <= set(sdist)


def test_nothing_large_is_shipped(sdist: dict[str, int], wheel: dict[str, int]) -> None:
    assert max(max(sdist.values()), max(wheel.values())) < LARGEST
    assert not [name for name in sdist if name.endswith((".tif", ".tiff")) or ".venv" in name or "test-output" in name]
