r"""Network: classical estimates, chosen and bettered pixel by pixel by a trained network, then made consistent with the photons.

The network is given what the engine's own methods make of the image (see `features`), so that it knows the PSF without having been
trained for it. It chooses among them, adds a bounded correction, and one step of Richardson-Lucy follows as far as it trusts that:

    image, PSF  -->  estimates  -->  network  -->  x1  -->  x1 + t (RL(x1) - x1)

Who restores is decided once for the whole image: the network where PSF and noise lie within what the weights were trained on and it
predicts photons that were held back no worse than Richardson-Lucy with automatic iterations does, chance aside; otherwise the latter,
and the record says so.

Weights of a recurrent network are for time-lapses: the time points of a channel are restored in their order, and each hands on what the
network kept of it. A time point that is restored by itself begins with nothing; one of a part that was asked for, with the few before it.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from ..noise import estimate_noise, smoothed
from ..settings import field
from .applied import SPREAD_DRAWS, Look, gathered, restore_features, spread_of
from .base import Estimate, Iterations, Method, Problem
from .features import STEPS
from .heldout import Choice, Split
from .richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from torch import Tensor

    from ..learned.weights import Weights
    from .heldout import Trial

__all__ = ["Network"]

DRAWS = 2
"""Splits of the noise that judge between the network and Richardson-Lucy."""
VIEWS_TAKEN = {2: 4, 3: 1}
"""Views where their number is left open, by dimensions."""
SURE = 2.0
"""Standard errors by which the network must be the worse, place by place, to be left."""
TILE_HALO = (4, 12, 12)
"""Halo of the engine's tiles (z, y, x), where memory is short; pieces within one tile have all the neighbourhood that the network looks at."""


class Network(Method):
    """A trained network over classical estimates."""

    title: ClassVar[str] = "Network"
    summary: ClassVar[str] = (
        "Trained on simulated structures. It knows the PSF and the photons of this image; what it adds beyond them is what such images "
        "usually look like. Richardson-Lucy restores instead where held-back photons speak for that."
    )
    reference: ClassVar[str] = "Ronneberger et al. 2015; Odena et al. 2016"
    order: ClassVar[int] = 60
    volumes: ClassVar[float] = 60.0
    makes_buffers: ClassVar[bool] = True
    reach: ClassVar[float] = 2.0

    kind: Literal["network"] = "network"
    weights: str = field(
        "bundled",
        title="Weights",
        description="bundled takes those that come with the package; otherwise a file of trained weights (.safetensors).",
    )
    fallback: Literal["auto", "never"] = field(
        "auto",
        title="Fallback",
        description="Auto restores with Richardson-Lucy instead, and says so, where PSF or noise lie outside what the weights were "
        "trained on or the network predicts held-back photons worse than chance makes; never takes the network all the same.",
    )
    shows: Literal["result", "difference", "uncertainty", "trust"] = field(
        "result",
        title="Shows",
        description="result is the restored image. The others show what to make of it: difference, what the network has more or less "
        "than Richardson-Lucy; uncertainty, how far the result moves with the noise; trust, how far the photons corrected the "
        "network, 0 to 1. These never fall back.",
    )
    compared: Iterations = field(
        "auto",
        title="Compared",
        description="Iterations of the Richardson-Lucy that the difference is from; auto chooses them as Richardson-Lucy itself does.",
        slider="log",
        shown_min=1,
        shown_max=200,
        advanced=True,
    )

    views: int | None = field(
        None,
        title="Views",
        description="The network looks at the image so many times, mirrored and turned, and the mean is taken: 8 come nearest the truth, "
        "1 is fastest. Of itself it takes 4 of flat images, and 1 of stacks, where more help little and take long.",
        ge=1,
        le=8,
        advanced=True,
    )

    precision: Literal["float32", "bfloat16"] = field(
        "float32",
        title="Precision",
        description="bfloat16 takes about half the time on processors that multiply such numbers themselves, and changes the result by up to "
        "a few parts in a hundred in single pixels; on others float32 is taken all the same.",
        advanced=True,
    )

    @property
    def called(self) -> str:
        """What a result is called after: what it shows as well, where that is not a restored image."""
        return self.title if self.shows == "result" else f"{self.title}, {self.shows}"

    @property
    def non_negative(self) -> bool:
        """A difference goes both ways."""
        return self.shows != "difference"

    @property
    def is_automatic(self) -> bool:
        """Whether it is still to be decided who restores, or what to compare with."""
        automatic = {"result": self.fallback == "auto", "difference": self.compared == "auto"}
        return automatic.get(self.shows, False)

    @property
    def steps(self) -> int:
        """The estimates on the way, and the result."""
        if self.shows == "uncertainty":
            return SPREAD_DRAWS * STEPS + 1
        return STEPS + 1 + (int(self.compared) if self.shows == "difference" and self.compared != "auto" else 0)

    @property
    def halo(self) -> tuple[int, int, int]:
        """What makes tiles as alike as those of Richardson-Lucy, of which the network's estimates are; see `TILE_HALO`."""
        return TILE_HALO

    @property
    def lead(self) -> int:
        """Of a recurrent network one time point less than it learned from in a row."""
        from ..learned.shelf import recurrence_of

        return max(0, recurrence_of(self.weights) - 1)

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Return who restores: the network (0), or Richardson-Lucy with so many iterations; held-back photons judge."""
        instead = yield from RichardsonLucy().choose(problem)
        if self.shows == "difference":
            return Choice("compared", instead.value, f"compared with Richardson-Lucy; {instead.why}", instead.curve)
        broken = self._outside(problem)
        told = f"Richardson-Lucy restores the image instead; {instead.why}"
        if broken:
            return Choice("iterations", instead.value, f"{broken}: {told}", instead.curve)
        variance = estimate_noise(problem.image.cpu().numpy()).variance(smoothed(problem.image))
        splits = [Split(problem, variance, seed) for seed in range(DRAWS)]
        ours, theirs = (
            _missed(each, splits) for each in (self.provisional(1), RichardsonLucy().settled(instead.value))
        )
        worse = ours - theirs
        certain = SURE * float(worse.std(ddof=1)) / len(worse) ** 0.5
        missed = (
            f"held-back photons are missed by {ours.mean():.4g} with the network and by {theirs.mean():.4g} without"
        )
        if float(worse.mean()) > certain:
            return Choice("iterations", instead.value, f"{missed}, more than chance makes: {told}", instead.curve)
        return Choice("network", 0, f"PSF and noise lie within what the weights were trained on; {missed}")

    def for_volume(self, shape: tuple[int, int, int]) -> Any:
        """Return Richardson-Lucy for stacks while no weights for them come with the package, unless it must be the network."""
        from ..learned.weights import has_bundled

        lacks = self.weights == "bundled" and not has_bundled(2 if shape[0] == 1 else 3)
        return RichardsonLucy() if lacks and self.shows == "result" and self.is_automatic else self

    def settled(self, value: float) -> Any:
        """Return who restores, itself included."""
        if self.shows == "difference":
            return self.replace(compared=int(value))
        return RichardsonLucy().settled(value) if value else self.replace(fallback="never")

    def stopped_at(self, iterations: int) -> Network:
        """Return a copy that needs no choice; a network has no iterations to stop at."""
        return self.provisional(iterations)

    def provisional(self, iterations: int) -> Network:
        """Return a copy that needs no choice."""
        certain: Network = self.replace(
            fallback="never", compared=iterations if self.compared == "auto" else self.compared
        )
        return certain

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the classical estimates on the way, and the network's result."""
        weights, unit, steps, look = self._load(problem), max(problem.scale, 1e-30), self.steps, self._look(problem)
        if self.shows == "uncertainty":
            shown = (yield from spread_of(problem, weights, look)) * unit
            thing = problem.blur.new_object()
        else:
            features = yield from gathered(problem, 0, steps)
            results = restore_features(features, problem, weights, look=look)
            shown = results.trust.mean(dim=0) if self.shows == "trust" else results.last.mean(dim=0) * unit
            thing = features.anchor.mul_(unit)
        if self.shows == "difference":
            classical = yield from self._classical(problem, steps)
            shown = shown - classical
        thing[problem.blur.frame] = shown
        yield Estimate(thing, steps, steps)

    def _classical(self, problem: Problem, steps: int) -> Generator[Estimate, None, Tensor]:
        """Yield Richardson-Lucy's estimates and return the last, (Z, Y, X) inside the frame."""
        with closing(RichardsonLucy(iterations=self.compared).iterate(problem)) as estimates:
            for estimate in estimates:
                yield Estimate(estimate.object, STEPS + estimate.step, steps, estimate.figures)
        return problem.blur.crop(estimate.object).clone()

    def _outside(self, problem: Problem) -> str:
        """Say in a clause why the network is not for this image; empty where it is."""
        from ..learned.ranges import describe_case, outside
        from ..learned.weights import has_bundled

        if self.weights == "bundled" and not has_bundled(_dims_of(problem)):
            return "the weights that come with the package are for flat images"
        card = self._load(problem).card
        drawn = card.training.finer(card.architecture.dims)
        if drawn != problem.finer:
            told, wanted = (" × ".join(map(str, each)) for each in (problem.finer, drawn))
            return f"the result has {told} voxels for each pixel and the weights are for {wanted} (preparation step super-sampling)"
        case = describe_case(problem.image, problem.background, problem.scale, problem.blur)
        return outside(case, card.ranges)

    def _look(self, problem: Problem) -> Look:
        """Return how the network looks at the image."""
        from ..learned.weights import has_fast_bfloat16

        capable = problem.image.device.type == "cuda" or has_fast_bfloat16()
        return Look(self.views or VIEWS_TAKEN[_dims_of(problem)], self.precision == "bfloat16" and capable)

    def _load(self, problem: Problem) -> Weights:
        from ..learned.weights import load_weights

        return load_weights(self.weights, _dims_of(problem))


def _missed(method: Method, splits: Sequence[Split]) -> np.ndarray[Any, Any]:
    """Return by how much a method's estimates of one part of the light miss the other in places of the image, the blur undone; relative."""
    scores = []
    for split in splits:
        with closing(method.iterate(split.train)) as estimates:
            for estimate in estimates:
                last = estimate.object
            scores.append(split.object_score(last) / max(split.train.scale, 1e-30) ** 2)
    missed: np.ndarray[Any, Any] = np.mean(scores, axis=0)
    return missed


def _dims_of(problem: Problem) -> int:
    """Return 2 for a flat image, 3 for a stack."""
    return 2 if problem.image.shape[0] == 1 else 3
