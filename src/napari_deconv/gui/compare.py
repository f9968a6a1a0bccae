"""Two layers compared on the canvas: side by side, wipe, blink, difference; each takes back what it changed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

__all__ = ["Blink", "SideBySide", "Wipe", "match_contrast", "show_difference", "turn_sideways"]

HELPER = "napari_deconv_helper"
"""Marks a layer that only serves a comparison, and is never a source."""
CURTAIN = "curtain"
GRAB = 12.0
"""Screen pixels around the curtain's edge that take hold of it."""


class _Comparison:
    """Two layers of a viewer, everything else hidden; ``leave`` brings back what was."""

    def __init__(self, viewer: Any, left: Any, right: Any) -> None:
        self.viewer, self.left, self.right = viewer, left, right
        self._visible = {layer: layer.visible for layer in viewer.layers}
        for layer in viewer.layers:
            layer.visible = layer in (left, right)

    def leave(self) -> None:
        """Show the layers that were shown before."""
        for layer, visible in self._visible.items():
            if layer in self.viewer.layers:
                layer.visible = visible


class SideBySide(_Comparison):
    """Both layers in napari's grid: cameras and sliders linked, names shown."""

    def __init__(self, viewer: Any, left: Any, right: Any) -> None:
        super().__init__(viewer, left, right)
        grid = viewer.canvas.grid
        self._grid = {name: getattr(grid, name) for name in ("stride", "shape", "spacing", "enabled")}
        self._names = {layer: layer.name_overlay.visible for layer in (left, right)}
        grid.stride = 1 if viewer.layers.index(left) < viewer.layers.index(right) else -1
        grid.shape = (1, 2)
        grid.spacing = 0.02
        grid.enabled = True
        for layer in (left, right):
            layer.name_overlay.visible = True
        viewer.reset_view()

    def leave(self) -> None:
        """Take the grid back as it was."""
        for name, value in self._grid.items():
            setattr(self.viewer.canvas.grid, name, value)
        for layer, visible in self._names.items():
            layer.name_overlay.visible = visible
        super().leave()
        self.viewer.reset_view()


class Blink(_Comparison):
    """One layer and the other in turn, twice a second."""

    PERIOD = 500

    def __init__(self, viewer: Any, left: Any, right: Any) -> None:
        from qtpy.QtCore import QTimer

        super().__init__(viewer, left, right)
        self._timer = QTimer()
        self._timer.timeout.connect(self.turn)
        self._timer.start(self.PERIOD)
        right.visible = False

    def turn(self) -> None:
        """Show the other one."""
        self.left.visible, self.right.visible = self.right.visible, self.left.visible

    def leave(self) -> None:
        """Stop."""
        self._timer.stop()
        super().leave()


class Wipe(_Comparison):
    """A curtain: left of its edge one layer, right of it the other. Drag the edge on the canvas.

    The right layer lies below; above it lies a view of the left one, cut at the edge, in a layer of its own, so that
    nothing cropped can be saved by mistake.

    Raises
    ------
    ValueError
        in 3-D display or with swapped axes, or when the layers do not show the same field.
    """

    def __init__(self, viewer: Any, left: Any, right: Any) -> None:
        if viewer.dims.ndisplay != 2 or viewer.dims.displayed[-1] != viewer.dims.ndim - 1:
            raise ValueError("The wipe works where the canvas shows X from left to right in 2-D: switch to that first.")
        if left.rgb != right.rgb or left.ndim != right.ndim or left.multiscale or right.multiscale:
            raise ValueError(f"'{left.name}' and '{right.name}' cannot be wiped: they differ in their dimensions.")
        super().__init__(viewer, left, right)
        left.visible = False
        self.curtain = self._made_curtain()
        self.line = self._made_line()
        self.share = 0.5
        self.moved: Callable[[float], None] = lambda share: None
        self.move_to(0.5)
        viewer.mouse_drag_callbacks.append(self._dragged)
        viewer.dims.events.current_step.connect(self._draw_edge)

    def move_to(self, share: float) -> None:
        """Put the edge at a share of the field's width."""
        self.share = min(max(share, 0.0), 1.0)
        upto = self._upto()
        whole = self.left.data
        self.curtain.data = whole[..., :upto, :] if self.left.rgb else whole[..., :upto]
        self._draw_edge()

    def _width(self) -> int:
        return int(self.left.data.shape[-1 - self.left.rgb])

    def _upto(self) -> int:
        return min(max(round(self.share * self._width()), 1), self._width())

    def leave(self) -> None:
        """Take the curtain down."""
        self.viewer.mouse_drag_callbacks.remove(self._dragged)
        self.viewer.dims.events.current_step.disconnect(self._draw_edge)
        for layer in (self.curtain, self.line):
            if layer in self.viewer.layers:
                self.viewer.layers.remove(layer)
        super().leave()

    def _made_curtain(self) -> Any:
        from napari.layers import Image as ImageLayer

        left = self.left
        names = (
            "scale",
            "translate",
            "rotate",
            "shear",
            "affine",
            "units",
            "axis_labels",
            "rgb",
            "gamma",
            "interpolation2d",
        )
        told = {name: getattr(left, name) for name in names}
        if not left.rgb:
            told |= {"colormap": left.colormap, "contrast_limits": left.contrast_limits}
        curtain = ImageLayer(left.data, name=CURTAIN, metadata={HELPER: True}, blending="translucent_no_depth", **told)
        active = self.viewer.layers.selection.active
        self.viewer.layers.append(curtain)
        self.viewer.layers.selection.active = active
        return curtain

    def _made_line(self) -> Any:
        """Return the layer of the curtain's edge: vectors, for a Shapes layer that goes takes napari's OpenGL with it."""
        active = self.viewer.layers.selection.active
        names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
        line = self.viewer.add_vectors(
            ndim=self.left.ndim,
            name="curtain edge",
            metadata={HELPER: True},
            edge_color="white",
            vector_style="line",
            **{name: getattr(self.left, name) for name in names},
        )
        self.viewer.layers.selection.active = active
        return line

    def _draw_edge(self, event: Any = None) -> None:
        if self.left not in self.viewer.layers:
            return
        low, high = self._edge(self._upto())
        self.line.edge_width = 2 / (self.viewer.scene.camera.zoom * float(self.left.scale[-1]))
        self.line.data = np.asarray([[low, high - low]])

    def _upright(self) -> int:
        """Return the left layer's axis that runs from the top of the canvas to its bottom."""
        return int(self.viewer.dims.displayed[0] - (self.viewer.dims.ndim - self.left.ndim))

    def _edge(self, upto: int) -> np.ndarray[Any, Any]:
        """Return the edge's two ends in the left layer's pixels, in the shown plane."""
        point = np.asarray(self.viewer.dims.point)[-self.left.ndim :]
        ends = np.tile(np.round(self.left.world_to_data(point)), (2, 1))
        upright = self._upright()
        ends[:, -1] = upto - 0.5
        ends[:, upright] = -0.5, self.left.data.shape[upright] - 0.5
        return ends

    def _dragged(self, viewer: Any, event: Any) -> Iterator[None]:
        """Follow the mouse while it drags the edge, the camera held still."""
        edge = self.left.data_to_world(self._edge(self._upto())[0])[-1]
        if abs(event.position[-1] - edge) * viewer.scene.camera.zoom > GRAB:
            return
        viewer.scene.camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            at = self.left.world_to_data(np.asarray(event.position)[-self.left.ndim :])[-1]
            self.move_to((at + 0.5) / self._width())
            self.moved(self.share)
            event.handled = True
            yield
        viewer.scene.camera.mouse_pan = True


def turn_sideways(viewer: Any) -> bool:
    """Show Z and X, the plane at right angles to the usual one, or go back; return whether the canvas is sideways now.

    Raises
    ------
    ValueError
        when there is no third axis.
    """
    count = viewer.dims.ndim
    if count < 3:
        raise ValueError("A side view needs a stack: this image is flat.")
    usual = tuple(range(count))
    is_usual = tuple(viewer.dims.order) == usual
    viewer.dims.ndisplay = 2
    viewer.dims.order = (*usual[:-3], count - 2, count - 3, count - 1) if is_usual else usual
    viewer.reset_view()
    return is_usual


def match_contrast(left: Any, right: Any) -> None:
    """Give the right layer the left one's contrast limits."""
    low, high = left.contrast_limits
    widest = right.contrast_limits_range
    right.contrast_limits_range = (min(low, widest[0]), max(high, widest[1]))
    right.contrast_limits = (low, high)


def show_difference(viewer: Any, left: Any, right: Any) -> Any:
    """Add, or bring up to date, the layer right less left; white is the usual difference, such as a background taken off.

    Raises
    ------
    ValueError
        when the layers' shapes differ.
    """
    one, other = left.data, right.data
    if left.multiscale or right.multiscale or one.shape != other.shape:
        raise ValueError(f"'{left.name}' and '{right.name}' differ in shape: a difference needs the same pixels.")
    difference = other.astype(np.float32) - one.astype(np.float32)
    name = f"{right.name} − {left.name}"
    if name in viewer.layers:
        viewer.layers[name].data = difference
        return viewer.layers[name]
    sample = np.asarray(difference[(slice(None, None, max(1, len(difference) // 16)),)])
    usual = float(np.median(sample))
    reach = float(np.quantile(np.abs(sample - usual), 0.999)) or 1.0
    names = ("scale", "translate", "rotate", "shear", "affine", "units", "axis_labels")
    told = {each: getattr(left, each) for each in names}
    return viewer.add_image(
        difference,
        name=name,
        colormap="PiYG",
        contrast_limits=(usual - reach, usual + reach),
        metadata={HELPER: True},
        **told,
    )
