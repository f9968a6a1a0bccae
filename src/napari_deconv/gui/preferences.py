"""What the user set under Preferences for this plugin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

__all__ = ["engine", "when_changed"]


def engine() -> dict[str, str]:
    """Return ``device`` and ``memory`` as `restore` takes them; the defaults where napari does not know the plugin."""
    from napari.settings import get_plugin_settings

    try:
        chosen = get_plugin_settings("napari-deconv").engine
    except (KeyError, AttributeError):
        return {"device": "auto", "memory": "auto"}
    return {
        "device": str(getattr(chosen.device, "value", chosen.device)),
        "memory": str(chosen.memory).strip() or "auto",
    }


def when_changed(told: Callable[[Any], None]) -> Callable[[], None]:
    """Call a function whenever one of these preferences is changed; return what ends that."""
    from napari.settings import get_plugin_settings

    try:
        changed = get_plugin_settings("napari-deconv").engine.events
    except (KeyError, AttributeError):
        return lambda: None
    changed.connect(told)
    return lambda: changed.disconnect(told)
