"""What a method holds at its peak, in padded float32 volumes: ``python -m benchmarks.memory [KIND...]`` prints JSON (Linux)."""

from __future__ import annotations

import ctypes
import gc
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np

from .phantoms import make_psf

SHAPE, PSF = (56, 120, 120), (9, 9, 9)
STEPS = 3
MMAP_THRESHOLD = -3


def measure(method: Any) -> float:
    """Return the peak of posing a problem and making three steps, in volumes of the padded size."""
    _run(method)
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = _status("VmRSS")
    voxels = _run(method)
    return (_status("VmHWM") - before) / (4 * voxels)


def _run(method: Any) -> int:
    from napari_deconv import Image
    from napari_deconv.background import measure_volume
    from napari_deconv.methods.blur import Blur
    from napari_deconv.posing import pose_problem

    counts = np.random.default_rng(1).poisson(30, SHAPE).astype(np.uint16)
    blur = Blur(make_psf(PSF), SHAPE)
    problem = pose_problem(counts, measure_volume(counts, 20.0), blur, Image(counts))
    for number, _ in enumerate(method.iterate(problem), start=1):
        if number == STEPS:
            break
    return int(np.prod(blur.object_shape))


def _status(name: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


def main(kinds: list[str]) -> None:
    """Print measured and stated volumes of methods that need no more than their defaults."""
    import torch

    from napari_deconv import methods

    ctypes.CDLL(None).mallopt(MMAP_THRESHOLD, 65536)
    torch.set_num_threads(1)
    told = {}
    for kind in kinds or methods.names():
        method = methods.family[kind]
        if any(info.is_required() for name, info in method.model_fields.items() if name != "kind"):
            continue
        made = method()
        ready = made.provisional(STEPS) if made.is_automatic else made
        told[kind] = {"measured": round(measure(ready), 2), "stated": ready.volumes}
    print(json.dumps(told))


if __name__ == "__main__":
    main(sys.argv[1:])
