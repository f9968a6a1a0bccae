r"""Richardson-Lucy: the maximum of the Poisson likelihood, climbed by multiplication, plain or accelerated.

With blur H, its adjoint H', sensitivity s = H'1, image y and background b, one iteration is

    x  <-  x / s * H'( y / (H x + b) )

Both accelerations take that step from a point predicted along the last change of the estimate, p = x_k + a (x_k - x_{k-1}),
never below zero. Biggs-Andrews takes a = <g_{k-1}, g_{k-2}> / <g_{k-2}, g_{k-2}> with g_k = x_{k+1} - p_k; the heavy ball
takes Nesterov's a = (t_{k-1} - 1) / t_k with t_k = (1 + sqrt(1 + 4 t_{k-1}^2)) / 2. Biggs-Andrews' pace is one number for
the whole block; the heavy ball's depends on nothing but the step, which keeps tiles alike.

Coarse to fine does two thirds of the heavy ball's steps on pixels that are averaged two by two (`coarser`), at a quarter of the price, and
goes on with its pace and direction on the fine grid. Factors are raised to the power 5/4, which lengthens the steps (a heavy ball
swings from 4/3 on), but for the last step, which gives back the light that longer ones lose.

With total variation of weight w the step is  x <- x / (s - v div(grad x / |grad x|)) * H'(...)  (Dey et al., one step late) with
v = w s: outside the frame, where the data say little, the penalty weighs as little. With v = w its late step overshoots there, the
further the smaller s, and piles up light that nothing restrains. With Good's roughness, whose gradient is held - drawn, it is
x <- x / (s + w held) * ( H'(...) + w drawn ).

References
----------
Richardson, "Bayesian-based iterative method of image restoration", J. Opt. Soc. Am. 62 (1972) 55-59.
Lucy, "An iterative technique for the rectification of observed distributions", Astron. J. 79 (1974) 745-754.
Biggs & Andrews, "Acceleration of iterative image restoration algorithms", Applied Optics 36 (1997) 1766-1775.
Nesterov, "A method of solving a convex programming problem with convergence rate O(1/k^2)", Soviet Math. Dokl. 27 (1983) 372-376.
Wang & Miller, "Scaled heavy-ball acceleration of the Richardson-Lucy algorithm for 3D microscopy image restoration",
IEEE Trans. Image Process. 23 (2014) 848-854.
Dey et al., "Richardson-Lucy algorithm with total variation regularization for 3D confocal microscope deconvolution",
Microsc. Res. Tech. 69 (2006) 260-266.
Joshi & Miller, "Maximum a posteriori estimation with Good's roughness for three-dimensional optical-sectioning microscopy",
J. Opt. Soc. Am. A 10 (1993) 1078-1085.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from ..settings import field
from .base import Estimate, Iterations, Problem, iterations_field
from .choice import Choice, Trial
from .coarser import halve_problem, halved_axes
from .heldout import choose_iterations
from .iterative import Iterative
from .momentum import BiggsAndrews, HeavyBall
from .reach import LEAK, reach_of
from .roughness import GoodsRoughness
from .total_variation import Curvature

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from .spectrum import Part

__all__ = ["BiggsAndrews", "Climb", "HeavyBall", "RichardsonLucy"]

TINY = 1e-6
"""Smallest expected count, as a share of the image's scale, that a ratio is formed with."""
PRICE = 0.3
"""What a step costs on the coarse grid, in fine ones: a quarter, and its wider margin."""
SOFTENING = 1e-3
"""Slope, as a share of the image's scale, below which total variation no longer counts a slope as an edge."""


class RichardsonLucy(Iterative):
    """Richardson-Lucy, plain or accelerated."""

    title: ClassVar[str] = "Richardson-Lucy"
    summary: ClassVar[str] = "The standard for photon-counting images: keeps the light, never goes negative."
    reference: ClassVar[str] = "Richardson 1972; Lucy 1974; Biggs & Andrews 1997; Wang & Miller 2014"
    order: ClassVar[int] = 10

    kind: Literal["richardson-lucy"] = "richardson-lucy"
    iterations: Iterations = iterations_field(
        "More iterations sharpen further, and in the end amplify noise. "
        "Auto stops where photons held back from the restoration are predicted best."
    )
    acceleration: Literal["auto", "none", "biggs-andrews", "heavy-ball", "coarse-to-fine"] = field(
        "auto",
        title="Acceleration",
        description="Reaches the same sharpness in several times fewer iterations. Auto accelerates (heavy ball) when the "
        "iterations are automatic, and stays plain when you give their number. Coarse to fine makes as many as the heavy ball, "
        "most of a stack's at a quarter of the price on pixels twice as wide.",
    )

    tv: float = field(
        0.0,
        title="Total variation",
        description="Weight of a penalty on slopes (in µm, so coarse z is treated fairly): smooths noise, keeps edges. "
        "0 is none; 0.001 to 0.05 is usual, more for dim images.",
        ge=0,
        le=1,
        slider="log",
        shown_min=1e-4,
        shown_max=0.1,
    )

    roughness: float = field(
        0.0,
        title="Roughness",
        description="Weight of Good's penalty on slopes, which smooths dim places more than bright ones. "
        "0 is none; 0.01 to 0.3 is usual, more for dim images.",
        ge=0,
        le=10,
        slider="log",
        shown_min=1e-3,
        shown_max=1,
    )

    @property
    def volumes(self) -> float:  # type: ignore[override]
        """Estimate, transfer function, half spectrum, sensitivity and image, and what accelerations and penalties keep."""
        accelerated = "heavy-ball" if self.is_automatic else "none"
        acceleration = accelerated if self.acceleration == "auto" else self.acceleration
        kept = {"none": 0.0, "heavy-ball": 1.0, "biggs-andrews": 2.0, "coarse-to-fine": 1.3}[acceleration]
        return 5.5 + kept + (1.5 if self.tv else 1.0 if self.roughness else 0.0)

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 300 if self.acceleration == "none" else 80

    def reaches(self, psf: np.ndarray[Any, Any], axis: int) -> int:
        """Return the voxels of an axis over which neighbours count; k accelerated iterations count as k^2 / 4 plain ones.

        Momentum carries differences further still, so less of the answer to a point may lie beyond.
        """
        accelerated = self.acceleration not in ("none", "auto") or (self.acceleration == "auto" and self.is_automatic)
        steps = self.expected_steps
        steps, leak = (max(steps, steps**2 // 4), LEAK) if accelerated else (steps, 5e-3)
        return reach_of(psf, axis, lambda gain: 1 - (1 - gain) ** steps, leak)

    @property
    def keeps_flux(self) -> bool:
        """Light is kept unless a penalty flattens it."""
        return self.tv == 0 and self.roughness == 0

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        steps = self.steps
        climb = Climb(problem, self.tv, self.roughness)
        if self.acceleration == "coarse-to-fine":
            yield from self._from_coarse(problem, climb, steps)
            return
        estimate = climb.start()
        momentum = self._momentum()
        for step in range(1, steps + 1):
            estimate = momentum.step(climb, estimate) if momentum else climb.step(estimate.__getitem__, out=estimate)
            yield Estimate(estimate, step, steps)

    def choose(self, problem: Problem) -> Generator[Trial, None, Choice]:
        """Yield the trials and return the choice; coarse to fine is tried as a heavy ball, which needs as many iterations."""
        return (yield from choose_iterations(self.evenly(), problem))

    def whole_steps(self, steps: int, psf: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> float:
        """Return what so many steps cost in whole ones, for a PSF and an image (Z, Y, X)."""
        halved = halved_axes(psf, shape) if self.acceleration == "coarse-to-fine" else ()
        return steps - (1 - PRICE) * _coarse_steps(steps) if len(halved) == 2 else steps

    def evenly(self) -> RichardsonLucy:
        """Return a copy whose steps all cost the same."""
        even: RichardsonLucy = (
            self.replace(acceleration="heavy-ball") if self.acceleration == "coarse-to-fine" else self
        )
        return even

    def _from_coarse(self, problem: Problem, climb: Climb, steps: int) -> Generator[Estimate]:
        """Yield the estimates of a heavy ball that goes most of its way on a coarser grid, where the PSF lets it."""
        ball = HeavyBall()
        axes = halved_axes(problem.blur.psf, problem.blur.image_shape, problem.finer)
        coarse = _coarse_steps(steps) if axes else 0
        if coarse:
            estimate = yield from self._on_coarse_grid(problem, axes, ball, coarse)
        else:
            estimate = climb.start()
        for step in range(coarse + 1, steps + 1):
            climb.is_long = step < steps
            estimate = ball.step(climb, estimate)
            yield Estimate(estimate, step, steps)

    def _on_coarse_grid(
        self, fine: Problem, axes: tuple[int, ...], ball: HeavyBall, most: int
    ) -> Generator[Estimate, None, Tensor]:
        """Yield so many estimates of the coarse grid, spread when somebody looks at them; return the last one, as the ball goes on, spread."""
        problem, spread = halve_problem(fine, axes)
        climb = Climb(problem, self.tv, self.roughness, is_long=True)
        newest = [climb.start()]
        for step in range(1, most + 1):
            newest[0] = ball.step(climb, newest[0])
            yield Estimate(lambda: spread(newest[0]), step, self.steps)
        del problem, climb
        ball.carry(spread)
        return spread(newest.pop())

    def settled(self, value: float) -> RichardsonLucy:
        """Return a copy whose automatic choices are made."""
        chosen: RichardsonLucy = self.replace(
            iterations=int(value), acceleration="heavy-ball" if self.acceleration == "auto" else self.acceleration
        )
        return chosen

    def _momentum(self) -> BiggsAndrews | HeavyBall | None:
        makers: dict[str, type[BiggsAndrews | HeavyBall]] = {"biggs-andrews": BiggsAndrews, "heavy-ball": HeavyBall}
        return makers[self.acceleration]() if self.acceleration in makers else None


class Climb:
    """Richardson-Lucy's multiplicative step up the likelihood, penalised where penalties have a weight."""

    def __init__(self, problem: Problem, tv: float = 0.0, roughness: float = 0.0, *, is_long: bool = False) -> None:
        self._problem = problem
        self.is_long = is_long
        """Whether factors are raised to the power 5/4; it keeps the light no longer."""
        self._floor = max(TINY * problem.scale, 1e-30)
        self._tv, self._weight = tv, roughness
        shape, soft = problem.blur.object_shape, SOFTENING * problem.scale
        self._curvature = Curvature(shape, problem.voxel, soft) if tv else None
        self._roughness = GoodsRoughness(shape, problem.voxel, soft) if roughness else None
        self._point = problem.blur.new_object() if tv or roughness else None
        """The whole point, where a voxel's step depends on its neighbours, too."""

    def start(self) -> Tensor:
        """Return a flat object of the image's mean level, dark where the frame catches nothing."""
        flat = self._problem.blur.new_object(max(self._problem.level, self._floor))
        return flat.masked_fill_(self._problem.blur.inverse_sensitivity == 0, 0.0)

    def step(self, give: Callable[[Part], Tensor], out: Tensor, tell: Callable[..., None] | None = None) -> Tensor:
        """Write the step from a point to ``out`` and return it.

        Parameters
        ----------
        give : returns a part of the point, twice; it may be made from what ``out`` held in that part.
        tell : gets each part, the point there, and what was reached; a volume of these is never kept.
        """
        blur, kept = self._problem.blur, self._point

        def enter(part: Part) -> Tensor:
            return give(part) if kept is None else kept[part].copy_(give(part))

        def take(part: Part, back: Tensor) -> None:
            back.clamp_(min=0)
            point = give(part) if kept is None else self._held_back(part, back, kept)
            factor = back.mul_(blur.inverse_sensitivity[part])
            if self.is_long:
                factor.mul_(factor.sqrt().sqrt_())
            reached = factor.mul_(point)
            if tell is not None:
                tell(part, point, reached)
            out[part] = reached

        blur.round_trip(enter, self._ratio, take)
        return out

    def _ratio(self, part: Part, seen: Tensor) -> Tensor:
        import torch

        expected = seen.add_(self._problem.background).clamp_(min=self._floor)
        return torch.div(self._problem.counts(expected, part), expected, out=expected)

    def _held_back(self, part: Part, back: Tensor, point: Tensor) -> Tensor:
        """Change what came back of a part as the penalties want it; return the point there."""
        if self._roughness:
            back.add_(self._roughness.drawn(point, part), alpha=self._weight)
        back.div_(self._resistance(part, point))
        return point[part]

    def _resistance(self, part: Part, point: Tensor) -> Tensor:
        """Return 1 - v curvature / s + w held / s, kept well above zero."""
        pull = point.new_ones(point[part].shape)
        if self._curvature:
            pull.sub_(self._curvature.of(point, part), alpha=self._tv)
        if self._roughness:
            held = self._roughness.held(point, part)
            pull.addcmul_(held, self._problem.blur.inverse_sensitivity[part], value=self._weight)
        return pull.clamp_(min=0.1)


def _coarse_steps(steps: int) -> int:
    """Return how many of the steps coarse to fine does on the coarse grid: two thirds."""
    return 2 * steps // 3
