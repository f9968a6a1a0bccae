"""The demo command: what it prints, and that it opens napari only where a window can be seen and is wanted."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest
from tests.cli.conftest import Run

from napari_deconv.cli import demoing
from napari_deconv.demo import Demo


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[Demo]:
    """Let the demo take no time; collect what is opened."""
    figures = {"psnr": 1.0, "ssim": 0.5, "nrmse": 0.2}
    paths = {"picture": tmp_path / "before-after.png"}

    def quick(out: Path, **given: Any) -> Demo:
        assert (out, given["device"]) == (tmp_path / "made", "cpu")
        return Demo("Cells", (3, 4, 5), "Richardson-Lucy", paths, figures, figures, 1.0, "cpu", 5)

    shown: list[Demo] = []
    monkeypatch.setattr(demoing, "run_demo", quick)
    monkeypatch.setattr(importlib.import_module("napari_deconv.gui"), "open_demo", shown.append)
    return shown


def words(tmp_path: Path) -> tuple[Any, ...]:
    return "demo", "--out", tmp_path / "made", "--device", "cpu"


def test_with_a_screen_napari_opens(run: Run, opened: list[Demo], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(demoing, "has_screen", lambda: True)
    answer = run(*words(tmp_path))
    assert (answer.status, answer.err) == (0, "")
    assert "before-after.png" in answer.out
    assert [each.method for each in opened] == ["Richardson-Lucy"]


def test_without_a_screen_it_says_so(run: Run, opened: list[Demo], tmp_path: Path, monkeypatch: Any) -> None:
    monkeypatch.setattr(demoing.sys, "platform", "linux")
    monkeypatch.delenv("DISPLAY", raising=False)
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    answer = run(*words(tmp_path))
    assert answer.status == 0
    assert "no screen" in answer.err
    assert not opened


def test_no_window_asked_for(run: Run, opened: list[Demo], tmp_path: Path) -> None:
    answer = run(*words(tmp_path), "--no-window", "--json")
    assert answer.json["method"] == "Richardson-Lucy"
    assert answer.err == ""
    assert not opened
