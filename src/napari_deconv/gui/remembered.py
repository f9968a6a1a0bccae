"""What the Restore panel remembers from one start of napari to the next: a small JSON file in the user's folder."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from qtpy.QtCore import QObject, QTimer

from .foot import Foot
from .model import RestoreModel

__all__ = ["Remembered", "remembered_file"]

QUIET = 1000
"""Milliseconds without a change until it is written."""


def remembered_file() -> Path:
    """Return the file (``NAPARI_DECONV_HOME`` overrides the folder)."""
    import platformdirs

    home = os.environ.get("NAPARI_DECONV_HOME") or platformdirs.user_config_dir("napari-deconv", appauthor=False)
    return Path(home) / "panel.json"


class Remembered(QObject):  # type: ignore[misc]
    """Takes up what was remembered, and writes every change of it: the method and its values, Live, how results are kept.

    The PSF is not remembered: it belongs to the image, and a wrong one does silent harm.
    """

    def __init__(self, model: RestoreModel, foot: Foot) -> None:
        super().__init__()
        self.model, self.foot = model, foot
        self.wants_live = False
        self._may_start = True
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.write)
        self._take(_read())
        self._written = self._now()
        model.changed.connect(self._soon)
        foot.live.clicked.connect(self._on_live)
        foot.slab.activated.connect(self._on_planes)

    def _take(self, kept: Mapping[str, Any]) -> None:
        self.model.take_kept(kept)
        self.wants_live = kept.get("live") is True
        self.foot.slab.setCurrentIndex(max(0, self.foot.slab.findData(kept.get("planes", 0))))
        self._planes = self.foot.slab.currentData()
        self.foot.keep.setChecked(self.model.keeps_results)

    def _on_live(self, is_on: bool) -> None:
        self.wants_live = is_on
        self._soon()

    def _on_planes(self, number: int) -> None:
        self._planes = self.foot.slab.itemData(number)
        self._soon()

    def _soon(self, event: Any = None) -> None:
        self._timer.start(QUIET)

    def _now(self) -> dict[str, Any]:
        return {**self.model.kept_choices(), "live": self.wants_live, "planes": self._planes}

    def starts_live(self) -> bool:
        """Whether Live was on at the last end; true once."""
        is_first, self._may_start = self._may_start, False
        return is_first and self.wants_live

    def write(self) -> None:
        """Write what is new; a folder that cannot be written to costs the memory and nothing else."""
        self._timer.stop()
        now = self._now()
        if now == self._written:
            return
        file = remembered_file()
        beside = file.with_suffix(f".{os.getpid()}")
        try:
            file.parent.mkdir(parents=True, exist_ok=True)
            beside.write_text(json.dumps(now), encoding="utf-8")
            beside.replace(file)
        except OSError:
            return
        self._written = now

    def let_go(self) -> None:
        """Write, and follow the choices no more."""
        self.write()
        self.model.changed.disconnect(self._soon, missing_ok=True)


def _read() -> dict[str, Any]:
    """Return what the file says; nothing where there is none that can be read."""
    try:
        kept = json.loads(remembered_file().read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    is_whole = isinstance(kept, dict) and all(isinstance(kept.get(key, {}), dict) for key in ("choices", "values"))
    return kept if is_whole else {}
