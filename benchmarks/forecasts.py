"""Is the forecast of a run right, in time and memory? ``python -m benchmarks.forecasts [--json]`` (Linux).

Each run is done in processes of their own, in which time or peak memory is foretold and then measured: the peak over what was held. Time is
foretold and taken in turns, a few times over, and the least of each is compared: what else the machine does can only add to them.
With ``--processor`` the clock is the processor's time, for a machine that others use (one thread).
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .report import add_arguments, as_table, circumstances, finish, heading

SIZES = {"1×1024×1024": (1, 1024, 1024), "24×256×256": (24, 256, 256), "64×256×256": (64, 256, 256)}
PSF = {"kind": "gaussian", "sigma": [0.4, 0.2, 0.2]}
VOXEL = (0.2, 0.1, 0.1)
METHODS: dict[str, dict[str, Any]] = {
    "Richardson-Lucy, 30": {"kind": "richardson-lucy", "iterations": 30},
    "Richardson-Lucy, heavy ball, 15": {"kind": "richardson-lucy", "iterations": 15, "acceleration": "heavy-ball"},
    "Richardson-Lucy, coarse to fine, 15": {
        "kind": "richardson-lucy",
        "iterations": 15,
        "acceleration": "coarse-to-fine",
    },
    "Richardson-Lucy, Biggs-Andrews, 15": {
        "kind": "richardson-lucy",
        "iterations": 15,
        "acceleration": "biggs-andrews",
    },
    "Richardson-Lucy, TV, 15": {"kind": "richardson-lucy", "iterations": 15, "tv": 0.01},
    "gradient-consensus, 15": {"kind": "gradient-consensus", "iterations": 15},
    "total-variation, 15": {"kind": "total-variation", "weight": 0.02, "iterations": 15},
    "hessian, 15": {"kind": "hessian", "weight": 0.02, "iterations": 15},
    "wiener": {"kind": "wiener", "noise": 0.01, "fall": 0},
    "tikhonov": {"kind": "tikhonov", "weight": 0.01},
}
TILED = ("Richardson-Lucy, heavy ball, 15", "64×256×256", "96MB")
MMAP_THRESHOLD = -3
TURNS = 3
"""How often time is foretold and taken."""


def measure(size: str, name: str, memory: str, by_processor: bool) -> dict[str, Any]:
    """Return a row: what was foretold of a run in a process of its own, and what it took."""
    row: dict[str, Any] = {"size": size, "method": name, "memory": memory}
    for what in ("time", "memory"):
        words = [sys.executable, "-m", "benchmarks.forecasts", "--one", size, name, memory, what]
        told = subprocess.run([*words, *["--processor"] * by_processor], check=True, capture_output=True, text=True)
        row |= {key: value for key, value in json.loads(told.stdout).items() if what == "time" or "peak" in key}
    return row


def run_one(size: str, name: str, memory: str, what: str, by_processor: bool) -> dict[str, float]:
    """Foretell and do one run in this process."""
    import torch

    import napari_deconv as nd
    from napari_deconv.running.forecast import forecast

    if what == "memory":  # every buffer's pages go back when it is freed, which costs time
        ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 65536)
    torch.set_num_threads(1)
    if by_processor:
        time.perf_counter = time.process_time
    image = make_image(SIZES[size])
    recipe = nd.Recipe.parse({"psf": PSF, "background": 20.0, "method": METHODS[name]})
    nd.restored(make_image((4, 40, 40)), recipe, device="cpu")
    foretold, taken = [], []
    for _ in range(1 if what == "memory" else TURNS):
        told = forecast(image, recipe, device="cpu", memory=memory)
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
        before, started = _status("VmRSS"), time.perf_counter()
        result = nd.restored(image, recipe, device="cpu", memory=memory)
        taken.append(time.perf_counter() - started)
        foretold.append(told.seconds)
    return {
        "tiles": result.history[-1]["tiles"], "told_tiles": told.tiles,
        "seconds": min(taken), "told_seconds": min(foretold), "peak": _status("VmHWM") - before, "told_peak": told.peak,
    }  # fmt: skip


def make_image(shape: tuple[int, int, int]) -> Any:
    """Return blurred random light in counts."""
    from scipy.ndimage import gaussian_filter

    import napari_deconv as nd

    random = np.random.default_rng(3)
    light = gaussian_filter((random.random(shape) ** 30).astype(np.float32), [min(size - 1, 2) for size in shape])
    counts = random.poisson(light * 2000 + 20).astype(np.uint16)
    return nd.Image(counts, "ZYX", voxel=VOXEL)


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table."""
    heads = ["method", "size", "tiles", "seconds", "foretold / taken", "peak, MB", "foretold / taken"]
    rows = [
        [
            row["method"], row["size"], str(row["tiles"]), f"{row['seconds']:.2f}", f"{row['told_seconds'] / row['seconds']:.2f}",
            f"{row['peak'] / 1e6:.0f}", f"{row['told_peak'] / row['peak']:.2f}",
        ]
        for row in report["rows"]
    ]  # fmt: skip
    return heading("Forecasts", report) + "\nOne thread.\n\n" + as_table(heads, rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--processor", action="store_true", help="the processor's time instead of the clock's")
    parser.add_argument("--method", action="append", choices=list(METHODS), help="only this one; may be repeated")
    parser.add_argument("--size", action="append", choices=list(SIZES), help="only this one; may be repeated")
    parser.add_argument("--one", nargs=4, metavar=("SIZE", "NAME", "MEMORY", "WHAT"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        print(json.dumps(run_one(*asked.one, asked.processor)))
        return 0
    sizes = asked.size or list(SIZES)
    names = asked.method or list(METHODS)
    cases = [(size, name, "auto") for size in sizes for name in names]
    if TILED[1] in sizes and TILED[0] in names:
        cases.append((TILED[1], TILED[0], TILED[2]))
    rows = [measure(size, name, memory, asked.processor) for size, name, memory in cases]
    report = {**circumstances(["numpy", "torch", "napari-deconv"]), "rows": rows}
    finish("forecasts", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
