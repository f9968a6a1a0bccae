"""What an iteration costs beside the four real FFTs that it cannot do without: ``python -m benchmarks.speed [--json]``.

All contestants take turns in one run, so that a busy machine slows all alike; the minimum over the rounds is what the
work takes, the median and the quartiles say how disturbed the run was. Peak memory is that of a process of its own, what it
held before the problem was posed taken off, in volumes of the padded shape (float32); freed buffers go back to the system, as they do where
a run is told what memory it may take (the C library else keeps some, more or fewer in each run).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_deconv.methods.blur import plan_object_shape

from .phantoms import make_psf
from .report import add_arguments, as_table, circumstances, finish, heading, installed
from .start_up import measure_start_up, start_up_table

CASES = {
    "64×256×256, PSF 33×33×33": ((64, 256, 256), (33, 33, 33)),
    "128×512×512, PSF 33×33×33": ((128, 512, 512), (33, 33, 33)),
    "97×289×291, PSF 33×33×33": ((97, 289, 291), (33, 33, 33)),
    "1×1024×1024, PSF 1×65×65": ((1, 1024, 1024), (1, 65, 65)),
}
FLOOR = "four real FFTs"
LIBRARIES = ("torch", "scipy", "ducc0", "pyFFTW")
"""The floor is the fastest of these that is installed."""
METHODS: dict[str, dict[str, Any]] = {
    "Richardson-Lucy, plain": {"acceleration": "none"},
    "Richardson-Lucy, heavy ball": {"acceleration": "heavy-ball"},
    "Richardson-Lucy, Biggs-Andrews": {"acceleration": "biggs-andrews"},
    "Richardson-Lucy, total variation": {"acceleration": "none", "tv": 0.01},
    "Richardson-Lucy, heavy ball, total variation": {"acceleration": "heavy-ball", "tv": 0.01},
    "gradient-consensus": {"kind": "gradient-consensus"},
    "landweber": {"kind": "landweber"},
}
STEPS = 10_000


def pose(case: str, device: str = "cpu") -> Any:
    """Return a problem of random photons of a case's shape."""
    import torch

    from napari_deconv.methods.base import Problem
    from napari_deconv.methods.blur import Blur

    shape, psf_shape = CASES[case]
    photons = np.random.default_rng(1).poisson(20, shape).astype(np.float32)
    image = torch.from_numpy(photons).to(device)
    return Problem(image, background=2.0, blur=Blur(make_psf(psf_shape), shape, device), scale=30.0, level=18.0)


def start(name: str, problem: Any) -> Callable[[], Any]:
    """Return a call that does one iteration of a contestant, its buffers its own."""
    from napari_deconv import methods

    blur = problem.blur
    if name in LIBRARIES:
        return four_transforms(name, blur.new_object(1.0), blur.axes)
    method = methods.family.parse({"kind": "richardson-lucy", "iterations": STEPS, **METHODS[name]})
    estimates = method.iterate(problem)
    return lambda: next(estimates)


def four_transforms(library: str, thing: Any, axes: tuple[int, ...]) -> Callable[[], Any]:
    """Return a call that transforms a volume and back, twice, by one library with as many threads as torch may use."""
    import torch

    shape, threads = [thing.shape[axis] for axis in axes], torch.get_num_threads()
    if library == "torch":
        return lambda: [torch.fft.irfftn(torch.fft.rfftn(thing, dim=axes), s=shape, dim=axes) for _ in range(2)]
    values = thing.numpy()
    if library == "scipy":
        from scipy import fft

        return lambda: [
            fft.irfftn(fft.rfftn(values, axes=axes, workers=threads), s=shape, axes=axes, workers=threads)
            for _ in range(2)
        ]
    half = np.empty((*values.shape[:2], values.shape[2] // 2 + 1), dtype=np.complex64)
    return {"ducc0": _by_ducc, "pyFFTW": _by_fftw}[library](values, half, axes, threads)


def _by_ducc(
    values: np.ndarray[Any, Any], half: np.ndarray[Any, Any], axes: tuple[int, ...], threads: int
) -> Callable[[], Any]:
    import ducc0

    back = np.empty_like(values)

    def transform() -> None:
        for _ in range(2):
            ducc0.fft.r2c(values, axes=axes, out=half, nthreads=threads)
            ducc0.fft.c2r(half, axes=axes, lastsize=values.shape[2], forward=False, inorm=2, out=back, nthreads=threads)

    return transform


def _by_fftw(
    values: np.ndarray[Any, Any], half: np.ndarray[Any, Any], axes: tuple[int, ...], threads: int
) -> Callable[[], Any]:
    """Return the same by FFTW, its plans measured beforehand."""
    import pyfftw

    source, target = pyfftw.empty_aligned(values.shape, "float32"), pyfftw.empty_aligned(half.shape, "complex64")
    there = pyfftw.FFTW(source, target, axes=axes, threads=threads)
    back = pyfftw.FFTW(target, source, axes=axes, direction="FFTW_BACKWARD", threads=threads)
    source[...] = values
    return lambda: [(there.execute(), back(normalise_idft=True)) for _ in range(2)]


def libraries(device: str) -> list[str]:
    """Return the FFT libraries that are installed and know the device."""
    return [name for name in LIBRARIES if name == "torch" or (device == "cpu" and installed(name))]


def measure_iterations(case: str, rounds: int, device: str) -> list[dict[str, Any]]:
    """Return a row a contestant: seconds an iteration, and how many times the floor that is."""
    posed = pose(case, device)
    floors = libraries(device)
    turns = {name: start(name, replace(posed, blur=posed.blur.twin())) for name in (*floors, *METHODS)}
    for turn in turns.values():
        for _ in range(3):
            turn()
    seconds: dict[str, list[float]] = {name: [] for name in turns}
    for _ in range(rounds):
        for name, turn in turns.items():
            seconds[name].append(timed(turn, device))
    fastest = min(floors, key=lambda name: min(seconds[name]))
    floor = min(seconds[fastest])
    told = {f"{FLOOR} ({fastest})": seconds[fastest]} | {name: seconds[name] for name in METHODS}
    told |= {f"{FLOOR} ({name})": seconds[name] for name in floors if name != fastest}
    return [{"name": name, **_spread(taken), "times_floor": min(taken) / floor} for name, taken in told.items()]


def measure_growth(rounds: int, most: float) -> list[dict[str, float]]:
    """Return seconds of a plain iteration per padded voxel, for cubes from 1 to at most ``most`` million voxels."""
    rows = []
    for side in (100, 160, 252, 400):
        shape = (side - 4,) * 3
        if side**3 > most * 1e6 * 1.01:
            break
        CASES["growth"] = (shape, (5, 5, 5))
        turn = start("Richardson-Lucy, plain", pose("growth"))
        taken = [timed(turn, "cpu") for _ in range(rounds + 1)][1:]
        rows.append({"voxels": side**3, "seconds": min(taken), "nanoseconds_a_voxel": min(taken) / side**3 * 1e9})
    CASES.pop("growth", None)
    return rows


def timed(turn: Callable[[], Any], device: str) -> float:
    """Return the seconds of one call, the device's queue drained before and after."""
    import torch

    wait = torch.cuda.synchronize if device == "cuda" else (lambda: None)
    wait()
    started = time.perf_counter()
    turn()
    wait()
    return time.perf_counter() - started


def _spread(taken: Sequence[float]) -> dict[str, float]:
    lower, median, upper = statistics.quantiles(taken, n=4)
    return {"minimum": min(taken), "median": median, "lower_quartile": lower, "upper_quartile": upper}


def measure_memory(case: str, name: str, threads: int) -> float:
    """Return the peak of a process of its own, of so many threads, over what it held before, in volumes of the padded shape."""
    words = ["--peak", case, name, "--threads", str(threads)]
    told = subprocess.run(
        [sys.executable, "-m", "benchmarks.speed", *words], check=True, capture_output=True, text=True
    )
    return float(told.stdout)


def print_peak(case: str, name: str) -> None:
    """Print the peak memory of this process, in padded volumes, of three iterations of a contestant, freed memory given back."""
    import torch

    from napari_deconv.running.device import give_back_at_once, trim

    small = torch.zeros(32, 32, 32)
    torch.fft.irfftn(torch.fft.rfftn(small), s=small.shape)
    next(iter(_tiny_run()))
    give_back_at_once()
    trim()
    before = _peak_bytes()
    problem = pose(case)
    turn = start(name, problem)
    for _ in range(3):
        turn()
    print((_peak_bytes() - before) / (4 * np.prod(problem.blur.object_shape)))


def _tiny_run() -> Any:
    """Return the estimates of a tiny problem, run so that all modules are in memory."""
    from napari_deconv import Image, restore

    psf = Image(make_psf((3, 3, 3)).astype(np.float32))
    method = {"kind": "richardson-lucy", "iterations": 1}
    return restore(Image(np.ones((4, 8, 8), np.float32)), {"psf": psf, "method": method, "background": 0})


def _peak_bytes() -> int:
    """Return this program's own peak; getrusage would tell that of the process it was forked from, were that larger."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    lines = [heading("Speed", report), f"{report['threads']} threads on {report['device']}, {report['rounds']} rounds."]
    for case, rows in report["iterations"].items():
        lines += ["", f"## One iteration, {case}, padded to {report['padded'][case]}", ""]
        heads = ["", "minimum, ms", "median, ms", "quartiles, ms", "minimum / floor", "peak memory, padded volumes"]
        lines.append(as_table(heads, [_row(row) for row in rows]))
    if report["growth"]:
        rows = [[f"{row['voxels'] / 1e6:.0f}", f"{row['nanoseconds_a_voxel']:.1f}"] for row in report["growth"]]
        lines += ["", "## A plain iteration by size", "", as_table(["million voxels", "ns a voxel"], rows)]
    if report["start_up"]:
        lines += ["", "## Start-up", "", start_up_table(report["start_up"])]
    return "\n".join(lines) + "\n"


def _row(row: dict[str, Any]) -> list[str]:
    minimum, median, lower, upper = (
        f"{1000 * row[each]:.1f}" for each in ("minimum", "median", "lower_quartile", "upper_quartile")
    )
    peak = f"{row['peak_volumes']:.1f}" if row.get("peak_volumes") is not None else ""
    return [row["name"], minimum, median, f"{lower} – {upper}", f"{row['times_floor']:.2f}", peak]


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--growth", type=float, default=64, metavar="MVOXEL", help="the largest volume of the growth")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--case", action="append", choices=list(CASES), help="one size only; may be repeated")
    parser.add_argument(
        "--start-up", type=int, default=5, metavar="ROUNDS", help="rounds of commands that start and end"
    )
    parser.add_argument("--name", default="speed", help="of the files that are written")
    parser.add_argument("--peak", nargs=2, metavar=("CASE", "NAME"), help=argparse.SUPPRESS)
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(asked.threads)
    if asked.peak:
        print_peak(*asked.peak)
        return 0
    cases = asked.case or list(CASES)
    report: dict[str, Any] = {
        **circumstances(["numpy", "torch", "napari-deconv"]),
        "device": torch.cuda.get_device_name() if asked.device == "cuda" else "the processor",
        "threads": asked.threads,
        "rounds": asked.rounds,
        "padded": {case: "×".join(map(str, plan_object_shape(*CASES[case]))) for case in cases},
        "iterations": {case: measure_iterations(case, asked.rounds, asked.device) for case in cases},
        "growth": measure_growth(asked.rounds, asked.growth) if asked.device == "cpu" else [],
        "start_up": measure_start_up(asked.start_up) if asked.start_up else [],
    }
    for case, rows in report["iterations"].items():
        for row in rows:
            if asked.device == "cpu" and sys.platform == "linux" and row["name"] in METHODS:
                row["peak_volumes"] = round(measure_memory(case, row["name"], asked.threads), 2)
    finish(asked.name if asked.device == "cpu" else f"{asked.name}-{asked.device}", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
