"""A picture of images side by side: a plane (XY) and, where there is depth, a section (XZ), labelled, with a scale bar."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..image import Image

if TYPE_CHECKING:
    from PIL.Image import Image as Picture

__all__ = ["draw_side_by_side", "write_side_by_side"]

Array = np.ndarray[Any, Any]

PANEL = 400
"""A panel is about this wide, in pixels."""
GAP, LINE = 8, 26
INK, PAPER = 235, 24
FONTS = ("DejaVuSans.ttf", "LiberationSans-Regular.ttf", "Arial.ttf", "arial.ttf", "Helvetica.ttc")


def write_side_by_side(
    path: Path, images: Mapping[str, Image], *, share: Sequence[str] = (), time: int = 0, channel: int = 0
) -> None:
    """Write the picture of `draw_side_by_side` as a PNG file, whole or not at all."""
    beside = path.with_name(f".{path.name}.part")
    try:
        draw_side_by_side(images, share=share, time=time, channel=channel).save(beside, "PNG")
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def draw_side_by_side(
    images: Mapping[str, Image], *, share: Sequence[str] = (), time: int = 0, channel: int = 0
) -> Picture:
    """Return a grey Pillow picture with a column for each image.

    Parameters
    ----------
    images : label -> image, all of one spatial shape; the last one decides which plane and section are shown (the richest).
    share : labels of images in the same unit, shown between the same grey limits; each other has its own. The limits stand
        in the caption.
    time, channel : which volume.

    Raises
    ------
    ValueError
        when there is no image, or the spatial shapes disagree.
    """
    shapes = {image.spatial_shape for image in images.values()}
    if len(shapes) != 1:
        raise ValueError(f"a picture needs images of one shape, not {sorted(shapes)}: crop them to the same frame")
    volumes = {label: np.asarray(each.block(time, channel), dtype=np.float64) for label, each in images.items()}
    first = next(iter(images.values()))
    z, y, x = (pitch or 1.0 for pitch in first.spacing)
    unit = "µm" if first.spacing[2] else "px"
    plane, row = _richest(list(volumes.values())[-1])
    rows: list[tuple[str, Any, float]] = [(f"XY at z = {plane * z:.1f} {unit}", (plane, slice(None)), y / x)]
    if next(iter(shapes))[0] > 1:
        rows.append((f"XZ at y = {row * y:.1f} {unit}", (slice(None), row), z / x))
    limits = _limits(volumes, share)
    zoom = max(1, round(PANEL / next(iter(shapes))[2]))
    columns = [
        [_grey(volume[where], limits[label], zoom, stretch) for _, where, stretch in rows]
        for label, volume in volumes.items()
    ]
    titles = [f"{label}   {limits[label][0]:.4g} – {limits[label][1]:.4g}" for label in volumes]
    return _arranged(columns, titles, [caption for caption, _, _ in rows], zoom / x, unit)


def _richest(volume: Array) -> tuple[int, int]:
    """Return the plane and the row of most contrast, away from the ends where there is room."""
    found = []
    for axis in (0, 1):
        contrast = np.moveaxis(volume, axis, 0).reshape(volume.shape[axis], -1).std(axis=1)
        margin = volume.shape[axis] // 4
        found.append(margin + int(contrast[margin : volume.shape[axis] - margin].argmax()))
    return found[0], found[1]


def _limits(volumes: Mapping[str, Array], share: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Return the grey limits: the 1 % and 99.8 % quantiles, of all sharing images together for those that share."""
    limits = {}
    together = [volumes[label] for label in share]
    for label, volume in volumes.items():
        low, high = np.quantile(np.stack(together) if label in share else volume, (0.01, 0.998))
        limits[label] = (float(low), float(max(high, low + 1e-12)))
    return limits


def _grey(plane: Array, limits: tuple[float, float], zoom: int, stretch: float) -> Picture:
    from PIL import Image as Pictures

    low, high = limits
    grey = (np.clip((plane - low) / (high - low), 0, 1) * 255).round().astype(np.uint8)
    size = (plane.shape[1] * zoom, max(1, round(plane.shape[0] * zoom * stretch)))
    return Pictures.fromarray(grey).resize(size, Pictures.Resampling.NEAREST)


def _arranged(
    columns: list[list[Picture]], titles: list[str], captions: list[str], pixels_per_unit: float, unit: str
) -> Picture:
    from PIL import Image as Pictures, ImageDraw

    width, heights = columns[0][0].width, [each.height for each in columns[0]]
    total = GAP + len(columns) * (width + GAP), LINE + sum(height + LINE + GAP for height in heights)
    sheet = Pictures.new("L", total, PAPER)
    pen, (font, spelled) = ImageDraw.Draw(sheet), _lettering()
    for number, (panels, title) in enumerate(zip(columns, titles, strict=True)):
        left, top = GAP + number * (width + GAP), LINE
        pen.text((left, LINE // 2), spelled(title), fill=INK, font=font, anchor="lm")
        for panel, caption in zip(panels, captions, strict=True):
            sheet.paste(panel, (left, top))
            top += panel.height + LINE
            if number == 0:
                pen.text((left, top - LINE // 2), spelled(caption), fill=INK, font=font, anchor="lm")
            top += GAP
    length = _bar_length(width / pixels_per_unit / 3)
    right, bottom = GAP + len(columns) * (width + GAP) - GAP, LINE + heights[0] + LINE // 2
    pen.rectangle((right - round(length * pixels_per_unit), bottom - 3, right - 1, bottom + 2), fill=255)
    left = right - round(length * pixels_per_unit) - 8
    pen.text((left, bottom), spelled(f"{length:g} {unit}"), fill=INK, font=font, anchor="rm")
    return sheet


def _lettering() -> tuple[Any, Callable[[str], str]]:
    """Return a font, and how to spell what it lacks: Pillow's own has no µ and no dash."""
    from PIL import ImageFont

    for name in FONTS:
        try:
            return ImageFont.truetype(name, 14), str
        except OSError:
            continue
    return ImageFont.load_default(15), lambda text: text.replace("µ", "u").replace("–", "-")


def _bar_length(most: float) -> float:
    """Return the longest of 1, 2, 5 times a power of ten that is not above ``most``."""
    power = 10.0 ** math.floor(math.log10(most))
    return max(step * power for step in (1, 2, 5) if step * power <= most * (1 + 1e-9))
