"""The live curve of a training: the loss of each batch, the judgements on frames that are not learned from, and the best of them."""

from __future__ import annotations

import math

from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

__all__ = ["LossCurve"]

MARGIN = 6
LOSS, JUDGED, WORDS = QColor("#9aa0a6"), QColor("#4c9be8"), QColor("#9aa0a6")


class LossCurve(QWidget):  # type: ignore[misc]
    """Draws (step, value) of batches in grey and of judgements in blue, over 0 to ``last``."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("loss")
        self.losses: list[tuple[int, float]] = []
        self.judged: list[tuple[int, float]] = []
        self.last = 1
        self.setToolTip(
            "Grey: the loss of each batch. Blue: the loss of frames that are not learned from; the lowest of these is kept."
        )
        self.setMinimumHeight(110)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def clear(self) -> None:
        """Begin anew."""
        self.losses, self.judged, self.last = [], [], 1
        self.update()

    def add(self, step: int, last: int, loss: float, judged: float) -> None:
        """Add what one step told; NaN is nothing."""
        self.last = max(last, 1)
        if math.isfinite(loss):
            self.losses.append((step, loss))
        if math.isfinite(judged):
            self.judged.append((step, judged))
        self.update()

    def bounds(self) -> tuple[float, float]:
        """Return the lowest and the highest value that is drawn."""
        values = [value for _, value in (*self.losses, *self.judged)]
        low, high = (min(values), max(values)) if values else (0.0, 1.0)
        return (low, high) if high > low else (low - 0.5, low + 0.5)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            for points, colour, width in ((self.losses, LOSS, 1.0), (self.judged, JUDGED, 2.0)):
                painter.setPen(QPen(colour, width))
                painter.drawPolyline(QPolygonF([self._place(*each) for each in points]))
            painter.setBrush(JUDGED)
            for each in self.judged:
                painter.drawEllipse(self._place(*each), 2.5, 2.5)
            if self.losses or self.judged:
                self._write(painter)

    def _write(self, painter: QPainter) -> None:
        low, high = self.bounds()
        painter.setPen(WORDS)
        box = self._box()
        right = Qt.AlignmentFlag.AlignRight
        painter.drawText(box, right | Qt.AlignmentFlag.AlignTop, f"{high:.3g}")
        painter.drawText(box, right | Qt.AlignmentFlag.AlignBottom, f"{low:.3g}")
        if self.judged:
            step, best = min(self.judged, key=lambda each: each[1])
            painter.setPen(QPen(JUDGED, 1, Qt.PenStyle.DashLine))
            painter.drawLine(
                QPointF(box.left(), self._place(step, best).y()), QPointF(box.right(), self._place(step, best).y())
            )

    def _box(self) -> QRectF:
        return QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)

    def _place(self, step: int, value: float) -> QPointF:
        box, (low, high) = self._box(), self.bounds()
        share = (value - low) / (high - low)
        return QPointF(box.left() + box.width() * step / self.last, box.bottom() - share * box.height())
