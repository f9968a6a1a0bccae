"""The line of a profile on the canvas, and the plot of what lies under it in two layers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from qtpy.QtCore import QPointF, QRectF, Qt
from qtpy.QtGui import QColor, QPainter, QPaintEvent, QPen, QPolygonF
from qtpy.QtWidgets import QSizePolicy, QWidget

from .compare import GRAB, HELPER
from .profile import Profile, profile_of

__all__ = ["ProfileLine", "ProfilePlot"]

COLOURS = (QColor("#e8a33d"), QColor("#4c9be8"))
MARGIN = 6
PLACED = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")


class ProfileLine:
    """A line on the canvas whose ends are dragged; ``changed`` is called with both layers' profiles whenever it moves.

    It lies in the plane that the canvas shows, and comes along when the sliders move. It is a vector, dragged by the viewer's
    own mouse callbacks: a Shapes or Points layer that goes after it was edited takes the OpenGL of napari 0.9 down with it.
    """

    def __init__(self, viewer: Any, left: Any, right: Any, changed: Callable[[Sequence[Profile]], None]) -> None:
        self.viewer, self.layers, self._changed = viewer, (left, right), changed
        self.ends = self._first()
        active = viewer.layers.selection.active
        self.line = viewer.add_vectors(
            ndim=left.ndim,
            name="profile line",
            edge_color="#e8a33d",
            vector_style="line",
            metadata={HELPER: True},
            **{name: getattr(left, name) for name in PLACED},
        )
        viewer.layers.selection.active = active
        viewer.mouse_drag_callbacks.append(self._dragged)
        viewer.dims.events.current_step.connect(self._come_along)
        viewer.dims.events.order.connect(self._start_again)
        self.measure()

    def measure(self) -> None:
        """Draw the line between its ends as they lie now, and tell the profiles under it."""
        start, stop = self.ends
        self.line.edge_width = 3 / (self.viewer.scene.camera.zoom * float(self.line.scale[-1]))
        self.line.data = np.asarray([[start, stop - start]])
        first, last = (np.asarray(self.line.data_to_world(end)) for end in (start, stop))
        if not np.allclose(first, last):
            self._changed([profile_of(layer, first, last) for layer in self.layers])

    def leave(self) -> None:
        """Take the line away."""
        self.viewer.mouse_drag_callbacks.remove(self._dragged)
        self.viewer.dims.events.current_step.disconnect(self._come_along)
        self.viewer.dims.events.order.disconnect(self._start_again)
        if self.line in self.viewer.layers:
            self.viewer.layers.remove(self.line)

    def _dragged(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse while it drags an end, the camera held still."""
        point = np.asarray(event.position)[-self.line.ndim :]
        away = [float(np.linalg.norm(np.asarray(self.line.data_to_world(end)) - point)) for end in self.ends]
        if min(away) * viewer.scene.camera.zoom > GRAB:
            return
        end = int(np.argmin(away))
        viewer.scene.camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            at = np.asarray(self.line.world_to_data(np.asarray(event.position)[-self.line.ndim :]))
            shown = [axis - (viewer.dims.ndim - len(at)) for axis in viewer.dims.displayed]
            self.ends[end, shown] = at[shown]
            self.measure()
            event.handled = True
            yield
        viewer.scene.camera.mouse_pan = True

    def _plane(self) -> np.ndarray[Any, Any]:
        """Return the pixel of the left layer that the sliders stand at."""
        left = self.layers[0]
        point: np.ndarray[Any, Any] = np.round(left.world_to_data(np.asarray(self.viewer.dims.point)[-left.ndim :]))
        return point

    def _first(self) -> np.ndarray[Any, Any]:
        """Return two ends across the middle half of the left layer, in its pixels, in the shown plane."""
        left = self.layers[0]
        upright, across = (axis - (self.viewer.dims.ndim - left.ndim) for axis in self.viewer.dims.displayed[-2:])
        ends = np.tile(self._plane(), (2, 1))
        ends[:, upright] = left.data.shape[upright] // 2
        ends[:, across] = np.array([0.25, 0.75]) * left.data.shape[across]
        return ends

    def _come_along(self, event: Any = None) -> None:
        if self.layers[0] not in self.viewer.layers:
            return
        plane = self._plane()
        for axis in self.viewer.dims.not_displayed:
            number = axis - (self.viewer.dims.ndim - len(plane))
            if number >= 0:
                self.ends[:, number] = plane[number]
        self.measure()

    def _start_again(self, event: Any = None) -> None:
        if self.layers[0] not in self.viewer.layers:
            return
        self.ends = self._first()
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
