"""Small scenes with a known answer, made without the engine: objects, PSFs, and images summed pixel by pixel."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def gaussian_psf(shape: tuple[int, int, int], sigma: float = 1.1, lean: float = 0.0) -> Array:
    """Return a PSF (Z, Y, X) of unit sum about ``shape // 2``; ``lean`` adds a tail towards higher indices."""
    place = np.meshgrid(*(np.arange(size) - size // 2 for size in shape), indexing="ij", sparse=True)
    psf: Array = np.exp(-sum(p**2 for p in place) / (2 * sigma**2))
    if lean:
        psf = psf + lean * np.exp(-sum((p - 1.5 * (p.size > 1)) ** 2 for p in place) / (2 * (0.8 * sigma) ** 2))
    return psf / psf.sum()


def centroid_free(psf: Array) -> Array:
    """Return the offset (z, y, x) of the PSF's centre of mass from ``shape // 2``."""
    return np.array(
        [(psf * index).sum() - size // 2 for index, size in zip(np.indices(psf.shape), psf.shape, strict=True)]
    )


def blurred(thing: Array, psf: Array) -> Array:
    """Return the linear convolution of an object (Z, Y, X) with a PSF about ``shape // 2``, cut to the object's frame.

    Summed shift by shift over the PSF's pixels, so that it shares no line with the engine.
    """
    middle = [size // 2 for size in psf.shape]
    padded = np.pad(thing.astype(np.float64), [(size, size) for size in psf.shape])
    image = np.zeros(thing.shape)
    for place in product(*(range(size) for size in psf.shape)):
        if psf[place] == 0:
            continue
        start = [size - (p - m) for size, p, m in zip(psf.shape, place, middle, strict=True)]
        image += psf[place] * padded[tuple(slice(a, a + n) for a, n in zip(start, thing.shape, strict=True))]
    return image


def blobs(shape: tuple[int, int, int], margin: tuple[int, int, int], count: int = 6, seed: int = 3) -> Array:
    """Return an object (Z, Y, X) of small bright things, all of them at least ``margin`` from every edge."""
    random = np.random.default_rng(seed)
    thing = np.zeros(shape)
    for _ in range(count):
        box = []
        for size, edge in zip(shape, margin, strict=True):
            start = int(random.integers(min(edge, size // 2), max(size - edge - 1, size // 2 + 1)))
            box.append(slice(start, min(start + int(random.integers(1, 4)), max(size - edge, start + 1))))
        thing[tuple(box)] += random.uniform(200, 900)
    return thing


def photographed(thing: Array, psf: Array, background: float = 0.0, seed: int = 5) -> Array:
    """Return the blurred object with background and photon noise, float32."""
    return np.random.default_rng(seed).poisson(blurred(thing, psf) + background).astype(np.float32)


def saved_psf(folder: Path, psf: Array, name: str = "psf.tif") -> dict[str, Any]:
    """Write a PSF and return the recipe's words that use it as it is: nothing removed, nothing moved, nothing cropped."""
    import tifffile

    path = folder / name
    tifffile.imwrite(path, psf.astype(np.float32), metadata={"axes": "ZYX"[-psf.ndim :]}, ome=True)
    return {"kind": "measured", "path": str(path), "offset": 0.0, "clean": False, "centre": "middle", "keep": 1.0}


def centre_of_mass(image: Array, around: tuple[int, ...], reach: int = 4) -> Array:
    """Return the centre of mass of the positive light within ``reach`` pixels of a place."""
    box = tuple(slice(max(0, a - reach), a + reach + 1) for a in around)
    light = np.clip(image[box], 0, None)
    return np.array(
        [(light * i).sum() / light.sum() + b.start for i, b in zip(np.indices(light.shape), box, strict=True)]
    )


def nrmse(result: Array, truth: Array) -> float:
    """Return the root mean square error as a share of the truth's root mean square."""
    return float(np.sqrt(np.mean((result.astype(np.float64) - truth) ** 2) / np.mean(truth.astype(np.float64) ** 2)))
