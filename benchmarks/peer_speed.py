"""What an iteration of Richardson-Lucy costs here and in other packages: ``python -m benchmarks.peer_speed [--json]``.

All contestants take turns in one process. A call of few iterations is taken from one of more, which leaves the iterations alone, without what
each does before and after; minima over the rounds. What does not finish in time, or fails, is said.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from .peers import PEERS, Array, Peer
from .phantoms import make_psf
from .report import add_arguments, as_table, circumstances, finish, heading, installed

CASES = {
    "32×128×128, PSF 17×17×17": ((32, 128, 128), (17, 17, 17)),
    "64×256×256, PSF 33×33×33": ((64, 256, 256), (33, 33, 33)),
}
BOUNDARY = {
    "napari-deconv": "the object goes on beyond the frame",
    "scikit-image": "nothing beyond the frame",
    "RedLionfish": "its own",
    "sdeconv": "mirrored for 13 voxels, then the ends meet",
    "ci-deconvolve": "the object goes on beyond the frame",
}
FEW, MORE = 2, 8


def measure(case: str, rounds: int, peers: Sequence[Peer]) -> list[dict[str, Any]]:
    """Return a row a contestant: seconds an iteration, and how many times ours that is."""
    shape, psf_shape = CASES[case]
    image = np.random.default_rng(1).poisson(20, shape).astype(np.float32) + 1
    psf = make_psf(psf_shape).astype(np.float32)
    taken: dict[str, dict[int, list[float]]] = {peer.name: {FEW: [], MORE: []} for peer in peers}
    failed: dict[str, str] = {}
    for _ in range(rounds):
        for peer in peers:
            for iterations in (FEW, MORE):
                if peer.name not in failed:
                    try:
                        taken[peer.name][iterations].append(
                            _timed(lambda p=peer, n=iterations: p.restore(image, psf, n))
                        )
                    except Exception as error:  # whatever another package raises
                        failed[peer.name] = f"{type(error).__name__}: {error}"[:80]
    seconds = {
        name: (min(times[MORE]) - min(times[FEW])) / (MORE - FEW) for name, times in taken.items() if name not in failed
    }
    ours = seconds[PEERS[0].name]
    rows = [{"name": name, "seconds": each, "times_ours": each / ours} for name, each in seconds.items()]
    return rows + [{"name": name, "failed": why} for name, why in failed.items()]


def _timed(work: Callable[[], Array]) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        started = time.perf_counter()
        work()
        return time.perf_counter() - started


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    lines = [heading("An iteration here and elsewhere", report)]
    lines.append(
        f"{report['threads']} threads, {report['rounds']} rounds, {report['clock']}. Not installed: {report['absent'] or 'none'}."
    )
    for case, rows in report["cases"].items():
        told = [
            [
                row["name"], BOUNDARY.get(row["name"], ""), f"{1000 * row['seconds']:.0f}" if "seconds" in row else row["failed"],
                f"{row['times_ours']:.1f}" if "times_ours" in row else "",
            ]
            for row in rows
        ]  # fmt: skip
        lines += ["", f"## {case}", "", as_table(["", "beyond the frame", "ms an iteration", "times ours"], told)]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument(
        "--processor", action="store_true", help="the processor's time instead of the clock's, on a busy machine"
    )
    parser.add_argument("--case", action="append", choices=list(CASES), help="one size only; may be repeated")
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(asked.threads)
    if asked.processor:
        time.perf_counter = time.process_time
    peers = [peer for peer in PEERS if installed(peer.package)]
    report: dict[str, Any] = {
        **circumstances(["numpy", "torch", *(peer.package for peer in peers)]),
        "threads": asked.threads,
        "rounds": asked.rounds,
        "clock": "the processor's time" if asked.processor else "the clock",
        "absent": ", ".join(peer.name for peer in PEERS if peer not in peers),
        "cases": {case: measure(case, asked.rounds, peers) for case in asked.case or list(CASES)},
    }
    finish("peer_speed", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
