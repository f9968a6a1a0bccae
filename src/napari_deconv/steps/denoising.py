"""Noise taken out, plane by plane, by scikit-image: non-local means, total variation, wavelets.

The noise of a photon image grows with its brightness. With the variance g m + r that the image itself shows, the transform
2 / g sqrt(g y + 3 g^2 / 8 + r) has unit noise everywhere (Anscombe 1948, generalised); what is denoised there is transformed back.

References
----------
Anscombe, "The transformation of Poisson, binomial and negative-binomial data", Biometrika 35 (1948) 246-254.
Buades, Coll & Morel, "A non-local algorithm for image denoising", CVPR (2005).
Chambolle, "An algorithm for total variation minimization and applications", J. Math. Imaging Vis. 20 (2004) 89-97.
Chang, Yu & Vetterli, "Adaptive wavelet thresholding for image denoising and compression", IEEE Trans. Image Process. 9 (2000).
"""

from __future__ import annotations

from typing import Any, ClassVar, Literal

import numpy as np

from ..image import Image
from ..noise import Noise, estimate_noise
from ..settings import field
from .base import Step, each_volume

__all__ = ["NonLocalMeans", "TotalVariationDenoising", "WaveletDenoising"]

Array = np.ndarray[Any, Any]
SMOOTHED = "what it smooths no longer has the noise of photons, and automatic choices go by the noise; methods with a penalty do this better"


class _Denoising(Step):
    """A filter of planes whose noise has unit variance everywhere."""

    noise_notice: ClassVar[str] = SMOOTHED
    measures: ClassVar[str] = "the noise"

    def apply(self, image: Image) -> Image:
        """Return the image with less noise."""

        def smoothed(volume: Array, *_: int) -> Array:
            even = Evening(estimate_noise(volume))
            return np.stack([even.back(self.filtered(even.out(plane))) for plane in volume])

        return each_volume(image, smoothed)

    def filtered(self, plane: Array) -> Array:
        """Return a plane (Y, X) of unit noise with less of it."""
        raise NotImplementedError


class NonLocalMeans(_Denoising):
    """Averages of patches that look alike."""

    title: ClassVar[str] = "Non-local means"
    summary: ClassVar[str] = "Averages patches that look alike: keeps texture and edges."
    reference: ClassVar[str] = "Buades, Coll & Morel 2005"
    order: ClassVar[int] = 30

    kind: Literal["non-local-means"] = "non-local-means"
    strength: float = field(
        0.8,
        title="Strength",
        description="In standard deviations of the noise: larger averages patches that are less alike.",
        gt=0,
        le=10,
        slider="linear",
        shown_min=0.2,
        shown_max=2,
    )
    patch: int = field(5, title="Patch", unit="pixels", description="Side of a patch.", ge=3, le=15, advanced=True)
    distance: int = field(
        6,
        title="Distance",
        unit="pixels",
        description="How far away patches are looked for.",
        ge=1,
        le=50,
        advanced=True,
    )

    def filtered(self, plane: Array) -> Array:
        """Return the plane with less noise."""
        from skimage.restoration import denoise_nl_means

        return np.asarray(
            denoise_nl_means(
                plane, self.patch, self.distance, h=self.strength, sigma=1.0, fast_mode=True, preserve_range=True
            )
        )


class TotalVariationDenoising(_Denoising):
    """The plane of least total variation that is near."""

    title: ClassVar[str] = "Total-variation denoising"
    summary: ClassVar[str] = "Flattens noise and keeps edges; faint texture goes."
    reference: ClassVar[str] = "Chambolle 2004"
    order: ClassVar[int] = 31

    kind: Literal["tv-denoising"] = "tv-denoising"
    weight: float = field(
        1.0,
        title="Weight",
        description="In standard deviations of the noise: larger is smoother.",
        gt=0,
        le=100,
        slider="log",
        shown_min=0.1,
        shown_max=10,
    )

    def filtered(self, plane: Array) -> Array:
        """Return the plane with less noise."""
        from skimage.restoration import denoise_tv_chambolle

        return np.asarray(denoise_tv_chambolle(plane, weight=self.weight))


class WaveletDenoising(_Denoising):
    """Wavelet coefficients shrunk by what noise has in them."""

    title: ClassVar[str] = "Wavelet denoising"
    summary: ClassVar[str] = "Shrinks wavelet coefficients that noise explains; quick."
    reference: ClassVar[str] = "Chang, Yu & Vetterli 2000"
    order: ClassVar[int] = 32

    kind: Literal["wavelet-denoising"] = "wavelet-denoising"
    strength: float = field(
        1.0,
        title="Strength",
        description="In standard deviations of the noise: larger is smoother.",
        gt=0,
        le=10,
        slider="linear",
        shown_min=0.2,
        shown_max=3,
    )

    def filtered(self, plane: Array) -> Array:
        """Return the plane with less noise, as the mean over four shifts, which leaves no blocks."""
        from skimage.restoration import denoise_wavelet

        total = np.zeros(plane.shape)
        for shift in ((0, 0), (0, 1), (1, 0), (1, 1)):
            moved = denoise_wavelet(
                np.roll(plane, shift, (0, 1)), sigma=self.strength, wavelet="sym4", rescale_sigma=False
            )
            total += np.roll(moved, (-shift[0], -shift[1]), (0, 1))
        return total / 4


class Evening:
    """The transform after which noise has unit variance everywhere, and its way back."""

    def __init__(self, noise: Noise) -> None:
        self._noise = noise
        self._is_even = noise.gain <= 1e-9 * max(noise.floor, 1e-30) ** 0.5

    def out(self, plane: Array) -> Array:
        """Return counts with unit noise."""
        gain, rest = self._noise.gain, self._noise.rest
        if self._is_even:
            return np.asarray(plane / max(rest, self._noise.floor) ** 0.5)
        return np.asarray(2 / gain * np.sqrt(np.maximum(gain * plane + 0.375 * gain**2 + rest, 0)))

    def back(self, plane: Array) -> Array:
        """Return the counts again; what averaging roots takes from the mean, a quarter of the gain, is given back."""
        gain, rest = self._noise.gain, self._noise.rest
        if self._is_even:
            return np.asarray(plane * max(rest, self._noise.floor) ** 0.5)
        return np.asarray((np.square(gain * plane / 2) - rest) / gain - 0.125 * gain)
