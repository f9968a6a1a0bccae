"""Random scenes for training, each with its truth: structures alone and together, in haze or clear, under a random microscope and camera.

To the families of `simulate` comes one that looks like nothing in particular: leaves that lie over one another (Mumford & Gidas), whose
edges and sizes are spread as they are in natural images. The same seed gives the same scene.

References
----------
Lee, Mumford & Huang, "Occlusion models for natural images", Int. J. Comput. Vis. 41 (2001) 35-59.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from ..posing import over_pixels
from .degradations import degraded
from .lapses import lapse_of
from .optics import random_psf
from .shapes import Array, make_texture, place_axes
from .simulate import FAMILIES, blur_scene, cut_frame, normalised

__all__ = ["Exposure", "draw_scene", "expose"]

Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]


@dataclass(frozen=True)
class Exposure:
    """Counts and truth (Z, Y, X), both in counts, the PSF as a pixel sees it, the truth's voxel (µm), and the counts beside the object's."""

    counts: Array
    truth: Array
    psf: Array
    voxel: Voxel
    background: float


@dataclass(frozen=True)
class Lighting:
    """How a scene is lit and counted: light of a density of 1 and glow beside it in photons, gain, offset and read noise (electrons)."""

    light: float
    glow: float
    offset: float
    gain: float
    electrons: float

    @classmethod
    def drawn(cls, brightest: float, photons: tuple[float, float], rng: np.random.Generator) -> Lighting:
        """Return random lighting of a scene whose brightest pixel is given."""
        light = float(np.exp(rng.uniform(*np.log(photons)))) / max(brightest, 1e-9)
        glow = light * brightest * float(np.exp(rng.uniform(np.log(0.005), np.log(1.0)))) + 3 * rng.random()
        offset = float(rng.choice([0.0, 100.0]))
        gain = 1.0 if rng.random() < 0.5 else float(np.exp(rng.uniform(np.log(0.3), np.log(20))))
        return cls(light, glow, offset, gain, float(rng.uniform(0.3, 3.0)) if rng.random() < 0.4 else 0.0)

    def counted(self, seen: Array, rng: np.random.Generator) -> Array:
        """Return the counts of a blurred density."""
        expected = seen * self.light + self.glow
        photons = rng.poisson(np.clip(expected, 0, None)) + self.electrons * rng.standard_normal(expected.shape)
        return np.clip(self.gain * photons + self.offset, 0, None).astype(np.float32)


def expose(
    frame: Shape,
    kernel: Shape,
    photons: tuple[float, float],
    rng: np.random.Generator,
    given: tuple[Array, Voxel] | None = None,
    spoilt: float = 0.0,
    finer: tuple[int, int, int] = (1, 1, 1),
    frames: int = 1,
) -> list[Exposure]:
    """Return exposures of a random scene: the truth on a grid (Z, Y, X) of ``frame``, counts of pixels of ``finer`` voxels (z, y, x).

    photons : the least and the most at the brightest pixel; given : PSF as a pixel sees it and voxel, else they are random;
    spoilt : share of the images that were compressed or shrunk after they were taken; frames : time points, see `lapse_of`.
    """
    psf, voxel = given or random_psf(kernel, rng)
    psf = psf if given else over_pixels(psf, finer)
    wide = tuple(size + (width - 1 if size > 1 else 0) for size, width in zip(frame, psf.shape, strict=True))
    density = draw_scene((wide[0], wide[1], wide[2]), voxel, rng)
    moments = lapse_of(density, frames, rng) if frames > 1 else [density]
    lighting, shots = None, []
    for moment in moments:
        seen = cut_frame(blur_scene(moment, psf), frame)[tuple(slice(None, None, times) for times in finer)]
        lighting = lighting or Lighting.drawn(float(seen.max()), photons, rng)
        counts = lighting.counted(seen, rng)
        if spoilt and rng.random() < spoilt:
            counts = degraded(counts, rng)
        truth = cut_frame(moment, frame) * np.float32(lighting.light * lighting.gain)
        shots.append(Exposure(counts, truth, psf, voxel, lighting.gain * lighting.glow + lighting.offset))
    return shots


def draw_scene(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Return a random density (Z, Y, X), its brightest voxel about 1."""
    zoom = float(np.exp(rng.uniform(np.log(0.6), np.log(1.7))))
    drawn = (voxel[0] * zoom, voxel[1] * zoom, voxel[2] * zoom)
    density = _draw_family(shape, drawn, rng)
    if rng.random() < 0.3:
        density = density + float(rng.uniform(0.2, 1.0)) * _draw_family(shape, drawn, rng)
    density = normalised(density) ** np.float32(rng.uniform(0.7, 1.3))
    if rng.random() < 0.55:
        length = float(np.exp(rng.uniform(np.log(0.5), np.log(3.0))))
        haze = float(np.exp(rng.uniform(np.log(0.02), np.log(0.8))))
        density = density + np.float32(haze) * np.exp(np.float32(0.6) * make_texture(shape, drawn, length, rng))
    return np.asarray(density, dtype=np.float32)


def _draw_family(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    named: dict[str, Callable[[Shape, Voxel, np.random.Generator], Array]] = {**FAMILIES, "leaves": leaves}
    shares = np.array([2.0 if name == "leaves" else 1.0 for name in named])
    return named[str(rng.choice(list(named), p=shares / shares.sum()))](shape, voxel, rng)


def leaves(shape: Shape, voxel: Voxel, rng: np.random.Generator) -> Array:
    """Draw ellipsoids of all sizes that hide one another, each of its own brightness and a faint texture."""
    z, y, x = place_axes(shape, voxel)
    extent = np.array(shape) * voxel
    density = np.zeros(shape, dtype=np.float32)
    least, most = 0.15, 0.35 * float(extent[1:].max())
    for _ in range(int(rng.integers(20, 160))):
        radius = least * (most / least) ** (rng.random() ** 1.5)
        radii = radius * np.exp(0.4 * rng.normal(size=3))
        centre, angle = rng.uniform(-0.55, 0.55, 3) * extent * (shape[0] > 1, 1, 1), rng.uniform(0, np.pi)
        along = (y - centre[1]) * np.cos(angle) + (x - centre[2]) * np.sin(angle)
        across = (x - centre[2]) * np.cos(angle) - (y - centre[1]) * np.sin(angle)
        far = np.sqrt(((z - centre[0]) / radii[0]) ** 2 + (along / radii[1]) ** 2 + (across / radii[2]) ** 2)
        inside = 1 / (1 + np.exp(np.clip((far - 1) * radius / (0.4 * voxel[1]), -30, 30)))
        light = float(rng.random() ** 2 if rng.random() < 0.8 else 0.0)
        density = (density * (1 - inside) + light * inside).astype(np.float32)
    return normalised(density * np.exp(np.float32(0.15) * make_texture(shape, voxel, 0.3, rng)))
