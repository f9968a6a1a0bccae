"""First contact: what the Restore panel says while no image is open."""

from __future__ import annotations

from typing import Any

from qtpy.QtWidgets import QLabel, QVBoxLayout, QWidget

from .foot import made_button

__all__ = ["Welcome"]

SAMPLE = ("napari-deconv", "widefield-cells")
WORDS = "Open an image to restore: drop a TIFF on the window, or use File > Open. To try it out first:"


class Welcome(QWidget):  # type: ignore[misc]
    """What to do, and a button that opens the sample."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        words = QLabel(WORDS)
        words.setWordWrap(True)
        sample = made_button("Open the sample", "sample", "Simulated widefield cells with their PSF and their truth.")
        sample.clicked.connect(lambda: viewer.open_sample(*SAMPLE))
        column = QVBoxLayout(self)
        column.addWidget(words)
        column.addWidget(sample)
