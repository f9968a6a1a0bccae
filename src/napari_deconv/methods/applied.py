"""A trained network applied to the features of one problem: piece by piece, finished by the photons; and how sure it is of that.

How sure: noise as strong as the image's own is added to the image several times, and the standard deviation of what becomes of that, of
every member where there are several, says how far the result hangs on this draw of the noise. The result itself is made of the image as
it is: a mean over noisier images is worse.

A network has learned from frames however they lie, and is no surer of one way to look at them than of another: it may look at an image
in up to eight views, mirrored and turned, whose mean is nearer the truth than any of them.

A recurrent network's state is handed on from one time point to the next by the problem (``carried``), one for each member and draw.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ..noise import smoothed
from ..passing import passed_on
from .base import Estimate, Problem
from .features import STEPS, Features, gather_features

if TYPE_CHECKING:
    from torch import Tensor

    from ..learned.physics import Physics
    from ..learned.weights import Weights

__all__ = ["SPREAD_DRAWS", "Look", "Results", "gathered", "physics_of", "propose", "restore_features", "spread_of"]

HALO = {2: (88, 88), 3: (32, 88, 88)}
"""Voxels of neighbourhood beyond which a network of three levels does not look, by dimensions."""
MOST = {2: 2**20, 3: 2**21}
"""Voxels that a network is given at once, by dimensions."""
VIEWS = tuple((flips, turns) for turns in (False, True) for flips in ((), (-2, -1), (-2,), (-1,)))
"""Axes that are mirrored, and whether y and x change places after that: the image itself first."""
SPREAD_DRAWS = 8
"""How often the noise is drawn anew to see what hangs on it."""


@dataclass(frozen=True)
class Look:
    """How a network looks at an image: in how many views, and whether with numbers of 16 bits, which is faster where a device has them."""

    views: int = 1
    fast: bool = False


ONCE = Look()


@dataclass(frozen=True)
class Results:
    """What each of the networks makes of features, (N, Z, Y, X) inside the frame in units of the scale.

    first : before the photons correct it; trust : how far they do, 0 to 1; last : after that, with the light that the image has.
    """

    first: Tensor
    trust: Tensor
    last: Tensor


def gathered(problem: Problem, before: int, steps: int) -> Generator[Estimate, None, Features]:
    """Return what yields the classical estimates as steps after so many of so many, and returns the features."""
    return passed_on(
        gather_features(problem),
        lambda estimate: Estimate(estimate.object, before + estimate.step, steps, estimate.figures),
    )


def spread_of(
    problem: Problem, weights: Weights, look: Look = ONCE, seed: int = 0
) -> Generator[Estimate, None, Tensor]:
    """Yield estimates on the way, and return the standard deviation (Z, Y, X) inside the frame in units of the scale."""
    import torch

    deviation = problem.whole_noise.variance(smoothed(problem.image)).sqrt()
    random = torch.Generator().manual_seed(seed)
    results = []
    for draw in range(SPREAD_DRAWS):
        noise = torch.randn(deviation.shape, generator=random).to(deviation)
        noisier = replace(problem, image=(problem.image + deviation * noise).clamp_(min=0), measured=None)
        features = yield from gathered(noisier, draw * STEPS, SPREAD_DRAWS * STEPS)
        results.append(restore_features(features, noisier, weights, draw + 1, look).last)
    return torch.cat(results).std(dim=0)


def restore_features(
    features: Features, problem: Problem, weights: Weights, draw: int = 0, look: Look = ONCE
) -> Results:
    """Return what the weights' networks make of features; ``draw`` tells draws of the noise apart, of which each has a state of its own."""
    import torch

    from ..learned.restorer import finish

    physics, flat = physics_of(problem, features.anchor), features.values.shape[1] == 1
    values = features.values[:, 0] if flat else features.values
    place = problem.place[1:] if flat else problem.place
    with torch.no_grad():
        said = []
        for number, member in enumerate(weights.members):
            state = _recalled(problem, (draw, number), values)
            said.append(propose(member.to(values.device), values[None], place, state, look))
            _keep(problem, (draw, number), said[-1].state)
        last = [physics.relit(finish(each, physics)) for each in said]
    parts = [each.estimate for each in said], [each.trust for each in said], last
    return Results(*(torch.cat(part)[:, 0].reshape(len(said), *features.values.shape[1:]) for part in parts))


def _recalled(problem: Problem, name: tuple[int, int], values: Tensor) -> Tensor | None:
    """Return the state (1, planes, [Z,] Y, X) that a network kept of the time point before; None where there is none."""
    import torch

    kept = None if problem.carried is None else problem.carried.recall(name)
    return None if kept is None else torch.from_numpy(kept).to(values).reshape(1, -1, *values.shape[1:])


def _keep(problem: Problem, name: tuple[int, int], state: Tensor | None) -> None:
    """Keep a network's state for the next time point."""
    if problem.carried is not None and state is not None:
        problem.carried.keep(name, state[0].reshape(-1, *problem.image.shape).float().cpu().numpy())


def propose(member: Any, values: Tensor, place: tuple[int, ...], state: Tensor | None = None, look: Look = ONCE) -> Any:
    """Return a network's proposal for features (1, C, [Z,] Y, X), piece by piece, the mean over the views of each.

    ``place`` is where they begin in the whole image: the network's coarser grids lie alike however the image is cut.
    ``state`` (1, planes, [Z,] Y, X) is what a recurrent network kept of the time point before.
    """
    import torch

    from ..learned.pieces import plan_pieces
    from ..learned.recurrence import STATES
    from ..learned.restorer import Proposal

    stride, dims = member.architecture.total_stride, values.ndim - 2
    size, every = values.shape[2:], (slice(None), slice(None))
    planes = [1, 1, member.estimates] + [STATES] * (member.architecture.kind == "recurrent")
    parts = [torch.zeros(1, channels, *size, device=values.device) for channels in planes]
    for piece in plan_pieces(size, place, stride, HALO[dims], MOST[dims]):
        before = None if state is None else torch.nn.functional.pad(state[(*every, *piece.outer)], piece.pads)
        given = torch.nn.functional.pad(values[(*every, *piece.outer)], piece.pads)
        for flips, turns in VIEWS[: look.views]:
            said = _said(member, given, before, flips, turns=turns, fast=look.fast)
            for whole, part in zip(parts, said, strict=True):
                whole[(*every, *piece.core)] += part[(*every, *piece.inner)] / look.views
    return Proposal(*parts)


def _said(
    member: Any, given: Tensor, state: Tensor | None, flips: tuple[int, ...], *, turns: bool, fast: bool
) -> list[Tensor]:
    """Return what a network says of one view of a piece, as the piece itself lies: estimate, trust, choice, and the state if it has one."""

    def seen(values: Tensor) -> Tensor:
        return values.flip(flips).transpose(-1, -2) if turns else values.flip(flips)

    recurrent = {"state": None if state is None else seen(state)} if member.architecture.kind == "recurrent" else {}
    said = member(seen(given), fast=fast, **recurrent)
    parts = [said.estimate, said.trust, said.choice] + ([said.state] if recurrent else [])
    return [(part.transpose(-1, -2) if turns else part).flip(flips) for part in parts]


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
