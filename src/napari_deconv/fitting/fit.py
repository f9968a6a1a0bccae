"""`fit_psf`: correct a theoretical PSF by the image itself, as a generator that shows what it has reached.

Bright blocks of the image are restored from half of their photons; the other half judges the PSF (`held_out`). In turn with the
object, the optics are moved (`descent`) by slopes that automatic differentiation gives
(`slopes`), and what is found is accepted, or refused (`verdict`).
"""

from __future__ import annotations

import math
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..background import VolumeFigures, measure_volume
from ..image import Image
from ..passing import passed_on
from ..posing import resolve_psf
from ..psf.base import check_psf, crop_to_support
from ..psf.limits import Limits
from ..psf.theoretical import Theoretical
from ..recipe import Recipe
from ..running.device import choose_device
from .asked import Fit
from .blocks import Block, choose_boxes, take_block
from .coefficients import Coefficient, coefficient, matters, value_of, with_values
from .descent import Axis, Descent, Look, Place
from .held_out import HeldOut
from .slopes import Bent
from .verdict import Estimated, Fitted, judge

__all__ = ["FitProgress", "fit_psf", "fitted_psf"]

Array = np.ndarray[Any, Any]

SMOOTH = 0.35
"""Width of the grain (standard deviation) as a share of the PSF's theoretical width: detail finer than that is hardly in any image."""
BESIDE = 0.6
"""Blocks that the PSF reaches at most to each side."""
LIGHT = 0.999
"""Share of the light within that reach, on each axis, that the PSF holds as it starts."""
WIDER = 1.3
"""How much wider it is taken, for what it may become."""
LEAST = 0.08
"""Least uncertainty, as a share of what matters, added to that of the noise: so far the object's freedom pulled values in simulations."""
LOOKS = 16
"""Looks at a view that a round is expected to take, for the progress."""
ROUGHLY = 3
"""Rounds that are expected."""


@dataclass(frozen=True, eq=False)
class FitProgress:
    """One step of a fit: the share that is done, how many rounds, the values so far, and last what was found.

    gain : nats by which held-out photons are predicted better than at the start, so far.
    """

    fraction: float
    rounds: int
    values: Mapping[str, float]
    psf: Theoretical
    gain: float = 0.0
    fitted: Fitted | None = None

    @property
    def words(self) -> str:
        """Where it is, for a line on a terminal."""
        return ", ".join(f"{name} {value:.4g}" for name, value in self.values.items())


def fit_psf(
    image: Image,
    recipe: Recipe | Mapping[str, Any] | None = None,
    fit: Fit | Mapping[str, Any] | None = None,
    *,
    channel: int = 0,
    time: int = 0,
    device: str = "auto",
) -> Generator[FitProgress]:
    """Fit a theoretical PSF to an image; closing the generator cancels.

    Parameters
    ----------
    image : a stack, any axes out of ``TCZYX``; never written to.
    recipe : its ``psf`` (``gibson-lanni`` or ``vectorial``) is the start; its ``background`` is taken as it is.
    fit : what to fit and how; by default ``Fit()``.
    channel, time : which volume to look at.

    Yields
    ------
    FitProgress
        the last one's ``fitted`` is the outcome: read ``verdict`` and ``sentence`` before using ``psf`` or ``recipe``.

    Raises
    ------
    ValueError
        in one sentence with the remedy, when the image is flat, saturated or empty, or the PSF has nothing to fit.
    """
    asked = fit if isinstance(fit, Fit) else Fit.parse(dict(fit or {}))
    wanted = recipe if isinstance(recipe, Recipe) else Recipe.parse(dict(recipe or {}))
    yield from _Fitting(image, wanted, asked, channel, time, choose_device(device)).run()


def fitted_psf(image: Image, recipe: Any = None, fit: Any = None, **where: Any) -> Fitted:
    """Return the outcome of `fit_psf`. Parameters and errors as there."""
    for progress in fit_psf(image, recipe, fit, **where):
        last = progress
    assert last.fitted is not None
    return last.fitted


class _Fitting:
    """A fit under way: the start, what is moved, and how far it is. Values are the parameters, then grain, then background."""

    def __init__(self, image: Image, recipe: Recipe, asked: Fit, channel: int, time: int, device: Any) -> None:
        self.image, self.recipe, self.asked, self.channel, self.device = image, recipe, asked, channel, device
        self.start = _startable(resolve_psf(image, recipe, channel), image)
        self.parts = [coefficient(name) for name in asked.parameters]
        self.units = [matters(self.start, part) for part in self.parts]
        volume = image.block(time, channel)
        figures = measure_volume(volume, recipe.background)
        boxes = choose_boxes(volume, asked, figures.background)
        self.blocks = [take_block(volume, box, figures, asked.seed + n, device) for n, box in enumerate(boxes)]
        self.views = [view for block in self.blocks for view in (block, block.turned)]
        self.light = sum(
            float(np.mean(volume[box], dtype=np.float64) - figures.background) * volume[box].size for box in boxes
        )
        z, y, x = (pitch or 1.0 for pitch in image.spacing)
        self.held_out = HeldOut(figures.scale, figures.lift, (z, y, x), asked.iterations)
        self.shape = self._reach()
        grain = (SMOOTH * Limits.of(self.start.microscope()).lateral_width) ** 2
        smoothness = Axis(0.0, np.inf, grain, vague=grain)
        self.axes = [*map(self._axis, self.parts, self.units), smoothness, self._background(figures)]
        self.starts = [value_of(self.start, part) for part in self.parts]
        self.place = Place(np.array([*self.starts, grain, figures.background]), [])
        self.first: float | None = None
        self.looks = self.rounds = 0

    def run(self) -> Generator[FitProgress]:
        """Find the way with the brightest block, go on with all of them, compare with the start at its best, and judge."""
        every, start = range(len(self.parts)), self.place.values
        rough = yield from self._shown(self.views[:1], start, every, self.asked.rounds)
        before = yield from self._shown(self.views, start, [], 0, folds=2)
        self.first = before.score
        after = yield from self._shown(self.views, rough.values, every, self.asked.rounds, folds=2)
        yield self._progress(1.0, self._judged(before, after))

    def _shown(
        self, views: Sequence[Block], values: Array, free: Sequence[int], rounds: int, folds: int = 1
    ) -> Generator[FitProgress, None, Place]:
        """Yield the progress of a descent over some views and return its last place."""
        moving = Descent(self.axes, views, partial(self._look, views), folds).run(values, free, rounds)

        def said(place: Place | None) -> FitProgress:
            if place is not None:
                self.place = place
                self.rounds += 1
            self.looks += 1
            return self._progress(min(0.99, self.looks / (LOOKS * (ROUGHLY + ROUGHLY * len(self.views)))))

        return (yield from passed_on(moving, said))

    def _progress(self, fraction: float, fitted: Fitted | None = None) -> FitProgress:
        values = {part.name: float(value) for part, value in zip(self.parts, self.place.values, strict=False)}
        gain = 0.0 if self.first is None else self.first - self.place.score
        psf = fitted.psf if fitted else self._model(self.place.values)
        return FitProgress(fraction, self.rounds, values, psf, gain, fitted)

    def _look(self, views: Sequence[Block], values: Array) -> Generator[None, None, list[Look]]:
        """Return how all views look with these values."""
        count = len(self.parts)
        bent = Bent(
            self.start,
            self.parts,
            values[:count].tolist(),
            float(values[count]),
            self.shape,
            self.held_out,
            self.blocks[0],
        )
        looks = []
        for view in views:
            found = yield from self.held_out.predict(view, bent.blur, float(values[-1]))
            looks.append(Look(found, partial(bent.slopes, view, found)))
        return looks

    def _reach(self) -> tuple[int, int, int]:
        """Return the size of the PSF: as far as light of a block's far end, or of what lies beside it, falls into it."""
        z, y, x = self.blocks[0].shape
        whole = 2 * z - 1, 2 * int(BESIDE * y) + 1, 2 * int(BESIDE * x) + 1
        light = crop_to_support(
            check_psf(self.start.sample(whole, self.held_out.voxel, self.device).clamp(min=0).cpu().numpy()), LIGHT
        )
        odd = (2 * math.ceil(WIDER * size / 2) + 1 for size in light.shape)
        z, y, x = (min(size, most) for size, most in zip(odd, whole, strict=True))
        return z, y, x

    def _model(self, values: Array) -> Theoretical:
        return with_values(self.start, self.parts, values[: len(self.parts)])

    def _axis(self, part: Coefficient, unit: float) -> Axis:
        is_immersion = part.name == "immersion_index"
        low = 1.001 * (self.start.numerical_aperture or 1.0) if is_immersion else part.low
        return Axis(max(low, part.low), part.high, unit)

    def _background(self, figures: VolumeFigures) -> Axis:
        noise = float(np.mean([float(each.weight.mean()) ** -0.5 for each in self.blocks]))
        unit = 0.05 * figures.level + 0.1 * noise
        return Axis(-figures.lift, np.inf, unit, vague=unit if self.recipe.background == "auto" else 0.0)

    def _judged(self, before: Place, after: Place) -> Fitted:
        assert after.covariance is not None
        noise = np.sqrt(np.diag(after.covariance))
        errors = np.hypot(
            noise, [LEAST * axis.unit for axis in self.axes[: len(self.parts)]] + [0.0] * (len(noise) - len(self.parts))
        )
        estimated = tuple(
            Estimated(part.name, part.unit, start, float(value), float(error), unit, _is_stuck(part, axis, value))
            for part, start, value, error, unit, axis in zip(
                self.parts, self.starts, after.values, errors, self.units, self.axes, strict=False
            )
        )
        gain, gain_error = self._gain(before, after)
        correlation = after.covariance / np.outer(noise, noise)
        verdict, sentence = judge(estimated, correlation, gain, gain_error, is_settled=after.is_settled)
        psf = self._model(after.values) if verdict == "fitted" else self.start
        return Fitted(
            verdict, sentence, psf, self.start, self.recipe.replace(psf=psf), estimated, gain, gain_error,
            float(after.values[-1]), float(np.sqrt(after.values[-2])), self.light, len(self.blocks), self.image, self.channel,
        )  # fmt: skip

    def _gain(self, before: Place, after: Place) -> tuple[float, float]:
        """Return by how many nats the held-out photons are predicted better, and the standard error by their noise."""
        square = 0.0
        for view, one, other in zip(self.views, before.looks, after.looks, strict=True):
            change = other.found.expected - one.found.expected
            square += float((change.square() * view.weight).double().sum())
        return before.score - after.score, square**0.5


def _startable(model: Any, image: Image) -> Theoretical:
    """Return the model if it has something to fit and the image says where its voxels are.

    Raises
    ------
    ValueError
        in one sentence with the remedy.
    """
    if not isinstance(model, Theoretical):
        kind = getattr(model, "kind", type(model).__name__)
        raise ValueError(f"a {kind} psf has no optics to fit: start from gibson-lanni or vectorial")
    model.microscope()
    unknown = [
        axis
        for axis, size, pitch in zip("ZYX", image.spatial_shape, image.spacing, strict=True)
        if size > 1 and pitch is None
    ]
    if unknown:
        raise ValueError(
            f"the image does not say its voxel size along {', '.join(unknown)}: give it (--voxel Z,Y,X in µm)"
        )
    return model


def _is_stuck(part: Coefficient, axis: Axis, value: float) -> bool:
    """Whether a value ended at a bound that is not a natural one."""
    return bool(value >= axis.high or (value <= axis.low and part.name != "depth"))
