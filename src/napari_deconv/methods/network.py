r"""Network: classical estimates, chosen and bettered pixel by pixel by a trained network, then made consistent with the photons.

The network is given what the engine's own methods make of the image (see `features`), so that it knows the PSF without having been
trained for it. It chooses among them, adds a bounded correction, and one step of Richardson-Lucy follows as far as it trusts that:

    image, PSF  -->  estimates  -->  network  -->  x1  -->  x1 + t (RL(x1) - x1)

Who restores is decided once for the whole image: the network where PSF and noise lie within what the weights were trained on and it
predicts photons that were held back better than Richardson-Lucy with automatic iterations; otherwise the latter, and the record says so.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import closing
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..noise import estimate_noise, smoothed
from ..settings import field
from .base import Estimate, Method, Problem
from .features import STEPS, Features, gather_features
from .heldout import Choice, Split
from .richardson_lucy import RichardsonLucy

if TYPE_CHECKING:
    from torch import Tensor

    from ..learned.physics import Physics
    from ..learned.weights import Weights
    from .heldout import Trial

__all__ = ["Network"]

DRAWS = 2
"""Splits of the noise that judge between the network and Richardson-Lucy."""
HALO = 48
"""Pixels of neighbourhood beyond which a network's answer does not change in the sixth digit."""
TILE_HALO = (4, 12, 12)
"""Halo of the engine's tiles (z, y, x), where memory is short; pieces within one tile have the whole `HALO`."""
MOST = {2: 2**20, 3: 2**21}
"""Voxels that a network is given at once, by dimensions."""


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
        "trained on or the network predicts held-back photons worse; never takes the network all the same.",
    )

    @property
    def is_automatic(self) -> bool:
        """Whether it is still to be decided who restores."""
        return self.fallback == "auto"

    @property
    def steps(self) -> int:
        """The estimates on the way, and the result."""
        return STEPS + 1

    @property
    def halo(self) -> tuple[int, int, int]:
        """What makes tiles as alike as those of Richardson-Lucy, of which the network's estimates are; see `TILE_HALO`."""
        return TILE_HALO

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Return who restores: the network (0), or Richardson-Lucy with so many iterations; held-back photons judge."""
        broken = self._outside(problem)
        instead = yield from RichardsonLucy().choose(problem)
        told = f"Richardson-Lucy restores the image instead; {instead.why}"
        if broken:
            return Choice("iterations", instead.value, f"{broken}: {told}", instead.curve)
        variance = estimate_noise(problem.image.cpu().numpy()).variance(smoothed(problem.image))
        splits = [Split(problem, variance, seed) for seed in range(DRAWS)]
        ours, theirs = (
            _missed(each, splits) for each in (self.provisional(1), RichardsonLucy().settled(instead.value))
        )
        if ours < theirs:
            why = f"held-back photons are missed by {ours:.4g}, by {theirs:.4g} with Richardson-Lucy"
            return Choice("network", 0, f"PSF and noise lie within what the weights were trained on, and {why}")
        why = f"held-back photons are missed by {ours:.4g} with the network and by {theirs:.4g} without"
        return Choice("iterations", instead.value, f"{why}: {told}", instead.curve)

    def for_volume(self, shape: tuple[int, int, int]) -> Any:
        """Return Richardson-Lucy for stacks while no weights for them come with the package, unless it must be the network."""
        from ..learned.weights import has_bundled

        lacks = self.weights == "bundled" and not has_bundled(2 if shape[0] == 1 else 3)
        return RichardsonLucy() if lacks and self.is_automatic else self

    def settled(self, value: float) -> Any:
        """Return who restores, itself included."""
        return RichardsonLucy().settled(value) if value else self.replace(fallback="never")

    def stopped_at(self, iterations: int) -> Network:
        """Return a copy that needs no choice; a network has no iterations to stop at."""
        return self.provisional(iterations)

    def provisional(self, iterations: int) -> Network:
        """Return a copy that needs no choice."""
        certain: Network = self.replace(fallback="never")
        return certain

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the classical estimates on the way, and the network's result."""
        weights = self._load(problem)
        gathering = gather_features(problem)
        while True:
            try:
                estimate = next(gathering)
            except StopIteration as finished:
                features: Features = finished.value
                break
            yield Estimate(estimate.object, estimate.step, self.steps, estimate.figures)
        restored = restore_features(features, problem, weights)
        thing = features.anchor.mul_(max(problem.scale, 1e-30))
        thing[problem.blur.frame] = restored * max(problem.scale, 1e-30)
        yield Estimate(thing, self.steps, self.steps)

    def _outside(self, problem: Problem) -> str:
        """Say in a clause why the network is not for this image; empty where it is."""
        from ..learned.ranges import describe_case, outside
        from ..learned.weights import has_bundled

        if self.weights == "bundled" and not has_bundled(_dims_of(problem)):
            return "the weights that come with the package are for flat images"
        case = describe_case(problem.image, problem.background, problem.scale, problem.blur)
        return outside(case, self._load(problem).card.ranges)

    def _load(self, problem: Problem) -> Weights:
        from ..learned.weights import load_weights

        return load_weights(self.weights, _dims_of(problem))


def _missed(method: Method, splits: Sequence[Split]) -> float:
    """Return by how much a method's estimates of one part of the light miss the other, the blur undone; relative."""
    scores = []
    for split in splits:
        with closing(method.iterate(split.train)) as estimates:
            for estimate in estimates:
                last = estimate.object
            scores.append(float(split.object_score(last).mean()) / max(split.train.scale, 1e-30) ** 2)
    return sum(scores) / len(scores)


def _dims_of(problem: Problem) -> int:
    """Return 2 for a flat image, 3 for a stack."""
    return 2 if problem.image.shape[0] == 1 else 3


def restore_features(features: Features, problem: Problem, weights: Weights) -> Tensor:
    """Return what the weights' networks make of features, their mean, (Z, Y, X) inside the frame in units of the scale."""
    import torch

    from ..learned.restorer import finish

    physics, flat = physics_of(problem, features.anchor), features.values.shape[1] == 1
    values = features.values[:, 0] if flat else features.values
    place = problem.place[1:] if flat else problem.place
    with torch.no_grad():
        results = [
            finish(propose(member.to(values.device), values[None], place), physics) for member in weights.members
        ]
        mean: Tensor = torch.stack(results).mean(dim=0)[0, 0]
    return mean[None] if flat else mean


def propose(member: Any, values: Tensor, place: tuple[int, ...]) -> Any:
    """Return a network's proposal for features (1, C, [Z,] Y, X), piece by piece.

    ``place`` is where they begin in the whole image: the network's coarser grids lie alike however the image is cut.
    """
    import torch

    from ..learned.pieces import plan_pieces
    from ..learned.restorer import Proposal

    stride, dims = member.architecture.total_stride, values.ndim - 2
    size = values.shape[2:]
    halo = (HALO,) * 2 if dims == 2 else (HALO // 4, HALO, HALO)
    parts = [torch.empty(1, channels, *size, device=values.device) for channels in (1, 1, member.estimates)]
    for piece in plan_pieces(size, place, stride, halo, MOST[dims]):
        given = torch.nn.functional.pad(values[(slice(None), slice(None), *piece.outer)], piece.pads)
        said = member(given)
        for whole, part in zip(parts, (said.estimate, said.trust, said.choice), strict=True):
            whole[(slice(None), slice(None), *piece.core)] = part[(slice(None), slice(None), *piece.inner)]
    return Proposal(*parts)


def physics_of(problem: Problem, anchor: Tensor) -> Physics:
    """Return the microscope of one problem as a network's last step takes it, in units of the scale."""
    from ..learned.physics import Physics

    blur, unit = problem.blur, max(problem.scale, 1e-30)
    flat = problem.image.shape[0] == 1

    def of(values: Tensor) -> Tensor:
        single = anchor.dtype.to_complex() if values.is_complex() else anchor.dtype
        return (values[0] if flat else values).to(single)[None, None]

    return Physics(
        otf=of(blur.otf),
        image=of(problem.image / unit),
        background=anchor.new_full([1] * (4 if flat else 5), problem.background / unit),
        anchor=of(anchor),
        inverse_sensitivity=of(blur.crop(blur.inverse_sensitivity)),
        margin=blur.margin[1:] if flat else blur.margin,
        mask=None if problem.trusted is None else of(problem.trusted),
    )
