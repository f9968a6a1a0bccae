"""What a network must not do, measured with the weights in the package: ``python -m benchmarks.learned_checks [--json]``.

On the held-out list (one draw of the noise, every third image): the residual of the re-blurred result, its light, and its energy at
frequencies that the microscope does not pass, beside the image's own. On a few of them: the same counts in another unit; the image cut
into pieces; a PSF that is wrong, beside what the same error costs the best of Richardson-Lucy with total variation. Then even fields,
and time: the network alone, the classical estimates that it is given, and automatic Richardson-Lucy. Last, the weights gone on with on
an image alone: how long it takes at 256 x 256, and what it changes on four held-out images.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from napari_deconv.background import measure_volume
from napari_deconv.learned.examples import posed
from napari_deconv.learned.simulate import blur_scene, cut_frame
from napari_deconv.learned.sources import OwnImage
from napari_deconv.learned.train import train
from napari_deconv.learned.training import Training
from napari_deconv.learned.weights import has_fast_bfloat16, load_weights
from napari_deconv.methods import applied
from napari_deconv.methods.features import gather_features
from napari_deconv.passing import drained

from .held_out import VOXEL, Case, HeldOut, cases, make_held_out, make_psf, stack_cases
from .learned import best_of, restored
from .report import RESULTS, add_arguments, as_table, circumstances, finish, heading
from .scores import psnr

Array = np.ndarray[Any, Any]
SURE = {"kind": "network", "fallback": "never"}
BAND = 1e-3
"""Share of the transfer function's maximum below which a frequency counts as not passed."""
WRONG: dict[str, dict[str, Any]] = {
    "gaussian": {"10 % narrower": {"sigma": 0.135}, "10 % wider": {"sigma": 0.165}},
    "oil": {"cut-off 10 % higher": {"emission": 0.477}, "cut-off 10 % lower": {"emission": 0.583}},
    "aberrated": {"5 µm deeper": {"depth": 11.0}, "5 µm less deep": {"depth": 1.0}},
}
SMOOTH = (1e-3, 4e-3, 1.6e-2, 6.4e-2)
"""Weights of total variation that the oracle chooses among, for the right and for the wrong PSF anew."""
SIDE = 1024
PARTS = ("images", "unit", "pieces", "even", "wrong", "seconds", "tuned")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned_checks", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--every", type=int, default=3, help="of the held-out images, which are looked at")
    parser.add_argument(
        "--only", action="append", choices=PARTS, help="measure this part again and keep the others; may be repeated"
    )
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(2)
    chosen = [case for case in cases() if case.draw == 0][:: asked.every]
    parts: dict[str, Callable[[], Any]] = {
        "images": lambda: [physics_of_result(case) for case in chosen],
        "unit": lambda: [unit_error(case) for case in chosen[::4]],
        "pieces": lambda: [piece_error(case) for case in chosen[::4]],
        "even": lambda: [ripple(level) for level in np.geomspace(3, 1e5, 10)],
        "wrong": lambda: [row for case in some_for_wrong() for row in wrong_psf(case)],
        "seconds": timings,
        "tuned": lambda: [row for photons in (20, 100) for row in tuned(photons)],
    }
    committed = RESULTS / "learned_checks.json"
    kept = json.loads(committed.read_text(encoding="utf-8")) if asked.only else {}
    report = {
        **kept,
        **circumstances(["numpy", "torch", "napari-deconv"]),
        "threads": torch.get_num_threads(),
        **{name: measure() for name, measure in parts.items() if not asked.only or name in asked.only},
    }
    finish("learned_checks", report, as_markdown(report), asked)
    return 0


def physics_of_result(case: Case) -> dict[str, Any]:
    """Return what a result, seen through the microscope again, says of itself; light also where the background is known."""
    image = make_held_out(case)
    ground = measure_volume(image.counts, "auto").background  # holds haze without structure, which nothing tells apart
    result = restored(image, SURE)
    residual, light = seen_again(image, result, ground)
    known, right = seen_again(image, restored(image, SURE, image.background), image.background)
    return {
        "case": case.key,
        "photons": case.photons,
        "residual": residual,
        "light": light,
        "residual, background known": known,
        "light, background known": right,
        "beyond": energy_beyond(result, image.psf) / max(energy_beyond(image.counts, image.psf), 1e-30),
    }


def seen_again(image: HeldOut, result: Array, ground: float) -> tuple[float, float]:
    """Return the residual of a re-blurred result in units of the noise, and its light over the image's above its background."""
    pad = [(0, 0), *[(size // 2, size // 2) for size in image.psf.shape[1:]]]
    seen = cut_frame(blur_scene(np.pad(result, pad, mode="reflect"), image.psf), result.shape)
    inside = (slice(None), slice(16, -16), slice(16, -16))
    seen, counts = seen[inside], image.counts[inside]
    expected = seen + ground
    missed = float(np.mean((counts - expected) ** 2 / np.maximum(expected, 0.5)))
    return missed, float(seen.sum() / (counts - ground).sum())


def energy_beyond(volume: Array, psf: Array) -> float:
    """Return the energy at frequencies that the microscope does not pass; the ends of the frame are faded out."""
    plane = volume[0].astype(np.float64)
    window = np.outer(*(np.hanning(size + 2)[1:-1] for size in plane.shape))
    spectrum = np.fft.fft2((plane - plane.mean()) * window)
    transfer = np.abs(np.fft.fft2(psf[0], plane.shape))
    return float((np.abs(spectrum[transfer < BAND]) ** 2).sum())


def unit_error(case: Case) -> float:
    """Return by how much counts times three, over three, differ, of the maximum."""
    image = make_held_out(case)
    tripled = replace(image, counts=image.counts * 3, background=image.background * 3)
    once, thrice = restored(image, SURE, image.background), restored(tripled, SURE, tripled.background)
    return float(np.abs(thrice / 3 - once).max() / once.max())


def piece_error(case: Case) -> float:
    """Return by how much the network's proposal differs where the image is cut into pieces, of the maximum."""
    import torch

    image = make_held_out(case)
    run = gather_features(posed(image.counts, image.psf, VOXEL))
    values = drained(run).values[None, :, 0]
    member, most = load_weights("bundled", 2).members[0], applied.MOST[2]
    with torch.no_grad():
        whole = applied.propose(member, values, (0, 0)).estimate
        applied.MOST[2] = 40 * 40
        cut = applied.propose(member, values, (0, 0)).estimate
        applied.MOST[2] = most
    return float((whole - cut).abs().max() / whole.max())


def ripple(level: float) -> float:
    """Return the spread of a restored even field over its mean."""
    counts = np.full((1, 96, 96), level, np.float32)
    counts[0, 0, 0] *= 1.0001
    image = HeldOut(counts, counts, make_psf("oil"), 0.0)
    result = restored(image, SURE, 0.0)[0, 16:-16, 16:-16]
    return float(result.std() / result.mean())


def some_for_wrong() -> list[Case]:
    """Return cases of every PSF, at 20 and at 1000 photons."""
    families = ("filaments", "nuclei", "tissue")
    return [case for case in cases() if case.draw == 0 and case.family in families and case.photons in (20, 1000)]


def wrong_psf(case: Case) -> Iterator[dict[str, Any]]:
    """Yield what an error of the PSF costs the network, and the best of Richardson-Lucy with total variation, in dB."""
    image = make_held_out(case)
    smooth = [{"acceleration": "heavy-ball", "iterations": 80, "tv": tv} for tv in SMOOTH]
    right = psnr(restored(image, SURE), image.truth), best_of(image, smooth)["psnr"]
    for said, changes in WRONG[case.psf].items():
        wrong = replace(image, psf=make_psf(case.psf, **changes))
        yield {
            "case": case.key,
            "wrong": said,
            "network": right[0] - psnr(restored(wrong, SURE), image.truth),
            "oracle RL-TV": right[1] - best_of(wrong, smooth)["psnr"],
        }


def timings() -> list[dict[str, Any]]:
    """Return rows of what takes how long on a large image and a large stack: minima of three, one after the other."""
    from napari_deconv.running.device import hold_to_budget

    hold_to_budget("auto", keep=True)  # as every run of a network does
    flat, stack = make_held_out(cases()[0]), make_held_out(stack_cases()[0])
    times = SIDE // flat.counts.shape[1]
    large = replace(flat, counts=np.tile(flat.counts, (1, times, times)))
    deep = replace(stack, counts=np.tile(stack.counts, (2, 4, 4)))
    return [*_timed(large, 2, (1, 4)), *_timed(deep, 3, (1,))]


def _timed(image: HeldOut, dims: int, views: Sequence[int]) -> Iterator[dict[str, Any]]:
    """Yield a row for the classical estimates, the network in so many views in both precisions, and automatic Richardson-Lucy."""
    import torch

    problem, member = posed(image.counts, image.psf, image.voxel), load_weights("bundled", dims).members[0]
    found: dict[str, list[float]] = {}
    for _ in range(3):
        began = time.perf_counter()
        values = drained(gather_features(problem)).values[None]
        found.setdefault("classical estimates", []).append(time.perf_counter() - began)
        values = values[:, :, 0] if dims == 2 else values
        for fast, number in product((False, True) if has_fast_bfloat16() else (False,), views):
            name = f"network alone, {'bfloat16' if fast else 'float32'}, views: {number}"
            began = time.perf_counter()
            with torch.no_grad():
                applied.propose(member, values, (0,) * dims, look=applied.Look(number, fast))
            found.setdefault(name, []).append(time.perf_counter() - began)
        began = time.perf_counter()
        restored(image, {"kind": "richardson-lucy"})
        found.setdefault("automatic RL", []).append(time.perf_counter() - began)
    size = " × ".join(map(str, image.counts.shape[3 - dims :]))
    for name, seconds in found.items():
        yield {"size": size, "voxels": image.counts.size, "what": name, "seconds": min(seconds)}


def tuned(photons: float) -> Iterator[dict[str, Any]]:
    """Yield seconds of going on with the weights on an image of 256 x 256, and what that changes on one of 128 x 128, in dB."""
    for name in ("membranes", "tissue"):
        image = make_held_out(Case(name, "oil", photons, 0))
        before = psnr(restored(image, SURE), image.truth)
        large = np.concatenate([np.concatenate([image.counts] * 2, axis=1)] * 2, axis=2)
        with TemporaryDirectory() as folder:
            began = time.perf_counter()
            learn(large, image.psf, Training(), Path(folder) / "large")
            seconds = time.perf_counter() - began
            file = learn(image.counts, image.psf, Training(patch=64), Path(folder) / "own")
            after = psnr(restored(image, {**SURE, "weights": str(file)}), image.truth)
        yield {"case": f"{name}/oil/{photons:g}/0", "seconds": seconds, "gain": after - before}


def learn(counts: Array, psf: Array, training: Training, folder: Path) -> Path | None:
    """Go on with the weights in the package on one image, and return the file of the new ones."""
    for progress in train(training, OwnImage(counts, psf, VOXEL), folder):
        last = progress
    return last.file


def as_markdown(report: dict[str, Any]) -> str:
    """Return the page."""
    images, wrong, seconds = report["images"], report["wrong"], report["seconds"]
    photons = sorted({row["photons"] for row in images})
    figures = ("residual", "light", "residual, background known", "light, background known", "beyond")
    lines = [
        heading("A network's physics", report),
        "Mean, least and most of the re-blurred result's residual (1 is noise), its ",
    ]
    lines += ["light over the image's, and its energy beyond what the microscope passes over the image's own.", ""]
    lines += [as_table(["photons", *figures], [[f"{light:g}", *_spans(images, light, figures)] for light in photons])]
    lines += ["", "| | most |", "| --- | --- |"]
    lines += [f"| counts × 3, over 3, of the maximum | {max(report['unit']):.1e} |"]
    lines += [f"| cut into pieces, of the maximum | {max(report['pieces']):.1e} |"]
    lines += [
        f"| ripple of even fields, ten levels | {max(report['even']):.1e} |",
        "",
        "What a wrong PSF costs, dB:",
        "",
    ]
    kinds = list(dict.fromkeys(row["wrong"] for row in wrong))
    rows = [[kind, *(f"{_mean(wrong, kind, name):+.2f}" for name in ("network", "oracle RL-TV"))] for kind in kinds]
    lines += [
        as_table(["PSF", "network", "oracle RL-TV"], rows),
        "",
        f"Time, {report['threads']} threads, minima of three:",
        "",
    ]
    speeds = [
        [row["size"], row["what"], f"{row['seconds']:.2f}", f"{row['voxels'] / 1e6 / row['seconds']:.2f}"]
        for row in seconds
    ]
    lines += [as_table(["size", "", "seconds", "million voxels a second"], speeds)]
    lines += ["", "Weights gone on with on the image alone:", ""]
    rows = [[row["case"], f"{row['seconds']:.0f}", f"{row['gain']:+.2f}"] for row in report["tuned"]]
    lines += [as_table(["image", "seconds at 256 × 256", "change, dB"], rows)]
    return "\n".join(lines) + "\n"


def _spans(rows: Sequence[dict[str, Any]], photons: float, figures: Sequence[str]) -> list[str]:
    told = []
    for name in figures:
        values = [row[name] for row in rows if row["photons"] == photons]
        told.append(f"{np.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})")
    return told


def _mean(rows: Sequence[dict[str, Any]], kind: str, name: str) -> float:
    return float(np.mean([row[name] for row in rows if row["wrong"] == kind]))


if __name__ == "__main__":
    raise SystemExit(main())
