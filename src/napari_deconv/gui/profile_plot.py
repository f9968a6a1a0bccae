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
PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class ProfileLine:
    """A line on the canvas whose ends are dragged; ``changed`` is called with both layers' profiles whenever it moves.

    It lies in the plane that the canvas shows, and comes along when the sliders move. Its ends are points and it is a vector:
    a Shapes layer that goes takes the OpenGL of napari 0.9 down with it.
    """

    def __init__(self, viewer: Any, left: Any, right: Any, changed: Callable[[Sequence[Profile]], None]) -> None:
        self.viewer, self.layers, self._changed = viewer, (left, right), changed
        pixel = viewer.scene.camera.zoom * float(left.scale[-1])
        told = {name: getattr(left, name) for name in PLACED} | {"ndim": left.ndim, "metadata": {HELPER: True}}
        self.line = viewer.add_vectors(
            name="profile line", edge_color="white", edge_width=2 / pixel, vector_style="line", **told
        )
        self.ends = viewer.add_points(
            self._first(), name="profile ends", size=12 / pixel, face_color="#e8a33d", border_color="white", **told
        )
        self.ends.mode = "select"
        self.ends.events.data.connect(self.measure)
        viewer.dims.events.current_step.connect(self._come_along)
        viewer.dims.events.order.connect(self._start_again)
        self.measure()

    def measure(self, event: Any = None) -> None:
        """Draw the line between its ends as they lie now, and tell the profiles under it."""
        if len(self.ends.data) < 2:
            return
        start, stop = np.asarray(self.ends.data[:2], dtype=float)
        self.line.data = np.asarray([[start, stop - start]])
        first, last = (np.asarray(self.ends.data_to_world(end)) for end in (start, stop))
        if not np.allclose(first, last):
            self._changed([profile_of(layer, first, last) for layer in self.layers])

    def leave(self) -> None:
        """Take the line away."""
        self.ends.events.data.disconnect(self.measure)
        self.viewer.dims.events.current_step.disconnect(self._come_along)
        self.viewer.dims.events.order.disconnect(self._start_again)
        for layer in (self.ends, self.line):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)

    def _plane(self) -> np.ndarray[Any, Any]:
        """Return the pixel of the left layer that the sliders stand at."""
        left = self.layers[0]
        point: np.ndarray[Any, Any] = np.round(left.world_to_data(np.asarray(self.viewer.dims.point)[-left.ndim :]))
        return point

    def _first(self) -> np.ndarray[Any, Any]:
        """Return two ends across the middle half of the left layer, in the shown plane."""
        left = self.layers[0]
        upright, across = (axis - (self.viewer.dims.ndim - left.ndim) for axis in self.viewer.dims.displayed[-2:])
        ends = np.tile(self._plane(), (2, 1))
        ends[:, upright] = left.data.shape[upright] // 2
        ends[:, across] = np.array([0.25, 0.75]) * left.data.shape[across]
        return ends

    def _come_along(self, event: Any = None) -> None:
        ends, plane = np.array(self.ends.data, dtype=float), self._plane()
        for axis in self.viewer.dims.not_displayed:
            number = axis - (self.viewer.dims.ndim - len(plane))
            if number >= 0:
                ends[:, number] = plane[number]
        if not np.array_equal(ends, self.ends.data):
            self.ends.data = ends

    def _start_again(self, event: Any = None) -> None:
        self.ends.data = self._first()


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
