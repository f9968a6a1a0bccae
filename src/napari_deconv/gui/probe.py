"""``python -m napari_deconv.gui.probe``: which Qt starts here, on which platform, with which OpenGL, in one line for `doctor`."""

from __future__ import annotations

import sys

from qtpy import API_NAME, QT_VERSION
from qtpy.QtGui import QGuiApplication, QOffscreenSurface, QOpenGLContext

__all__ = ["main"]


def main() -> None:
    """Print ``binding version|platform|OpenGL``, the last empty where nothing can be drawn; Qt ends the process where it cannot start."""
    app = QGuiApplication(sys.argv[:1])
    surface, context = QOffscreenSurface(), QOpenGLContext()
    surface.create()
    is_drawn = context.create() and context.makeCurrent(surface)
    drawn_by = f"{context.format().majorVersion()}.{context.format().minorVersion()}" if is_drawn else ""
    print(f"{API_NAME} {QT_VERSION}|{app.platformName()}|{drawn_by}")


if __name__ == "__main__":
    main()
