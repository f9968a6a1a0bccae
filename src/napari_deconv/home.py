"""Where the user's own things are kept: PSFs from memory, trained models, what they allowed."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["user_folder"]


def user_folder() -> Path:
    """Return the user's data folder, which need not exist yet (``NAPARI_DECONV_HOME`` overrides)."""
    import platformdirs

    return Path(os.environ.get("NAPARI_DECONV_HOME") or platformdirs.user_data_dir("napari-deconv", appauthor=False))
