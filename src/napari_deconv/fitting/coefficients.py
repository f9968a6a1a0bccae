"""`Coefficient`: a number of the optics that can be fitted, where it may lie, and which change of it matters.

A change matters when it bends the wavefront by a fourteenth of the wavelength (RMS over the pupil), beyond piston and
defocus: Maréchal's criterion of an objective that is as good as perfect.

References
----------
Born & Wolf, Principles of Optics, section 9.3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..psf.theoretical import Theoretical
from ..psf.zernike import is_rotational, noll, zernike
from ..settings import nearest

__all__ = ["Coefficient", "coefficient", "matters", "value_of", "with_values"]

ABERRATIONS = {
    "astigmatism-oblique": 5, "astigmatism": 6, "coma-y": 7, "coma-x": 8, "trefoil-y": 9, "trefoil-x": 10, "spherical": 11,
    "secondary-spherical": 22,
}  # fmt: skip
REMEDIES = {
    "coverslip_thickness": "the coverslip's index equals the immersion's; fit another",
    "depth": "the sample index equals the immersion's; set psf.sample_index",
    "sample_index": "the depth is 0 µm; set psf.depth to about where the sample lies",
}
"""What to do where a coefficient has no effect."""
SHIFTS = 4
"""Zernike numbers up to this shift the whole PSF (or do nothing), which the object makes up for."""
MOST = 1.0
"""µm of path: the largest Zernike coefficient that is tried."""
PERFECT = 14
"""Maréchal: the part of a wavelength below which an aberration does not matter."""
NOTHING = 1e-6
"""µm of path per unit below which a coefficient has no effect."""
RINGS = 256
"""Rings of equal area over which the wavefront is looked at."""


@dataclass(frozen=True)
class Coefficient:
    """A field of the PSF, or a Zernike coefficient where ``noll`` is above 0; ``low`` and ``high`` bound it."""

    name: str
    unit: str
    low: float
    high: float
    noll: int = 0


FIELDS = (
    Coefficient("depth", "µm", 0.0, 1000.0),
    Coefficient("sample_index", "", 1.0, 1.7),
    Coefficient("immersion_index", "", 1.0, 1.7),
    Coefficient("coverslip_thickness", "µm", 50.0, 500.0),
)


def coefficient(name: str) -> Coefficient:
    """Return the coefficient of a name: a field, an aberration, or ``zernike-N``.

    Raises
    ------
    ValueError
        when there is none, or when it only shifts the PSF.
    """
    word = name.strip().lower()
    for each in FIELDS:
        if word.replace("-", "_") == each.name:
            return each
    number = ABERRATIONS.get(word, 0)
    digits = word.removeprefix("zernike-").removeprefix("z")
    if digits.isdigit():
        number = int(digits)
        if noll(number) and number <= SHIFTS:
            raise ValueError(f"'{name}' only shifts the PSF, which the object makes up for: fit zernike-5 or higher")
    if not number:
        raise ValueError(f"unknown parameter '{name}'{nearest(word, [*(each.name for each in FIELDS), *ABERRATIONS])}")
    named = {number: word for word, number in ABERRATIONS.items()}
    return Coefficient(named.get(number, f"zernike-{number}"), "µm", -MOST, MOST, number)


def value_of(model: Theoretical, part: Coefficient) -> float:
    """Return what a model with its fields filled says of a coefficient, defaults included."""
    if part.noll:
        return float(dict(model.aberrations).get(part.noll, 0.0))
    return float(getattr(model.microscope().pupils[0].medium, part.name))


def with_values(model: Theoretical, parts: Sequence[Coefficient], values: Any) -> Theoretical:
    """Return the model with these coefficients; values (N,) of any sequence."""
    said = {part.name: float(value) for part, value in zip(parts, values, strict=True) if not part.noll}
    bent = {part.noll: float(value) for part, value in zip(parts, values, strict=True) if part.noll}
    changed: Theoretical = model.replace(**said, aberrations=tuple({**dict(model.aberrations), **bent}.items()))
    return changed


def matters(model: Theoretical, part: Coefficient) -> float:
    """Return the change of a coefficient that bends the wavefront by a fourteenth of the wavelength.

    Raises
    ------
    ValueError
        when the coefficient has no effect on this model, in one sentence with the remedy.
    """
    wavelength = model.microscope().pupils[0].wavelength
    rate = _bend(model, part)
    if rate < NOTHING:
        raise ValueError(f"{part.name} has no effect on this PSF: {REMEDIES.get(part.name, 'fit another')}")
    return wavelength / PERFECT / rate


def _bend(model: Theoretical, part: Coefficient) -> float:
    """Return the RMS path (µm) that a unit of the coefficient adds over the pupil, beyond piston and defocus."""
    import torch

    pupil = model.microscope().pupils[0]
    ring = torch.sqrt((torch.arange(RINGS, dtype=torch.float64) + 0.5) / RINGS)
    s = ring * pupil.numerical_aperture
    if part.noll and not is_rotational(part.noll):
        return 1.0
    if part.noll:
        path = zernike(part.noll, ring)
    else:
        small = 1e-3 if part.unit else 1e-5
        value = value_of(model, part)
        here, there = (with_values(model, [part], [each]).microscope().pupils[0] for each in (value, value + small))
        path = (there.path(s) - here.path(s)).real / small
    plain: Any = torch.stack([torch.ones_like(s), pupil.medium.defocus(s)], dim=1).numpy()
    left = path.numpy() - plain @ np.linalg.lstsq(plain, path.numpy(), rcond=None)[0]
    return float(np.sqrt(np.mean(left**2)))
