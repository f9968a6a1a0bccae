"""What a recurrent network makes of time-lapses, beside the weights in the package frame by frame: ``python -m benchmarks.learned_lapses``.

It is trained first, begun with the weights in the package, on simulated time-lapses of four frames; then both restore simulated
time-lapses of six frames of another seed; in some of them something moves.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import napari_deconv as nd
from napari_deconv.learned.scenes import Exposure, expose
from napari_deconv.learned.sources import Simulation
from napari_deconv.learned.train import train
from napari_deconv.learned.training import Training

from .report import add_arguments, as_table, circumstances, finish, heading
from .scores import psnr

FRAME, KERNEL, PHOTONS = (1, 96, 96), (1, 33, 33), (5.0, 1000.0)
FRAMES = 6
SEED = 41
"""Of the time-lapses that are restored; training takes others."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned_lapses", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--steps", type=int, default=300, help="of the training")
    parser.add_argument("--images", type=int, default=240, help="time-lapses that it learns from")
    parser.add_argument("--lapses", type=int, default=32, help="time-lapses that are restored")
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        training = Training(network="recurrent", images=asked.images, steps=asked.steps)
        for progress in train(training, Simulation(seed=1, frames=training.frames), Path(folder)):
            file = progress.file
        minutes = (time.perf_counter() - began) / 60
        rows = [gains(number, str(file)) for number in range(asked.lapses)]
    report = {
        **circumstances(["numpy", "torch", "napari-deconv"]),
        "steps": asked.steps, "images": asked.images, "frames": training.frames, "minutes": minutes, "rows": rows,
    }  # fmt: skip
    finish("learned_lapses", report, as_markdown(report), asked)
    return 0


def gains(number: int, weights: str) -> dict[str, Any]:
    """Return by how many dB the recurrent network is nearer the truth of each frame, and by how much the truths differ from the first."""
    shots = expose(FRAME, KERNEL, PHOTONS, np.random.default_rng([SEED, number]), frames=FRAMES)
    alone, together = (restored(shots, each) for each in ("bundled", weights))
    gained = [
        psnr(after[None], shot.truth) - psnr(before[None], shot.truth)
        for before, after, shot in zip(alone, together, shots, strict=True)
    ]
    first, last = shots[0].truth, shots[-1].truth
    correlation = float(np.corrcoef(first.ravel(), last.ravel())[0, 1])
    return {"lapse": number, "moves": correlation < 0.98, "gains": [round(each, 3) for each in gained]}


def restored(shots: Sequence[Exposure], weights: str) -> Any:
    """Return a time-lapse as a network restores it, (T, Y, X)."""
    image = nd.Image(np.stack([shot.counts[0] for shot in shots]), "TYX", voxel=shots[0].voxel)
    psf = nd.Recipe(psf=nd.Image(shots[0].psf, "ZYX", voxel=shots[0].voxel)).psf
    words = {"offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    method = {"kind": "network", "weights": weights, "fallback": "never"}
    recipe = nd.Recipe(psf=psf.replace(**words) if psf else None, method=method)
    return nd.restored(image, recipe, device="cpu").numpy().reshape(len(shots), *FRAME[1:])


def as_markdown(report: dict[str, Any]) -> str:
    """Return the page."""
    rows = report["rows"]
    parts = {
        "nothing moves": [row for row in rows if not row["moves"]],
        "something moves": [row for row in rows if row["moves"]],
        "all": rows,
    }
    lines = [heading("A recurrent network on time-lapses", report)]
    lines += [
        f"{report['steps']} steps on {report['images']} simulated time-lapses of {report['frames']} frames, "
        f"{report['minutes']:.1f} minutes of one thread. Mean dB nearer the truth than the weights in the package, "
        f"frame by frame, on {len(rows)} other time-lapses:",
        "",
    ]
    heads = [
        "",
        "time-lapses",
        *(f"frame {number}" for number in range(1, FRAMES + 1)),
        "worst lapse",
        "lapses that gain",
    ]
    cells = []
    for name, own in parts.items():
        if own:
            means = np.mean([row["gains"] for row in own], axis=0)
            later = [float(np.mean(row["gains"][3:])) for row in own]
            told = [f"{min(later):+.2f}", f"{sum(each > 0 for each in later)}"]
            cells.append([name, str(len(own)), *(f"{each:+.2f}" for each in means), *told])
    lines += [as_table(heads, cells), "", "The last two columns are of the means of frames 4 to 6."]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    raise SystemExit(main())
