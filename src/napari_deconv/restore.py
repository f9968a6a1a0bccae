"""`restore`: the one path from an image and a recipe to a result; everything drains this generator."""

from __future__ import annotations

import time as clock
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from .background import VolumeFigures, measured_voxels
from .canvas import as_data, left_for_tiles, new_canvas
from .image import AXES, FINER, Image, Region
from .known import Known
from .methods.base import Estimate, Method, Problem
from .methods.blur import Blur
from .methods.choice import Choice, Trial
from .passing import passed_on
from .piece import Piece, plan_pieces, to_numpy
from .posing import compute_psf, compute_psf_at, fit_to_image, pose_problem, resolve_psf, trial_box, trial_voxels
from .preparing import finish
from .progress import Progress
from .psf.base import Grid
from .recipe import Recipe
from .record import describe_choices, describe_psfs, describe_run
from .running.device import choose_device, choose_precision, hold_to_budget, is_out_of_memory, release, trim
from .running.scarcity import add_in_peace, cut_smaller, in_peace, try_smaller
from .running.tiles import Tile, plan_seam_check

if TYPE_CHECKING:
    from torch import Tensor


__all__ = ["Known", "Progress", "compute_psf", "resolve_psf", "restore", "restored"]


def restore(
    image: Image,
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    memory: str | int = "auto",
    region: Region | None = None,
    known: Known | None = None,
) -> Generator[Progress]:
    """Restore an image, one estimate at a time; closing the generator cancels.

    Parameters
    ----------
    image : any axes out of ``TCZYX``; never written to.
    recipe : what to do; by default Richardson-Lucy with the PSF of the image's own metadata.
    device : ``auto``, ``cpu``, ``cuda`` or ``mps``.
    memory : what the run may take, such as ``4GB``, or ``auto``.
    region : the part to restore, with the PSF, figures and choices of the whole image; by default all of it.
    known : what an earlier call measured of the same image.

    Yields
    ------
    Progress
        the last one's ``estimate`` is the whole result: float32, the axes, voxel and names of the source, and the history.

    Raises
    ------
    ValueError
        in one sentence with the remedy, when image and recipe do not fit.
    """
    asked = recipe if isinstance(recipe, Recipe) else Recipe.parse(dict(recipe or {}))
    return _Job(image, asked, choose_device(device), memory, region or Region({}), known or Known()).run()


def restored(
    image: Image,
    recipe: Recipe | Mapping[str, Any] | None = None,
    *,
    device: str = "auto",
    memory: str | int = "auto",
    region: Region | None = None,
) -> Image:
    """Return the restored image, float32. Parameters and errors as in `restore`."""
    for progress in restore(image, recipe, device=device, memory=memory, region=region):
        last = progress
    return last.estimate


class _Job:
    """One restoration under way: what is done, and what the history will say."""

    def __init__(
        self, image: Image, recipe: Recipe, device: Any, memory: str | int, region: Region, known: Known
    ) -> None:
        self.recipe, self.device, self.known = recipe, device, known
        self.prepared = known.prepare(image, recipe, region)
        self.image, self.region = image, region = self.prepared.image, self.prepared.region
        self.budget = hold_to_budget(memory, device, keep=recipe.method.makes_buffers)
        self.dtype = choose_precision(recipe.precision, device)
        self.started = clock.perf_counter()
        channels = range(image.sizes.get("C", 1))[slice(*region.bounds.get("C", (None, None)))]
        self.models = {channel: resolve_psf(image, recipe, channel) for channel in channels}
        self.lead = recipe.method.lead if region.bounds.get("T", (0, 0))[0] else 0
        self.pieces = self._planned(recipe.method)
        self.first = next(piece for piece in self.pieces if not piece.is_before)
        self.methods: dict[int, Method] = {}
        self.choices: list[Choice] = []
        self.figures: dict[tuple[int, int], VolumeFigures] = {}
        self.tiles = 0
        self.seam: float | None = None
        self.iterations = 0
        self.fraction = 0.0

    def run(self) -> Generator[Progress]:
        """Yield the progress of every step of every tile, and last the whole."""
        part = self.image.crop(self.region)
        canvas = new_canvas(tuple(part.sizes.get(axis, 1) for axis in AXES), self.budget)
        self.budget = left_for_tiles(canvas.shape, self.budget)
        for number in range(len(self.pieces)):
            piece = yield from self._settle(number)
            if not piece.is_before or self.methods[piece.channel].lead:
                yield from self._restore_piece(piece, canvas)
        yield self._finished(part, as_data(canvas)[tuple(slice(None) if axis in part.axes else 0 for axis in AXES)])

    def _planned(self, method: Method) -> list[Piece]:
        told = self.image, self.region, self.models, method, self.device, self.lead
        return in_peace(lambda _: plan_pieces(*told), self.device)

    def _measured(self, piece: Piece) -> VolumeFigures:
        place = piece.time, piece.channel
        if place not in self.figures:
            self.figures[place] = in_peace(
                lambda failures: self.known.measure(
                    self.prepared, self.recipe, *place, most=measured_voxels(self.budget) >> failures
                ),
                self.device,
            )
        return self.figures[place]

    def _settle(self, number: int) -> Generator[Progress, None, Piece]:
        """Make the automatic choices of a channel at its first piece; return the piece with the share that is left to do."""
        piece = self.pieces[number]
        method, channel = self.recipe.method, piece.channel
        if channel in self.methods or not method.is_automatic:
            self.methods.setdefault(channel, method)
            return piece
        key = (channel, self.models[channel], self.recipe.replace(psf=None, finish=()))
        end = piece.begin
        if key not in self.known.choices:
            end = piece.fraction(0.3)
            self.known.choices[key] = yield from self._try_out(piece, end)
        choice = self.known.choices[key]
        self.choices.append(choice)
        self.methods[channel] = method.settled_by(choice)
        planned = self._planned(self.methods[channel])
        self.pieces = [new if new.channel == channel else old for old, new in zip(self.pieces, planned, strict=True)]
        return replace(self.pieces[number], begin=end)

    def _try_out(self, piece: Piece, end: float) -> Generator[Progress, None, Choice]:
        """Make the automatic choice on the part of the first time point that is richest in light: on less where memory runs out."""
        return (
            yield from try_smaller(
                lambda most: self._try_out_on(piece, end, most),
                trial_voxels(self.budget, self.recipe.volumes),
                self.device,
            )
        )

    def _try_out_on(self, piece: Piece, end: float, most: int) -> Generator[Progress, None, Choice]:
        figures, whole = self._measured(piece), self.image.block(piece.time, piece.channel)
        box = trial_box(whole, piece.psf.shape, figures.background, most)
        pixels = whole[box]
        psf = compute_psf_at(self.image, self.models[piece.channel], (box[0].start + box[0].stop - 1) / 2, self.device)
        blur = Blur(fit_to_image(psf, pixels.shape), pixels.shape, self.device, self.dtype)
        place = box[0].start, box[1].start, box[2].start
        untrusted = self.prepared.untrusted(piece.time, piece.channel, box)
        trial = self.recipe.method.choose(pose_problem(pixels, figures, blur, self.image, place, untrusted))

        def said(tried: Trial) -> Progress:
            self.fraction = piece.begin + (end - piece.begin) * tried.step / tried.steps
            return Progress(
                self.fraction, tried.step, tried.steps, self.tiles + 1, self._seconds(), {"held_out": tried.score},
                lambda: self.image.crop(self.region), stage="choosing",
            )  # fmt: skip

        return (yield from passed_on(trial, said))

    def _restore_piece(self, piece: Piece, canvas: Any) -> Generator[Progress]:
        """Yield the progress of a piece's tiles; where memory runs out, what is done stays and the tile goes on in halves."""
        pending, done = piece.tiles(self.budget, self.recipe.volumes), 0
        put: list[Tile] = []
        failures = 0
        while pending:
            tile = pending.pop(0)
            cut: list[Tile] = []
            try:
                restored = yield from self._restore_tile(piece, tile, done)
            except (RuntimeError, MemoryError) as error:
                failures += 1
                cut = cut_smaller(tile, error, failures)
            if cut:
                failures = 0 if len(cut) > 1 else failures
                release(self.device)
                pending = [*cut, *pending]
                continue
            add_in_peace(piece.add(tile, restored, canvas, self.first, self.region), self.device)
            del restored
            trim()
            failures = 0
            done += tile.voxels
            self.tiles += 1
            put.append(tile)
            if len(put) == 2:
                yield from self._check_seam(piece, put, canvas)

    def _restore_tile(self, piece: Piece, tile: Tile, done: int) -> Generator[Progress, None, Tensor]:
        """Yield the progress of one tile, after ``done`` voxels of the piece, and return what it became."""
        blur, problem = self._pose(piece, tile)
        with closing(self.methods[piece.channel].iterate(problem)) as estimates:
            for estimate in estimates:
                share = (done + tile.voxels * estimate.step / estimate.steps) / piece.voxels
                self.fraction = max(self.fraction, min(1.0, piece.fraction(share)))
                yield from self._shown(estimate, blur, tile, piece)
        self.iterations = estimate.step
        return blur.crop(estimate.object)

    def _pose(self, piece: Piece, tile: Tile, *, keeps: bool = True) -> tuple[Blur, Problem]:
        figures, alone = self._measured(piece), not tile.is_whole
        blur = self.known.blur(piece.psf, tile.outer_shape, self.device, self.dtype, piece.room, is_alone=alone)
        untrusted = self.prepared.untrusted(piece.time, piece.channel, piece.outer)
        marks = None if untrusted is None else untrusted[tile.outer]
        pixels = piece.pixels(self.image)[tile.outer]
        problem = pose_problem(pixels, figures, blur, self.image, piece.place(tile), marks)
        return blur, replace(problem, carried=piece.carried.part(piece.time, tile, self.budget, keeps=keeps))

    def _check_seam(self, piece: Piece, tiles: Sequence[Tile], canvas: Any) -> Generator[Progress]:
        """Restore a stretch of the first border again with twice the halo, and keep by how much it differs."""
        across = plan_seam_check(tiles[0], tiles[1])
        if self.seam is not None or across is None or not piece.holds(across):
            return
        try:
            blur, problem = self._pose(piece, across, keeps=False)
            with closing(self.methods[piece.channel].iterate(problem)) as estimates:
                for estimate in estimates:
                    yield Progress(
                        self.fraction, estimate.step, estimate.steps, self.tiles, self._seconds(), estimate.figures,
                        lambda: self.image.crop(self.region), stage="checking",
                    )  # fmt: skip
            self.seam = piece.difference(across, blur.crop(estimate.object), canvas, self.first, self.region)
        except (RuntimeError, MemoryError) as error:
            if not is_out_of_memory(error):
                raise
            release(self.device)

    def _seconds(self) -> float:
        return clock.perf_counter() - self.started

    def _shown(self, estimate: Estimate, blur: Blur, tile: Tile, piece: Piece) -> Iterator[Progress]:
        """Yield the progress of an estimate; its pixels can be read until the generator goes on, and hold no memory after."""
        box = piece.inner if tile.is_whole else (slice(None), slice(None), slice(None))
        views = [estimate]

        def make() -> Image:
            if not views:
                raise RuntimeError("this estimate is gone: read progress.estimate before asking for the next step")
            pixels = to_numpy(blur.crop(views[0].object)[box])
            block = self.image.crop(piece.region(tile, pixels.shape, self.image.axes))
            return block.replace(data=pixels.reshape(block.shape))

        figures = estimate.figures
        try:
            told = self.fraction, estimate.step, estimate.steps, self.tiles + 1, self._seconds(), figures
            yield Progress(*told, make, stage="recalling" if piece.is_before else "restoring")
        finally:
            views.clear()

    def _finished(self, part: Image, result: np.ndarray[Any, Any]) -> Progress:
        seconds = self._seconds()
        record = {
            **describe_run(
                self.recipe, iterations=self.iterations, tiles=self.tiles, device=self.device, seconds=seconds
            ),
            **describe_psfs(
                list(self.models.values()),
                [piece.psf for piece in self.pieces if piece.time == self.first.time],
                Grid.of(self.image),
            ),
            **describe_choices(self.figures.values(), self.choices),
        }
        if self.seam is not None:
            record["seam"] = self.seam
        model = dict(self.recipe.method.report())
        measured = dict.fromkeys(notice for each in self.figures.values() for notice in each.notices)
        record["notices"] = [*self.prepared.notices, *measured, *record["notices"], *model.pop("notices", [])]
        if self.region.bounds:
            record["notices"] += [each.part_notice() for each in self.recipe.finish if each.part_notice()]
        if model:
            record["model"] = model
        told = {key: each for key, each in part.metadata.items() if key != FINER}
        made = part.replace(data=result, history=(*self.image.history, record), metadata=told)
        image = finish(made, self.recipe.finish)
        return Progress(1.0, self.iterations, self.iterations, self.tiles, seconds, {}, lambda: image, is_result=True)
