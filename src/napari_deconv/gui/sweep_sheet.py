"""The sweep: a contact sheet of what the canvas shows under a range of one or two settings; a click takes a setting."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from qtpy.QtCore import QEvent, Qt, Signal
from qtpy.QtGui import QResizeEvent
from qtpy.QtWidgets import QGridLayout, QHBoxLayout, QLabel, QScrollArea, QVBoxLayout, QWidget

from ..running.newest import Newest
from ..running.sweep import Cell, Range, sweep
from .dock import problem_style
from .foot import made_button
from .live import Aim, Live
from .model import RestoreModel
from .preferences import engine
from .sweep_cell import WIDTH, CellButton
from .sweep_model import Option, crop, marks, options, take
from .sweep_rows import RangeRow
from .thumbnail import common_limits, draw_thumbnail
from .view import seen_region

__all__ = ["SweepSheet"]

LEGEND = "Amber: automatic. Green: best score (lower is better). Blue: set now."


class SweepSheet(QWidget):  # type: ignore[misc]
    """The dock widget; ``aimed`` returns what is chosen now, None while it cannot run; Live says how many planes count."""

    _arrived = Signal(int, object)
    _failed = Signal(int, str)
    _ended = Signal(int)

    def __init__(self, viewer: Any, model: RestoreModel, live: Live, aimed: Callable[[], Aim | None]) -> None:
        super().__init__()
        self.viewer, self.model, self._live, self._aimed = viewer, model, live, aimed
        self.cells: list[Cell] = []
        self.buttons: dict[int, CellButton] = {}
        self.chosen: list[Option] = []
        self._ranges: list[Range] = []
        self._aim: Aim | None = None
        self._count = 0
        self._newest = Newest(self._work, self._arrived.emit, self._tell_failure, name="napari-deconv sweep")
        self._arrived.connect(self._on_arrived)
        self._failed.connect(self._on_failed)
        self._build()
        model.changed.connect(self._on_changed)
        newest, on_changed = self._newest, self._on_changed
        self.destroyed.connect(lambda: _end(newest, model, on_changed))
        self.refresh()

    def _build(self) -> None:
        self.first, self.second = RangeRow("first"), RangeRow("second", may_be_none=True)
        self.start = made_button("Sweep", "sweep start", "Restore what the canvas shows with each of these values.")
        self.stop = made_button("Stop", "sweep stop", "Stop here; the cells that are there stay.")
        self.status = QLabel()
        self.status.setObjectName("sweep status")
        self.status.setWordWrap(True)
        legend = QLabel(LEGEND)
        legend.setWordWrap(True)
        buttons = QHBoxLayout()
        buttons.addWidget(self.start)
        buttons.addWidget(self.stop)
        left = QWidget()
        left.setFixedWidth(310)
        column = QVBoxLayout(left)
        column.setContentsMargins(4, 4, 4, 4)
        for row in (self.first, self.second):
            column.addWidget(row)
            row.changed.connect(self._on_rows)
        column.addLayout(buttons)
        column.addWidget(self.status)
        column.addWidget(legend)
        column.addStretch()
        inside = QWidget()
        self.grid = QGridLayout(inside)
        self.grid.setContentsMargins(4, 4, 4, 4)
        self.grid.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        self.scroll = QScrollArea()
        self.scroll.setWidgetResizable(True)
        self.scroll.setWidget(inside)
        whole = QHBoxLayout(self)
        whole.setContentsMargins(0, 0, 0, 0)
        whole.addWidget(left)
        whole.addWidget(self.scroll, 1)
        self.setMinimumHeight(WIDTH + 70)
        self.start.clicked.connect(self.begin)
        self.stop.clicked.connect(self.cancel)

    def refresh(self) -> None:
        """Offer what can be swept of what is chosen now."""
        check = self.model.check()
        offered = options(self.model, check)
        for row in (self.first, self.second):
            row.offer(offered, check.image)
        self._on_rows()

    def _on_changed(self) -> None:
        self.refresh()
        if self.chosen:
            by_key = {each.key: each for each in options(self.model, self.model.check())}
            self.chosen = [by_key.get(each.key, each) for each in self.chosen]
            self._mark()

    def _on_rows(self) -> None:
        is_twice = self.first.option is not None and self.first.option == self.second.option
        self.start.setEnabled(self.first.option is not None and not is_twice and not self.is_running)
        self.stop.setEnabled(self.is_running)

    @property
    def is_running(self) -> bool:
        """Whether cells are still to come."""
        return len(self.cells) < self._count

    def begin(self) -> None:
        """Sweep what the canvas shows now."""
        aim = self._aimed()
        region = seen_region(self.viewer, aim.layer, aim.axes, self._live.around) if aim is not None else None
        if aim is None or region is None:
            self._say("There is nothing to sweep: choose an image that can be restored, and show it.", is_problem=True)
            return
        rows = [row for row in (self.first, self.second) if row.option is not None]
        try:
            self._ranges = [Range(row.option.key, row.values()) for row in rows if row.option]
        except ValueError as error:
            self._say(str(error), is_problem=True)
            return
        self._clear()
        self._aim, self.chosen = aim, [row.option for row in rows if row.option]
        self._count = 1
        for each in self._ranges:
            self._count *= len(each.values)
        self._newest.ask((aim, crop(region), self._ranges, engine()))
        self._tell()

    def cancel(self) -> None:
        """Let no more cells come."""
        self._newest.drop()
        self._count = len(self.cells)
        self._tell()

    @staticmethod
    def _work(asked: Any) -> Any:
        aim, region, ranges, means = asked
        return sweep(aim.image, region, aim.recipe, ranges, **means)

    def _tell_failure(self, ticket: int, error: Exception) -> None:
        self._failed.emit(ticket, f"The sweep stopped ({type(error).__name__}: {error}).")

    def _on_failed(self, ticket: int, sentence: str) -> None:
        if self._newest.is_newest(ticket):
            self.cancel()
            self._say(sentence, is_problem=True)

    def _on_arrived(self, ticket: int, cell: Cell) -> None:
        """Put a cell on the sheet, and all cells into the same contrast."""
        if not self._newest.is_newest(ticket) or self._aim is None:
            return
        self.cells.append(cell)
        button = CellButton(cell)
        button.clicked.connect(lambda checked=False, cell=cell: self._take(cell))
        self.buttons[cell.number] = button
        self._lay_out()
        limits = common_limits([each.image for each in self.cells if each.image is not None])
        for each in self.cells:
            if each.image is not None:
                self.buttons[each.number].show_picture(
                    draw_thumbnail(each.image, self._aim.layer, self._shown_axes(), limits, WIDTH)
                )
        self._mark()
        self._tell()

    def _shown_axes(self) -> str:
        """Return the two axes that the canvas shows, from top to bottom and from left to right."""
        layer, axes = self._aim.layer, self._aim.axes  # type: ignore[union-attr]
        first = self.viewer.dims.ndim - layer.ndim
        shown = [axes[axis - first] for axis in self.viewer.dims.displayed[-2:] if axis >= first]
        return "".join(shown) if len(shown) == 2 else "YX"

    def _mark(self) -> None:
        for number, words in marks(self.cells, self.chosen).items():
            self.buttons[number].mark(words)

    def _take(self, cell: Cell) -> None:
        if not cell.problem:
            take(self.model, self.chosen, cell.settings)

    def _tell(self) -> None:
        titles = " × ".join(each.described.title for each in self.chosen)
        done = f"{len(self.cells)} of {self._count}" if self.is_running else f"{len(self.cells)} cells"
        self._say(f"{titles}: {done}. Click a cell to take its setting." if titles else "")
        self._on_rows()

    def _say(self, words: str, *, is_problem: bool = False) -> None:
        self.status.setText(words)
        self.status.setStyleSheet(problem_style(self.viewer) if is_problem else "")

    def _clear(self) -> None:
        self._newest.drop()
        for button in self.buttons.values():
            self.grid.removeWidget(button)
            button.deleteLater()
        self.cells, self.buttons, self._count = [], {}, 0

    def _lay_out(self) -> None:
        """Lay two settings out as rows and columns, one setting in as many columns as there is room for."""
        room = max(1, self.scroll.viewport().width() // (WIDTH + 24))
        columns = len(self._ranges[1].values) if len(self._ranges) == 2 else room
        for number, button in self.buttons.items():
            self.grid.addWidget(button, number // columns, number % columns)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Use the room there is."""
        super().resizeEvent(event)
        self._lay_out()

    def let_go(self) -> None:
        """End the thread and follow the choices no more."""
        _end(self._newest, self.model, self._on_changed)
        self._count = len(self.cells)

    def event(self, event: QEvent) -> bool:
        """Let go when the dock is closed: napari takes the sheet out of its window then."""
        if event.type() == QEvent.Type.ParentChange and self.parent() is None:
            self.let_go()
        return bool(super().event(event))


def _end(newest: Newest, model: RestoreModel, on_changed: Callable[[], None]) -> None:
    """End a sheet's thread and let its model go, whether the widget is still there or not."""
    newest.close(timeout=0)
    model.changed.disconnect(on_changed, missing_ok=True)
