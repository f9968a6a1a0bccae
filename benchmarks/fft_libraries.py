"""Which FFT library is fastest on this machine: ``python -m benchmarks.fft_libraries [--json]``.

A real FFT and its inverse, twice (what an iteration of Richardson-Lucy cannot do without), of whole volumes, and plane by plane as the engine
does it (`methods.spectrum`). Libraries take turns; minima over the rounds, medians beside them. torch's own FFT on a processor is MKL where
its build has it, else pocketfft, which is also what scipy has.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from .report import add_arguments, as_table, circumstances, finish, heading, installed
from .speed import LIBRARIES, four_transforms, timed

SIZES = {
    "96×288×288": (96, 288, 288),
    "140×324×324": (140, 324, 324),
    "1×1088×1088": (1, 1088, 1088),
    "100×289×293 (no fast size)": (100, 289, 293),
}
TOGETHER = 4
"""Planes that are transformed at once where it goes by planes."""
LICENCES = {"torch": "BSD", "scipy": "BSD", "ducc0": "GPL", "pyFFTW": "BSD, over FFTW: GPL"}


def start(library: str, shape: tuple[int, int, int], by_planes: bool) -> Callable[[], Any]:
    """Return a call that does the four transforms of a volume; by planes, those along y and x of a few planes after another."""
    import torch

    if not by_planes:
        return four_transforms(library, torch.rand(shape), (0, 1, 2) if shape[0] > 1 else (1, 2))
    few = min(TOGETHER, shape[0])
    once = four_transforms(library, torch.rand(few, *shape[1:]), (1, 2))
    return lambda: [once() for _ in range(-(-shape[0] // few))]


def measure(size: str, rounds: int, libraries: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row a library and way: the quickest and the median of the rounds, in seconds."""
    shape = SIZES[size]
    ways = [(name, planes) for planes in (False, True) if not (planes and shape[0] == 1) for name in libraries]
    turns = {way: start(way[0], shape, way[1]) for way in ways}
    taken: dict[tuple[str, bool], list[float]] = {way: [] for way in ways}
    for number in range(rounds + 1):
        for way, turn in turns.items():
            seconds = timed(turn, "cpu")
            if number:
                taken[way].append(seconds)
    return [
        {"library": name, "by_planes": planes, "minimum": min(each), "median": statistics.median(each)}
        for (name, planes), each in taken.items()
    ]


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    lines = [
        heading("FFT libraries", report),
        f"{report['threads']} threads, {report['rounds']} rounds, ms; torch: {report['backend']}.",
    ]
    for size, rows in report["sizes"].items():
        told = []
        for name in LIBRARIES:
            found = {row["by_planes"]: row for row in rows if row["library"] == name}
            if found:
                cells = [
                    f"{1000 * found[way][which]:.1f}" if way in found else ""
                    for way in (False, True)
                    for which in ("minimum", "median")
                ]
                told.append([name, LICENCES[name], *cells])
        lines += ["", f"## {size}", "", as_table(["", "licence", "whole", "median", "by planes", "median"], told)]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--size", action="append", choices=list(SIZES), help="one size only; may be repeated")
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(asked.threads)
    libraries = [name for name in LIBRARIES if installed(name)]
    report = {
        **circumstances(["numpy", *libraries]), "threads": asked.threads, "rounds": asked.rounds,
        "backend": "MKL" if torch.backends.mkl.is_available() else "pocketfft",
        "sizes": {size: measure(size, asked.rounds, libraries) for size in asked.size or list(SIZES)},
    }  # fmt: skip
    finish("fft_libraries", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
