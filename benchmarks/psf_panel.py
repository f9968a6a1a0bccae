"""How soon the PSF panel's picture follows a slider, at preview size: ``python -m benchmarks.psf_panel --json``.

From the slider's move to the new picture handed to the widget: judging the choices, the panel's own pause, the PSF in its
thread, widths and limits, and the way back. Each move has other optics, so that nothing is found ready.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path
from typing import Any

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
os.environ.setdefault("OMP_NUM_THREADS", "2")

RESULTS = Path(__file__).parent / "results"
MODALITIES = ("widefield", "confocal", "spinning-disk", "light-sheet", "two-photon")
LONGEST = 20.0
"""Seconds after which a picture will not come any more."""


def seconds_to_follow(tab: Any, moves: int) -> list[float]:
    """Return the seconds from each of some moves of the aperture's slider to its picture; the first is not counted."""
    from qtpy.QtWidgets import QApplication, QSlider

    slider = tab.forms[tab.choices.kind].fields["numerical_aperture"].findChild(QSlider)
    seconds = []
    for move in range(moves + 1):
        before = tab.picture.portrait
        began = time.perf_counter()
        slider.setValue(850 - 7 * move)
        while tab.picture.portrait is before and time.perf_counter() - began < LONGEST:
            QApplication.processEvents()
            time.sleep(0.0005)
        seconds.append(time.perf_counter() - began)
    return seconds[1:]


def measure(moves: int) -> list[dict[str, Any]]:
    """Return a row for each theory and modality: minimum and median milliseconds, and those of the PSF alone."""
    from napari.components import ViewerModel
    from qtpy.QtWidgets import QApplication

    from napari_deconv.gui.microscope_tab import MicroscopeTab

    application = QApplication.instance() or QApplication([])
    tab = MicroscopeTab(ViewerModel())
    rows = []
    for kind in ("gibson-lanni", "vectorial"):
        tab.choices.choose(kind=kind)
        for modality in MODALITIES:
            tab.choices.type("modality", modality)
            tab.choices.type("depth", 3.0)
            tab.choices.type("sheet_thickness", 2.0)
            seconds_to_follow(tab, 1)
            spent = time.process_time()
            seconds = seconds_to_follow(tab, moves)
            spent = time.process_time() - spent
            rows.append(
                {
                    "theory": kind,
                    "modality": modality,
                    "shape": list(tab.picture.portrait.along.shape[:1] + tab.picture.portrait.across.shape),
                    "minimum_ms": round(1000 * min(seconds), 1),
                    "median_ms": round(1000 * statistics.median(seconds), 1),
                    "processor_ms": round(1000 * spent / (moves + 1), 1),
                    "psf_ms": round(1000 * tab.picture.portrait.seconds, 1),
                }
            )
    tab.let_go()
    application.processEvents()
    return rows


def as_table(report: dict[str, Any]) -> str:
    """Return the report as a page."""
    lines = [
        "# The PSF panel: milliseconds from a slider's move to its picture",
        "",
        f"NA moved, depth 3 µm under a mismatch, voxel (0.2, 0.065, 0.065) µm; {report['moves']} moves, {report['threads']} "
        f"threads, load {report['load']}, {report['machine']}, torch {report['torch']}. The goal is 100 ms. On a "
        "busy machine the minimum and the processor time (all threads, polling included) tell most.",
        "",
        "| theory | modality | shape | minimum | median | processor time | the last PSF |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report["rows"]:
        shape = "×".join(map(str, row["shape"]))
        names = ("minimum_ms", "median_ms", "processor_ms", "psf_ms")
        told = (row["theory"], row["modality"], shape, *(row[name] for name in names))
        lines.append(f"| {' | '.join(map(str, told))} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Measure, print, and write the results."""
    import torch

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of the table")
    parser.add_argument("--moves", type=int, default=12, help="how often the slider is moved")
    parser.add_argument("--no-save", action="store_true", help="leave benchmarks/results alone")
    asked = parser.parse_args()
    report = {
        "moves": asked.moves,
        "threads": torch.get_num_threads(),
        "load": round(os.getloadavg()[0], 1),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "rows": measure(asked.moves),
    }
    if not asked.no_save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "psf_panel.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
        (RESULTS / "psf_panel.md").write_text(as_table(report), encoding="utf-8")
    print(json.dumps(report) if asked.json else as_table(report))


if __name__ == "__main__":
    main()
