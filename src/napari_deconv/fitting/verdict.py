"""What a fit found, and whether the image supports it: fitted, confirmed as it was, or refused."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from ..image import Image
from ..posing import compute_psf
from ..psf.base import Grid
from ..psf.theoretical import Theoretical
from ..psf.width import measure_widths
from ..recipe import Recipe

__all__ = ["Estimated", "Fitted", "judge"]

SURE = 3.0
"""Standard errors that a change must have."""
NEVER = 0.5
"""Share of its unit (what matters) that an uncertainty may have without the change being sure."""
FAR = 4.0
"""Change, in units of what matters, beyond which no fit was right in simulations of hazy scenes."""
ALIKE = 0.98
"""Correlation above which two values cannot be told apart."""

Verdict = Literal["fitted", "confirmed", "refused"]


@dataclass(frozen=True)
class Estimated:
    """One fitted value: where it started, what the image says, the standard error, and which change would matter."""

    name: str
    unit: str
    start: float
    value: float
    uncertainty: float
    matters: float
    at_bound: bool = False

    @property
    def change(self) -> float:
        """How far it moved, in units of what matters."""
        return (self.value - self.start) / self.matters

    @property
    def is_sure(self) -> bool:
        """Whether it is known to better than what matters, or moved far beyond its uncertainty."""
        moved = abs(self.value - self.start) > SURE * self.uncertainty
        return not self.at_bound and (self.uncertainty < NEVER * self.matters or moved)

    @property
    def words(self) -> str:
        """The value with its uncertainty."""
        unit = f" {self.unit}" if self.unit else ""
        digits = max(0, 1 - math.floor(math.log10(self.uncertainty))) if self.uncertainty > 0 else 4
        return f"{self.name} {self.value:.{digits}f} ± {self.uncertainty:.{digits}f}{unit}"


@dataclass(frozen=True, eq=False)
class Fitted:
    """The outcome of a fit.

    verdict : ``fitted``, ``confirmed`` (the start is right, as far as matters) or ``refused`` (the image does not say).
    sentence : the verdict in plain words, with figures.
    psf : the model to restore with: the fitted one, or the start where it was not accepted; all its fields filled.
    start : the model before.
    recipe : the recipe with that psf.
    estimated : what the image says of each parameter, accepted or not.
    gain, gain_error : by how many nats held-out photons are predicted better, and its standard error.
    background, grain : counts, and the width (µm, standard deviation) below which the object is smooth, as they were taken.
    """

    verdict: Verdict
    sentence: str
    psf: Theoretical
    start: Theoretical
    recipe: Recipe
    estimated: tuple[Estimated, ...]
    gain: float
    gain_error: float
    background: float
    grain: float
    photons: float
    blocks: int
    image: Image
    channel: int = 0

    @property
    def accepted(self) -> bool:
        """Whether the PSF was changed."""
        return self.verdict == "fitted"

    @property
    def grid(self) -> Grid:
        """The grid of the image."""
        return Grid.of(self.image)

    def changes(self) -> dict[str, Any]:
        """Return the fields of the PSF that were changed, as they are typed: aberrations as ``11: 0.05, 5: 0.02``."""
        changed = {name: value for name, value in self.psf.model_dump().items() if value != getattr(self.start, name)}
        if "aberrations" in changed:
            changed["aberrations"] = ", ".join(f"{number}: {amount:.5g}" for number, amount in self.psf.aberrations)
        return changed

    def before(self) -> np.ndarray[Any, Any]:
        """Return the PSF (Z, Y, X) of the start on the image's grid."""
        return compute_psf(self.image, self.recipe.replace(psf=self.start), self.channel)

    def after(self) -> np.ndarray[Any, Any]:
        """Return the PSF (Z, Y, X) to restore with on the image's grid."""
        return compute_psf(self.image, self.recipe, self.channel)

    def report(self) -> dict[str, Any]:
        """Return plain values: the verdict, the parameters, the gain, and widths in µm before and after."""
        return {
            "verdict": self.verdict,
            "sentence": self.sentence,
            "parameters": {each.name: _told(each) for each in self.estimated},
            "held_out_gain": round(self.gain, 2),
            "held_out_gain_error": round(self.gain_error, 2),
            "background": round(self.background, 3),
            "grain": round(self.grain, 4),
            "counts": round(self.photons),
            "blocks": self.blocks,
            "fwhm": {"before": self._widths(self.before()), "after": self._widths(self.after())},
            "psf": self.psf.model_dump(mode="json", exclude_none=True),
        }

    def _widths(self, psf: np.ndarray[Any, Any]) -> dict[str, float]:
        widths = measure_widths(psf, self.image.spacing)
        return {axis: round(width, 4) for axis, width in zip("zyx", widths, strict=True) if width}


def judge(
    estimated: Sequence[Estimated],
    correlation: np.ndarray[Any, Any],
    gain: float,
    gain_error: float,
    *,
    is_settled: bool = True,
) -> tuple[Verdict, str]:
    """Return the verdict and its sentence.

    correlation : (N, N) of the estimated values' errors; is_settled : whether the values had come to rest.
    """
    said = ", ".join(each.words for each in estimated)
    better = f"held-back photons are predicted better by {gain:.1f} ± {gain_error:.1f} nats"
    unsure = [each for each in estimated if not each.is_sure]
    if unsure:
        return "refused", _refusal(unsure[0], estimated, correlation)
    if not is_settled:
        return "refused", (
            f"the image does not hold the values fast: after the last round, at {said}, they still moved; use a more structured "
            "image, give the background as a number, or fit fewer parameters"
        )
    if math.hypot(*(each.change for each in estimated)) < 1:
        return (
            "confirmed",
            f"the image supports the PSF as it is: {said}, and a change below {_amounts(estimated)} does not matter",
        )
    if gain < SURE * max(gain_error, 1.0):
        start = ", ".join(f"{each.name} {each.start:g}" for each in estimated)
        return "refused", (
            f"the image does not support a change from {start}: at {said}, {better}, which is less than {SURE:g} standard "
            "errors; use a brighter image"
        )
    for each in estimated:
        if abs(each.change) > FAR:
            return "refused", (
                f"the image would move {each.name} from {each.start:g} as far as {each.words}, farther than a fit can be trusted: "
                f"hazy images pull values away; set {each.name} nearer to what you expect, and fit again"
            )
    start = ", ".join(f"{each.start:g}" for each in estimated)
    return "fitted", f"{said} (before: {start}); {better}"


def _refusal(worst: Estimated, estimated: Sequence[Estimated], correlation: np.ndarray[Any, Any]) -> str:
    matters = f"where {_amounts([worst])} would matter"
    place = list(estimated).index(worst)
    alike = [
        other.name
        for number, other in enumerate(estimated)
        if number != place and abs(correlation[place, number]) > ALIKE
    ]
    if alike:
        return f"the image cannot tell {worst.name} from {alike[0]}: {worst.words}, {matters}; fit one of them and set the other"
    if worst.at_bound:
        told = "correct what the other fields of the PSF say"
        return f"the image would have {worst.name} beyond {worst.value:g}, the last possible value: {told}, or the order of the planes"
    told = "use a brighter or more structured image" + (", or fit fewer parameters" if len(estimated) > 1 else "")
    return f"the image does not determine {worst.words}, {matters}: {told}"


def _amounts(estimated: Sequence[Estimated]) -> str:
    return ", ".join(f"{each.matters:.2g}{' ' + each.unit if each.unit else ''}" for each in estimated)


def _told(each: Estimated) -> dict[str, Any]:
    figures = {"start": each.start, "value": each.value, "uncertainty": each.uncertainty, "matters": each.matters}
    return {**{name: float(f"{value:.5g}") for name, value in figures.items()}, "unit": each.unit}
