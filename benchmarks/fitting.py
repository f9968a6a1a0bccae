"""PSFs fitted to simulated images with known optics: ``python -m benchmarks.fitting --json``.

Each case simulates a scene under one microscope, starts from another, fits, and restores with the PSF before and after. The
error is that of the restored object against the truth, relative to the truth (RMS).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_deconv import Image, fitted_psf, restored
from napari_deconv.background import measure_volume
from napari_deconv.fitting import Fit
from napari_deconv.fitting.blocks import choose_boxes, take_block
from napari_deconv.fitting.coefficients import coefficient
from napari_deconv.fitting.held_out import HeldOut
from napari_deconv.fitting.slopes import Bent
from napari_deconv.learned.simulate import FAMILIES, Camera, blur_scene, cut_frame
from napari_deconv.psf import Grid
from napari_deconv.psf.theoretical import GibsonLanni

RESULTS = Path(__file__).parent / "results"
VOXEL = (0.25, 0.1, 0.1)
FRAME, MARGIN = (20, 64, 64), (8, 20, 20)
OPTICS = {"numerical_aperture": 1.3, "immersion_index": 1.515, "sample_index": 1.38, "emission": 0.52}


@dataclass(frozen=True)
class Case:
    """A family of scenes, photons of the brightest voxel of the image, what is true, where the fit starts, what it fits."""

    family: str
    photons: float
    fit: str
    truth: dict[str, Any] = field(default_factory=dict)
    start: dict[str, Any] = field(default_factory=dict)
    expected: str = "fitted"
    seed: int = 7


def bent(amount: float) -> dict[str, Any]:
    return {"aberrations": ((11, amount),)}


CASES = (
    Case("filaments", 100, "depth", {"depth": 6.0}),
    Case("vesicles", 100, "spherical", bent(-0.06)),
    Case("cells", 200, "depth", {"depth": 6.0}),
    Case("nuclei", 100, "spherical", bent(0.06)),
    Case("membranes", 200, "spherical", expected="confirmed"),
    Case("cells", 3, "depth", {"depth": 6.0}, expected="refused"),
    Case("filaments", 50, "spherical", bent(0.06)),
    Case("tissue", 400, "depth", {"depth": 6.0}, {"depth": 1.0}),
    Case("membranes", 200, "depth", {"depth": 5.0}),
    Case("filaments", 400, "depth,spherical", {"depth": 6.0, **bent(0.05)}),
    Case("nuclei", 500, "depth", {"depth": 2.0}, {"depth": 8.0}),
    Case("vesicles", 200, "depth,sample_index", {"depth": 6.0}, {"depth": 3.0}, expected="refused"),
)


def simulate(case: Case, frame: tuple[int, ...] = FRAME, margin: tuple[int, ...] = MARGIN) -> tuple[Image, Image]:
    """Return the image and the truth."""
    rng = np.random.Generator(np.random.PCG64(case.seed))
    shape = tuple(size + 2 * more for size, more in zip(frame, margin, strict=True))
    scene = FAMILIES[case.family](shape, VOXEL, rng)
    expected = cut_frame(blur_scene(scene, GibsonLanni(**{**OPTICS, **case.truth}).compute(Grid(shape, VOXEL))), frame)
    scale = np.float32(case.photons / expected.max())
    counts = Camera().expose(expected * scale, rng)
    return Image(counts, "ZYX", VOXEL), Image(cut_frame(scene, frame) * scale, "ZYX", VOXEL)


def error(image: Image, truth: Image, psf: GibsonLanni) -> float:
    """Return the error of what a PSF restores, relative to the truth."""
    method = {"kind": "richardson-lucy", "iterations": 60, "acceleration": "heavy-ball"}
    found = restored(image, {"psf": psf, "method": method}).numpy()
    return float(np.linalg.norm(found - truth.data) / np.linalg.norm(truth.data))


def measure(case: Case) -> dict[str, Any]:
    image, truth = simulate(case)
    started = time.perf_counter()
    fitted = fitted_psf(image, {"psf": GibsonLanni(**OPTICS, **case.start)}, {"parameters": case.fit, "blocks": 1})
    seconds = time.perf_counter() - started
    report = fitted.report()
    true = GibsonLanni(**{**OPTICS, **case.truth})
    said = {
        "depth": true.depth or 0.0,
        "spherical": dict(true.aberrations).get(11, 0.0),
        "sample_index": true.sample_index,
    }
    row = {
        "family": case.family,
        "photons": case.photons,
        "expected": case.expected,
        "verdict": fitted.verdict,
        "sentence": fitted.sentence,
        "parameters": {name: {"true": said[name], **each} for name, each in report["parameters"].items()},
        "gain": report["held_out_gain"],
        "gain_error": report["held_out_gain_error"],
        "seconds": round(seconds, 1),
    }
    if fitted.accepted:
        models = {"before": fitted.start, "after": fitted.psf, "true": true}
        row["error"] = {name: round(error(image, truth, model), 4) for name, model in models.items()}
    return row


def small_case(number: int) -> Case:
    """Return one of many small cases: scene, photons, parameter and its true value are drawn."""
    rng = np.random.Generator(np.random.PCG64(1000 + number))
    family = str(rng.choice(["filaments", "vesicles", "nuclei", "cells"]))
    photons = float(np.round(rng.uniform(80, 500)))
    if rng.random() < 0.5:
        true = float(np.round(rng.uniform(1, 9), 2))
        return Case(family, photons, "depth", {"depth": true}, {"depth": 4.0}, seed=number)
    return Case(family, photons, "spherical", bent(float(np.round(rng.uniform(-0.08, 0.08), 4))), seed=number)


def measure_coverage(count: int) -> list[dict[str, Any]]:
    """Return for small cases how far what was found lies from the truth, in stated standard errors."""
    rows = []
    for number in range(count):
        case = small_case(number)
        image, _ = simulate(case, (16, 48, 48), (8, 24, 24))
        asked = {"parameters": case.fit, "blocks": 1, "side": 36}
        fitted = fitted_psf(image, {"psf": GibsonLanni(**OPTICS, **case.start)}, asked)
        (found,) = fitted.estimated
        true = dict(case.truth.get("aberrations", ())).get(11, case.truth.get("depth"))
        row = {"family": case.family, "photons": case.photons, "fit": case.fit, "true": true, "value": found.value}
        row |= {"uncertainty": found.uncertainty, "away": (found.value - true) / found.uncertainty}
        rows.append({**row, "matters": found.matters, "verdict": fitted.verdict})
        print(json.dumps(rows[-1]), file=sys.stderr, flush=True)
    return rows


def told_coverage(rows: list[dict[str, Any]]) -> str:
    """Return how often the truth lies within one and two stated standard errors, and how often a fit moved away from it."""
    said = {verdict: sum(row["verdict"] == verdict for row in rows) for verdict in ("fitted", "confirmed", "refused")}
    given = [row for row in rows if row["verdict"] != "refused"]
    away = np.abs([row["away"] for row in given])
    wrong = sum(row["verdict"] == "fitted" and abs(row["value"] - row["true"]) > row["matters"] for row in rows)
    return (
        f"Of {len(rows)} small simulated stacks (four families of scenes, 80 to 500 photons, depth or spherical aberration drawn at "
        f"random), {', '.join(f'{count} were {name}' for name, count in said.items())}. Of the values that were not refused, "
        f"{np.mean(away < 1):.0%} lie within one stated standard error of the truth, {np.mean(away < 2):.0%} within two, "
        f"{np.mean(away < 3):.0%} within three; {wrong} fitted values lie farther from the truth than what matters. "
        f"`python -m benchmarks.fitting --coverage {len(rows)}`."
    )


def measure_slopes(rounds: int = 3) -> dict[str, float]:
    """Return the seconds (minima) that the slopes with two parameters take at one place, both ways, and the restoration itself."""
    case = Case("filaments", 200, "depth,spherical", {"depth": 6.0})
    image, _ = simulate(case, (16, 48, 48), (8, 24, 24))
    volume, asked = image.block(0, 0), Fit(parameters=("depth", "spherical"), blocks=1, side=36)
    figures = measure_volume(volume, "auto")
    block = take_block(volume, choose_boxes(volume, asked, figures.background)[0], figures, 0, "cpu")
    held_out = HeldOut(figures.scale, figures.lift, VOXEL, asked.iterations)
    parts = [coefficient(name) for name in asked.parameters]

    def place(*values: float) -> Bent:
        return Bent(GibsonLanni(**OPTICS), parts, values, 0.005, (31, 43, 43), held_out, block)

    def restored_there(*values: float) -> Any:
        return drained(held_out.predict(block, place(*values).blur, figures.background))

    times: dict[str, list[float]] = {"restoration": [], "automatic": [], "differences": []}
    for _ in range(rounds):
        bent = place(4.0, 0.0)
        started = time.perf_counter()
        found = drained(held_out.predict(block, bent.blur, figures.background))
        times["restoration"].append(time.perf_counter() - started)
        started = time.perf_counter()
        drained(bent.slopes(block, found, [0, 1]))
        times["automatic"].append(time.perf_counter() - started)
        started = time.perf_counter()
        for moved in ((4.3, 0.0), (4.0, 0.004)):
            restored_there(*moved)
        times["differences"].append(time.perf_counter() - started)
    return {name: round(min(each), 3) for name, each in times.items()}


def drained(generator: Any) -> Any:
    """Return what a generator returns."""
    while True:
        try:
            next(generator)
        except StopIteration as finished:
            return finished.value


def as_table(report: dict[str, Any]) -> str:
    lines = [
        "# PSFs fitted to the image",
        "",
        f"Simulated widefield, NA 1.3 oil in a sample of index 1.38, {FRAME} voxels of {VOXEL} µm, camera offset 100, read noise 1.6; "
        "photons of the brightest voxel. The error is the restored object's (Richardson-Lucy, 60 accelerated iterations), relative to the "
        f"truth (RMS), with the PSF as it starts, as fitted, and the true one. {report['threads']} thread(s), torch {report['torch']}, a "
        f"shared machine; {len(report['cases'])} of {len(CASES)} cases; `python -m benchmarks.fitting`.",
        "",
        "| scene | photons | parameter: start → fitted ± error (true) | verdict (expected) | gain, nats | error before | after | true PSF | s |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in report["cases"]:
        found = "; ".join(
            f"{name}: {each['start']:.3g} → {each['value']:.4g} ± {each['uncertainty']:.2g} ({each['true']:.3g})"
            for name, each in row["parameters"].items()
        )
        errors = row.get("error", {})
        three = " | ".join(f"{errors[name]:.3f}" if name in errors else "" for name in ("before", "after", "true"))
        verdict = f"{row['verdict']} ({row['expected']})"
        gain = f"{row['gain']:.0f} ± {row['gain_error']:.0f}"
        lines.append(
            f"| {row['family']} | {row['photons']:g} | {found} | {verdict} | {gain} | {three} | {row['seconds']:.0f} |"
        )
    if told := report.get("slopes"):
        lines += [
            "",
            f"Slopes with two parameters at one place of a block of (16, 36, 36): {told['automatic']:.2f} s by automatic "
            f"differentiation and projection, {told['differences']:.2f} s by restoring anew for each; a restoration takes "
            f"{told['restoration']:.2f} s (minima of 3, interleaved). `python -m benchmarks.fitting --slopes`.",
        ]
    if report.get("coverage"):
        lines += ["", told_coverage(report["coverage"])]
    return "\n".join(lines) + "\n"


def earlier() -> dict[str, Any]:
    """Return the report of earlier runs."""
    path = RESULTS / "fitting.json"
    return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {"cases": []}


def save(report: dict[str, Any]) -> None:
    """Write report and table."""
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / "fitting.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (RESULTS / "fitting.md").write_text(as_table(report), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--cases", default="", help="only these, such as 1,2,5; those of an earlier run are kept")
    parser.add_argument(
        "--coverage", type=int, default=0, help="instead, so many small cases: are the stated errors right?"
    )
    parser.add_argument("--slopes", action="store_true", help="instead, what the slopes cost, both ways")
    parser.add_argument("--no-save", action="store_true", help=f"do not write into {RESULTS.name}/")
    asked = parser.parse_args()
    torch.set_num_threads(asked.threads)
    report = {**earlier(), "threads": asked.threads, "torch": torch.__version__}
    if asked.coverage:
        report["coverage"] = measure_coverage(asked.coverage)
    if asked.slopes:
        report["slopes"] = measure_slopes()
    chosen = [int(each) for each in asked.cases.split(",") if each] or range(1, len(CASES) + 1)
    for number in [] if asked.coverage or asked.slopes else chosen:
        rows = {row["case"]: row for row in report["cases"]} | {number: {"case": number, **measure(CASES[number - 1])}}
        report["cases"] = [row for _, row in sorted(rows.items())]
        if not asked.no_save:
            save(report)
    if (asked.coverage or asked.slopes) and not asked.no_save:
        save(report)
    print(json.dumps(report, ensure_ascii=False) if asked.json else as_table(report))


if __name__ == "__main__":
    main()
