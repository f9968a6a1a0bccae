"""`Piece`: what one restoration does at once: a channel and time point, and of a depth-varying PSF one slab of it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field as attribute
from typing import TYPE_CHECKING, Any

import numpy as np

from .carried import Carried
from .image import Image, Region
from .methods.base import Method
from .methods.blur import fast_length, plan_object_shape
from .posing import compute_slab_psf
from .psf.base import Grid, PsfModel
from .running.slabs import Slab, plan_slabs
from .running.tiles import Tile, plan_tiles, with_halo

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["Piece", "plan_pieces", "to_numpy"]

Box = tuple[slice, slice, slice]
SHORTER = (1.0, 0.75, 0.5)
"""Shares of the halo that are tried where memory is scarce."""
LONG = 3
"""Widths of the PSF from which an axis may have more room than one half width: there it costs little, and only there tiles are cut."""
PLANES = 8
"""How many are added to a canvas at once: as many as its chunks have, so that one layer of chunks is in memory."""


@dataclass(frozen=True)
class Piece:
    """A box of one volume with its PSF (Z, Y, X), and its share [begin, end] of the whole job.

    ``outer`` is the box with its halo, ``inner`` the part asked for within that; ``weights`` (Z, 1, 1) of its planes.
    ``room`` (z, y, x) is how many half widths of the PSF the object's grid reaches beyond a tile. ``carried`` is what the time points of one
    channel and slab hand on to each other; ``is_before`` says that the piece is restored for that alone.
    """

    time: int
    channel: int
    psf: np.ndarray[Any, Any]
    halo: tuple[int, int, int]
    outer: Box
    inner: Box
    weights: np.ndarray[Any, Any]
    begin: float
    end: float
    room: tuple[int, int, int] = (1, 1, 1)
    carried: Carried = attribute(default_factory=Carried)
    is_before: bool = False

    def pixels(self, image: Image) -> Any:
        """Return the piece of an image, its halo included (Z, Y, X)."""
        return image.block(self.time, self.channel)[self.outer]

    def tiles(self, budget: int, volumes: float) -> list[Tile]:
        """Return the tiles that the piece is restored in: so many float32 volumes of each fit a budget of bytes.

        Where none fit with the whole halo, a shorter one is taken, down to half of it.

        Raises
        ------
        MemoryError
            when not even then the smallest do.
        """
        z, y, x = (halves * (size - 1) for halves, size in zip(self.room, self.psf.shape, strict=True))
        for share in SHORTER:
            depth, height, width = (math.ceil(share * each) for each in self.halo)
            try:
                return plan_tiles(
                    self.outer_shape, (depth, height, width), (z, y, x), budget / (4 * volumes), fast_length
                )
            except MemoryError:
                if share == SHORTER[-1]:
                    raise
        raise ValueError("there are no shares of a halo to try")

    def padded(self, shape: tuple[int, int, int]) -> int:
        """Return the voxels of the object's grid of a tile of this shape, its halo included."""
        return math.prod(plan_object_shape(shape, self.psf.shape, self.room))

    def fraction(self, share: float) -> float:
        """Return the job's fraction when this share of the piece is done."""
        return self.begin + (self.end - self.begin) * share

    def place(self, tile: Tile) -> tuple[int, int, int]:
        """Return where in the volume the tile's first voxel lies, its halo included (z, y, x)."""
        z, y, x = (outer.start + own.start for outer, own in zip(self.outer, tile.outer, strict=True))
        return z, y, x

    @property
    def outer_shape(self) -> tuple[int, int, int]:
        """The shape of ``outer``."""
        z, y, x = (each.stop - each.start for each in self.outer)
        return z, y, x

    @property
    def voxels(self) -> int:
        """How many voxels the piece has, its halo included."""
        return math.prod(self.outer_shape)

    def add(
        self, tile: Tile, restored: Tensor, canvas: Any, first: Piece, region: Region
    ) -> Iterator[Callable[[], None]]:
        """Yield what adds a restored tile (of its outer shape), a few planes at a time, to the canvas that begins with ``first``.

        It counts by its weights, and what lies outside the part that was asked for is left away. Each call changes the canvas
        (T, C, Z, Y, X) at its very end or not at all.
        """
        own, put = self._overlap(tile.outer)
        if self.is_before or any(part.start >= part.stop for part in own):
            return
        depth, height, width = tile.weights()
        across = height[:, own[1]] * width[:, :, own[2]]
        for start in range(0, own[0].stop - own[0].start, PLANES):
            stop = min(start + PLANES, own[0].stop - own[0].start)
            near, far = (
                slice(own[0].start + start, own[0].start + stop),
                slice(put[0].start + start, put[0].start + stop),
            )
            where = self._on_canvas((far, put[1], put[2]), first, region)

            def add_planes(near: slice = near, far: slice = far, where: tuple[Any, ...] = where) -> None:
                values = to_numpy(restored[near, own[1], own[2]])
                values *= depth[near] * self.weights[far]
                values *= across
                values += canvas[where]
                canvas[where] = values

            yield add_planes

    def holds(self, tile: Tile) -> bool:
        """Whether a tile's core lies in what was asked for, in planes that no other slab shares."""
        if self.is_before:
            return False
        inside = all(
            inner.start <= start and stop <= inner.stop
            for (start, stop), inner in zip(tile.core, self.inner, strict=True)
        )
        (start, stop), first = tile.core[0], self.inner[0].start
        return inside and bool((self.weights[start - first : stop - first] == 1).all())

    def difference(self, tile: Tile, restored: Tensor, canvas: Any, first: Piece, region: Region) -> float:
        """Return the largest difference of a tile's core from the canvas, as a share of the largest value there."""
        core = [
            slice(start - outer.start, stop - outer.start)
            for (start, stop), outer in zip(tile.core, tile.outer, strict=True)
        ]
        put = [
            slice(start - inner.start, stop - inner.start)
            for (start, stop), inner in zip(tile.core, self.inner, strict=True)
        ]
        values = to_numpy(restored[tuple(core)])
        there = np.asarray(canvas[self._on_canvas((put[0], put[1], put[2]), first, region)])
        largest = max(float(np.abs(values).max()), 1e-30)
        return float(np.abs(values - there).max()) / largest

    def _overlap(self, outer: Box) -> tuple[Box, Box]:
        """Return what of a box of the piece was asked for: within the box, and within what was asked for."""
        own, put = [], []
        for box, inner in zip(outer, self.inner, strict=True):
            start, stop = max(box.start, inner.start), min(box.stop, inner.stop)
            own.append(slice(start - box.start, max(start, stop) - box.start))
            put.append(slice(start - inner.start, max(start, stop) - inner.start))
        return (own[0], own[1], own[2]), (put[0], put[1], put[2])

    def _on_canvas(self, box: Box, first: Piece, region: Region) -> tuple[Any, ...]:
        """Return where a box within what was asked for lies on the canvas (T, C, Z, Y, X)."""
        begin = self.outer[0].start + self.inner[0].start - region.bounds.get("Z", (0, 0))[0]
        planes = slice(begin + box[0].start, begin + box[0].stop)
        return (self.time - first.time, self.channel - first.channel, planes, box[1], box[2])

    def region(self, tile: Tile, shape: tuple[int, ...], axes: str) -> Region:
        """Return where the pixels of a tile lie: what was asked for where the tile is whole, else with its halo."""
        bounds = {"T": (self.time, self.time + 1), "C": (self.channel, self.channel + 1)}
        boxes = zip("ZYX", self.outer, self.inner, tile.outer, shape, strict=True)
        for axis, outer, inner, own, size in boxes:
            start = outer.start + (inner.start if tile.is_whole else own.start)
            bounds[axis] = (start, start + size)
        return Region({axis: each for axis, each in bounds.items() if axis in axes})


def plan_pieces(
    image: Image, region: Region, models: Mapping[int, PsfModel], method: Method, device: Any = "cpu", lead: int = 0
) -> list[Piece]:
    """Return the pieces of a region of an image: time points, then channels, then slabs.

    ``models`` holds the resolved PSF of each channel; the method says how far what a pixel becomes depends on its neighbours;
    the PSFs are computed on the device. Up to ``lead`` time points before the region's come first.
    """
    asked = range(image.sizes.get("T", 1))[slice(*region.bounds.get("T", (None, None)))]
    slabs = [(Carried(), *each) for each in _slabs(image, region, models, device)]
    times = range(max(0, asked.start - lead), asked.stop)
    planned = [(time, *each) for time in times for each in slabs]
    shape = image.spatial_shape
    reached = {id(psf): [method.reaches(psf, axis) for axis in range(3)] for *_, psf in planned}
    pieces = []
    for number, (time, carried, channel, slab, psf) in enumerate(planned):
        z, y, x = (
            0 if size == 1 else max(reach + 1, least)
            for size, reach, least in zip(shape, reached[id(psf)], method.halo, strict=True)
        )
        bounds = {**region.bounds, "Z": _overlap(slab, region)}
        outer, inner = with_halo(shape, bounds, (z, y, x))
        first, last = bounds["Z"]
        weights = slab.weights[first - slab.start : last - slab.start, None, None]
        ends = number / len(planned), (number + 1) / len(planned)
        room = _room(shape, psf.shape, method)
        before = time < asked.start
        pieces.append(Piece(time, channel, psf, (z, y, x), outer, inner, weights, *ends, room, carried, before))
    return pieces


def _room(shape: tuple[int, ...], psf_shape: tuple[int, ...], method: Method) -> tuple[int, int, int]:
    """Return how many half widths of a PSF the object's grid reaches beyond a tile of a volume (z, y, x)."""
    z, y, x = (method.room if size >= LONG * (length - 1) else 1 for size, length in zip(shape, psf_shape, strict=True))
    return z, y, x


def _slabs(
    image: Image, region: Region, models: Mapping[int, PsfModel], device: Any
) -> Iterator[tuple[int, Slab, np.ndarray[Any, Any]]]:
    """Yield channel, slab and the slab's PSF, for the slabs that a region touches."""
    for channel, model in models.items():
        for slab in plan_slabs(image.spatial_shape[0], model.slabs(Grid.of(image))):
            start, stop = _overlap(slab, region)
            if start < stop:
                yield channel, slab, compute_slab_psf(image, model, slab, device)


def _overlap(slab: Slab, region: Region) -> tuple[int, int]:
    """Return the planes of a slab that a region asks for."""
    start, stop = region.bounds.get("Z", (slab.start, slab.stop))
    return max(start, slab.start), min(stop, slab.stop)


def to_numpy(values: Tensor) -> np.ndarray[Any, Any]:
    """Return a tensor's values as a float32 array of its own."""
    import torch

    return np.array(values.detach().to("cpu", torch.float32).numpy())
