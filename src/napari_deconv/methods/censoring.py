r"""What a saturated pixel is likely to have counted, given that it was at least as much as the camera could tell.

Where m counts are expected with noise of standard deviation s, a pixel that came out at c or above held on average

    m + s phi(z) / (1 - Phi(z))          z = (c - m) / s

more than c, and more than m. Put in the place of the pixel's counts in every iteration, this climbs the likelihood of what was
measured (expectation-maximisation): a peak rises as high as its flanks tell, and never falls below what was seen. 1 - Phi follows from
erfc(x) exp(x^2) = a / ( (a - 1) sqrt(pi) x + sqrt(pi x^2 + a^2) ), a = 2.911, for x >= 0, to within one percent.

References
----------
Dempster, Laird & Rubin, "Maximum likelihood from incomplete data via the EM algorithm", J. R. Stat. Soc. B 39 (1977) 1-38.
Ren & MacKenzie, "Closed-form approximations to the error and complementary error functions", IEEE Trans. Microw. Theory Tech.
55 (2007).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["fill_saturated"]

FITTED = 2.911


def fill_saturated(counts: Tensor, expected: Tensor, noise: Tensor) -> Tensor:
    """Return counts with those of saturated pixels, where the noise is above 0, replaced by what they likely were; shapes alike."""
    saturated = noise > 0
    filled = counts.clone()
    spread, mean = noise[saturated], expected[saturated]
    filled[saturated] = mean + spread * _beyond((counts[saturated] - mean) / spread)
    return filled


def _beyond(z: Tensor) -> Tensor:
    """Return phi(z) / (1 - Phi(z)): by how many standard deviations a normal value that is known to be above z is above 0."""
    import torch

    far = z.abs() / math.sqrt(2)
    scaled = FITTED / ((FITTED - 1) * math.sqrt(math.pi) * far + (math.pi * far.square() + FITTED**2).sqrt())
    density = (-far.square()).exp()
    above = math.sqrt(2 / math.pi) / scaled
    below = density / (math.sqrt(2 * math.pi) * (1 - 0.5 * density * scaled))
    return torch.where(z >= 0, above, below)
