"""Learned restoration on the held-out list, beside the best that classical methods can do: ``python -m benchmarks.learned [--json]``.

The oracle's iterations and weights are picked for each noisy image with the truth in hand, and so is the background, known or
estimated: Richardson-Lucy plain up to 200 and accelerated up to 100 iterations, and with total variation of ten weights plain up
to 113 and accelerated up to 80 (flat images; stacks stand beside Richardson-Lucy alone).
Automatic Richardson-Lucy and the network know neither truth nor background. ``--baselines`` computes what does not hang on a network
and keeps it beside the tables; it goes on from where it was stopped. ``--card`` writes the means into the card of the weights.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

import napari_deconv as nd
from napari_deconv.background import measure_volume
from napari_deconv.learned.weights import bundled_file, load_weights, save_weights
from napari_deconv.methods.blur import Blur
from napari_deconv.posing import pose_problem

from .held_out import DRAWS, PHOTONS, Case, HeldOut, cases, make_held_out, stack_cases
from .report import RESULTS, add_arguments, as_table, circumstances, finish, heading
from .scores import psnr, score, shell_correlation

Array = np.ndarray[Any, Any]
Figures = dict[str, float]
BASELINES = RESULTS / "learned-baselines.json"
TRIED = (3, 4, 5, 7, 10, 14, 20, 28, 40, 56, 80, 100, 113, 160, 200)
"""Iterations that the oracle looks at."""
WEIGHTS = tuple(round(float(each), 6) for each in np.logspace(-3.3, -0.6, 10))
SEEN = 0.5
"""Correlation with the truth down to which a spatial frequency counts as resolved."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.learned", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--baselines", action="store_true", help="compute what does not hang on a network, and go")
    parser.add_argument("--minutes", type=float, default=1e9, help="stop computing baselines after so many")
    parser.add_argument("--weights", default="bundled", help="the network's weights: bundled, or a file")
    parser.add_argument("--stacks", action="store_true", help="the list of stacks instead of that of flat images")
    parser.add_argument("--card", action="store_true", help="write the means into the card of the weights as well")
    parser.add_argument("--draws", type=int, default=DRAWS, help="of each image's noise")
    parser.add_argument("--fallback", choices=("auto", "never"), default="auto", help="never: the network by itself")
    parser.add_argument(
        "--views", type=int, help="in how many views the network looks; as it does of itself if not given"
    )
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    chosen = [case for case in (stack_cases() if asked.stacks else cases()) if case.draw < asked.draws]
    if asked.baselines:
        return 0 if compute_baselines(asked.minutes, chosen) else 1
    baselines = read_baselines()
    missing = [case.key for case in chosen if set(baselines.get(case.key, {})) != set(asked_of(case))]
    if missing:
        parser.error(f"{len(missing)} baselines are missing, such as {missing[0]}: run it with --baselines first")
    started = time.perf_counter()
    method = {"kind": "network", "weights": asked.weights, "fallback": asked.fallback, "views": asked.views}
    rows = [row for case in chosen for row in measure(case, baselines[case.key], method)]
    report = {
        **circumstances(["numpy", "scipy", "torch", "napari-deconv"]),
        "images": len(chosen) // asked.draws, "draws": asked.draws, "minutes": (time.perf_counter() - started) / 60,
        "rows": rows,
    }  # fmt: skip
    name = "learned-stacks" if asked.stacks else "learned"
    finish(name if asked.fallback == "auto" else f"{name}-alone", report, as_markdown(report), asked)
    if asked.card:
        write_card(asked.weights, 3 if asked.stacks else 2, rows)
    return 0


def write_card(weights: str, dims: int, rows: Sequence[dict[str, Any]]) -> None:
    """Write mean PSNRs (dB) into a card: of each method, and of the network at each photon level."""
    known = load_weights(weights, dims)
    means = {method: _where(rows, method=method) for method in dict.fromkeys(row["method"] for row in rows)}
    means |= {f"network, {light} photons": _where(means["network"], photons=light) for light in PHOTONS}
    found = {f"PSNR, {name}": round(float(np.mean([row["psnr"] for row in own])), 2) for name, own in means.items()}
    file = bundled_file(dims) if weights == "bundled" else Path(weights)
    save_weights(file, replace(known, card=known.card.replace(figures=found)))


def read_baselines(file: Path = BASELINES) -> dict[str, dict[str, Figures]]:
    """Return case -> method -> figures, as far as they are computed."""
    found: dict[str, dict[str, Figures]] = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    return found


def compute_baselines(minutes: float, asked: Sequence[Case]) -> bool:
    """Compute what is missing of some cases, keep it, and tell whether everything is there."""
    known, end = read_baselines(), time.monotonic() + 60 * minutes
    for number, case in enumerate(asked):
        if time.monotonic() > end:
            return False
        found = known.setdefault(case.key, {})
        missing = [name for name in asked_of(case) if name not in found]
        if missing:
            image = make_held_out(case)
            found.update({name: BASELINE[name](image) for name in missing})
            known[case.key] = {name: found[name] for name in asked_of(case)}
            if number % DRAWS == 0:
                keep(known)
    keep(known)
    return True


def keep(known: dict[str, dict[str, Figures]]) -> None:
    lines = [f"{json.dumps(key)}: {json.dumps(values)}" for key, values in known.items()]
    beside = BASELINES.with_suffix(".new")
    beside.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    beside.replace(BASELINES)


def best_of(image: HeldOut, settings: Sequence[dict[str, Any]]) -> Figures:
    """Return the figures of the estimate of highest PSNR, and which it was; the background is known, or estimated."""
    best, result, told = -np.inf, image.counts, {}
    for background, values in product((image.background, "auto"), settings):
        for step, pixels in estimates_of(image, {"kind": "richardson-lucy", **values}, background):
            found = psnr(pixels, image.truth)
            if found > best:
                best, result = found, pixels.copy()
                told = {"iterations": step, "tv": values.get("tv", 0.0), "automatic_background": background == "auto"}
    return {**figures_of(result, image.truth), **told}


def estimates_of(image: HeldOut, method: dict[str, Any], background: Any) -> Iterator[tuple[int, Array]]:
    """Yield the iterations that are looked at, and the object inside the frame after them."""
    shape = image.counts.shape
    blur = Blur(image.psf, (shape[0], shape[1], shape[2]))
    volume = measure_volume(image.counts, background)
    problem = pose_problem(image.counts, volume, blur, nd.Image(image.counts, "ZYX", voxel=image.voxel))
    with closing(nd.methods.family.parse(method).iterate(problem)) as estimates:
        for estimate in estimates:
            if estimate.step in TRIED:
                yield estimate.step, blur.crop(estimate.object).numpy()


def restored(image: HeldOut, method: dict[str, Any], background: Any = "auto") -> Array:
    psf = nd.Image(image.psf, "ZYX", voxel=image.voxel)
    model = nd.Recipe(psf=psf).psf
    words = {"offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    recipe = nd.Recipe(psf=model.replace(**words) if model else None, method=method, background=background)
    return nd.restored(nd.Image(image.counts, "ZYX", voxel=image.voxel), recipe, device="cpu").numpy()


def figures_of(result: Array, truth: Array) -> Figures:
    """Return PSNR, SSIM, NRMSE, mean correlation, and the frequency (cycles a pixel) up to which the truth is matched."""
    told = score(result, truth)
    curve = shell_correlation(result, truth)
    below = np.flatnonzero(curve < SEEN)
    resolved = float(below[0] if len(below) else len(curve)) / (2 * len(curve))
    return {name: round(told[name], 5) for name in ("psnr", "ssim", "nrmse", "correlation")} | {"resolution": resolved}


PLAIN = [{"acceleration": "none", "iterations": 200}, {"acceleration": "heavy-ball", "iterations": 100}]
SMOOTH = [
    {"acceleration": pace, "iterations": most, "tv": tv}
    for tv in WEIGHTS
    for pace, most in (("none", 113), ("heavy-ball", 80))
]
BASELINE: dict[str, Callable[[HeldOut], Figures]] = {
    "input": lambda image: figures_of(image.counts, image.truth),
    "automatic RL": lambda image: figures_of(restored(image, {"kind": "richardson-lucy"}), image.truth),
    "oracle RL": lambda image: best_of(image, PLAIN),
    "oracle RL-TV": lambda image: best_of(image, SMOOTH),
}
"""What does not hang on a network: name -> figures of one image."""


def asked_of(case: Case) -> list[str]:
    """Return what a network is compared with on an image."""
    return [name for name in BASELINE if not (case.is_stack and name == "oracle RL-TV")]


def measure(case: Case, baselines: dict[str, Figures], method: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a row for each method on one noisy image."""
    about = {"family": case.family, "psf": case.psf, "photons": case.photons, "draw": case.draw, "new": case.is_new}
    for name, figures in baselines.items():
        yield {**about, "method": name, **figures}
    image = make_held_out(case)
    yield {**about, "method": "network", **figures_of(restored(image, method), image.truth)}


def as_markdown(report: dict[str, Any]) -> str:
    """Return the tables: PSNR by photons, by family, by PSF, and the other figures."""
    rows = report["rows"]
    lines = [heading("Learned restoration, held out", report)]
    lines += [f"{report['images']} images × {report['draws']} draws of noise; {report['minutes']:.0f} minutes."]
    kinds = {"trained on": _where(rows, new=False), "never trained on": _where(rows, new=True)}
    parts: dict[str, list[tuple[str, list[dict[str, Any]]]]] = {
        "photons": [*((f"{light}", _where(rows, photons=light)) for light in PHOTONS), ("all", rows)],
        "family": [(name, _where(rows, family=name)) for name in dict.fromkeys(row["family"] for row in rows)],
        "kind": [(name, found) for name, found in kinds.items() if found],
        "PSF": [(name, _where(rows, psf=name)) for name in dict.fromkeys(row["psf"] for row in rows)],
    }
    for figure, title in (("psnr", "PSNR, dB"), ("ssim", "SSIM"), ("resolution", "Resolved frequency, cycles a pixel")):
        for noun in ("photons", "kind", "PSF", "family") if figure == "psnr" else ("photons",):
            lines += ["", f"## {title}, by {noun}", "", _table(parts[noun], figure, noun)]
    return "\n".join(lines) + "\n"


def _where(rows: Sequence[dict[str, Any]], **values: Any) -> list[dict[str, Any]]:
    return [row for row in rows if all(row[name] == value for name, value in values.items())]


def _table(parts: Sequence[tuple[str, list[dict[str, Any]]]], figure: str, noun: str) -> str:
    digits = 2 if figure == "psnr" else 3
    methods = list(dict.fromkeys(row["method"] for row in parts[-1][1]))
    body = []
    for name, rows in parts:
        means = [np.mean([row[figure] for row in rows if row["method"] == method]) for method in methods]
        body.append([name, *(f"{mean:.{digits}f}" for mean in means), f"{means[-1] - means[-2]:+.{digits}f}"])
    return as_table([noun, *methods, f"network − {methods[-2]}"], body)


if __name__ == "__main__":
    raise SystemExit(main())
