"""How long from a command to its answer: ``python -m benchmarks.start_up [--json]``.

Processes of their own, one after the other in turns, minima over the rounds; the image is a flat one of 512 × 512 pixels on disk.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .report import add_arguments, as_table, circumstances, finish, heading

IMAGE = "image.tif"
RESTORE = ("-m", "napari_deconv", "restore", IMAGE, "result.tif", "--overwrite", "--device", "cpu")
GAUSSIAN = ("--psf", "gaussian", "--set", "psf.sigma=0.15")
COMMANDS: dict[str, tuple[str, ...]] = {
    "napari-deconv --help": ("-m", "napari_deconv", "--help"),
    "napari-deconv methods": ("-m", "napari_deconv", "methods"),
    "import napari_deconv": ("-c", "import napari_deconv"),
    "python that does nothing": ("-c", ""),
    "import torch": ("-c", "import torch"),
    "first result of 512×512, 20 iterations": (*RESTORE, *GAUSSIAN, "--set", "method.iterations=20"),
    "first result of 512×512, all automatic": (*RESTORE, *GAUSSIAN),
}


def measure_start_up(rounds: int, names: Sequence[str] = tuple(COMMANDS)) -> list[dict[str, Any]]:
    """Return a row a command: the seconds from start to end."""
    import napari_deconv as nd

    seconds: dict[str, list[float]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        counts = np.random.default_rng(4).poisson(20, (512, 512)).astype(np.uint16)
        nd.write(Path(folder) / IMAGE, nd.Image(counts, voxel={"Y": 0.1, "X": 0.1}))
        for _ in range(rounds):
            for name in names:
                started = time.perf_counter()
                subprocess.run([sys.executable, *COMMANDS[name]], check=True, capture_output=True, cwd=folder)
                seconds[name].append(time.perf_counter() - started)
    return [{"name": name, "minimum": min(each), "median": statistics.median(each)} for name, each in seconds.items()]


def start_up_table(rows: Sequence[dict[str, Any]]) -> str:
    """Return the rows as a Markdown table."""
    return as_table(
        ["", "minimum, s", "median, s"],
        [[row["name"], f"{row['minimum']:.2f}", f"{row['median']:.2f}"] for row in rows],
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args(arguments)
    rows = measure_start_up(asked.rounds)
    report = {**circumstances(["numpy", "torch", "napari-deconv"]), "rounds": asked.rounds, "rows": rows}
    markdown = heading("From a command to its answer", report) + f"\n{asked.rounds} rounds.\n\n{start_up_table(rows)}\n"
    finish("start_up", report, markdown, asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
