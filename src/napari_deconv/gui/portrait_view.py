"""The picture of a PSF: across and along the axis, the profiles below, and a table of widths, limits and voxels."""

from __future__ import annotations

from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, QSize, Qt
from qtpy.QtGui import QColor, QImage, QPainter, QPen, QPolygonF
from qtpy.QtWidgets import QLabel, QSizePolicy, QVBoxLayout, QWidget

from ..psf.portrait import Portrait
from .dock import problem_style

__all__ = ["PortraitView"]

GAP = 8
PLOT = 84
"""Pixels of a profile's height."""
CURVE = QColor("#4aa3df")
HALF = QColor("#e0a030")


class PortraitView(QWidget):  # type: ignore[misc]
    """Shows one `Portrait`."""

    def __init__(self, viewer: Any) -> None:
        super().__init__()
        self._viewer = viewer
        self.portrait: Portrait | None = None
        self.canvas = Canvas()
        self.table = QLabel()
        self.table.setObjectName("widths")
        self.table.setTextFormat(Qt.TextFormat.RichText)
        self.table.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.warning = QLabel()
        self.warning.setObjectName("nyquist")
        self.words = QLabel()
        self.words.setObjectName("notices")
        for label in (self.warning, self.words):
            label.setWordWrap(True)
            label.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.canvas, self.table, self.warning, self.words):
            column.addWidget(widget)

    def show_portrait(self, portrait: Portrait | None) -> None:
        """Show a portrait; None shows an empty picture."""
        self.portrait = portrait
        self.canvas.portrait = portrait
        self.canvas.update()
        self.table.setText("" if portrait is None else as_table(portrait))
        coarse = portrait.coarse if portrait else ()
        warning = (
            f"The voxel is too coarse along {' and '.join(coarse)}: Nyquist's criterion asks for the size in the last column, "
            "and finer detail is lost."
        )
        self.warning.setText(warning if coarse else "")
        self.warning.setVisible(bool(coarse))
        self.warning.setStyleSheet(problem_style(self._viewer))
        assumed = [each for each in portrait.notices if "Nyquist" not in each] if portrait else []
        self.words.setText("\n".join(f"{each[:1].upper()}{each[1:]}." for each in assumed))
        self.words.setVisible(bool(assumed))


class Canvas(QWidget):  # type: ignore[misc]
    """The painted part."""

    def __init__(self, name: str = "psf picture") -> None:
        super().__init__()
        self.portrait: Portrait | None = None
        self.setObjectName(name)
        self.setMinimumHeight(PLOT + 150)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip(
            "Across the axis (XY), along it (XZ), and the profiles; shown is the square root of the brightness."
        )

    def sizeHint(self) -> QSize:
        """Say how large it would like to be."""
        return QSize(340, PLOT + 170)

    def paintEvent(self, event: Any) -> None:
        """Paint sections and profiles."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor("#000000"))
        if self.portrait is None:
            painter.setPen(QColor("#909090"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, "no PSF with these values")
            return
        half = (self.width() - GAP) / 2
        high = self.height() - PLOT - GAP
        boxes = QRectF(0, 0, half, high), QRectF(half + GAP, 0, half, high)
        z, y, x = self.portrait.voxel
        sections = zip(boxes, self.portrait.shades(), ((y, x), (z, x)), ("XY", "XZ"), strict=True)
        for box, shades, pitch, name in sections:
            paint_section(painter, box, shades, pitch, name)
        lower = QRectF(0, high + GAP, half, PLOT), QRectF(half + GAP, high + GAP, half, PLOT)
        for box, axis in zip(lower, ("x", "z"), strict=True):
            if axis in self.portrait.profiles:
                paint_profile(
                    painter, box, *self.portrait.profiles[axis], axis, self.portrait.widths["zyx".index(axis)]
                )


def paint_section(
    painter: QPainter, box: QRectF, shades: np.ndarray[Any, Any], pitch: tuple[float, float], name: str
) -> None:
    """Paint a section (uint8) as large as fits, its sides in their true proportion, with a scale bar."""
    high, wide = shades.shape[0] * pitch[0], shades.shape[1] * pitch[1]
    scale = min(box.width() / wide, box.height() / high)
    place = QRectF(0, 0, wide * scale, high * scale)
    place.moveCenter(box.center())
    picture = QImage(shades.data, shades.shape[1], shades.shape[0], shades.shape[1], QImage.Format.Format_Grayscale8)
    painter.drawImage(place, picture)
    bar = rounded(wide / 3)
    painter.setPen(QPen(QColor("white"), 2))
    end = box.bottomRight() - QPointF(6, 6)
    painter.drawLine(QPointF(end.x() - bar * scale, end.y()), end)
    painter.drawText(QPointF(box.left() + 5, box.top() + 15), name)
    words = f"{bar:g} µm"
    painter.drawText(QPointF(end.x() - painter.fontMetrics().horizontalAdvance(words), end.y() - 5), words)


def paint_profile(
    painter: QPainter,
    box: QRectF,
    places: np.ndarray[Any, Any],
    values: np.ndarray[Any, Any],
    axis: str,
    width: float | None,
) -> None:
    """Paint a profile with dots at the voxels, and its width at half maximum."""
    inner = box.adjusted(6, 16, -6, -6)
    reach = float(np.abs(places).max()) or 1.0

    def at(place: float, value: float) -> QPointF:
        return QPointF(inner.center().x() + place / reach * inner.width() / 2, inner.bottom() - value * inner.height())

    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(QPen(QColor("#606060"), 1))
    painter.drawLine(at(-reach, 0), at(reach, 0))
    points = [at(float(place), float(value)) for place, value in zip(places, values, strict=True)]
    painter.setPen(QPen(CURVE, 1.5))
    painter.drawPolyline(QPolygonF(points))
    painter.setBrush(CURVE)
    for point in points:
        painter.drawEllipse(point, 1.5, 1.5)
    words = f"{axis}  ± {reach:.2g} µm"
    if width is not None:
        painter.setPen(QPen(HALF, 1.5))
        painter.drawLine(at(-width / 2, 0.5), at(width / 2, 0.5))
        words = f"{axis}  FWHM {width:.3g} µm"
    painter.setPen(QColor("white"))
    painter.drawText(QPointF(box.left() + 5, box.top() + 12), words)


def as_table(portrait: Portrait) -> str:
    """Return the widths beside limits and voxels, a voxel that is too coarse in bold."""

    def cell(value: float | None) -> str:
        return "–" if value is None else f"{value:.3g}"

    rows = []
    for axis, width, limit, voxel, coarsest in portrait.rows():
        told = f"<b>{cell(voxel)}</b>" if axis in portrait.coarse else cell(voxel)
        cells = "".join(
            f"<td align='right'>{each}&nbsp;&nbsp;</td>" for each in (cell(width), cell(limit), told, cell(coarsest))
        )
        rows.append(f"<tr><td>{axis}&nbsp;&nbsp;</td>{cells}</tr>")
    heads = "".join(f"<th align='right'>{each}&nbsp;&nbsp;</th>" for each in ("FWHM", "limit", "voxel", "Nyquist"))
    return f"<table><tr><th>µm</th>{heads}</tr>{''.join(rows)}</table>"


def rounded(length: float) -> float:
    """Return the nearest smaller of 1, 2, 5 times a power of ten."""
    power = 10.0 ** np.floor(np.log10(length))
    return float(max(step for step in (1, 2, 5) if step * power <= length * 1.0001) * power)
