"""What a network is given: the classical estimates of one block, from cautious to converged, each in units of the image's scale.

    image      (y - b) / scale
    estimates  Richardson-Lucy (heavy ball) after 3 to 60 iterations; with total variation; Wiener filters that keep the light
    residual   H'(y - b - H x) / s of Richardson-Lucy after 12 iterations: what that has not explained
    about      three even planes: log10 of the noise of light as bright as the scale, log10 of the light whose own noise equals that
               of the dark, and the natural logarithm of the PSF's width in voxels

Being made by the engine's own methods, they know the PSF, the mask of saturated pixels and the light from beyond the frame. Counts
times any factor give the same: the methods are given the image in units of its scale, rounded to a grid that is far finer than any noise.
Without the grid, roundings of the seventh digit would grow to a tenth of the scale in single pixels of the estimates with much total
variation, which swing about an even field. With noise of variance a v + c at light v (both in units of the scale), about is log10 sqrt a,
log10 c / a and ln (1 / sum h^2)^(1 / dimensions).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from .base import Estimate, Problem
from .linear import Wiener
from .richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from torch import Tensor

__all__ = [
    "ABOUT",
    "ESTIMATES",
    "LIKELY",
    "STEPS",
    "Features",
    "case_of",
    "gather_features",
    "hold_between",
    "in_units",
]

DEPTHS = (3, 6, 12, 25, 60)
SMOOTH = {0.01: (25,), 0.06: (8, 25)}
"""Weight of total variation -> iterations."""
NOISES = (0.3, 0.03, 0.003)
ANCHOR = 12
NEAR = 5
"""Voxels a side of the neighbourhood that holds the estimates with total variation."""

ESTIMATES = (
    *(f"rl-{depth}" for depth in DEPTHS),
    *(f"tv-{weight:g}-{depth}" for weight, depths in SMOOTH.items() for depth in depths),
    *(f"wiener-{noise:g}" for noise in NOISES),
)
"""Names of the estimates among which a network chooses, in their order."""
LIKELY = (-1.0, 1.0, 1.0, 0.0, -1.0, 1.0, 1.0, 1.0, -1.0, -2.0, -4.0)
"""Logits of the shares that a new network begins with: most of it is taken from what is neither cautious nor converged."""
ABOUT = ("noise", "dark", "width")
"""Names of the even planes."""
GRID = 2.0**-16
"""Step, in units of the scale, to which light is rounded before the methods see it in single precision."""
FAINTEST = 1e-6
"""Least variance, in squares of the scale, that a logarithm is taken of."""
STEPS = max(DEPTHS) + sum(max(depths) for depths in SMOOTH.values()) + len(NOISES)
"""How many estimates `gather_features` yields."""


@dataclass(frozen=True)
class Features:
    """Features of one block, and the object beyond its frame.

    values : (1 + estimates + 1 + 3, Z, Y, X) float32 inside the frame: image, estimates, residual, about.
    anchor : (Z, Y, X) of the object grid, in units of the scale: the light outside the frame.
    """

    values: Tensor
    anchor: Tensor


def gather_features(problem: Problem) -> Generator[Estimate, None, Features]:
    """Yield every estimate on the way, the nearest to a result last, and return the features."""
    import torch

    blur, unit, asked = problem.blur, max(problem.scale, 1e-30), problem
    problem = in_units(problem)
    found: dict[str, Tensor] = {}
    runs = [*((f"tv-{weight:g}", depths, weight) for weight, depths in SMOOTH.items()), ("rl", DEPTHS, 0.0)]
    done, anchor = 0, blur.new_object()
    for noise in NOISES:
        done += 1
        with closing(Wiener(noise=noise, fall=0, length=1, border="mirrored").iterate(problem)) as estimates:
            for estimate in estimates:
                found[f"wiener-{noise:g}"] = blur.crop(estimate.object) * (1 + noise)
                yield Estimate(estimate.object * unit, done, STEPS)
    for name, depths, tv in runs:
        method = RichardsonLucy(iterations=max(depths), acceleration="heavy-ball", tv=tv)
        with closing(method.iterate(problem)) as estimates:
            for estimate in estimates:
                done += 1
                if estimate.step in depths:
                    found[f"{name}-{estimate.step}"] = blur.crop(estimate.object).clone()
                if name == "rl" and estimate.step == ANCHOR:
                    anchor = estimate.object.clone()
                yield Estimate(estimate.object * unit, done, STEPS)
    hold_between(
        [found[name] for name in ESTIMATES if name.startswith("tv")], [found[f"rl-{depth}"] for depth in DEPTHS]
    )
    light = problem.image - problem.background
    missed = blur.adjoint(light - blur.forward(anchor)).mul_(blur.inverse_sensitivity)
    about = [torch.full_like(light, value) for value in case_of(asked).values()]
    channels = [light, *(found[name] for name in ESTIMATES), blur.crop(missed), *about]
    return Features(torch.stack(channels).float(), anchor.float())


def in_units(problem: Problem) -> Problem:
    """Return the problem in units of its scale, its light rounded to `GRID` (not in double precision, which needs no such help)."""
    import torch

    unit = max(problem.scale, 1e-30)
    step = GRID if problem.image.dtype == torch.float32 else 2.0**-40

    wide = (
        problem.image.cpu() if problem.image.device.type == "mps" else problem.image
    )  # which knows no double precision
    image = ((wide.double() / (unit * step)).round_() * step).to(problem.image)
    return replace(
        problem, image=image, background=round(problem.background / (unit * step)) * step, scale=1.0,
        level=round(problem.level / (unit * step)) * step, lift=problem.lift / unit, measured=None, volume=None,
        at_least=None if problem.at_least is None else problem.at_least / unit,
    )  # fmt: skip


def case_of(problem: Problem) -> dict[str, float]:
    """Return what the planes `ABOUT` say: the same for every block of an image."""
    noise, unit = problem.whole_noise, max(problem.scale, 1e-30)
    bright, dark = (float(noise.variance(problem.background + light)) / unit**2 for light in (unit, 0.0))
    slope, rest = max(bright - dark, FAINTEST), max(dark, FAINTEST**2)
    kernel = problem.blur.kernel_energy ** (-1 / len(problem.blur.axes))
    return dict(zip(ABOUT, (math.log10(slope) / 2, math.log10(rest / slope), math.log(kernel)), strict=True))


def hold_between(swinging: Sequence[Tensor], steady: Sequence[Tensor]) -> None:
    """Hold estimates (Z, Y, X), in place, between the least and the most that steady ones show nearby.

    The late step of total variation swings about an even field by about the penalty's weight; in noise it lies well between.
    """
    import torch

    near = [min(NEAR, size - 1 + size % 2) for size in steady[0].shape]
    sides = [size // 2 for size in near]

    def most(values: Tensor) -> Tensor:
        return torch.nn.functional.max_pool3d(values[None, None], near, stride=1, padding=sides)[0, 0]

    highest = most(torch.stack(list(steady)).amax(dim=0))
    lowest = -most(-torch.stack(list(steady)).amin(dim=0))
    for each in swinging:
        each.copy_(torch.minimum(torch.maximum(each, lowest), highest))
