"""Posing a problem: the PSF of each channel on the image's grid, and the counts of one block as a method sees them."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import numpy as np

from .background import MEND, VolumeFigures
from .image import Image, Region
from .methods.base import Problem
from .methods.blur import Blur
from .preparing import prepare
from .psf.base import Grid, PsfModel, check_psf
from .recipe import Recipe
from .running.slabs import Slab, plan_slabs
from .steps.base import LEFT_OUT, SATURATED
from .steps.pixels import mark_saturated

__all__ = [
    "DEFAULT_PSF",
    "compute_psf",
    "compute_psf_at",
    "compute_slab_psf",
    "fit_to_image",
    "over_pixels",
    "pose_problem",
    "resolve_psf",
    "trial_box",
    "trial_voxels",
    "used_psf",
]

TOLD = 0.05
"""Share of a voxel's light that trusted pixels must catch, for those beside them to be left out."""
TRIAL, LEAST_TRIAL = 2**20, 2**18
"""Padded voxels of the part of an image on which automatic choices are made: these, or fewer where memory is scarce, but no less."""
AT_ONCE = 4
"""How many draws of it are restored at once, about."""

SUCH_AS = {"numerical_aperture": "1.4", "immersion_index": "1.515", "emission": "0.52", "voxel": "0.2,0.065,0.065"}
"""What a value looks like that the metadata lacks; lengths in µm."""

DEFAULT_PSF = "gibson-lanni"
"""The model of a recipe that names no PSF, filled from the image's own metadata."""


def resolve_psf(image: Image, recipe: Recipe, channel: int = 0) -> PsfModel:
    """Return the recipe's PSF model with its empty optical fields filled from the image.

    Raises
    ------
    ValueError
        when the recipe names no PSF and the image's metadata does not tell its optics.
    """
    from . import psf

    model = recipe.psf
    if model is None:
        optics, told = image.optics, image.channels[channel]
        missing = [name for name in ("numerical_aperture", "immersion_index") if getattr(optics, name) is None]
        missing += ["emission"] * (told.emission is None) + ["voxel"] * (image.spacing[1] is None)
        if missing:
            raise ValueError(
                f"the image's metadata lacks {', '.join(missing)}: give a PSF file or model (--psf), "
                f"or these values (such as --{missing[0].replace('_', '-')} {SUCH_AS[missing[0]]})"
            )
        model = psf.family.parse(DEFAULT_PSF)
    resolved: PsfModel = model.resolved(image, channel)
    return resolved


def compute_psf(image: Image, recipe: Recipe, channel: int = 0) -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) of one channel: unit sum, centred at ``shape // 2``; a flat image takes the focal plane."""
    return _computed(resolve_psf(image, recipe, channel), Grid.of(image), image.finer)


def used_psf(result: Image, image: Image, channel: int = 0) -> Image:
    """Return the PSF (Z, Y, X) that a channel of a result was restored with, as its history tells: a blind method's is the estimated one.

    image : what was restored.

    Raises
    ------
    ValueError
        when the result's history holds no recipe.
    """
    from .methods.blind import widened
    from .methods.free_psf import unpack

    record = next((each for each in reversed(result.history) if "recipe" in each), None)
    if record is None:
        raise ValueError("the image's history holds no recipe: only a result tells which PSF it was restored with")
    recipe = Recipe.parse(record["recipe"])
    ready = prepare(image, recipe, Region({})).image
    psf = compute_psf(ready, recipe, channel)
    chosen = [each for each in record.get("choices", ()) if each["name"] == "width"]
    choice = chosen[min(channel, len(chosen) - 1)] if chosen else {}
    width = float(choice.get("value", getattr(recipe.method, "width", 1.0)))
    pixels = unpack(choice["found"]) if choice.get("found") else widened(psf, width)
    return Image(pixels, voxel=dict(ready.voxel), name=f"PSF of {result.name}".strip())


def compute_slab_psf(image: Image, model: PsfModel, slab: Slab, device: Any = "cpu") -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) of a resolved model at a slab's centre; the model's own where there is but one slab."""
    if slab.is_whole:
        return _computed(model, Grid.of(image, device), image.finer)
    from_middle = (slab.centre - (image.spatial_shape[0] - 1) / 2) * (image.spacing[0] or 1.0)
    return _computed(model.at_offset(round(from_middle, 6)), Grid.of(image, device), image.finer)


def compute_psf_at(image: Image, model: PsfModel, plane: float, device: Any = "cpu") -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) of the slab whose centre is nearest to a plane."""
    slabs = plan_slabs(image.spatial_shape[0], model.slabs(Grid.of(image)))
    return compute_slab_psf(image, model, min(slabs, key=lambda slab: abs(slab.centre - plane)), device)


def fit_to_image(psf: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Return the part of a PSF that can matter to an image: at most 2 n - 1 on each axis, the focal plane for a flat one."""
    box = []
    for size, length in zip(psf.shape, shape, strict=True):
        reach = length - 1
        box.append(slice(max(0, size // 2 - reach), size // 2 + reach + 1))
    cut = psf[tuple(box)]
    return psf if cut.shape == psf.shape else check_psf(cut)


@lru_cache(maxsize=32)
def _computed(model: PsfModel, grid: Grid, finer: tuple[int, int, int] = (1, 1, 1)) -> np.ndarray[Any, Any]:
    psf = fit_to_image(over_pixels(model.compute(grid), finer), grid.shape)
    psf.flags.writeable = False
    return psf


def over_pixels(psf: np.ndarray[Any, Any], finer: tuple[int, int, int]) -> np.ndarray[Any, Any]:
    """Return the PSF (Z, Y, X) of a pixel whose first voxel is the middle one: its mean over the pixel's voxels."""
    for axis, times in enumerate(finer):
        wide = np.concatenate([psf, np.zeros_like(np.take(psf, range(min(times - 1, psf.shape[axis])), axis))], axis)
        psf = sum((np.take(wide, range(at, at + psf.shape[axis]), axis) for at in range(times)), np.zeros_like(psf))
    return psf if finer == (1, 1, 1) else check_psf(psf / psf.sum())


def pose_problem(
    pixels: Any,
    figures: VolumeFigures,
    blur: Blur,
    image: Image,
    place: tuple[int, int, int] = (0, 0, 0),
    untrusted: np.ndarray[Any, Any] | None = None,
) -> Problem:
    """Return the problem of one block: pixels (Z, Y, X) as counts that are never negative.

    place : (z, y, x) of its first voxel in the whole volume.
    untrusted : (Z, Y, X), 1 where a pixel is saturated, 2 where it tells nothing; by default the figures' ceiling tells.

    Raises
    ------
    ValueError
        when a pixel is NaN or infinite.
    """
    import torch

    block: np.ndarray[Any, Any] = np.array(pixels, dtype=np.float64 if blur.dtype == torch.float64 else np.float32)
    if not np.isfinite(block).all():
        raise ValueError(
            f"the image has pixels that are NaN or infinite ({int((~np.isfinite(block)).sum())} found): {MEND}"
        )
    if untrusted is not None and untrusted.any():
        marks = untrusted
    else:
        marks = mark_saturated(block, figures.ceiling, figures.background)
    block += figures.lift
    np.clip(block, 0, None, out=block)
    z, y, x = (pitch or 1.0 for pitch in image.spacing)
    left_out = marks == LEFT_OUT
    problem = Problem(
        image=torch.from_numpy(block).to(blur.device, blur.dtype),
        background=figures.background + figures.lift,
        blur=_masked(blur, ~left_out, TOLD / float(np.prod(image.finer))) if left_out.any() else blur,
        scale=figures.scale,
        level=figures.level,
        voxel=(z, y, x),
        finer=image.finer,
        place=place,
        volume=figures.volume,
        lift=figures.lift,
        measured=figures,
    )
    saturated = marks == SATURATED
    return _censored(problem, saturated) if saturated.any() else problem


def _censored(problem: Problem, saturated: np.ndarray[Any, Any]) -> Problem:
    """Return the problem with the noise of its saturated pixels (Z, Y, X), as far as the others tell."""
    import torch

    marked = torch.from_numpy(saturated).to(problem.image)
    spread = replace(problem, at_least=marked).noise.variance(problem.image).sqrt()
    return replace(problem, at_least=marked * spread.clamp(min=1e-6 * problem.scale))


def _masked(blur: Blur, trusted: np.ndarray[Any, Any], least: float) -> Blur:
    """Return the blur that leaves out pixels (Z, Y, X) that are not trusted.

    Where next to nothing else would tell of a voxel (less than a share ``least`` of its light), the pixel counts after all.
    """
    import torch

    mask = torch.from_numpy(trusted).to(blur.device, blur.dtype)
    told = blur.crop(blur.masked(mask).sensitivity)
    return blur.masked(mask.masked_fill_((mask == 0) & (told < least), 1))


def trial_voxels(budget: int, volumes: float) -> int:
    """Return the padded voxels of the part on which automatic choices are made: fewer where a budget (bytes) is small.

    A trial restores a few draws at once, of so many float32 volumes each.
    """
    return min(TRIAL, max(LEAST_TRIAL, int(budget / (4 * AT_ONCE * volumes))))


def trial_box(
    volume: Any, psf_shape: tuple[int, ...], background: float, most: int = TRIAL
) -> tuple[slice, slice, slice]:
    """Return the box of a volume (Z, Y, X) on which automatic choices are made: the one richest in light, all of it if small.

    Light counts by its square root, so that a small bright spot does not outweigh a field of structure. ``most`` is how many voxels it
    may have, padded; it is never smaller than 48 × 48.
    """
    z, y, x = volume.shape
    depth = min(z, 32)
    side = max(48, int((most / (depth + psf_shape[0] - 1)) ** 0.5) - max(psf_shape[1:]) + 1)
    sizes = (depth, min(y, side), min(x, side))
    return tuple(_richest(volume, axis, size, background) for axis, size in enumerate(sizes))  # type: ignore[return-value]


def _richest(volume: Any, axis: int, size: int, background: float) -> slice:
    """Return the stretch of an axis over which the square roots of the light add up to most."""
    length = volume.shape[axis]
    if size >= length:
        return slice(0, length)
    others = tuple(other for other in range(3) if other != axis)
    thinned = volume[
        tuple(slice(None) if a == axis else slice(None, None, max(1, n // 64)) for a, n in enumerate(volume.shape))
    ]
    light = np.sqrt(np.clip(np.asarray(thinned, dtype=np.float32) - background, 0, None)).sum(
        axis=others, dtype=np.float64
    )
    sums = np.convolve(light, np.ones(size), mode="valid")
    begin = int(sums.argmax())
    return slice(begin, begin + size)
