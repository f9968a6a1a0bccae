"""The document in every file that this project writes: the history, and what the format itself cannot hold.

It is one JSON object. An OME-TIFF keeps it as a CommentAnnotation, an ImageJ TIFF as a line ``napari-deconv = {…}`` of
the property ``Info``, an OME-Zarr as the attribute ``napari-deconv``. Where the format has a field of its own (voxel,
colours, objective), that field wins on reading, so that a correction made in another program counts.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from ..image import Channel, Image, Optics
from ..settings import Settings

__all__ = [
    "KEY",
    "NAMESPACE",
    "WHITE",
    "document_of",
    "from_json",
    "plain",
    "to_json",
    "with_document",
    "with_single_axes",
]

KEY = "napari-deconv"
NAMESPACE = "napari-deconv/provenance/1"
WHITE = "#FFFFFF"
"""What a channel without a colour gets in a format that wants one."""


def document_of(image: Image) -> dict[str, Any]:
    """Return the document of an image: plain values, ready for JSON."""
    document = {
        "version": 1,
        "axes": image.axes,
        "voxel": dict(image.voxel),
        "origin": dict(image.origin),
        "time_step": image.time_step,
        "optics": image.optics.model_dump(mode="json", exclude_none=True),
        "channels": [channel.model_dump(mode="json", exclude_defaults=True) for channel in image.channels],
        "history": [dict(each) for each in image.history],
    }
    made: dict[str, Any] = plain(document)
    return made


def plain(value: Any) -> Any:
    """Return a value as JSON has it: numbers, text, lists, objects; NaN and infinity become null, the rest its text."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [plain(each) for each in value]
    if hasattr(value, "tolist"):
        return plain(value.tolist())
    return value.as_posix() if isinstance(value, Path) else str(value)


def to_json(image: Image) -> str:
    """Return the document as one line of ASCII."""
    return json.dumps(document_of(image), separators=(",", ":"), allow_nan=False)


def from_json(text: str | None) -> dict[str, Any]:
    """Return the document of a text, empty when it is none."""
    try:
        document = json.loads(text or "")
    except json.JSONDecodeError:
        return {}
    return document if isinstance(document, dict) else {}


def with_document(image: Image, document: Mapping[str, Any]) -> Image:
    """Return the image with its history, and with what only the document knows of it."""
    if not document:
        return image
    history = tuple(each for each in document.get("history", ()) if isinstance(each, Mapping))
    optics = _completed(image.optics, document.get("optics", {}))
    channels = image.channels
    known = document.get("channels", ())
    if len(known) == len(channels):
        channels = tuple(_completed(channel, each) for channel, each in zip(channels, known, strict=True))
    return image.replace(history=history, optics=optics, channels=channels)


def _completed(told: Any, document: Any) -> Any:
    """Return settings whose empty fields are filled from the document; a document that is not valid adds nothing."""
    kind: type[Settings] = Optics if isinstance(told, Optics) else Channel
    try:
        known = kind.model_validate(document)
    except ValidationError:
        return told
    if isinstance(known, Channel) and known.color is None and told.color == WHITE:
        told = told.replace(color=None)
    if isinstance(known, Channel) and _letters(known.name) == _letters(told.name):
        told = told.replace(name=known.name)
    empty = {name: value for name, value in known.field_values().items() if getattr(told, name) in (None, "")}
    return told.replace(**empty)


def _letters(text: str) -> str:
    """Return a text without what a format may have dropped or changed: white space and control characters."""
    return "".join(each for each in text if each.isprintable() and not each.isspace())


def with_single_axes(data: Any, axes: str, document: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the array and its axes with the axes of length one that a TIFF reader drops, where the document tells of them."""
    known = str(document.get("axes", ""))
    missing = [axis for axis in known if axis not in axes]
    if not missing or set(axes) - set(known) or set(missing) - set("TCZ"):
        return data, axes
    ordered = "".join(axis for axis in known if axis in axes)
    data = data.transpose([axes.index(axis) for axis in ordered])
    return data[tuple(slice(None) if axis in axes else None for axis in known)], known
