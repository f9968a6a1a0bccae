"""A stack four times as large as the memory that its restoration may take: ``python -m benchmarks.budget [--json]`` (Linux).

It lies on disk (OME-Zarr, 16 bits), and so does its result. A stack that fits whole under the same budget is restored before and after it.
Each has a process of its own, whose peak memory is taken over what it held before, all modules loaded, one small stack restored. The
processor's time says what a busy machine's clock cannot.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .phantoms import make_psf
from .report import add_arguments, as_table, circumstances, finish, heading

PSF = (9, 13, 13)
VOXEL = {"Z": 0.2, "Y": 0.08, "X": 0.08}
DEPTH, PATCH = 48, 256
LOADING = 2_500_000
"""Bytes that a small stack is restored within, read lazily and in tiles, so that all libraries are loaded."""
METHOD = {"kind": "richardson-lucy", "iterations": 10, "acceleration": "heavy-ball"}


def make_stack(folder: Path, side: int) -> Path:
    """Write a stack of points on a background, DEPTH planes of side × side pixels, chunk by chunk."""
    import dask.array

    import napari_deconv as nd

    random = np.random.default_rng(2)
    patch = random.poisson(2000 * (random.random((DEPTH, PATCH, PATCH)) > 0.999) + 20).astype(np.uint16)
    across = -(-side // PATCH)
    part = dask.array.from_array(patch, chunks=(16, PATCH, PATCH))
    tiled = dask.array.tile(part, (1, across, across))[:, :side, :side]
    path = folder / f"stack-{side}.ome.zarr"
    nd.write(path, nd.Image(tiled, "ZYX", voxel=VOXEL))
    return path


def run_one(stack: Path, psf: Path, memory: int, threads: int) -> dict[str, float]:
    """Restore a stack in this process and return what it took."""
    import torch

    import napari_deconv as nd
    from napari_deconv.running.device import trim
    from napari_deconv.running.job import Job, run_job

    torch.set_num_threads(threads)
    words = {"kind": "measured", "path": str(psf), "offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    recipe = nd.Recipe.parse({"psf": words, "method": METHOD})
    result, small = (str(stack.parent / f"{name}.ome.zarr") for name in ("result", "small"))
    nd.write(small, nd.Image(np.ones((4, 256, 256), np.float32), voxel=VOXEL), overwrite=True)
    run_job(Job(small, result, recipe, device="cpu", memory=str(LOADING), overwrite=True))
    trim()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before, started, worked = _status("VmRSS"), time.perf_counter(), time.process_time()
    told = run_job(Job(str(stack), result, recipe, device="cpu", memory=str(memory), overwrite=True))
    took, work = time.perf_counter() - started, time.process_time() - worked
    voxels = int(np.prod(told["shape"]))
    return {
        "voxels": voxels, "tiles": told["tiles"], "seconds": took, "nanoseconds_a_voxel": took / voxels * 1e9,
        "processor_seconds": work, "processor_nanoseconds_a_voxel": work / voxels * 1e9,
        "peak": _status("VmHWM") - before, "before": before,
    }  # fmt: skip


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def measure(memory: int, threads: int = 1, times: float = 4.0) -> list[dict[str, Any]]:
    """Return a row for a stack that fits whole, one for a stack of so many times the budget (bytes), and one for the first again."""
    import tifffile

    whole = int((memory / (4 * 6.5 * 1.35) / (DEPTH + PSF[0])) ** 0.5) - PSF[1]
    large = int((times * memory / (2 * DEPTH)) ** 0.5)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        psf = Path(folder) / "psf.tif"
        tifffile.imwrite(psf, make_psf(PSF).astype(np.float32), metadata={"axes": "ZYX"}, ome=True)
        stacks = {side: make_stack(Path(folder), side) for side in (whole, large)}
        for side in (whole, large, whole):
            words = ["--one", str(stacks[side]), str(psf), str(memory), str(threads)]
            ran = subprocess.run(
                [sys.executable, "-m", "benchmarks.budget", *words], check=True, capture_output=True, text=True
            )
            size = {"side": side, "budget": memory, "stack_over_budget": 2 * DEPTH * side**2 / memory}
            rows.append({**size, **json.loads(ran.stdout)})
    return rows


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table."""
    heads = [
        "stack",
        "stack / budget",
        "tiles",
        "seconds",
        "ns a voxel",
        "over the whole one",
        "by processor time",
        "peak / budget",
    ]
    whole = [row for row in report["rows"] if row["tiles"] == 1]
    first, worked = (
        min(row[name] for row in whole) for name in ("nanoseconds_a_voxel", "processor_nanoseconds_a_voxel")
    )
    rows = [
        [
            f"{DEPTH}×{row['side']}×{row['side']}", f"{row['stack_over_budget']:.2f}", str(row["tiles"]), f"{row['seconds']:.1f}",
            f"{row['nanoseconds_a_voxel']:.0f}", f"{row['nanoseconds_a_voxel'] / first:.2f}",
            f"{row['processor_nanoseconds_a_voxel'] / worked:.2f}", f"{row['peak'] / row['budget']:.2f}",
        ]
        for row in report["rows"]
    ]  # fmt: skip
    size, budget = "×".join(map(str, PSF)), report["rows"][0]["budget"] / 1e6
    told = f"{budget:.0f} MB, {report['threads']} threads, PSF {size}, {METHOD['iterations']} accelerated iterations."
    return heading("A stack larger than the memory", report) + f"\n{told}\n\n" + as_table(heads, rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--megabytes", type=float, default=200, help="the budget")
    parser.add_argument("--times", type=float, default=4, help="how many times the budget the stack's file is")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--one", nargs=4, metavar=("STACK", "PSF", "MEMORY", "THREADS"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    if asked.one:
        stack, psf, memory, threads = asked.one
        print(json.dumps(run_one(Path(stack), Path(psf), int(memory), int(threads))))
        return 0
    rows = measure(int(asked.megabytes * 1e6), asked.threads, asked.times)
    report = {**circumstances(["numpy", "torch", "zarr", "napari-deconv"]), "threads": asked.threads, "rows": rows}
    finish("budget", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
