"""A report: figures and pictures as one HTML page that needs no other file."""

from __future__ import annotations

import base64
import html
import io
from collections.abc import Mapping
from typing import Any

import numpy as np

__all__ = ["make_report", "picture_of"]

Array = np.ndarray[Any, Any]

STYLE = (
    "body{font:15px/1.5 sans-serif;max-width:70em;margin:2em auto;padding:0 1em;color:#222}"
    "table{border-collapse:collapse}th,td{text-align:left;padding:.2em 1.2em .2em 0;"
    "border-bottom:1px solid #ddd;vertical-align:top}"
    "figure{display:inline-block;margin:1em 1em 0 0}img{image-rendering:pixelated;"
    "width:24em;display:block;background:#000;margin-bottom:4px}"
)
LONGEST = 768
"""A picture has at most this many pixels on a side."""


def make_report(
    title: str, figures: Mapping[str, Any], volumes: Mapping[str, Array], voxel: tuple[float, float, float]
) -> str:
    """Return the page.

    Parameters
    ----------
    title : its heading.
    figures : name -> number, text or nested mapping.
    volumes : caption -> (Z, Y, X) array; each is shown by its brightest values along z, and along y where it has depth.
    voxel : (z, y, x) µm, for the proportions of the pictures along y.
    """
    rows = "".join(
        f"<tr><th>{html.escape(name)}</th><td>{html.escape(_worded(value))}</td></tr>" for name, value in _flat(figures)
    )
    pictures = "".join(_figure(caption, volume, voxel) for caption, volume in volumes.items())
    heading = html.escape(title)
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{heading}</title><style>{STYLE}</style></head>\n'
        f"<body><h1>{heading}</h1>\n<table>{rows}</table>\n{pictures}\n</body></html>\n"
    )


def picture_of(plane: Array, stretch: float = 1.0) -> bytes:
    """Return a plane (rows, columns) as a grey PNG, black at its 0.1 % and white at its 99.9 % quantile, rows stretched."""
    from PIL import Image as Picture

    values = plane.astype(np.float64)
    low, high = np.quantile(values, (0.001, 0.999))
    grey = np.clip((values - low) / max(high - low, 1e-12), 0, 1) * 255
    picture = Picture.fromarray(grey.round().astype(np.uint8))
    width, height = picture.width, max(1, round(picture.height * stretch))
    shrink = min(1.0, LONGEST / max(width, height))
    size = (max(1, round(width * shrink)), max(1, round(height * shrink)))
    written = io.BytesIO()
    picture.resize(size, Picture.Resampling.NEAREST if shrink == 1 else Picture.Resampling.BOX).save(written, "PNG")
    return written.getvalue()


def _figure(caption: str, volume: Array, voxel: tuple[float, float, float]) -> str:
    pictures = [picture_of(volume.max(axis=0), voxel[1] / voxel[2])]
    if volume.shape[0] > 1:
        pictures.append(picture_of(volume.max(axis=1), voxel[0] / voxel[2]))
    shown = "".join(
        f'<img alt="{html.escape(caption)}" src="data:image/png;base64,{base64.b64encode(each).decode()}">'
        for each in pictures
    )
    views = "brightest along z; along y" if len(pictures) > 1 else "the plane"
    return f"<figure>{shown}<figcaption>{html.escape(caption)} ({views})</figcaption></figure>"


def _flat(figures: Mapping[str, Any], before: str = "") -> list[tuple[str, Any]]:
    rows: list[tuple[str, Any]] = []
    for name, value in figures.items():
        rows += (
            _flat(value, f"{before}{name} ")
            if isinstance(value, Mapping)
            else [(f"{before}{name}".replace("_", " "), value)]
        )
    return rows


def _worded(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)
