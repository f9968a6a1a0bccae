"""What a result's history keeps of one restoration: enough to run it again and to defend every pixel."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import numpy as np

from .background import VolumeFigures
from .methods.choice import Choice
from .psf.base import Grid, PsfModel
from .recipe import Recipe

__all__ = ["describe_choices", "describe_psfs", "describe_run", "versions"]


def describe_run(recipe: Recipe, *, iterations: int, tiles: int, device: Any, seconds: float) -> dict[str, Any]:
    """Return the recipe and the figures of its run as plain JSON-able values."""
    return {
        "software": "napari-deconv",
        "versions": versions(),
        "recipe": recipe.dump(),
        "digest": recipe.digest,
        "method": recipe.method.called,
        "iterations": iterations,
        "tiles": tiles,
        "device": str(device),
        "seconds": round(seconds, 3),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def describe_psfs(models: Sequence[PsfModel], psfs: Iterable[np.ndarray[Any, Any]], grid: Grid) -> dict[str, Any]:
    """Return each channel's PSF model with all its values, its pixels' checksum, how it was made, and what it had to assume."""
    reports = [dict(model.report(grid)) for model in models]
    notices = [notice for model in models for notice in model.notices(grid)]
    notices += [notice for report in reports for notice in report.pop("notices", ())]
    return {
        "psf": [model.model_dump(mode="json", exclude_none=True) for model in models],
        "psf_sha256": [hashlib.sha256(psf.tobytes()).hexdigest() for psf in psfs],
        "psf_report": reports,
        "notices": list(dict.fromkeys(notices)),
    }


def describe_choices(figures: Iterable[VolumeFigures], choices: Iterable[Choice]) -> dict[str, Any]:
    """Return what was chosen from the image itself, and why."""
    measured = list(figures)
    return {
        "background": [round(each.background, 6) for each in measured],
        "saturated": [{"from": each.ceiling, "share": each.saturated} for each in measured if each.ceiling is not None],
        "choices": [asdict(choice) for choice in choices],
    }


def versions() -> dict[str, str]:
    """Return the versions that decide a result."""
    from importlib.metadata import version

    return {name: version(name) for name in ("napari-deconv", "numpy", "scipy", "torch")}
