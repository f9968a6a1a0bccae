"""The best that a method reaches with the truth in hand: its best iteration, or its best weight, the background known.

Weights are climbed: from the one nearest to what was chosen automatically to the better neighbour on a ladder, until both neighbours
are worse, and then half a rung to either side. So the best is never missed beside the automatic one, and few weights are tried.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

import napari_deconv as nd

from .scenes import VOXEL, Scene
from .scores import psnr

LAST = 200
"""Iterations that are looked at: from the first to this one, half as many of an accelerated method."""
WEIGHED = ("hessian", "total-variation", "tikhonov-miller", "fista")
WEIGHTS = tuple(float(each) for each in np.logspace(-4, 1, 13))
RATIOS = tuple(float(each) for each in np.logspace(-5, 2, 15))
FALLS = (0.5, 1.0, 2.0)

Attempt = tuple[float, str]
"""PSNR, dB, and the setting in words."""


def image_of(scene: Scene) -> nd.Image:
    return nd.Image(scene.counts, "ZYX", voxel=VOXEL)


def recipe(scene: Scene, method: Mapping[str, Any], background: float | str) -> nd.Recipe:
    psf = nd.Image(scene.psf, "ZYX", voxel=VOXEL)
    model = nd.Recipe(psf=psf).psf
    words = {"offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}
    return nd.Recipe(psf=model.replace(**words) if model else None, method=method, background=background)


def best_with_truth(scene: Scene, method: Mapping[str, Any], chosen: float | None = None) -> Attempt:
    """Return the highest PSNR that any setting of a method reaches, the background known, and the setting.

    chosen : the weight that was found automatically, where the climb begins.
    """
    kind = method["kind"]

    def tried(**changes: Any) -> Attempt:
        return max(_attempts(scene, {**method, **changes}, changes))

    if kind in WEIGHED:
        return climbed(WEIGHTS, lambda weight: tried(weight=weight), chosen)
    if kind == "tikhonov":
        return climbed(RATIOS, lambda weight: tried(weight=weight), chosen)
    if kind == "wiener":
        courses = [
            climbed(RATIOS, lambda noise, fall=fall: tried(noise=noise, fall=fall, length=8.0), chosen)
            for fall in FALLS
        ]
        return max(courses)
    if kind == "richardson-lucy":
        plain = tried(acceleration="none", iterations=LAST)
        return max(plain, tried(acceleration="heavy-ball", iterations=LAST // 2))
    return tried(iterations=LAST)


def climbed(ladder: Sequence[float], attempt: Callable[[float], Attempt], start: float | None = None) -> Attempt:
    """Return the best attempt at the values of a ladder, and between its best and that one's neighbours."""
    found: dict[int, Attempt] = {}
    middle = ladder[len(ladder) // 2]
    place = int(np.argmin(np.abs(np.log(np.array(ladder) / (start or middle)))))
    while True:
        around = [each for each in (place - 1, place, place + 1) if 0 <= each < len(ladder)]
        for each in around:
            if each not in found:
                found[each] = attempt(ladder[each])
        best = max(around, key=lambda each: found[each][0])
        if best == place:
            between = [float(np.sqrt(ladder[place] * ladder[each])) for each in around if each != place]
            return max(*found.values(), *(attempt(each) for each in between))
        place = best


def _attempts(scene: Scene, method: Mapping[str, Any], changes: Mapping[str, Any]) -> Iterator[Attempt]:
    """Yield what every iteration reaches."""
    asked = recipe(scene, method, scene.background)
    for progress in nd.restore(image_of(scene), asked, device="cpu"):
        if not progress.is_result:
            words = {**changes, **({"iterations": progress.step} if progress.steps > 1 else {})}
            said = [
                f"{key} {value}" if isinstance(value, str) else f"{key} {value:.3g}" for key, value in words.items()
            ]
            yield psnr(progress.estimate.numpy(), scene.truth), ", ".join(said)
