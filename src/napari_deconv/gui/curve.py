"""A small curve: the held-out score over the iterations, the automatic stop and the shown iteration marked."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["Curve"]

MARGIN = 5
LINE, STOP, HERE = QColor("#4c9be8"), QColor("#e8a33d"), QColor("#9aa0a6")


class Curve(QWidget):  # type: ignore[misc]
    """Draws values over 1, 2, 3 … up to ``last``; ``stop`` and ``here`` are upright lines."""

    def __init__(self) -> None:
        super().__init__()
        self.values: tuple[float, ...] = ()
        self.last, self.stop, self.here = 1, 0, 0
        self.setMinimumHeight(70)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def show_curve(self, values: Sequence[float], last: int, stop: int) -> None:
        """Show a curve whose horizontal axis ends at ``last``."""
        self.values, self.last, self.stop = tuple(values), max(last, 2), stop
        self.update()

    def mark(self, here: int) -> None:
        """Mark the iteration that is shown."""
        self.here = here
        self.update()

    def points(self) -> list[QPointF]:
        """Return where the values lie on the widget: the lowest at the bottom; what starts far above is cut at the top."""
        if not self.values:
            return []
        box = self._box()
        values = np.asarray(self.values)
        low = float(values.min())
        high = max(float(np.quantile(values, 0.9)), low + 1e-12)
        heights = np.clip((values - low) / (high - low), 0, 1)
        return [
            QPointF(self._x(number + 1), box.bottom() - height * box.height()) for number, height in enumerate(heights)
        ]

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            box = self._box()
            for at, colour, style in (
                (self.here, HERE, Qt.PenStyle.SolidLine),
                (self.stop, STOP, Qt.PenStyle.DashLine),
            ):
                if at:
                    painter.setPen(QPen(colour, 1.5, style))
                    painter.drawLine(QPointF(self._x(at), box.top()), QPointF(self._x(at), box.bottom()))
            painter.setPen(QPen(LINE, 1.8))
            painter.drawPolyline(QPolygonF(self.points()))

    def _box(self) -> QRectF:
        return QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)

    def _x(self, step: int) -> float:
        box = self._box()
        return float(box.left() + box.width() * (step - 1) / max(1, self.last - 1))
