"""Where examples come from: simulation, pairs of images, or one image alone; each makes example number n, always the same one.

From one image alone a network learns by what it has not seen: the noise is split in two parts that know nothing of each other,
the network restores the one, and what it says, blurred, must explain the other. It can neither copy noise nor invent.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..background import estimate_background
from ..noise import estimate_noise, smoothed
from .examples import Example, example_of, posed
from .scenes import expose
from .shapes import Array
from .simulate import blur_scene

__all__ = ["OwnImage", "Pairs", "Simulation", "Source"]

Shape = tuple[int, int, int]
Voxel = tuple[float, float, float]
SHARE = 0.7
"""Of the light, what the network sees of its own image."""


class Source(Protocol):
    """Where examples come from."""

    name: str
    finer: Shape
    supervised: bool
    """Whether the target is the object itself, rather than photons of its image."""

    def make(self, number: int, frame: Shape) -> Example:
        """Return example ``number`` with a frame (Z, Y, X)."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated exposures of random structures, through random microscopes or one that is given.

    photons : least and most, at the brightest voxel of the blurred object; psf, voxel : (Z, Y, X) and µm, or random ones;
    spoilt : share of the images that were compressed or stored with fewer pixels; finer : voxels (z, y, x) of each pixel.
    """

    seed: int = 0
    photons: tuple[float, float] = (3.0, 5000.0)
    psf: Array | None = None
    voxel: Voxel = (0.2, 0.1, 0.1)
    kernel: Shape = (1, 33, 33)
    spoilt: float = 0.0
    finer: Shape = (1, 1, 1)
    name: str = "simulation"
    supervised: bool = True

    def make(self, number: int, frame: Shape) -> Example:
        """Return one simulated example, its background estimated as in practice."""
        random = np.random.default_rng([7, self.seed, number])
        given = None if self.psf is None else (self.psf, self.voxel)
        shot = expose(frame, self.kernel, self.photons, random, given, self.spoilt, self.finer)
        near = shot.background * float(np.exp(0.02 * random.normal()))
        ground = "auto" if random.random() < 0.75 else near
        problem = posed(shot.counts, shot.psf, shot.voxel, ground, self.finer)
        beyond = problem.background - shot.background
        target = np.clip(shot.truth - np.float32(min(max(beyond, 0.0), float(shot.truth.min()))), 0, None)
        return example_of(problem, shot.psf, target)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images of low quality and what they should become, (Z, Y, X) each, cut into frames at random places.

    The better images are brought to the counts of the others by least squares, seen through the PSF. They may have more pixels, so many
    times as many on each axis: ``finer`` (z, y, x). The PSF and the voxel are theirs then, and the network draws on their grid.
    """

    low: Sequence[Array]
    high: Sequence[Array]
    psf: Array
    voxel: Voxel = (0.2, 0.1, 0.1)
    background: Any = "auto"
    seed: int = 0
    finer: Shape = (1, 1, 1)
    name: str = "pairs"
    supervised: bool = True

    def __post_init__(self) -> None:
        if not self.low or len(self.low) != len(self.high):
            raise ValueError(
                f"{len(self.low)} images of low and {len(self.high)} of high quality: give as many of each"
            )
        for number, (low, high) in enumerate(zip(self.low, self.high, strict=True), start=1):
            if tuple(np.multiply(low.shape, self.finer)) != high.shape:
                raise ValueError(_told_shapes(number, low.shape, high.shape, self.finer))

    def make(self, number: int, frame: Shape) -> Example:
        """Return one frame of a pair."""
        random = np.random.default_rng([11, self.seed, number])
        which = int(random.integers(len(self.low)))
        pixels = [size // times for size, times in zip(frame, self.finer, strict=True)]
        box = random_box(self.low[which].shape, pixels, random)
        wide = tuple(slice(part.start * n, part.stop * n) for part, n in zip(box, self.finer, strict=True))
        low, high = (
            np.asarray(image[part], dtype=np.float32)
            for image, part in ((self.low[which], box), (self.high[which], wide))
        )
        problem = posed(low, self.psf, self.voxel, self.background, self.finer)
        high = high - np.float32(estimate_background(high))
        seen = blur_scene(high, self.psf)[tuple(slice(None, None, times) for times in self.finer)]
        light = low - problem.background
        spread = seen - seen.mean()
        gain = float((spread * light).sum()) / max(float((spread**2).sum()), 1e-30)
        target = np.clip(gain * (high - seen.mean()) + float(light.mean()), 0, None)
        return example_of(problem, self.psf, target.astype(np.float32))


@dataclass(frozen=True, eq=False)
class OwnImage:
    """One noisy image (Z, Y, X) and its PSF, no truth: a part of the light is restored, the other part is to be predicted."""

    counts: Array
    psf: Array
    voxel: Voxel = (0.2, 0.1, 0.1)
    background: Any = "auto"
    seed: int = 0
    finer: Shape = (1, 1, 1)
    name: str = "this image"
    supervised: bool = False

    def make(self, number: int, frame: Shape) -> Example:
        """Return one frame of the image, its noise split anew."""
        import torch

        random = np.random.default_rng([13, self.seed, number])
        box = random_box(self.counts.shape, frame, random)
        whole = posed(np.asarray(self.counts, dtype=np.float32), self.psf, self.voxel, self.background)
        problem = posed(np.asarray(self.counts[box], dtype=np.float32), self.psf, self.voxel, whole.background)
        variance = estimate_noise(problem.image.numpy()).variance(smoothed(problem.image))
        noise = torch.from_numpy(random.standard_normal(problem.image.shape)).float() * variance.sqrt()
        odds = (1 - SHARE) / SHARE
        train, test = problem.image + odds**0.5 * noise, problem.image - odds**-0.5 * noise
        split = replace(problem, image=train.clamp(min=0), scale=whole.scale, level=whole.level, measured=None)
        held = (test - problem.background).numpy()
        return example_of(split, self.psf, held, ((1 - SHARE) / variance).numpy())


def _told_shapes(number: int, low: Sequence[int], high: Sequence[int], finer: Shape) -> str:
    """Return the sentence on a pair whose shapes do not fit, with the remedy."""
    told, other = (" × ".join(map(str, shape)) for shape in (low, high))
    z, y, x = (max(1, a // b) for a, b in zip(high, low, strict=True))
    if y == x and (z, y, x) != finer and tuple(np.multiply(low, (z, y, x))) == tuple(high):
        remedy = f"to learn the finer grid, set train.lateral={x}" + f" and train.axial={z}" * (z != finer[0])
        return f"pair {number} has {told} and {other} voxels: {remedy}"
    return f"pair {number} has {told} and {other} voxels: crop or scale one of them"


def random_box(shape: Sequence[int], frame: Sequence[int], random: np.random.Generator) -> tuple[slice, ...]:
    """Return a box of a frame's size somewhere in an image.

    Raises
    ------
    ValueError
        when the image is smaller than the frame.
    """
    if any(size < wanted for size, wanted in zip(shape, frame, strict=True)):
        told, wanted = " × ".join(map(str, shape)), " × ".join(map(str, frame))
        raise ValueError(f"an image of {told} is smaller than a patch of {wanted}: choose a smaller patch")
    starts = [int(random.integers(size - wanted + 1)) for size, wanted in zip(shape, frame, strict=True)]
    return tuple(slice(start, start + wanted) for start, wanted in zip(starts, frame, strict=True))
