"""``psf``: compute a PSF and save it, so that ``restore --psf FILE`` restores as the model itself does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ..files import write
from ..image import Image
from ..posing import compute_psf, resolve_psf
from ..psf.base import Grid, check_psf, fitted as boxed
from ..recipe import Recipe
from ..record import describe_psfs
from ..running.job import Told, check_output, with_optics
from .asked import asked_recipe, numbers, told
from .flags import ImageFlags, PsfFlags
from .progress import tell_notice
from .telling import print_json

__all__ = ["fitted", "save_psf"]


def save_psf(
    output: Path, psf: PsfFlags, image: ImageFlags, like: Path | None, shape: str | None, overwrite: bool, as_json: bool
) -> None:
    """Compute the PSF for an image or a grid, and write it.

    Raises
    ------
    ValueError
        when neither an image nor a grid is given, or the optics are not known.
    """
    check_output(str(output), overwrite, None if like is None else str(like))
    said = told(image)
    recipe = asked_recipe(psf, None, said.optics)
    box = None if shape is None else _as_shape(shape)
    seen = said.select(_seen(like, box, said))
    models = [resolve_psf(seen, recipe, channel) for channel in range(len(seen.channels))]
    stack = _computed(seen, recipe, box)
    record = describe_psfs(models, stack, Grid.of(seen))
    for notice in record["notices"]:
        tell_notice(notice)
    result = _as_image(stack, seen, {"software": "napari-deconv", "made": "psf", "digest": recipe.digest, **record})
    write(output, result, overwrite=overwrite)
    _tell(output, result, models, as_json)


def fitted(psf: np.ndarray[Any, Any], shape: tuple[int, int, int]) -> tuple[np.ndarray[Any, Any], float]:
    """Return the PSF (Z, Y, X) padded or cropped to a shape, centred at ``shape // 2``, of unit sum.

    The second value is the share of its light that was cut.
    """
    box = boxed(psf, shape)
    return check_psf(box), 1.0 - float(box.sum(dtype=np.float64) / psf.sum(dtype=np.float64))


def _as_shape(text: str) -> tuple[int, int, int]:
    sizes = numbers(text, "shape")
    if len(sizes) == 2:
        sizes = (1.0, *sizes)
    if len(sizes) != 3 or any(size < 1 or size != int(size) for size in sizes):
        raise ValueError(f"--shape is '{text}': write three whole numbers of voxels, Z,Y,X, such as 65,129,129")
    z, y, x = (int(size) for size in sizes)
    return z, y, x


def _seen(like: Path | None, box: tuple[int, int, int] | None, said: Told) -> Image:
    """Return the image that the PSF is for: a file, or an empty one of the asked shape."""
    if like is not None:
        return said.read(like)
    if box is None or said.voxel is None:
        raise ValueError("give --like IMAGE, or both --shape Z,Y,X and --voxel Z,Y,X (µm)")
    return with_optics(Image(np.broadcast_to(np.float32(0), box), "ZYX", voxel=said.voxel), said.optics)


def _computed(seen: Image, recipe: Recipe, box: tuple[int, int, int] | None) -> np.ndarray[Any, Any]:
    """Return the PSF of every channel (C, Z, Y, X), all of one shape."""
    psfs = [compute_psf(seen, recipe, channel) for channel in range(len(seen.channels))]
    if box is None:
        sizes = [max(psf.shape[axis] for psf in psfs) for axis in range(3)]
        box = (sizes[0], sizes[1], sizes[2])
    boxed = []
    for psf in psfs:
        inside, lost = fitted(psf, box)
        if lost > 1e-4:
            tell_notice(
                f"{lost:.2%} of the PSF's light lies outside {' × '.join(map(str, box))} voxels and was cut; the rest sums to 1"
            )
        boxed.append(inside)
    return np.stack(boxed)


def _as_image(stack: np.ndarray[Any, Any], seen: Image, record: dict[str, Any]) -> Image:
    """Return the PSF as an image of the voxel, optics and channels it is for."""
    several = len(seen.channels) > 1
    return Image(
        stack if several else stack[0],
        "CZYX" if several else "ZYX",
        voxel=dict(zip("ZYX", seen.spacing, strict=True)),
        channels=seen.channels,
        optics=seen.optics,
        history=(record,),
        name="PSF",
    )


def _tell(output: Path, result: Image, models: list[Any], as_json: bool) -> None:
    told = {
        "output": str(output),
        "axes": result.axes,
        "shape": list(result.shape),
        "voxel": dict(result.voxel),
        "psf": [model.model_dump(mode="json", exclude_none=True) for model in models],
    }
    if as_json:
        print_json(told)
        return
    pitch = ", ".join(f"{axis} {size:g} µm" for axis, size in result.voxel.items()) or "unknown"
    print(f"{output}: {models[0].title}, {result.axes} {' × '.join(map(str, result.shape))}, voxel {pitch}")
