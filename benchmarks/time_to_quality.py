"""How soon is the result as good as plain Richardson-Lucy's best? ``python -m benchmarks.time_to_quality [--json]``.

On simulated scenes that no test and no default was chosen on, plain Richardson-Lucy runs until its error against the truth has been least;
each rival is asked when it first comes within 1 % of that error. Time is iterations × the quickest iteration, all timed in turns.
Rivals: the heavy ball as it is; started from Wiener's result; started over (its pace back to 1) where its last step points against the change
before, by the whole image or voxel by voxel; with longer steps; and Biggs-Andrews.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.linear import Wiener
from napari_deconv.methods.richardson_lucy import BiggsAndrews, Climb, HeavyBall

from .report import add_arguments, as_table, circumstances, finish, heading
from .scenes import Scene, make_scene

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("membranes", "filaments", "nuclei", "vesicles", "tissue")
PHOTONS = (100, 1000, 10_000)
DRAW = 40
"""Draws from here on have been used by nothing else."""
MOST, WITHIN = 600, 1.01
PLAIN = "plain"
NOISE = 1e-2
"""Wiener's noise-to-signal ratio of the warm start."""
POWER = 1.5
"""Of 1.5 to 3, the largest that was as good as plain in most scenes (draw 60)."""


class StartedOver(HeavyBall):
    """A heavy ball whose pace goes back to 1 when the last step points against the last change (O'Donoghue & Candès 2015)."""

    def step(self, climb: Climb, estimate: Tensor) -> Tensor:
        before = None if self._before is None else self._before.clone()
        last = estimate.clone()
        reached = super().step(climb, estimate)
        if before is not None:
            point = last + (last - before) * (self._pace - 1) / self._pace
            if float(((reached - point) * (last - before)).sum()) < 0:
                self._pace = 1.0
        return reached


class StartedOverByVoxel(HeavyBall):
    """A heavy ball without momentum in voxels where the last step points against the last change."""

    def step(self, climb: Climb, estimate: Tensor) -> Tensor:
        if self._before is not None:
            turned = (estimate - self._before) * getattr(self, "_change", estimate * 0) < 0
            self._change = estimate - self._before
            self._before = self._before.where(~turned, estimate)
        return super().step(climb, estimate)


class Bolder(HeavyBall):
    """A heavy ball whose factors are raised to a power, which lengthens each step; it keeps the light no longer."""

    def step(self, climb: Climb, estimate: Tensor) -> Tensor:
        before = estimate if self._before is None else self._before
        pace = (1 + (1 + 4 * self._pace**2) ** 0.5) / 2
        point = before.lerp(estimate, 1 + (self._pace - 1) / pace).clamp_(min=0)
        self._before, self._pace = estimate, pace
        reached = climb.step(point.__getitem__, out=point.clone())
        return point.mul_(reached.div_(point.clamp(min=1e-30)).pow_(POWER))


RIVALS: dict[str, tuple[type[HeavyBall] | type[BiggsAndrews] | None, bool]] = {
    PLAIN: (None, False),
    "heavy ball": (HeavyBall, False),
    "heavy ball from Wiener": (HeavyBall, True),
    "plain from Wiener": (None, True),
    "heavy ball, started over": (StartedOver, False),
    "heavy ball, started over by voxel": (StartedOverByVoxel, False),
    "heavy ball, factors to the power 1.5": (Bolder, False),
    "Biggs-Andrews": (BiggsAndrews, False),
}


def pose(scene: Scene) -> Problem:
    """Return the problem of a scene, the background known."""
    import torch

    light = scene.counts - scene.background
    blur = Blur(scene.psf, scene.counts.shape)
    return Problem(
        torch.from_numpy(scene.counts), scene.background, blur, float(np.quantile(light, 0.999)), float(light.mean())
    )


def estimates(problem: Problem, momentum: Any, is_warm: bool) -> Iterator[Tensor]:
    """Yield the estimates of a rival, from a flat start or from Wiener's result."""
    climb = Climb(problem)
    estimate = climb.start()
    if is_warm:
        *_, linear = Wiener(noise=NOISE, fall=0).iterate(problem)
        least = 0.05 * problem.level
        estimate = estimate.copy_(linear.object.clamp_(min=least)).masked_fill_(
            problem.blur.inverse_sensitivity == 0, 0
        )
    ball = momentum() if momentum else None
    while True:
        estimate = ball.step(climb, estimate) if ball else climb.step(estimate.__getitem__, out=estimate)
        yield estimate


def errors(
    problem: Problem, truth: np.ndarray[Any, Any], rival: str, enough: Callable[[list[float]], bool]
) -> list[float]:
    """Return the error (root mean square) after each iteration, until it is enough."""
    found: list[float] = []
    for estimate in estimates(problem, *RIVALS[rival]):
        inside = problem.blur.crop(estimate).numpy()
        found.append(float(np.sqrt(np.mean((inside - truth) ** 2))))
        if enough(found):
            return found
    return found


def measure(scene: Scene) -> dict[str, Any]:
    """Return the iterations after which each rival is as good as plain Richardson-Lucy's best; None where it never is."""
    problem = pose(scene)
    plain = errors(problem, scene.truth, PLAIN, lambda e: len(e) >= MOST or len(e) > 20 + 1.5 * int(np.argmin(e)))
    aim = WITHIN * min(plain)
    reached: dict[str, int | None] = {PLAIN: int(np.argmax(np.array(plain) <= aim)) + 1}
    for rival in RIVALS:
        if rival != PLAIN:
            found = errors(problem, scene.truth, rival, lambda e: e[-1] <= aim or len(e) >= len(plain))
            reached[rival] = len(found) if found[-1] <= aim else None
    return {"scene": scene.name, "psf": scene.psf_name, "photons": scene.photons, "reached": reached}


def time_rivals(rounds: int) -> dict[str, float]:
    """Return the seconds of the quickest iteration of each rival, and what a warm start takes, in turns on a larger image."""
    scene = make_scene(NAMES[0], PHOTONS[0], "deep", DRAW)
    scene = type(scene)(**{**vars(scene), "counts": np.tile(scene.counts, (1, 4, 4))})
    problem = pose(scene)
    running = {name: estimates(problem_of(problem), *each) for name, each in RIVALS.items()}
    taken: dict[str, list[float]] = {name: [] for name in RIVALS}
    for number in range(rounds + 3):
        for name, each in running.items():
            started = time.perf_counter()
            next(each)
            if number > 2:
                taken[name].append(time.perf_counter() - started)
    return {name: min(each) for name, each in taken.items()}


def problem_of(problem: Problem) -> Problem:
    """Return the problem with buffers of its own."""
    return Problem(problem.image, problem.background, problem.blur.twin(), problem.scale, problem.level)


def summary(rows: Sequence[dict[str, Any]], seconds: dict[str, float]) -> list[dict[str, Any]]:
    """Return a row a rival: how many times sooner than plain it is as good, and in how many scenes it never is."""
    told = []
    for rival in RIVALS:
        sooner = [
            row["reached"][PLAIN] * seconds[PLAIN] / (row["reached"][rival] * seconds[rival])
            for row in rows
            if row["reached"][rival]
        ] or [float("nan")]
        told.append({
            "rival": rival, "milliseconds": 1000 * seconds[rival], "never": sum(row["reached"][rival] is None for row in rows),
            "median": statistics.median(sooner), "least": min(sooner), "most": max(sooner),
            "by_photons": {
                photons: statistics.median([
                    row["reached"][PLAIN] * seconds[PLAIN] / (row["reached"][rival] * seconds[rival])
                    for row in rows if row["reached"][rival] and row["photons"] == photons
                ] or [float("nan")])
                for photons in PHOTONS
            },
        })  # fmt: skip
    return told


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table."""
    heads = [
        "",
        "ms an iteration",
        "times sooner, median",
        *(f"{each} photons" for each in PHOTONS),
        "least",
        "most",
        "never as good",
    ]
    rows = [
        [
            row["rival"], f"{row['milliseconds']:.1f}", f"{row['median']:.1f}", *(f"{each:.1f}" for each in row["by_photons"].values()),
            f"{row['least']:.1f}", f"{row['most']:.1f}", f"{row['never']} of {len(report['scenes'])}",
        ]
        for row in report["rivals"]
    ]  # fmt: skip
    return heading("Time to plain Richardson-Lucy's best", report) + "\n" + as_table(heads, rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument(
        "--psf", action="append", choices=["flat", "deep", "coarse"], help="only this one; may be repeated"
    )
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    psfs = asked.psf or ["flat", "coarse"]
    rows = [measure(make_scene(name, photons, psf, DRAW)) for name, photons, psf in product(NAMES, PHOTONS, psfs)]
    report = {
        **circumstances(["numpy", "torch", "napari-deconv"]),
        "scenes": rows,
        "rivals": summary(rows, time_rivals(asked.rounds)),
    }
    finish("time_to_quality", report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
