"""``demo``: the main job on the embedded sample, and napari with what it made where there is a screen."""

from __future__ import annotations

import importlib
import os
import sys
from importlib.util import find_spec
from pathlib import Path

from ..demo import Demo, run_demo
from .progress import shown_progress
from .telling import print_json

__all__ = ["has_screen", "show_demo"]

BINDINGS = ("PyQt6", "PySide6")


def show_demo(out: Path, device: str, with_window: bool, as_json: bool) -> None:
    """Run the demo, tell what came of it, and open napari with it where that was asked for and can be."""
    with shown_progress("widefield-cells") as show:
        demo = run_demo(out, device=device, on_progress=show)
    if as_json:
        print_json(demo.as_values())
    else:
        print("\n".join(demo.lines()))
    if with_window:
        _open(demo)


def has_screen() -> bool:
    """Whether a window can be seen here: Linux says so in DISPLAY or WAYLAND_DISPLAY, other systems always have one."""
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _open(demo: Demo) -> None:
    """Open the demo in napari, or say why not; the files are there in either case."""
    if not has_screen():
        print("note: there is no screen here, so no window opens: look at the picture", file=sys.stderr)
        return
    if find_spec("napari") is None or not any(find_spec(each) for each in BINDINGS):
        print(
            "note: napari or its Qt is missing, so no window opens: pip install 'napari[all]' adds them",
            file=sys.stderr,
        )
        return
    sys.stdout.flush()
    importlib.import_module("napari_deconv.gui").open_demo(demo)
