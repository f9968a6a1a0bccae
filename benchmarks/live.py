"""How soon Live follows a slider, and whether the window answers meanwhile: ``python -m benchmarks.live --json``.

In a real napari window (software OpenGL where there is no other):

first    from a slider's last move to the first estimate on the layer, and to the canvas drawn with it; the panel's pause included
engine   the same first estimate, and the same run to its end, by `restore` alone on the same part, with everything known that Live knows
ratio    Live's own time in its thread, every estimate handed on and the window drawing beside it, over the engine's
answer   how late a timer of the window comes, 95th percentile: while a whole stack is restored, and while a slider is dragged at 60
         moves a second with Live on

Every figure is the least of some repeats: on a busy machine the others tell of the neighbours.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import numpy as np

os.environ.setdefault("OMP_NUM_THREADS", "2")

from benchmarks.report import RESULTS, as_table, circumstances, heading

GOALS = {"plane": 150.0, "slab": 1000.0}
"""Milliseconds to the first estimate."""
ANSWER, RATIO = 50.0, 1.3
SIDE, DEPTH, ITERATIONS = 512, 16, 10
TICK = 10
"""Milliseconds between two calls of the timer that is watched."""
LONGEST = 120.0
OPTICS = {"numerical_aperture": 1.3, "immersion_index": 1.515}


def stack(depth: int) -> np.ndarray[Any, Any]:
    """Return blobs with photon noise, (Z, Y, X) uint16; flat, (Y, X), for a depth of 1."""
    random = np.random.default_rng(1)
    light = np.zeros((depth, SIDE, SIDE), np.float32)
    light[tuple(random.integers(0, size, 300 * depth) for size in light.shape)] = random.uniform(500, 5000, 300 * depth)
    spread = np.fft.rfftn(light)
    frequencies = np.meshgrid(
        *(np.fft.fftfreq(size) for size in light.shape[:-1]), np.fft.rfftfreq(SIDE), indexing="ij"
    )
    blurred = np.fft.irfftn(
        spread * np.exp(-20 * sum(each**2 for each in frequencies)), light.shape, axes=range(light.ndim)
    )
    counts = random.poisson(np.clip(blurred, 0, None) + 100).astype(np.uint16)
    return counts[0] if depth == 1 else counts


class Window:
    """A napari window with a stack and the Restore panel."""

    def __init__(self, depth: int) -> None:
        import napari
        from qtpy.QtWidgets import QApplication

        from napari_deconv.gui.layers import KEY
        from napari_deconv.gui.panel import RestorePanel

        self.viewer = napari.Viewer(show=True)
        self.viewer.window.resize(1366, 768)
        self.application = QApplication.instance()
        metadata = {KEY: {"optics": OPTICS, "channel": {"emission": 0.52}}}
        scale = (0.1, 0.1) if depth == 1 else (0.3, 0.1, 0.1)
        self.viewer.add_image(stack(depth), name="cells", scale=scale, units="micrometer", metadata=metadata)
        self.panel = RestorePanel(self.viewer)
        self.viewer.window.add_dock_widget(self.panel, name="Restore (Deconvolution)", area="right")
        self.panel.model.type("method.richardson-lucy.iterations", ITERATIONS)
        self.panel.model.type("method.richardson-lucy.tv", 0.01)
        if depth > 1:
            self.panel.foot.slab.setCurrentIndex(self.panel.foot.slab.count() - 1)
            self.panel.live.take_planes(self.panel.foot.slab.currentData())
        self.viewer.reset_view()
        self.live(0.5)
        form = self.panel.method.forms["richardson-lucy"]
        self.slider = form.fields["tv"].slider

    def live(self, seconds: float) -> None:
        """Let the window live for a while."""
        until = time.perf_counter() + seconds
        self.wait(lambda: time.perf_counter() > until)

    def wait(self, until: Callable[[], object], seconds: float = LONGEST) -> None:
        """Let the window live until something is so."""
        from qtpy.QtCore import QEventLoop

        end = time.monotonic() + seconds
        while not until():
            if time.monotonic() > end:
                raise TimeoutError(f"the window did not get there within {seconds:g} s")
            self.application.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 5)
            time.sleep(0.002)

    def close(self) -> None:
        """Close it."""
        self.viewer.close()
        self.live(0.2)


def first_estimates(window: Window, moves: int) -> dict[str, list[float]]:
    """Return the milliseconds from the last of five moves of a slider to the layer and to the canvas, and each run's own."""
    from napari.qt import QtViewer

    shown: list[tuple[float, Any]] = []
    drawn: list[float] = []
    panel = window.panel
    panel.live.shown.connect(lambda estimate: shown.append((time.perf_counter(), estimate)))
    (canvas,) = (each.canvas for each in QtViewer._instances)
    canvas._scene_canvas.events.draw.connect(lambda event: drawn.append(time.perf_counter()))
    panel.live.switch(True, {"device": "cpu", "memory": "auto"})
    window.wait(lambda: shown and shown[-1][1].is_last)
    rows = [one_move(window, 100 + 37 * move, shown, drawn) for move in range(moves)]
    return {name: [row[name] for row in rows] for name in rows[0]}


def one_move(window: Window, place: int, shown: list[tuple[float, Any]], drawn: list[float]) -> dict[str, float]:
    """Drag the slider a little, and return the milliseconds from its last move."""
    for step in range(5):
        window.slider.setValue(place + step)
        window.live(0.016)
    window.slider.setValue(place + 6)
    began, newest = time.perf_counter(), window.panel.live._preview._newest
    earlier = newest._newest
    window.wait(lambda: shown[-1][1].ticket > earlier)
    ticket = shown[-1][1].ticket
    reached = next(when for when, each in shown if each.ticket == ticket)
    window.wait(lambda: drawn[-1] > reached)
    on_canvas = next(when for when in drawn if when > reached)
    window.wait(lambda: shown[-1][1].is_last and newest.is_newest(shown[-1][1].ticket))
    own = next(each.seconds for _, each in shown if each.ticket == ticket)
    return {
        "layer": 1000 * (reached - began),
        "canvas": 1000 * (on_canvas - began),
        "own": 1000 * own,
        "run": 1000 * shown[-1][1].seconds,
    }


def engine_times(window: Window, repeats: int) -> tuple[list[float], list[float]]:
    """Return the milliseconds of `restore` on what Live shows: to the first estimate, and to the end."""
    from napari_deconv.gui.view import seen_region
    from napari_deconv.known import Known
    from napari_deconv.restore import restore

    check, known = window.panel.model.check(), Known()
    axes = window.panel.model.read_axes
    region = seen_region(window.viewer, window.panel.model.source, axes, window.panel.live.around)
    first, whole = [], []
    for _ in range(repeats + 1):
        began, reached = time.perf_counter(), 0.0
        with closing(restore(check.image, check.recipe, region=region, known=known, device="cpu")) as steps:
            for progress in steps:
                if not reached:
                    _ = progress.estimate
                    reached = time.perf_counter()
        first.append(1000 * (reached - began))
        whole.append(1000 * (time.perf_counter() - began))
    return first[1:], whole[1:]


def answers(window: Window, busy: Callable[[], bool], seconds: float) -> list[float]:
    """Return how many milliseconds late each call of a timer came, while the window is busy or until the seconds are over."""
    from qtpy.QtCore import Qt, QTimer

    called: list[float] = []
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: called.append(time.perf_counter()))
    timer.start(TICK)
    until = time.perf_counter() + seconds
    while time.perf_counter() < until and busy():
        window.application.processEvents()
        time.sleep(0.0002)
    timer.stop()
    return [max(0.0, 1000 * gap - TICK) for gap in np.diff(called)]


def while_restoring(window: Window, seconds: float) -> list[float]:
    """Return how late the window answers while the whole stack is restored."""
    window.panel.live.switch(False)
    window.panel.model.type("method.richardson-lucy.iterations", 2000)
    window.live(0.3)
    window.panel.restore()
    window.wait(lambda: window.panel.status.text().startswith("iteration"))
    late = answers(window, lambda: window.panel.runs.is_running, seconds)
    window.panel.cancel()
    window.wait(lambda: not window.panel.runs.is_running)
    window.panel.model.type("method.richardson-lucy.iterations", ITERATIONS)
    window.live(0.3)
    return late


def while_dragging(window: Window, seconds: float) -> list[float]:
    """Return how late the window answers while a slider is dragged at 60 moves a second with Live on."""
    from qtpy.QtCore import Qt, QTimer

    window.panel.live.switch(True, {"device": "cpu", "memory": "auto"})
    window.wait(lambda: window.panel.live.layer is not None)
    moves = iter(range(10**6))
    timer = QTimer()
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(lambda: window.slider.setValue(100 + 7 * next(moves) % 800))
    timer.start(1000 // 60)
    late = answers(window, lambda: True, seconds)
    timer.stop()
    window.live(0.3)
    return late


def measure(view: str, repeats: int, seconds: float) -> dict[str, Any]:
    """Return the figures of a view, in milliseconds."""
    window = Window(1 if view == "plane" else DEPTH)
    engine_first, engine_whole = engine_times(window, repeats)
    found = first_estimates(window, repeats)
    again = engine_times(window, repeats)
    engine_first, engine_whole = engine_first + again[0], engine_whole + again[1]
    late = {
        "dragging": [np.quantile(while_dragging(window, seconds), 0.95) for _ in range(3)],
        "restoring": [np.quantile(while_restoring(window, seconds), 0.95) for _ in range(3)],
    }
    window.close()
    return {
        "view": view,
        "shape": [SIDE, SIDE] if view == "plane" else [DEPTH, SIDE, SIDE],
        "first_ms": round(min(found["layer"]), 1),
        "first_median_ms": round(statistics.median(found["layer"]), 1),
        "drawn_ms": round(min(found["canvas"]), 1),
        "goal_ms": GOALS[view],
        "engine_first_ms": round(min(engine_first), 1),
        "own_first_ms": round(min(found["own"]), 1),
        "first_ratio": round(min(found["own"]) / min(engine_first), 3),
        "run_ms": round(min(found["run"]), 1),
        "engine_run_ms": round(min(engine_whole), 1),
        "run_ratio": round(min(found["run"]) / min(engine_whole), 3),
        **{f"answer_{name}_ms": round(float(min(each)), 1) for name, each in late.items()},
        **{f"answer_{name}_median_ms": round(float(statistics.median(each)), 1) for name, each in late.items()},
    }


def as_page(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    lines = [
        heading("Live: how soon it follows, and whether the window answers", report["circumstances"]),
        f"Richardson-Lucy with total variation, {ITERATIONS} iterations, a computed PSF; milliseconds, the least of the repeats (median in "
        f"brackets). Goals: {GOALS['plane']:.0f} for the plane, {GOALS['slab']:.0f} for the slab, a ratio of {RATIO}, answers "
        f"within {ANSWER:.0f} (95th percentile). Load of the machine when it ended: {report['load']}.\n",
        as_table(
            (
                "view",
                "first estimate",
                "drawn",
                "engine's / Live's own first",
                "ratio",
                "engine's / Live's run",
                "ratio",
                "late, dragging",
                "late, restoring",
            ),
            [
                (
                    "×".join(map(str, row["shape"])),
                    f"{row['first_ms']} ({row['first_median_ms']})",
                    str(row["drawn_ms"]),
                    f"{row['engine_first_ms']} / {row['own_first_ms']}",
                    str(row["first_ratio"]),
                    f"{row['engine_run_ms']} / {row['run_ms']}",
                    str(row["run_ratio"]),
                    f"{row['answer_dragging_ms']} ({row['answer_dragging_median_ms']})",
                    f"{row['answer_restoring_ms']} ({row['answer_restoring_median_ms']})",
                )
                for row in report["rows"]
            ],
        ),
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--repeats", type=int, default=8, help="how often the slider is moved")
    parser.add_argument(
        "--seconds", type=float, default=4.0, help="how long the window is watched, each of three times"
    )
    parser.add_argument("--views", default="plane,slab", help="plane, slab, or both")
    parser.add_argument("--no-save", action="store_true", help="leave benchmarks/results alone")
    asked = parser.parse_args()
    rows = [measure(view, asked.repeats, asked.seconds) for view in asked.views.split(",")]
    report = {
        "circumstances": circumstances(("napari", "torch", "numpy", "PyQt6")),
        "load": round(os.getloadavg()[0], 1),
        "rows": rows,
    }
    if not asked.no_save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "live.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (RESULTS / "live.md").write_text(as_page(report), encoding="utf-8")
    print(json.dumps(report) if asked.json else as_page(report))


if __name__ == "__main__":
    main()
