"""The line of a profile on the canvas, and the plot of what lies under it in two layers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from .compare import HELPER
from .profile import Profile, profile_of

__all__ = ["ProfileLine", "ProfilePlot"]

COLOURS = (QColor("#e8a33d"), QColor("#4c9be8"))
MARGIN = 6


class ProfileLine:
    """A line to drag on the canvas; ``changed`` is called with the profiles of both layers whenever it moves.

    It lies in the plane that the canvas shows, and comes along when the sliders move.
    """

    def __init__(self, viewer: Any, left: Any, right: Any, changed: Callable[[Sequence[Profile]], None]) -> None:
        self.viewer, self.layers, self._changed = viewer, (left, right), changed
        self.line = viewer.add_shapes(
            [self._first()],
            shape_type="line",
            ndim=viewer.dims.ndim,
            name="profile line",
            edge_color="#ffffff",
            edge_width=2 / viewer.scene.camera.zoom,
            metadata={HELPER: True},
            **({"units": left.units, "axis_labels": left.axis_labels} if left.ndim == viewer.dims.ndim else {}),
        )
        self.line.mode = "direct"
        self.line.events.data.connect(self.measure)
        viewer.dims.events.current_step.connect(self._come_along)
        viewer.dims.events.order.connect(self._start_again)
        self.measure()

    def measure(self, event: Any = None) -> None:
        """Tell the profiles under the line as it lies now."""
        if len(self.line.data):
            start, stop = np.asarray(self.line.data[0][:2], dtype=float)
            self._changed([profile_of(layer, start, stop) for layer in self.layers])

    def leave(self) -> None:
        """Take the line away."""
        self.line.events.data.disconnect(self.measure)
        self.viewer.dims.events.current_step.disconnect(self._come_along)
        self.viewer.dims.events.order.disconnect(self._start_again)
        if self.line in self.viewer.layers:
            self.viewer.layers.remove(self.line)

    def _first(self) -> np.ndarray[Any, Any]:
        """Return a line across the middle half of the left layer, in the shown plane."""
        left = self.layers[0]
        low, high = left.extent.world
        first = self.viewer.dims.ndim - left.ndim
        vertical, across = (axis for axis in self.viewer.dims.displayed[-2:])
        ends = np.tile(np.asarray(self.viewer.dims.point, dtype=float), (2, 1))
        ends[:, vertical] = (low[vertical - first] + high[vertical - first]) / 2
        begin, end = low[across - first], high[across - first]
        ends[:, across] = begin + (end - begin) / 4, end - (end - begin) / 4
        return ends

    def _come_along(self, event: Any = None) -> None:
        if not len(self.line.data):
            return
        ends = np.array(self.line.data[0], dtype=float)
        for axis in self.viewer.dims.not_displayed:
            ends[:, axis] = self.viewer.dims.point[axis]
        if not np.allclose(ends, self.line.data[0]):
            self._draw(ends)

    def _start_again(self, event: Any = None) -> None:
        self._draw(self._first())

    def _draw(self, ends: np.ndarray[Any, Any]) -> None:
        with self.line.events.data.blocker(self.measure):
            self.line.data = []
            self.line.add_lines([ends], edge_color="#ffffff", edge_width=2 / self.viewer.scene.camera.zoom)
        self.measure()


class ProfilePlot(QWidget):  # type: ignore[misc]
    """Draws profiles, each from its own lowest to its own highest value, with name and width at half maximum."""

    def __init__(self) -> None:
        super().__init__()
        self.profiles: tuple[Profile, ...] = ()
        self.setMinimumHeight(130)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setToolTip("Both layers under the line, each scaled to its own range. FWHM: width of the highest peak.")

    def show_profiles(self, profiles: Sequence[Profile]) -> None:
        """Show these."""
        self.profiles = tuple(profiles)
        self.update()

    def legend(self, unit: str) -> str:
        """Return name, width and peak of each in the plot's colours, as rich text."""
        told = []
        for profile, colour in zip(self.profiles, COLOURS, strict=False):
            width = f"FWHM {profile.width:.3g} {unit}" if profile.width is not None else "no single peak"
            told.append(f'<span style="color:{colour.name()}">■</span> {profile.name}: {width}')
        return "<br>".join(told)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Draw."""
        box = QRectF(self.rect()).adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN)
        with QPainter(self) as painter:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.setPen(QPen(QColor("#808080"), 1, Qt.PenStyle.DotLine))
            painter.drawRect(box)
            for profile, colour in zip(self.profiles, COLOURS, strict=False):
                painter.setPen(QPen(colour, 1.8))
                painter.drawPolyline(QPolygonF(_points(profile, box)))


def _points(profile: Profile, box: QRectF) -> list[QPointF]:
    low, high = float(profile.value.min()), float(profile.value.max())
    heights = (profile.value - low) / (high - low if high > low else 1.0)
    across = profile.distance / profile.distance[-1]
    return [
        QPointF(box.left() + x * box.width(), box.bottom() - y * box.height())
        for x, y in zip(across, heights, strict=True)
    ]
