"""Where examples come from: simulation, pairs of images, or one image alone; each makes example number n, always the same one.

From one image alone a network learns by what it has not seen: the noise is split in two parts that know nothing of each other,
the network restores the one, and what it says, blurred, must explain the other. It can neither copy noise nor invent.

For recurrent networks an example is a time-lapse of several ``frames``: simulated, or cut from time-lapses at the same place.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from ..background import estimate_background
from ..noise import estimate_noise, smoothed
from .examples import Example, example_of, in_a_row, posed
from .scenes import Exposure, expose
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
    frames: int
    supervised: bool
    """Whether the target is the object itself, rather than photons of its image."""

    def make(self, number: int, frame: Shape) -> Example:
        """Return example ``number`` with a frame (Z, Y, X)."""


@dataclass(frozen=True, eq=False)
class Simulation:
    """Simulated exposures of random structures, through random microscopes or one that is given.

    photons : least and most, at the brightest voxel of the blurred object; psf, voxel : (Z, Y, X) and µm, or random ones;
    spoilt : share of the images that were compressed or stored with fewer pixels; finer : voxels (z, y, x) of each pixel;
    frames : time points of each example.
    """

    seed: int = 0
    photons: tuple[float, float] = (3.0, 5000.0)
    psf: Array | None = None
    voxel: Voxel = (0.2, 0.1, 0.1)
    kernel: Shape = (1, 33, 33)
    spoilt: float = 0.0
    finer: Shape = (1, 1, 1)
    frames: int = 1
    name: str = "simulation"
    supervised: bool = True

    def make(self, number: int, frame: Shape) -> Example:
        """Return one simulated example, its background estimated as in practice."""
        random = np.random.default_rng([7, self.seed, number])
        given = None if self.psf is None else (self.psf, self.voxel)
        shots = expose(frame, self.kernel, self.photons, random, given, self.spoilt, self.finer, self.frames)
        near = shots[0].background * float(np.exp(0.02 * random.normal()))
        ground = "auto" if random.random() < 0.75 else near
        return in_a_row([self._seen(shot, ground) for shot in shots])

    def _seen(self, shot: Exposure, ground: Any) -> Example:
        problem = posed(shot.counts, shot.psf, shot.voxel, ground, self.finer)
        beyond = problem.background - shot.background
        target = np.clip(shot.truth - np.float32(min(max(beyond, 0.0), float(shot.truth.min()))), 0, None)
        return example_of(problem, shot.psf, target)


@dataclass(frozen=True, eq=False)
class Pairs:
    """Images of low quality and what they should become, (Z, Y, X) each, cut into frames at random places.

    The better images are brought to the counts of the others by least squares, seen through the PSF. They may have more pixels, so many
    times as many on each axis: ``finer`` (z, y, x). The PSF and the voxel are theirs then, and the network draws on their grid. With
    several ``frames`` the images are time-lapses (T, Z, Y, X) of at least as many time points.
    """

    low: Sequence[Array]
    high: Sequence[Array]
    psf: Array
    voxel: Voxel = (0.2, 0.1, 0.1)
    background: Any = "auto"
    seed: int = 0
    finer: Shape = (1, 1, 1)
    frames: int = 1
    name: str = "pairs"
    supervised: bool = True

    def __post_init__(self) -> None:
        if not self.low or len(self.low) != len(self.high):
            raise ValueError(
                f"{len(self.low)} images of low and {len(self.high)} of high quality: give as many of each"
            )
        for number, (low, high) in enumerate(zip(self.low, self.high, strict=True), start=1):
            sizes = low.shape[-3:], high.shape[-3:]
            if tuple(np.multiply(sizes[0], self.finer)) != sizes[1]:
                raise ValueError(_told_shapes(number, *sizes, self.finer))
            if low.shape[:-3] != high.shape[:-3]:
                raise ValueError(f"the images of pair {number} differ in their time points: give as many of each")
            _check_moments(low, self.frames)

    def make(self, number: int, frame: Shape) -> Example:
        """Return one frame of a pair, at several time points in a row where so many are asked for."""
        random = np.random.default_rng([11, self.seed, number])
        which = int(random.integers(len(self.low)))
        pixels = [size // times for size, times in zip(frame, self.finer, strict=True)]
        low, high = self.low[which], self.high[which]
        box = random_box(low.shape[-3:], pixels, random)
        wide = tuple(slice(part.start * n, part.stop * n) for part, n in zip(box, self.finer, strict=True))
        start = random_start(low, self.frames, random)
        moments = zip(*(_moments(each, start, self.frames) for each in (low, high)), strict=True)
        return in_a_row([self._matched(worse[box], better[wide]) for worse, better in moments])

    def _matched(self, worse: Array, better: Array) -> Example:
        low, high = (np.asarray(image, dtype=np.float32) for image in (worse, better))
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
    """One noisy image (Z, Y, X) and its PSF, no truth: a part of the light is restored, the other part is to be predicted.

    With several ``frames`` the counts are a time-lapse (T, Z, Y, X) of at least as many time points.
    """

    counts: Array
    psf: Array
    voxel: Voxel = (0.2, 0.1, 0.1)
    background: Any = "auto"
    seed: int = 0
    finer: Shape = (1, 1, 1)
    frames: int = 1
    name: str = "this image"
    supervised: bool = False

    def __post_init__(self) -> None:
        _check_moments(self.counts, self.frames)

    def make(self, number: int, frame: Shape) -> Example:
        """Return one frame of the image, at several time points in a row where so many are asked for, its noise split anew."""
        random = np.random.default_rng([13, self.seed, number])
        box = random_box(self.counts.shape[-3:], frame, random)
        start = random_start(self.counts, self.frames, random)
        return in_a_row([self._split(each, box, random) for each in _moments(self.counts, start, self.frames)])

    def _split(self, counts: Array, box: tuple[slice, ...], random: np.random.Generator) -> Example:
        import torch

        whole = posed(np.asarray(counts, dtype=np.float32), self.psf, self.voxel, self.background)
        problem = posed(np.asarray(counts[box], dtype=np.float32), self.psf, self.voxel, whole.background)
        variance = estimate_noise(problem.image.numpy()).variance(smoothed(problem.image))
        noise = torch.from_numpy(random.standard_normal(problem.image.shape)).float() * variance.sqrt()
        odds = (1 - SHARE) / SHARE
        train, test = problem.image + odds**0.5 * noise, problem.image - odds**-0.5 * noise
        split = replace(problem, image=train.clamp(min=0), scale=whole.scale, level=whole.level, measured=None)
        held = (test - problem.background).numpy()
        return example_of(split, self.psf, held, ((1 - SHARE) / variance).numpy())


def _moments(counts: Array, start: int, frames: int) -> list[Array]:
    """Return volumes (Z, Y, X) at so many time points of (T, Z, Y, X); a volume without time points is one of them."""
    return list(counts[start : start + frames]) if counts.ndim == 4 else [counts]


def random_start(counts: Array, frames: int, random: np.random.Generator) -> int:
    """Return the first of so many time points somewhere in (T, Z, Y, X)."""
    return int(random.integers(len(counts) - frames + 1)) if counts.ndim == 4 else 0


def _check_moments(counts: Array, frames: int) -> None:
    """Refuse a time-lapse (T, Z, Y, X) that is too short.

    Raises
    ------
    ValueError
        in one sentence with the remedy.
    """
    there = len(counts) if counts.ndim == 4 else 1
    if there < frames:
        raise ValueError(
            f"a recurrent network learns from {frames} time points in a row and the image has {there}: "
            "give a time-lapse, set train.frames lower, or train another network"
        )


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
