"""What the user set under Preferences for this plugin."""

from __future__ import annotations

__all__ = ["engine"]


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
