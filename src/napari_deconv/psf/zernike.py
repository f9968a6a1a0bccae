"""Zernike polynomials on the unit disc in Noll's order and normalisation: each has an RMS of 1.

References
----------
Noll, "Zernike polynomials and atmospheric turbulence", J. Opt. Soc. Am. 66 (1976) 207-211.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["is_rotational", "noll", "steepest", "zernike"]


def noll(number: int) -> tuple[int, int]:
    """Return (n, m) of Noll's number; m < 0 is the sine term.

    Raises
    ------
    ValueError
        when the number is below 1.
    """
    if number < 1:
        raise ValueError(f"Zernike number {number} is none: Noll's numbers start at 1 (4 defocus, 11 spherical)")
    order = (math.isqrt(8 * number - 7) - 1) // 2
    place = number - order * (order + 1) // 2 - 1
    frequency = place + (place + order) % 2
    return order, frequency if number % 2 == 0 else -frequency


def is_rotational(number: int) -> bool:
    """Whether the polynomial is the same at every angle."""
    return noll(number)[1] == 0


def steepest(number: int) -> float:
    """Return a bound of the polynomial's slope over the unit disc: that at its rim, along the radius and around it."""
    order, frequency = noll(number)
    m = abs(frequency)
    scale = math.sqrt((2 if m else 1) * (order + 1))
    return scale * max((order * (order + 2) - m * m) / 2, m)


def zernike(number: int, radius: Tensor, angle: Tensor | None = None) -> Tensor:
    """Return the polynomial at radius in [0, 1] and angle in radians; the angle may be left out for rotational ones."""
    import torch

    order, frequency = noll(number)
    m = abs(frequency)
    total = torch.zeros_like(radius)
    for k in range((order - m) // 2 + 1):
        factor = math.factorial(order - k) / (
            math.factorial(k) * math.factorial((order + m) // 2 - k) * math.factorial((order - m) // 2 - k)
        )
        total = total + (-1) ** k * factor * radius ** (order - 2 * k)
    if m == 0:
        return math.sqrt(order + 1) * total
    if angle is None:
        raise ValueError(f"Zernike number {number} depends on the angle: give it")
    wave = torch.cos(m * angle) if frequency > 0 else torch.sin(m * angle)
    return math.sqrt(2 * (order + 1)) * total * wave
