"""How near the truth the automatic choices come, beside the best that was there: ``python -m benchmarks.quality [--json]``.

Scenes × photons × microscopes × draws. Of each method its defaults (everything automatic, the background too) stand beside
the best of it that the truth picks (`oracle`): the best iteration out of 200 (plain and accelerated) or the best weight, the
background known. ``--all-methods`` takes all methods, ``--full`` all microscopes as well, ``--peers`` other packages where they are
installed. With ``--add`` the committed rows that are not measured again stay, and every scene is written when it is done: several
commands may measure at once.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import napari_deconv as nd

from . import published
from .oracle import best_with_truth, image_of, recipe
from .peers import PEERS
from .quality_page import as_markdown
from .report import RESULTS, add_arguments, circumstances, finish, installed
from .scenes import PSFS, Scene, make_scene
from .scores import psnr, score

SCENES = ("membranes", "filaments", "nuclei", "vesicles", "tissue")
PHOTONS = (5.0, 20.0, 100.0, 1000.0)
PEER_ITERATIONS = (10, 30, 100)
ABOUT = ("scene", "photons", "psf", "draw", "method")
METHODS: dict[str, dict[str, Any]] = {
    "richardson-lucy": {"kind": "richardson-lucy"},
    "richardson-lucy, tv 0.01": {"kind": "richardson-lucy", "tv": 0.01},
    "gradient-consensus": {"kind": "gradient-consensus"},
    "wiener": {"kind": "wiener"},
    "tikhonov": {"kind": "tikhonov"},
}
FULL: dict[str, dict[str, Any]] = {
    "richardson-lucy, tv 0.002": {"kind": "richardson-lucy", "tv": 0.002},
    "richardson-lucy, tv 0.05": {"kind": "richardson-lucy", "tv": 0.05},
    "landweber": {"kind": "landweber"},
    "hessian": {"kind": "hessian"},
    "total-variation": {"kind": "total-variation"},
    "tikhonov-miller": {"kind": "tikhonov-miller"},
    "fista": {"kind": "fista"},
    "wiener-butterworth": {"kind": "wiener-butterworth"},
}


def restored(scene: Scene, method: dict[str, Any], background: float | str = "auto") -> nd.Image:
    return nd.restored(image_of(scene), recipe(scene, method, background), device="cpu")


def measure(scene: Scene, chosen: dict[str, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield a row for the input, then one a method: its figures with everything automatic, and its best."""
    about = {"scene": scene.name, "photons": scene.photons, "psf": scene.psf_name, "draw": scene.draw}
    yield {**about, "method": "input", **score(scene.counts, scene.truth)}
    for name, method in chosen.items():
        started = time.perf_counter()
        result = restored(scene, method)
        seconds = time.perf_counter() - started
        told = result.history[-1]
        known = psnr(restored(scene, method, scene.background).numpy(), scene.truth)
        choices = {each["name"]: each["value"] for each in told["choices"]}
        best, setting = best_with_truth(scene, method, choices.get("weight", choices.get("noise")))
        yield {
            **about, "method": name, **score(result.numpy(), scene.truth), "best": best, "best_setting": setting,
            "known_background": known, "iterations": told["iterations"], "seconds": seconds,
            "background_error": told["background"][0] - scene.background,
        }  # fmt: skip


def measure_peers(scene: Scene) -> Iterator[dict[str, Any]]:
    """Yield a row a peer that is installed: the best of a few iteration counts, the background taken off beforehand."""
    about = {"scene": scene.name, "photons": scene.photons, "psf": scene.psf_name, "draw": scene.draw}
    for peer in PEERS[1:]:
        if installed(peer.package):
            results = [
                result for each in PEER_ITERATIONS if (result := _by_peer(scene, peer.restore, each)) is not None
            ]
            if results:
                yield {
                    **about,
                    "method": peer.name,
                    **max((score(r, scene.truth) for r in results), key=lambda s: s["psnr"]),
                }


def _by_peer(scene: Scene, restore: Callable[..., Any], iterations: int) -> Any:
    """Return a peer's result, None where it fails or is not finite."""
    flat = scene.counts.shape[0] == 1
    light = np.clip(scene.counts - scene.background, 0, None) + 1e-3
    image, psf = (each[0] if flat else each for each in (light, scene.psf))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result = np.asarray(restore(image, psf, iterations)).reshape(scene.counts.shape)
        except Exception:
            return None
    return result if np.isfinite(result).all() else None


def added_to(earlier: dict[str, Any], report: dict[str, Any]) -> dict[str, Any]:
    """Return the report with the rows of an earlier one that it does not measure again."""
    measured = {tuple(row[key] for key in ABOUT) for row in report["rows"]}
    rows = [row for row in earlier["rows"] if tuple(row[key] for key in ABOUT) not in measured] + report["rows"]
    places = {name: number for number, name in enumerate(["input", *METHODS, *FULL])}
    rows.sort(key=lambda row: places.get(row["method"], len(places)))
    return {**earlier, **report, "minutes": earlier["minutes"] + report["minutes"], **_extent(rows)}


def _extent(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what rows are of, and the rows."""
    named = {
        many: list(dict.fromkeys(row[one] for row in rows)) for many, one in (("scenes", "scene"), ("psfs", "psf"))
    }
    photons, draws = sorted({row["photons"] for row in rows}), len({row["draw"] for row in rows})
    return {**named, "photons": photons, "draws": draws, "rows": rows}


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Wait until no other command writes the file."""
    lock = path.with_suffix(".lock")
    while True:
        try:
            os.close(os.open(lock, os.O_CREAT | os.O_EXCL))
            break
        except FileExistsError:
            time.sleep(0.2)
    try:
        yield
    finally:
        lock.unlink()


def _write(name: str, report: dict[str, Any], asked: argparse.Namespace) -> None:
    """Write a report, or add it to what is there."""
    path = RESULTS / f"{name}.json"
    if asked.no_save:
        finish(name, report, as_markdown(report), asked)
        return
    with _alone(path):
        if asked.add and path.exists():
            report = added_to(json.loads(path.read_text(encoding="utf-8")), report)
        finish(name, report, as_markdown(report), asked)


def _parsed(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--all-methods", action="store_true", help="more methods")
    parser.add_argument("--full", action="store_true", help="all microscopes, five draws and more methods: hours")
    parser.add_argument("--peers", action="store_true", help="other packages as well")
    parser.add_argument("--only-peers", action="store_true", help="other packages alone")
    parser.add_argument("--scene", action="append", choices=SCENES, help="one scene only; may be repeated")
    parser.add_argument("--photons", action="append", type=float, help="of the brightest voxel; may be repeated")
    parser.add_argument("--psf", action="append", choices=list(PSFS), help="one microscope only; may be repeated")
    parser.add_argument("--method", action="append", choices=[*METHODS, *FULL], help="one method only; may be repeated")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument("--first-draw", type=int, default=0, help="the first draw's number: others are other scenes")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--add", action="store_true", help="keep the earlier rows that are not measured again")
    parser.add_argument("--phantoms", action="store_true", help="measure the published phantoms alone")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    asked = _parsed(arguments)
    import torch

    torch.set_num_threads(asked.threads)
    known = {**METHODS, **(FULL if asked.full or asked.all_methods or asked.method else {})}
    chosen = {name: method for name, method in known.items() if not asked.method or name in asked.method}
    scenes = () if asked.phantoms else asked.scene or SCENES
    psfs = asked.psf or (list(PSFS) if asked.full else ["flat"])
    draws = range(asked.first_draw, asked.first_draw + (5 if asked.full else asked.draws))
    peers = [peer.package for peer in PEERS[1:] if asked.peers or asked.only_peers]
    about = circumstances(["numpy", "scipy", "torch", "napari-deconv", *peers])
    name, started, rows = "quality-full" if asked.full else "quality", time.perf_counter(), list[dict[str, Any]]()

    def report() -> dict[str, Any]:
        return {**about, "minutes": (time.perf_counter() - started) / 60, **_extent(rows)}

    for place in product(scenes, asked.photons or PHOTONS, psfs, draws):
        scene = make_scene(*place)
        rows += [] if asked.only_peers else measure(scene, chosen)
        rows += measure_peers(scene) if peers else []
        if asked.add:
            _write(name, {**report(), "minutes": 0}, asked)
    told = report()
    if not asked.scene and not asked.only_peers:
        told["published"] = published.measure_published(len(draws))
    _write(name, told, asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
