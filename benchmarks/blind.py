"""From a PSF 20 % too narrow, and from the right one: does `blind` come nearer the truth? ``python -m benchmarks.blind [--json]``.

Small flat scenes; in one line each, the PSF's error and the restoration's with the PSF as given, and with its width or all of it found
from the image. What the image does not tell is kept, and counted as kept.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import napari_deconv as nd
from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame
from napari_deconv.posing import used_psf
from napari_deconv.psf import Grid, family

from .report import add_arguments, as_table, circumstances, finish, heading
from .scenes import VOXEL, Array
from .scores import psnr

SCENES = ("membranes", "filaments", "nuclei", "vesicles", "tissue", "cells")
PHOTONS = (300, 2000)
SIGMA, SIZE, BACKGROUND = 0.128, 19, 10.0
NARROW = (0.8, 1.0)
MODES: dict[str, Any] = {
    "given": {"kind": "richardson-lucy"},
    "width": {"kind": "blind", "psf_update": "width"},
    "free": {"kind": "blind"},
}


def make_psf(factor: float) -> Array:
    """Return a Gaussian PSF (1, Y, X) so many times as wide as the true one."""
    model = family.parse({"kind": "gaussian", "sigma": factor * SIGMA})
    return set_in_the_dark(model.compute(Grid((1, SIZE, SIZE), VOXEL)))


def set_in_the_dark(psf: Array) -> Array:
    """Return a PSF (1, Y, X) at its place in a box of ``SIZE``, which every width fits."""
    made = np.zeros((1, SIZE, SIZE))
    corner = [SIZE // 2 - size // 2 for size in psf.shape[1:]]
    made[:, corner[0] : corner[0] + psf.shape[1], corner[1] : corner[1] + psf.shape[2]] = psf
    return made


def make_image(name: str, photons: float, draw: int, size: int = 72) -> tuple[nd.Image, Array]:
    """Return counts of a scene of its own under the true PSF, and the truth (1, Y, X)."""
    random = np.random.default_rng([sum(map(ord, name)), draw, 17])
    psf = make_psf(1.0)
    wide = (1, size + SIZE - 1, size + SIZE - 1)
    density = FAMILIES[name](wide, VOXEL, random) * photons
    seen = random.poisson(cut_frame(blur_scene(density, psf), (1, size, size)) + BACKGROUND)
    return nd.Image(seen.astype(np.float32), voxel=VOXEL), cut_frame(density, (1, size, size))


def measure(name: str, photons: float, factor: float, draw: int, folder: Path) -> Iterator[dict[str, Any]]:
    """Yield a row a mode."""
    import tifffile

    image, truth = make_image(name, photons, draw)
    path, right = folder / f"{factor}.tif", make_psf(1.0)
    tifffile.imwrite(path, make_psf(factor).astype(np.float32), metadata={"axes": "ZYX"}, ome=True)
    words = {"kind": "measured", "path": str(path), "offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    for mode, method in MODES.items():
        result = nd.restored(image, {"psf": words, "method": method, "background": BACKGROUND}, device="cpu")
        choice = next(iter(result.history[-1]["choices"]))
        used = set_in_the_dark(used_psf(result, image).numpy())
        yield {
            "scene": name, "photons": photons, "factor": factor, "draw": draw, "mode": mode,
            "psf_error": float(np.linalg.norm(used - right) / np.linalg.norm(right)),
            "psnr": psnr(result.numpy(), truth),
            "changed": mode != "given" and (choice["value"] != 1 or bool(choice["found"])),
            "why": choice["why"],
        }  # fmt: skip


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table: a line a case."""
    rows = report["rows"]
    cases = list(dict.fromkeys((r["factor"], r["scene"], r["photons"], r["draw"]) for r in rows))
    lines = []
    for case in cases:
        own = {r["mode"]: r for r in rows if (r["factor"], r["scene"], r["photons"], r["draw"]) == case}
        lines.append([f"{case[0]:g} ×", case[1], f"{case[2]:g}", *(_cell(own[mode]) for mode in MODES if mode in own)])
    head = ["PSF given", "scene", "photons", *(f"{mode}: PSF error, PSNR" for mode in MODES)]
    told = [_summary(rows, mode, factor) for factor in NARROW for mode in list(MODES)[1:]]
    return "\n".join([heading("Blind", report), as_table(head, lines), "", *told]) + "\n"


def _cell(row: dict[str, Any]) -> str:
    kept = row["mode"] != "given" and not row["changed"]
    return "kept" if kept else f"{row['psf_error']:.3f}, {row['psnr']:.2f} dB"


def _summary(rows: Sequence[dict[str, Any]], mode: str, factor: float) -> str:
    """Return in one line how often a mode changed the PSF, and how often to the better."""
    own = [r for r in rows if r["mode"] == mode and r["factor"] == factor]
    changed = [r for r in own if r["changed"]]
    given = {(r["scene"], r["photons"], r["draw"]): r for r in rows if r["mode"] == "given" and r["factor"] == factor}
    better = [
        (r["psf_error"] < g["psf_error"], r["psnr"] > g["psnr"])
        for r in changed
        for g in [given[r["scene"], r["photons"], r["draw"]]]
    ]
    psf, picture = (sum(each[n] for each in better) for n in (0, 1))
    return f"- {factor:g} × the width, {mode}: changed in {len(changed)} of {len(own)}; PSF nearer in {psf}, restoration in {picture}."


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--scene", action="append", choices=SCENES, help="one scene only; may be repeated")
    parser.add_argument("--photons", action="append", type=float, help="of the brightest voxel; may be repeated")
    parser.add_argument("--draws", type=int, default=1)
    asked = parser.parse_args(arguments)
    rows: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        for factor, name, photons, draw in product(
            NARROW, asked.scene or SCENES, asked.photons or PHOTONS, range(asked.draws)
        ):
            rows += measure(name, photons, factor, draw, Path(folder))
    report = {**circumstances(["numpy", "scipy", "torch", "napari-deconv"]), "rows": rows}
    finish("blind", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
