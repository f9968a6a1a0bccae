r"""Richardson-Lucy with an unmatched back projector: Wiener within the microscope's band, Butterworth beyond; a few steps suffice.

In place of the blur's adjoint H*, the ratio of image and expectation is carried back by

    B = H* / ( |H|^2 + a )  *  1 / sqrt( 1 + e^2 (f / f_c)^(2 n) )

scaled to 1 at frequency zero, with f_c the cut-off of each axis and e such that the Butterworth factor is b there:

    x  <-  x * B( y / (H x + b) ) / B(1)

Nothing keeps such steps from running away where pixels are saturated and do not say how much is too much. So, after the first few, a
voxel takes part of its step from Richardson-Lucy, which cannot: as large a part as of its light falls into saturated pixels.

References
----------
Guo et al., "Rapid image deconvolution and multiview fusion for optical microscopy", Nat. Biotechnol. 38 (2020) 1337-1346.
Zeng & Gullberg, "Unmatched projector/backprojector pairs in an iterative reconstruction algorithm", IEEE Trans. Med. Imaging 19
(2000) 548-555.
"""

from __future__ import annotations

from collections.abc import Generator
from typing import TYPE_CHECKING, ClassVar, Literal

from ..settings import field
from .base import Estimate, Iterations, Problem, iterations_field
from .iterative import Iterative

if TYPE_CHECKING:
    from torch import Tensor

    from .blur import Blur

__all__ = ["WienerButterworth"]

TINY = 1e-6
"""Smallest expected count, as a share of the image's scale, that a ratio is formed with."""
BAND = 0.02
"""Share of the transfer function's top at which an axis's band is taken to end."""
MOST = 30.0
"""By how much one step may brighten a voxel at most: the back projector is no likelihood's, and may overshoot."""
BOLD, SETTLING = 3, 6
"""Iterations that saturated pixels do not hold back, and after those, how many it takes until they do so wholly."""


class WienerButterworth(Iterative):
    """Richardson-Lucy with the Wiener-Butterworth back projector."""

    title: ClassVar[str] = "Wiener-Butterworth"
    summary: ClassVar[str] = "Very few iterations: for long series and quick looks at images with plenty of light."
    reference: ClassVar[str] = "Guo et al. 2020"
    order: ClassVar[int] = 20
    volumes: ClassVar[float] = 10.0
    reach: ClassVar[float] = 3.0

    kind: Literal["wiener-butterworth"] = "wiener-butterworth"
    iterations: Iterations = iterations_field(
        "A few suffice. Auto stops where photons held back from the restoration are predicted best.",
        shown_max=20,
        slider="linear",
    )
    noise: float = field(
        0.3,
        title="Noise to signal",
        description="Noise-to-signal power ratio of the Wiener factor: smaller takes fewer iterations, larger is steadier.",
        gt=0,
        le=10,
        slider="log",
        shown_min=0.03,
        shown_max=10,
    )
    damping: float = field(
        0.1,
        title="At the band's edge",
        description="Factor by which the Butterworth filter lets detail through at the edge of the microscope's band.",
        gt=0,
        lt=1,
        slider="log",
        shown_min=1e-3,
        shown_max=0.9,
        advanced=True,
    )
    sharpness: int = field(
        10,
        title="Order",
        description="Of the Butterworth filter: larger is a sharper edge of the band.",
        ge=1,
        le=20,
        slider="linear",
        shown_min=1,
        shown_max=20,
        advanced=True,
    )

    @property
    def trial_steps(self) -> int:
        """The most iterations that ``auto`` tries."""
        return 30

    def iterate(self, problem: Problem) -> Generator[Estimate]:
        """Yield the estimate after each iteration."""
        import torch

        blur, steps = problem.blur, self.steps
        floor = max(TINY * problem.scale, 1e-30)
        carry = self.back_projector(blur)
        seen, steady = blur.inverse_sensitivity > 0, _share_in_saturated(problem)
        estimate = blur.new_object(max(problem.level, floor)).mul_(seen)
        ratio = torch.ones_like(estimate)
        for step in range(1, steps + 1):
            expected = blur.forward(estimate).add_(problem.background).clamp_(min=floor)
            torch.div(problem.counts(expected), expected, out=blur.crop(ratio))
            if blur.mask is not None:
                blur.crop(ratio).masked_fill_(blur.mask == 0, 1)
            back = blur.filtered(ratio, carry)
            if steady is not None:
                share = min(max((step - BOLD) / SETTLING, 0.0), 1.0)
                back = torch.lerp(back.clone(), blur.filtered(ratio, blur.conjugate), steady * share)
            estimate.mul_(back.clamp_(min=0, max=MOST))
            yield Estimate(estimate, step, steps)

    def back_projector(self, blur: Blur) -> Tensor:
        """Return the back projector's transfer function on the half spectrum, 1 at frequency zero."""
        power = blur.otf.abs().square()
        carry = blur.conjugate / (power + self.noise)
        steepness = 1 / self.damping**2 - 1
        carry = carry * (1 + steepness * _band(blur).pow(self.sharpness)).rsqrt()
        scaled: Tensor = carry / carry[0, 0, 0].abs()
        return scaled


def _share_in_saturated(problem: Problem) -> Tensor | None:
    """Return the share of each voxel's light that falls into saturated pixels, on the object grid; None where no pixel is saturated."""
    if problem.at_least is None:
        return None
    saturated = (problem.at_least > 0).to(problem.blur.dtype)
    return problem.blur.adjoint(saturated).clamp(0, 1)


def _band(blur: Blur) -> Tensor:
    """Return the squared frequency on the half spectrum, each axis in units of where its band ends."""
    import torch

    response = blur.otf.abs()
    total = torch.zeros((), dtype=blur.dtype, device=blur.device)
    for axis in blur.axes:
        size, half = blur.object_shape[axis], axis == blur.axes[-1]
        frequency = torch.fft.rfftfreq if half else torch.fft.fftfreq
        cycles = frequency(size, dtype=blur.dtype, device=blur.device).abs()
        others = tuple(other for other in range(3) if other != axis)
        profile = response.amax(dim=others)
        inside = cycles[profile > BAND * profile.max()]
        edge = max(float(inside.max()), 1.0 / size)
        total = total + (cycles / edge).square().reshape([-1 if other == axis else 1 for other in range(3)])
    return total
