"""`Known`: what has been measured of one image, so that a part of it is restored as the whole will be."""

from __future__ import annotations

from dataclasses import dataclass, field as attribute
from typing import Any

import numpy as np

from .background import VolumeFigures
from .methods.blur import Blur
from .methods.heldout import Choice

__all__ = ["Known"]


@dataclass
class Known:
    """What has been measured of one image: kept by whoever restores parts of it again and again, such as a preview.

    Figures do not depend on the method, choices not on the region; both are of the whole image, so that a part is
    restored as the whole will be.
    """

    figures: dict[Any, VolumeFigures] = attribute(default_factory=dict)
    choices: dict[Any, Choice] = attribute(default_factory=dict)
    blurs: dict[Any, tuple[Any, Blur]] = attribute(default_factory=dict)

    def blur(self, psf: np.ndarray[Any, Any], shape: tuple[int, int, int], device: Any) -> Blur:
        """Return the blur of a PSF and a block's shape; the transfer functions of the last two are kept."""
        key = (id(psf), shape, str(device))
        kept, blur = self.blurs.pop(key, (None, None))
        if blur is None or kept is not psf:
            blur = Blur(psf, shape, device)
        self.blurs[key] = (psf, blur)
        while len(self.blurs) > 2:
            self.blurs.pop(next(iter(self.blurs)))
        return blur.twin()
