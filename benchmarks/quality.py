"""How near the truth the automatic choices come, beside the best that was there: ``python -m benchmarks.quality [--json]``.

Scenes × photons × microscopes × draws. Of each method its defaults (everything automatic, the background too) stand beside
the best of it that the truth picks: the best iteration out of 5 to 200 (plain and accelerated) or the best weight, the
background known. ``--full`` takes all microscopes and methods, ``--peers`` other packages where they are installed.
"""

from __future__ import annotations

import argparse
import json
import os
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import napari_deconv as nd

from . import published
from .peers import PEERS
from .report import RESULTS, add_arguments, as_table, circumstances, finish, heading, installed
from .scenes import PSFS, VOXEL, Scene, make_scene
from .scores import psnr, score

SCENES = ("membranes", "filaments", "nuclei", "vesicles", "tissue")
PHOTONS = (5, 20, 100, 1000)
FIRST, LAST = 5, 200
PEER_ITERATIONS = (10, 30, 100)
WEIGHED = ("hessian", "total-variation", "tikhonov-miller", "fista")
FALLING = tuple(float(each) for each in np.logspace(-3.5, 0, 9))
WEIGHTS = tuple(float(each) for each in np.logspace(-5, 1.5, 14))
TITLES = {
    "psnr": "PSNR, dB", "ssim": "SSIM", "nrmse": "NRMSE", "nrmse_dim": "NRMSE without the brightest 0.1 %",
    "correlation": "mean FSC", "rim": "rim error / interior",
}  # fmt: skip
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


def image_of(scene: Scene) -> nd.Image:
    return nd.Image(scene.counts, "ZYX", voxel=VOXEL)


def recipe(scene: Scene, method: dict[str, Any], background: float | str) -> nd.Recipe:
    psf = nd.Image(scene.psf, "ZYX", voxel=VOXEL)
    model = nd.Recipe(psf=psf).psf
    words = {"offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    return nd.Recipe(psf=model.replace(**words) if model else None, method=method, background=background)


def best_with_truth(scene: Scene, method: dict[str, Any]) -> tuple[float, str]:
    """Return the highest PSNR that any setting of a method reaches, the background known, and the setting."""
    found = []
    for changes in _settings(method):
        asked = recipe(scene, {**method, **changes}, scene.background)
        for progress in nd.restore(image_of(scene), asked, device="cpu"):
            if not progress.is_result and (progress.steps == 1 or progress.step >= FIRST):
                words = {**changes, **({"iterations": progress.step} if progress.steps > 1 else {})}
                said = ", ".join(
                    f"{key} {value:.3g}" if key != "acceleration" else value for key, value in words.items()
                )
                found.append((psnr(progress.estimate.numpy(), scene.truth), said))
    return max(found)


def _settings(method: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield what is changed of a method to find its best."""
    kind = method["kind"]
    if kind in WEIGHED:
        yield from ({"weight": each} for each in FALLING)
    elif kind == "tikhonov":
        yield from ({"weight": each} for each in WEIGHTS)
    elif kind == "wiener":
        yield from ({"noise": each, "fall": fall, "length": 8.0} for each in WEIGHTS for fall in (0.5, 1.0, 2.0))
    elif kind == "richardson-lucy":
        yield {"acceleration": "none", "iterations": LAST}
        yield {"acceleration": "heavy-ball", "iterations": LAST // 2}
    else:
        yield {"iterations": LAST}


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
        best, setting = best_with_truth(scene, method)
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


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's tables."""
    rows = report["rows"]
    told = f"{len(report['scenes'])} scenes × {report['photons']} photons × PSF {', '.join(report['psfs'])} × {report['draws']} draws"
    lines = [heading("Quality", report), f"{told}; {report['minutes']:.0f} minutes."]
    lines += ["", "## Everything automatic", "", _table_of_methods(rows)]
    lines += ["", "## Automatic less the best with the truth in hand, dB", "", _table_of_gaps(rows)]
    for photons in report["photons"]:
        lines += ["", f"## PSNR at {photons} photons, dB: automatic (best)", "", _table_of_scenes(rows, photons)]
    if "published" in report:
        lines += ["", published.as_markdown(report["published"])]
    return "\n".join(lines) + "\n"


def _named(rows: Sequence[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["method"] for row in rows))


def _mean(rows: Sequence[dict[str, Any]], key: str) -> float:
    return float(np.mean([row[key] for row in rows])) if rows else float("nan")


def _table_of_methods(rows: Sequence[dict[str, Any]]) -> str:
    cells = [
        [name, *(f"{_mean([r for r in rows if r['method'] == name], key):.3g}" for key in TITLES)]
        for name in _named(rows)
    ]
    return as_table(["method", *TITLES.values()], cells)


def _table_of_gaps(rows: Sequence[dict[str, Any]]) -> str:
    heads = [
        "method",
        "mean",
        "worst scene (mean of draws)",
        "mean, background known",
        "mean error of the background, counts",
    ]
    cells = []
    for name in _named(rows):
        own = [row for row in rows if row["method"] == name and "best" in row]
        if own:
            groups: dict[tuple[Any, ...], list[float]] = {}
            for row in own:
                groups.setdefault((row["scene"], row["photons"], row["psf"]), []).append(row["psnr"] - row["best"])
            where, least = min(((key, float(np.mean(gaps))) for key, gaps in groups.items()), key=lambda each: each[1])
            known = float(np.mean([row["known_background"] - row["best"] for row in own]))
            mean = float(np.mean([row["psnr"] - row["best"] for row in own]))
            told = f"{least:.2f} ({where[0]}, {where[1]} photons, {where[2]})"
            cells.append([name, f"{mean:.2f}", told, f"{known:.2f}", f"{_mean(own, 'background_error'):+.2f}"])
    return as_table(heads, cells)


def _table_of_scenes(rows: Sequence[dict[str, Any]], photons: float) -> str:
    here = [row for row in rows if row["photons"] == photons]
    scenes = list(dict.fromkeys((row["scene"], row["psf"]) for row in here))
    cells = []
    for name in _named(here):
        line = [name]
        for scene, psf in scenes:
            own = [row for row in here if (row["method"], row["scene"], row["psf"]) == (name, scene, psf)]
            best = f" ({_mean(own, 'best'):.1f})" if own and "best" in own[0] else ""
            line.append(f"{_mean(own, 'psnr'):.1f}{best}" if own else "")
        cells.append(line)
    return as_table(["method", *(f"{scene}, {psf}" for scene, psf in scenes)], cells)


def _added_to(path: Path, report: dict[str, Any]) -> dict[str, Any]:
    """Return the report with the rows of an earlier one that it does not measure again."""
    if not path.exists():
        return report
    earlier = json.loads(path.read_text(encoding="utf-8"))
    about = ("scene", "photons", "psf", "draw", "method")
    measured = {tuple(row[key] for key in about) for row in report["rows"]}
    rows = [row for row in earlier["rows"] if tuple(row[key] for key in about) not in measured] + report["rows"]
    named = {
        plural: list(dict.fromkeys(row[one] for row in rows)) for plural, one in (("scenes", "scene"), ("psfs", "psf"))
    }
    photons, minutes = sorted({row["photons"] for row in rows}), earlier["minutes"] + report["minutes"]
    draws = len({row["draw"] for row in rows})
    return {**earlier, **report, **named, "photons": photons, "minutes": minutes, "draws": draws, "rows": rows}


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--full", action="store_true", help="all microscopes, five draws and more methods: hours")
    parser.add_argument("--peers", action="store_true", help="other packages as well")
    parser.add_argument("--scene", action="append", choices=SCENES, help="one scene only; may be repeated")
    parser.add_argument("--photons", action="append", type=float, help="of the brightest voxel; may be repeated")
    parser.add_argument("--psf", action="append", choices=list(PSFS), help="one microscope only; may be repeated")
    parser.add_argument("--method", action="append", choices=[*METHODS, *FULL], help="one method only; may be repeated")
    parser.add_argument("--draws", type=int, default=3)
    parser.add_argument(
        "--first-draw", type=int, default=0, help="the first draw's number: other numbers are other scenes"
    )
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument(
        "--add", action="store_true", help="keep the earlier rows that are not measured again: to measure in pieces"
    )
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(asked.threads)
    known = {**METHODS, **(FULL if asked.full or asked.method else {})}
    chosen = {name: method for name, method in known.items() if not asked.method or name in asked.method}
    psfs = asked.psf or (list(PSFS) if asked.full else ["flat"])
    scenes, photons = asked.scene or SCENES, asked.photons or PHOTONS
    rows: list[dict[str, Any]] = []
    started = time.perf_counter()
    draws = range(asked.first_draw, asked.first_draw + (5 if asked.full else asked.draws))
    for name, light, psf, draw in product(scenes, photons, psfs, draws):
        scene = make_scene(name, light, psf, draw)
        rows += [*measure(scene, chosen), *(measure_peers(scene) if asked.peers else ())]
    report: dict[str, Any] = {
        **circumstances(["numpy", "scipy", "torch", "napari-deconv", *(peer.package for peer in PEERS[1:] if asked.peers)]),
        "scenes": list(scenes), "photons": list(photons), "psfs": psfs, "draws": len(draws),
        "minutes": (time.perf_counter() - started) / 60, "rows": rows,
    }  # fmt: skip
    if not asked.scene:
        report["published"] = published.measure_published(len(draws))
    name = "quality-full" if asked.full else "quality"
    if asked.add:
        report = _added_to(RESULTS / f"{name}.json", report)
    finish(name, report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
