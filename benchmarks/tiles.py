"""By how much tiles differ from the whole, and what their halo costs: ``python -m benchmarks.tiles [--json]``.

Structures that go on beyond the frame, under a narrow PSF in a roomy box, a wide one, and the heavy tails of a widefield microscope, are
restored whole and in tiles. Beside the largest difference, as a share of the largest value, stands the mean one within two pixels of a
border over that everywhere: far above 1, and a seam could be seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

import napari_deconv as nd
from napari_deconv.image import Region
from napari_deconv.learned.simulate import FAMILIES, blur_scene, cut_frame
from napari_deconv.piece import Piece, plan_pieces
from napari_deconv.posing import resolve_psf
from napari_deconv.psf import Grid, family

from .report import add_arguments, as_table, circumstances, finish, heading
from .scenes import OPTICS, VOXEL

PHOTONS, BACKGROUND = 300.0, 20.0
FRAME = (1, 320, 480)
STRUCTURES = ("membranes", "filaments", "vesicles")
PSFS: dict[str, dict[str, Any]] = {
    "narrow Gaussian, 13×13": {"shape": (1, 13, 13), "model": {"kind": "gaussian", "sigma": 0.12}},
    "wide Gaussian, 33×33": {"shape": (1, 33, 33), "model": {"kind": "gaussian", "sigma": 0.32}},
    "in focus, 33×33": {"shape": (1, 33, 33), "model": {"kind": "gibson-lanni", **OPTICS}},
    "heavy tails, 33×33": {"shape": (33, 33, 33), "model": {"kind": "gibson-lanni", **OPTICS}},
}
METHODS: dict[str, dict[str, Any]] = {
    "Richardson-Lucy, plain, 30": {"kind": "richardson-lucy", "acceleration": "none", "iterations": 30},
    "Richardson-Lucy, plain, 50": {"kind": "richardson-lucy", "acceleration": "none", "iterations": 50},
    "Richardson-Lucy, heavy ball, 30": {"kind": "richardson-lucy", "acceleration": "heavy-ball", "iterations": 30},
    "Richardson-Lucy, heavy ball, 50": {"kind": "richardson-lucy", "acceleration": "heavy-ball", "iterations": 50},
    "Wiener": {"kind": "wiener"},
    "Wiener, 0.01": {"kind": "wiener", "noise": 0.01},
    "Tikhonov": {"kind": "tikhonov"},
    "Tikhonov, 0.01": {"kind": "tikhonov", "weight": 0.01},
    "Landweber, 50": {"kind": "landweber", "iterations": 50},
    "Richardson-Lucy, Biggs-Andrews, 30": {"kind": "richardson-lucy", "acceleration": "biggs-andrews", "iterations": 30},
    "Richardson-Lucy, plain, TV 0.01, 30": {"kind": "richardson-lucy", "tv": 0.01, "iterations": 30},
    "Richardson-Lucy, heavy ball, TV 0.01, 30": {
        "kind": "richardson-lucy", "acceleration": "heavy-ball", "tv": 0.01, "iterations": 30,
    },
    "Total variation, 0.02, 60": {"kind": "total-variation", "weight": 0.02, "iterations": 60},
    "Hessian, 0.02, 60": {"kind": "hessian", "weight": 0.02, "iterations": 60},
    "Gradient consensus, 30": {"kind": "gradient-consensus", "iterations": 30},
    "FISTA, 0.01, 60": {"kind": "fista", "weight": 0.01, "iterations": 60},
    "Tikhonov-Miller, 30": {"kind": "tikhonov-miller", "iterations": 30},
    "Wiener-Butterworth": {"kind": "wiener-butterworth", "iterations": 10},
}  # fmt: skip


def make_image(structure: str, psf_name: str) -> tuple[nd.Image, nd.Image]:
    """Return counts (Z, Y, X) of a structure that goes on beyond the frame, and the PSF."""
    told = PSFS[psf_name]
    psf = family.parse(told["model"]).compute(Grid(told["shape"], VOXEL)).sum(axis=0, keepdims=True)
    psf = psf / psf.sum()
    wide = tuple(size + (kernel - 1 if size > 1 else 0) for size, kernel in zip(FRAME, psf.shape, strict=True))
    density = FAMILIES[structure](wide, VOXEL, np.random.default_rng(7)) * PHOTONS
    expected = cut_frame(blur_scene(density, psf), FRAME) + BACKGROUND
    counts = np.random.default_rng(8).poisson(expected).astype(np.float32)
    return nd.Image(counts, "ZYX", voxel=VOXEL), nd.Image(psf.astype(np.float32), "ZYX", voxel=VOXEL)


def compare(image: nd.Image, recipe: nd.Recipe) -> dict[str, float]:
    """Return how tiles differ from the whole: largest, root mean square, at borders, and what they cost in padded voxels."""
    piece = plan_pieces(image, Region({}), {0: resolve_psf(image, recipe)}, recipe.method)[0]
    memory = budget_for_tiles(piece, recipe.method.volumes)
    whole = nd.restored(image, recipe, device="cpu").numpy()
    tiled = nd.restored(image, recipe, device="cpu", memory=memory + 4 * image.data.size)
    assert tiled.history[-1]["tiles"] > 1
    difference = np.abs(tiled.numpy() - whole)
    beside = np.zeros(whole.shape, bool)
    tiles = piece.tiles(memory, recipe.method.volumes)
    for tile in tiles:
        for axis, (_, stop) in enumerate(tile.core):
            if stop < whole.shape[axis]:
                beside[(slice(None),) * axis + (slice(max(0, stop - 2), stop + 2),)] = True
    padded = sum(piece.padded(tile.outer_shape) for tile in tiles)
    return {
        "halo": piece.halo[2] / (piece.psf.shape[2] // 2),
        "largest": float(difference.max() / np.abs(whole).max()),
        "rms": float(np.sqrt(np.mean(difference**2) / np.mean(whole**2))),
        "border": float(difference[beside].mean() / max(difference.mean(), 1e-30)),
        "tiles": len(tiles),
        "cost": padded / piece.padded(whole.shape),
    }


def budget_for_tiles(piece: Piece, volumes: float) -> int:
    """Return the smallest of a row of budgets (bytes) under which a piece is cut into four tiles or more, if any is."""
    whole = 4 * volumes * piece.padded(piece.outer_shape)
    for share in np.arange(0.9, 0.2, -0.02):
        try:
            tiles = piece.tiles(int(share * whole), volumes)
        except MemoryError:
            break
        if tiles[0].halo != piece.halo:
            break
        found = int(share * whole)
        if len(tiles) >= 4:
            return found
    return found


def measure(psf_names: Sequence[str], names: Sequence[str], structures: Sequence[str]) -> Iterator[dict[str, Any]]:
    """Yield a row a method and PSF: the worst of the structures."""
    for psf_name in psf_names:
        images = [make_image(structure, psf_name) for structure in structures]
        for name in names:
            rows = []
            for image, psf in images:
                measured = nd.Recipe(psf=psf).psf
                assert measured is not None
                model = measured.replace(offset=0.0, clean=False, centre="middle", keep=1.0)
                rows.append(compare(image, nd.Recipe(psf=model, background=BACKGROUND, method=METHODS[name])))
            yield {"method": name, "psf": psf_name, **{key: max(row[key] for row in rows) for key in rows[0]}}


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table."""
    heads = [
        "method",
        "PSF",
        "halo, half widths",
        "largest / maximum",
        "rms",
        "at borders / everywhere",
        "tiles",
        "padded voxels / whole",
    ]
    rows = [
        [
            row["method"], row["psf"], f"{row['halo']:.1f}", f"{row['largest']:.1e}", f"{row['rms']:.1e}", f"{row['border']:.1f}",
            f"{row['tiles']:.0f}", f"{row['cost']:.2f}",
        ]
        for row in report["rows"]
    ]  # fmt: skip
    return heading("Tiles and the whole", report) + "\n" + as_table(heads, rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--method", action="append", choices=list(METHODS), help="only this one; may be repeated")
    parser.add_argument("--psf", action="append", choices=list(PSFS), help="only this one; may be repeated")
    asked = parser.parse_args(arguments)
    rows = list(measure(asked.psf or list(PSFS), asked.method or list(METHODS), STRUCTURES))
    report = {**circumstances(["numpy", "torch", "napari-deconv"]), "rows": rows}
    finish("tiles", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
