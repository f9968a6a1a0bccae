"""napari: the only folder that knows Qt; it reads a form, starts the path and shows what comes."""

from .demo_window import open_demo

__all__ = ["open_demo"]
