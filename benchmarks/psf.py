"""How long a theoretical PSF takes, ours beside psfmodels', interleaved in one run: ``python -m benchmarks.psf --json``."""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psfmodels
import torch

from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni, Theoretical, Vectorial

RESULTS = Path(__file__).parent / "results"
VOXEL = (0.2, 0.065, 0.065)
GRIDS = {"64×256×256": (64, 256, 256), "32×64×64 (preview)": (32, 64, 64)}
OPTICS = {"emission": 0.52, "immersion_index": 1.515, "sample_index": 1.4}
CONFOCAL = {"modality": "confocal", "excitation": 0.488}
LOPSIDED = {"aberrations": ((7, 0.03),)}


def contestants(grid: tuple[int, int, int]) -> dict[str, Callable[[int], Any]]:
    """Return name -> a call whose argument moves the depth, as a slider does, so that nothing is found ready."""

    def ours(kind: type[Theoretical], **values: Any) -> Callable[[int], Any]:
        return lambda turn: kind(
            numerical_aperture=1.4, **OPTICS, **values, depth=2.0 + 0.1 * turn, coverslip_thickness=170.0 + 0.01 * turn
        ).compute(Grid(grid, VOXEL))

    def theirs(model: str) -> Callable[[int], Any]:
        return lambda turn: psfmodels.make_psf(
            z=grid[0] + 1, nx=grid[2] - 1, dxy=VOXEL[2], dz=VOXEL[0], pz=2.0 + 0.1 * turn, NA=1.4, wvl=0.52, ns=1.4,
            oversample_factor=3, model=model,
        )  # fmt: skip

    return {
        "ours, scalar": ours(GibsonLanni),
        "psfmodels, scalar": theirs("scalar"),
        "ours, vectorial": ours(Vectorial),
        "psfmodels, vectorial": theirs("vectorial"),
        "ours, scalar confocal": ours(GibsonLanni, **CONFOCAL),
        "ours, scalar with coma": ours(GibsonLanni, **LOPSIDED),
    }


def measure(grid: tuple[int, int, int], rounds: int) -> list[dict[str, Any]]:
    """Return a row a contestant: minimum and median seconds over the rounds, the first of which is not counted."""
    calls = contestants(grid)
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    shapes = {}
    for turn in range(rounds + 1):
        for name, call in calls.items():
            started = time.perf_counter()
            shapes[name] = call(turn).shape
            if turn:
                seconds[name].append(time.perf_counter() - started)
    return [
        {"name": name, "shape": list(shapes[name]), "minimum": min(taken), "median": statistics.median(taken)}
        for name, taken in seconds.items()
    ]


def as_table(report: dict[str, Any]) -> str:
    lines = [
        "# Theoretical PSFs: seconds",
        "",
        f"NA 1.4 oil on a sample of index 1.4, voxel {VOXEL} µm, depth moved before each call; {report['rounds']} rounds, interleaved; "
        f"{report['threads']} threads, {report['machine']}, torch {report['torch']}, psfmodels {report['psfmodels']}. Ours is "
        "integrated over the voxel along all axes, psfmodels' over the pixel (its oversampling 3), not along z.",
        "",
        "| grid | PSF | shape | minimum | median |",
        "| --- | --- | --- | --- | --- |",
    ]
    for grid, rows in report["grids"].items():
        for row in rows:
            shape = "×".join(map(str, row["shape"]))
            lines.append(f"| {grid} | {row['name']} | {shape} | {row['minimum']:.3f} | {row['median']:.3f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--no-save", action="store_true", help=f"do not write into {RESULTS.name}/")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    report = {
        "rounds": asked.rounds,
        "threads": torch.get_num_threads(),
        "machine": platform.machine(),
        "torch": torch.__version__,
        "psfmodels": psfmodels.__version__,
        "voxel": VOXEL,
        "grids": {name: measure(grid, asked.rounds) for name, grid in GRIDS.items()},
    }
    if not asked.no_save:
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "psf.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        (RESULTS / "psf.md").write_text(as_table(report), encoding="utf-8")
    print(json.dumps(report, ensure_ascii=False) if asked.json else as_table(report))


if __name__ == "__main__":
    main()
