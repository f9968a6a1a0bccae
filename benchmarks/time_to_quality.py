"""How soon is the result as good as plain Richardson-Lucy's best? ``python -m benchmarks.time_to_quality [--json]``.

On simulated scenes that no test and no default was chosen on, plain Richardson-Lucy runs until its error against the truth has been least;
each rival is asked when it first comes within 1 % of that error. Time is that of so many quickest iterations, all timed in turns; a run from
coarse to fine ends with its last step, so it is done anew for each number of steps, and has its beginning and its change of grid counted.
Rivals: coarse to fine; the heavy ball as it is; with longer steps; Biggs-Andrews; and with ``--all`` what was tried and not built in: the
heavy ball started from Wiener's result, and started over (its pace back to 1) where its last step points against the change before, by the
whole image or voxel by voxel. ``--draw 60`` shows the scenes that numbers were chosen on; the reported ones are of draw 40.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise, product
from typing import TYPE_CHECKING, Any

import numpy as np

from napari_deconv.methods.base import Problem
from napari_deconv.methods.blur import Blur
from napari_deconv.methods.linear import Wiener
from napari_deconv.methods.richardson_lucy import BiggsAndrews, Climb, HeavyBall, RichardsonLucy

from .report import add_arguments, as_table, circumstances, finish, heading
from .scenes import Scene, make_scene

if TYPE_CHECKING:
    from torch import Tensor

NAMES = ("membranes", "filaments", "nuclei", "vesicles", "tissue")
PHOTONS = (100, 1000, 10_000)
DRAW = 40
"""Draws from here on have been used by nothing else."""
MOST, WITHIN = 600, 1.01
PLAIN, COARSE = "plain", "coarse to fine"
MOST_COARSE, TIMED_COARSE = 120, 9
"""Steps from coarse to fine that are tried at most, and in the run that is timed."""
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
    COARSE: (None, False),
    "heavy ball": (HeavyBall, False),
    "heavy ball, factors to the power 1.5": (Bolder, False),
    "Biggs-Andrews": (BiggsAndrews, False),
    "heavy ball from Wiener": (HeavyBall, True),
    "plain from Wiener": (None, True),
    "heavy ball, started over": (StartedOver, False),
    "heavy ball, started over by voxel": (StartedOverByVoxel, False),
}
BUILT_IN = 5
"""How many of them, the first, are asked without ``--all``."""


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
        found.append(error_of(problem, estimate, truth))
        if enough(found):
            return found
    return found


def error_of(problem: Problem, thing: Tensor, truth: np.ndarray[Any, Any]) -> float:
    """Return an object's error inside the frame."""
    return float(np.sqrt(np.mean((problem.blur.crop(thing).numpy() - truth) ** 2)))


def steps_from_coarse(problem: Problem, truth: np.ndarray[Any, Any], aim: float) -> int | None:
    """Return the least number of steps from coarse to fine that is as good as the aim; None where it becomes worse before."""
    least = float("inf")
    for steps in range(2, MOST_COARSE + 1):
        *_, estimate = RichardsonLucy(iterations=steps, acceleration="coarse-to-fine").iterate(problem)
        error = error_of(problem, estimate.object, truth)
        if error <= aim:
            return steps
        least = min(least, error)
        if error > 1.3 * least:
            return None
    return None


def measure(scene: Scene, rivals: Sequence[str]) -> dict[str, Any]:
    """Return the iterations after which each rival is as good as plain Richardson-Lucy's best; None where it never is."""
    problem = pose(scene)
    plain = errors(problem, scene.truth, PLAIN, lambda e: len(e) >= MOST or len(e) > 20 + 1.5 * int(np.argmin(e)))
    aim = WITHIN * min(plain)
    reached: dict[str, int | None] = {PLAIN: int(np.argmax(np.array(plain) <= aim)) + 1}
    reached[COARSE] = steps_from_coarse(problem, scene.truth, aim)
    for rival in rivals:
        if rival not in reached:
            found = errors(problem, scene.truth, rival, lambda e: e[-1] <= aim or len(e) >= len(plain))
            reached[rival] = len(found) if found[-1] <= aim else None
    return {"scene": scene.name, "psf": scene.psf_name, "photons": scene.photons, "reached": reached}


def time_rivals(rounds: int, rivals: Sequence[str], psf: str) -> dict[str, Callable[[int], float]]:
    """Return for each rival what a number of its iterations takes (seconds), in turns on a larger image."""
    scene = make_scene(NAMES[0], PHOTONS[0], psf, DRAW)
    scene = type(scene)(**{**vars(scene), "counts": np.tile(scene.counts, (1, 4, 4))})
    problem = pose(scene)
    running = {name: estimates(problem_of(problem), *RIVALS[name]) for name in rivals if name != COARSE}
    taken: dict[str, list[float]] = {name: [] for name in running}
    runs: list[list[float]] = []
    for number in range(rounds + 3):
        for name, each in running.items():
            started = time.perf_counter()
            next(each)
            if number > 2:
                taken[name].append(time.perf_counter() - started)
        runs.append(_timed_steps(problem_of(problem)))
    quickest = {name: min(each) for name, each in taken.items()}
    steps = [min(each) for each in zip(*runs[3:], strict=True)]
    told: dict[str, Callable[[int], float]] = {
        name: lambda count, each=each: count * each
        for name, each in quickest.items()  # type: ignore[misc]
    }
    told[COARSE] = lambda count: _coarse_seconds(steps, count)
    return told


def _timed_steps(problem: Problem) -> list[float]:
    """Return the seconds of each step of a run from coarse to fine; the first one poses the coarse problem."""
    stamps = [time.perf_counter()]
    for _ in RichardsonLucy(iterations=TIMED_COARSE, acceleration="coarse-to-fine").iterate(problem):
        stamps.append(time.perf_counter())
    return [later - before for before, later in pairwise(stamps)]


def _coarse_seconds(steps: Sequence[float], count: int) -> float:
    """Return what a run of so many steps takes, from the steps of a run of `TIMED_COARSE`: two thirds of them on the coarse grid."""
    coarse, below = 2 * count // 3, 2 * TIMED_COARSE // 3
    change = steps[0] + steps[below] - steps[1] - steps[below + 1] if coarse else 0.0
    return coarse * min(steps[1:below]) + (count - coarse) * min(steps[below + 1 :]) + max(change, 0.0)


def problem_of(problem: Problem) -> Problem:
    """Return the problem with buffers of its own."""
    return Problem(problem.image, problem.background, problem.blur.twin(), problem.scale, problem.level)


def summary(rows: Sequence[dict[str, Any]], seconds: dict[str, Callable[[int], float]]) -> list[dict[str, Any]]:
    """Return a row a rival: how many times sooner than plain it is as good, and in how many scenes it never is."""
    told = []
    for rival, of in seconds.items():
        sooner = {
            number: seconds[PLAIN](row["reached"][PLAIN]) / of(row["reached"][rival])
            for number, row in enumerate(rows)
            if row["reached"][rival]
        }
        by_photons = {
            photons: [each for number, each in sooner.items() if rows[number]["photons"] == photons]
            for photons in sorted({row["photons"] for row in rows})
        }
        every = list(sooner.values()) or [float("nan")]
        told.append({
            "rival": rival, "milliseconds": 1000 * of(30) / 30, "never": len(rows) - len(sooner),
            "median": statistics.median(every), "least": min(every), "most": max(every),
            "by_photons": {photons: statistics.median(each or [float("nan")]) for photons, each in by_photons.items()},
        })  # fmt: skip
    return told


def as_markdown(report: dict[str, Any]) -> str:
    """Return the report's table."""
    heads = [
        "",
        "ms an iteration",
        "times sooner, median",
        *(f"{each} photons" for each in report["rivals"][0]["by_photons"]),
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
    told = f"Scenes: {', '.join(report['psfs'])}; draw {report['draw']}; milliseconds are those of thirty iterations, divided by thirty."
    return heading("Time to plain Richardson-Lucy's best", report) + f"\n{told}\n\n" + as_table(heads, rows) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    add_arguments(parser)
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument(
        "--psf", action="append", choices=["flat", "deep", "coarse"], help="only this one; may be repeated"
    )
    parser.add_argument("--photons", action="append", type=int, help="only so many; may be repeated")
    parser.add_argument("--draw", type=int, default=DRAW)
    parser.add_argument("--all", action="store_true", help="with the rivals that were not built in")
    parser.add_argument("--name", default="time_to_quality", help="of the files that are written")
    asked = parser.parse_args(arguments)
    import torch

    torch.set_num_threads(1)
    psfs, photons = asked.psf or ["flat", "coarse"], asked.photons or PHOTONS
    rivals = list(RIVALS)[: None if asked.all else BUILT_IN]
    rows = [
        measure(make_scene(name, each, psf, asked.draw), rivals) for name, each, psf in product(NAMES, photons, psfs)
    ]
    report = {
        **circumstances(["numpy", "torch", "napari-deconv"]),
        "draw": asked.draw,
        "psfs": psfs,
        "scenes": rows,
        "rivals": summary(rows, time_rivals(asked.rounds, rivals, psfs[-1])),
    }
    finish(asked.name, report, as_markdown(report), asked)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
